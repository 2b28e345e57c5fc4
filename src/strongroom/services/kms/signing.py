"""Sign, Verify, GenerateMac, VerifyMac.

A signature or tag that is wrong is a fault, never an answer that says false.
"""

from collections.abc import Mapping
from functools import partial

from strongroom.errors import DryRun, InvalidMac, InvalidSignatureOfMessage
from strongroom.keys import messages
from strongroom.keys.key import Key
from strongroom.keys.specs import Usage
from strongroom.keys.work import Sign, Verify
from strongroom.services.call import Aside, Call, Outcome, aside
from strongroom.services.circumstances import Value
from strongroom.services.kms import access, fitness, tokens
from strongroom.services.kms.circumstances import of_alias
from strongroom.services.kms.identifiers import any_form
from strongroom.services.kms.world import Kms
from strongroom.wire.shapes.kms import (
    GenerateMacRequest,
    GenerateMacResponse,
    SignRequest,
    SignResponse,
    VerifyMacRequest,
    VerifyMacResponse,
    VerifyRequest,
    VerifyResponse,
)

_SIGN_VERIFY, _MAC = Usage.SIGN_VERIFY, Usage.GENERATE_VERIFY_MAC


def sign(kms: Kms, call: Call, rq: SignRequest) -> SignResponse | Aside[SignResponse]:
    key, hashed = _signing(kms, call, "Sign", rq)
    if rq.DryRun:
        raise DryRun

    def signed(signature: Outcome) -> SignResponse:
        return SignResponse(
            KeyId=key.arn, Signature=signature(), SigningAlgorithm=rq.SigningAlgorithm
        )

    return aside(kms.backing.piece(key, Sign(rq.SigningAlgorithm, rq.Message, hashed)), signed)


def verify(kms: Kms, call: Call, rq: VerifyRequest) -> VerifyResponse | Aside[VerifyResponse]:
    """KMSInvalidSignatureException for every signature that is not the key's for this message."""
    key, hashed = _signing(kms, call, "Verify", rq)

    def verified(right: Outcome) -> VerifyResponse:
        if not right():
            raise InvalidSignatureOfMessage
        if rq.DryRun:
            raise DryRun
        return VerifyResponse(
            KeyId=key.arn, SignatureValid=True, SigningAlgorithm=rq.SigningAlgorithm
        )

    work = Verify(rq.SigningAlgorithm, rq.Message, rq.Signature, hashed)
    return aside(kms.backing.piece(key, work), verified)


def generate_mac(kms: Kms, call: Call, rq: GenerateMacRequest) -> GenerateMacResponse:
    key = _mac_key(kms, call, "GenerateMac", rq)
    if rq.DryRun:
        raise DryRun
    return GenerateMacResponse(
        Mac=kms.backing.mac(key, rq.Message), MacAlgorithm=rq.MacAlgorithm, KeyId=key.arn
    )


def verify_mac(kms: Kms, call: Call, rq: VerifyMacRequest) -> VerifyMacResponse:
    """KMSInvalidMacException for every tag that is not the key's for this message."""
    key = _mac_key(kms, call, "VerifyMac", rq)
    if not kms.backing.verify_mac(key, rq.Message, rq.Mac):
        raise InvalidMac
    if rq.DryRun:
        raise DryRun
    return VerifyMacResponse(KeyId=key.arn, MacValid=True, MacAlgorithm=rq.MacAlgorithm)


def _signing(
    kms: Kms, call: Call, operation: str, rq: SignRequest | VerifyRequest
) -> tuple[Key, bool]:
    """The key, and whether the message is hashed already."""
    tokens.require(kms, call, rq.GrantTokens)
    message_type = rq.MessageType or messages.RAW
    key = any_form(kms, call, operation, rq.KeyId)
    access.require(kms, call, operation, key, partial(_of_signing, rq, message_type))
    fitness.require(operation, key, _SIGN_VERIFY, rq.SigningAlgorithm)
    return key, messages.hashed(rq.SigningAlgorithm, message_type, rq.Message)


def _of_signing(rq: SignRequest | VerifyRequest, message_type: str) -> Mapping[str, Value]:
    return {
        "kms:signingalgorithm": rq.SigningAlgorithm,
        "kms:messagetype": message_type,
        **of_alias(rq.KeyId),
    }


def _mac_key(
    kms: Kms, call: Call, operation: str, rq: GenerateMacRequest | VerifyMacRequest
) -> Key:
    tokens.require(kms, call, rq.GrantTokens)
    key = any_form(kms, call, operation, rq.KeyId)
    access.require(
        kms,
        call,
        operation,
        key,
        lambda: {"kms:macalgorithm": rq.MacAlgorithm, **of_alias(rq.KeyId)},
    )
    fitness.require(operation, key, _MAC, rq.MacAlgorithm)
    return key
