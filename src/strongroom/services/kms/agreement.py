"""DeriveSharedSecret, Encapsulate, Decapsulate: secrets shared with the owner of another key."""

from functools import partial

from strongroom.errors import DryRun, Validation
from strongroom.keys.encoding import NotAKey
from strongroom.keys.key import Key
from strongroom.keys.specs import Usage
from strongroom.keys.work import Agree
from strongroom.services.call import Aside, Call, Outcome, aside
from strongroom.services.kms import access, fitness, recipients, tokens
from strongroom.services.kms.circumstances import of_alias
from strongroom.services.kms.identifiers import any_form
from strongroom.services.kms.world import Kms
from strongroom.wire.shapes.kms import (
    DecapsulateRequest,
    DecapsulateResponse,
    DeriveSharedSecretRequest,
    DeriveSharedSecretResponse,
    EncapsulateRequest,
    EncapsulateResponse,
)


def derive_shared_secret(
    kms: Kms, call: Call, rq: DeriveSharedSecretRequest
) -> DeriveSharedSecretResponse | Aside[DeriveSharedSecretResponse]:
    """The raw secret of ECDH: the x coordinate, as long as the field."""
    tokens.require(kms, call, rq.GrantTokens)
    recipient = recipients.of(kms, call, rq.Recipient)
    key = any_form(kms, call, "DeriveSharedSecret", rq.KeyId)
    access.require(
        kms,
        call,
        "DeriveSharedSecret",
        key,
        lambda: {
            "kms:keyagreementalgorithm": rq.KeyAgreementAlgorithm,
            **of_alias(rq.KeyId),
            **recipient.circumstances(),
        },
    )
    fitness.require("DeriveSharedSecret", key, Usage.KEY_AGREEMENT, rq.KeyAgreementAlgorithm)

    def derived(agreed: Outcome) -> DeriveSharedSecretResponse:
        try:
            secret = agreed()
        except NotAKey:
            raise Validation from None  # AWS says no more
        if rq.DryRun:
            raise DryRun
        given = recipient.given(secret)
        return DeriveSharedSecretResponse(
            KeyId=key.arn,
            SharedSecret=given.plaintext,
            CiphertextForRecipient=given.for_recipient,
            KeyAgreementAlgorithm=rq.KeyAgreementAlgorithm,
            KeyOrigin=key.origin.value,
        )

    return aside(kms.backing.piece(key, Agree(rq.PublicKey)), derived)


def encapsulate(kms: Kms, call: Call, rq: EncapsulateRequest) -> EncapsulateResponse:
    key = _kem_key(kms, call, "Encapsulate", rq)
    if rq.DryRun:
        raise DryRun
    secret, blob = kms.backing.encapsulate(key)
    return EncapsulateResponse(
        KeyId=key.arn,
        SharedSecret=secret,
        SharedSecretCiphertextBlob=blob,
        EncapsulationAlgorithm=rq.EncapsulationAlgorithm,
    )


def decapsulate(kms: Kms, call: Call, rq: DecapsulateRequest) -> DecapsulateResponse:
    """Of a ciphertext that was not made for this key a secret comes that nobody else has."""
    key = _kem_key(kms, call, "Decapsulate", rq)
    secret = kms.backing.decapsulate(key, rq.SharedSecretCiphertextBlob)
    if rq.DryRun:
        raise DryRun
    return DecapsulateResponse(
        KeyId=key.arn, SharedSecret=secret, EncapsulationAlgorithm=rq.EncapsulationAlgorithm
    )


def _kem_key(
    kms: Kms, call: Call, operation: str, rq: EncapsulateRequest | DecapsulateRequest
) -> Key:
    tokens.require(kms, call, rq.GrantTokens)
    key = any_form(kms, call, operation, rq.KeyId)
    access.require(kms, call, operation, key, partial(of_alias, rq.KeyId))
    fitness.require(operation, key, Usage.ENCAPSULATE_DECAPSULATE, rq.EncapsulationAlgorithm)
    return key
