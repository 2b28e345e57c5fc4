"""GenerateDataKey, GenerateDataKeyPair, each with and without plaintext; GenerateRandom.

A data key is random bytes, given in the clear and sealed under a KMS key: the caller encrypts
with the one, drops it, and keeps the other beside the data.  Of a pair, it is the private key that
is sealed.  Nothing of either is kept here.
"""

from collections.abc import Callable
from functools import partial

from strongroom.errors import DryRun, NotImplementedHere, Validation
from strongroom.keys import context
from strongroom.keys.key import Key
from strongroom.keys.private import MADE_HERE, Pair
from strongroom.keys.work import FreshPair, Piece
from strongroom.services.call import Aside, Call, Outcome, aside
from strongroom.services.circumstances import Value
from strongroom.services.kms import access, recipients, tokens
from strongroom.services.kms.encryption import of_use, require_symmetric
from strongroom.services.kms.identifiers import any_form
from strongroom.services.kms.recipients import CALLER, Recipient
from strongroom.services.kms.world import Kms
from strongroom.wire.shapes.kms import (
    GenerateDataKeyPairRequest,
    GenerateDataKeyPairResponse,
    GenerateDataKeyPairWithoutPlaintextRequest,
    GenerateDataKeyPairWithoutPlaintextResponse,
    GenerateDataKeyRequest,
    GenerateDataKeyResponse,
    GenerateDataKeyWithoutPlaintextRequest,
    GenerateDataKeyWithoutPlaintextResponse,
    GenerateRandomRequest,
    GenerateRandomResponse,
)

_BYTES = {"AES_128": 16, "AES_256": 32}


def generate_data_key(kms: Kms, call: Call, rq: GenerateDataKeyRequest) -> GenerateDataKeyResponse:
    recipient = recipients.of(kms, call, rq.Recipient)
    key, plaintext, sealed = _data_key(kms, call, "GenerateDataKey", rq, recipient)
    given = recipient.given(plaintext)
    return GenerateDataKeyResponse(
        CiphertextBlob=sealed,
        Plaintext=given.plaintext,
        CiphertextForRecipient=given.for_recipient,
        KeyId=key.arn,
        KeyMaterialId=None if recipient else key.current_id.hex(),
    )


def generate_data_key_without_plaintext(
    kms: Kms, call: Call, rq: GenerateDataKeyWithoutPlaintextRequest
) -> GenerateDataKeyWithoutPlaintextResponse:
    key, _, sealed = _data_key(kms, call, "GenerateDataKeyWithoutPlaintext", rq)
    return GenerateDataKeyWithoutPlaintextResponse(
        CiphertextBlob=sealed, KeyId=key.arn, KeyMaterialId=key.current_id.hex()
    )


def generate_data_key_pair(
    kms: Kms, call: Call, rq: GenerateDataKeyPairRequest
) -> GenerateDataKeyPairResponse | Aside[GenerateDataKeyPairResponse]:
    """A private key as PKCS#8, in the clear and sealed, and its public key as SPKI."""
    recipient = recipients.of(kms, call, rq.Recipient)
    key, sealing = _pair_key(kms, call, "GenerateDataKeyPair", rq, recipient)

    def generated(made: Outcome) -> GenerateDataKeyPairResponse:
        pair = made()
        sealed = sealing(pair)
        given = recipient.given(pair.private)
        return GenerateDataKeyPairResponse(
            PrivateKeyCiphertextBlob=sealed,
            PrivateKeyPlaintext=given.plaintext,
            CiphertextForRecipient=given.for_recipient,
            PublicKey=pair.public,
            KeyId=key.arn,
            KeyPairSpec=rq.KeyPairSpec,
            KeyMaterialId=key.current_id.hex(),
        )

    return aside(Piece(FreshPair(rq.KeyPairSpec), rq.KeyPairSpec), generated)


def generate_data_key_pair_without_plaintext(
    kms: Kms, call: Call, rq: GenerateDataKeyPairWithoutPlaintextRequest
) -> (
    GenerateDataKeyPairWithoutPlaintextResponse | Aside[GenerateDataKeyPairWithoutPlaintextResponse]
):
    key, sealing = _pair_key(kms, call, "GenerateDataKeyPairWithoutPlaintext", rq)

    def generated(made: Outcome) -> GenerateDataKeyPairWithoutPlaintextResponse:
        pair = made()
        sealed = sealing(pair)
        return GenerateDataKeyPairWithoutPlaintextResponse(
            PrivateKeyCiphertextBlob=sealed,
            PublicKey=pair.public,
            KeyId=key.arn,
            KeyPairSpec=rq.KeyPairSpec,
            KeyMaterialId=key.current_id.hex(),
        )

    return aside(Piece(FreshPair(rq.KeyPairSpec), rq.KeyPairSpec), generated)


def _pair_key(
    kms: Kms,
    call: Call,
    operation: str,
    rq: GenerateDataKeyPairRequest | GenerateDataKeyPairWithoutPlaintextRequest,
    recipient: Recipient = CALLER,
) -> tuple[Key, Callable[[Pair], bytes]]:
    """The key that a pair is sealed under, and what seals the private key of a pair."""
    tokens.require(kms, call, rq.GrantTokens)
    bound = context.canonical(rq.EncryptionContext)
    key = any_form(kms, call, operation, rq.KeyId)

    def besides() -> dict[str, Value]:
        found = of_use(rq.EncryptionContext, rq.KeyId, recipient=recipient)
        found["kms:datakeypairspec"] = rq.KeyPairSpec
        return found

    access.require(kms, call, operation, key, besides)
    require_symmetric(operation, key)
    if rq.KeyPairSpec not in MADE_HERE:
        raise NotImplementedHere(f"{operation} of {rq.KeyPairSpec} is not implemented yet.")
    if rq.DryRun:
        raise DryRun
    call.material_id = key.current_id
    return key, lambda pair: kms.backing.seal(key, pair.private, bound)


def generate_random(kms: Kms, call: Call, rq: GenerateRandomRequest) -> GenerateRandomResponse:
    if rq.NumberOfBytes is None:
        raise Validation("NumberOfBytes is required.")
    if rq.CustomKeyStoreId is not None:
        raise NotImplementedHere("GenerateRandom in a custom key store is not implemented yet.")
    recipient = recipients.of(kms, call, rq.Recipient)
    access.require_account(kms, call, "GenerateRandom", recipient.circumstances)
    given = recipient.given(kms.backing.random(rq.NumberOfBytes))
    return GenerateRandomResponse(
        Plaintext=given.plaintext, CiphertextForRecipient=given.for_recipient
    )


def _data_key(
    kms: Kms,
    call: Call,
    operation: str,
    rq: GenerateDataKeyRequest | GenerateDataKeyWithoutPlaintextRequest,
    recipient: Recipient = CALLER,
) -> tuple[Key, bytes, bytes]:
    """The key, a new data key, and the data key sealed under the key."""
    tokens.require(kms, call, rq.GrantTokens)
    length = rq.NumberOfBytes if rq.KeySpec is None else _BYTES[rq.KeySpec]
    if length is None or (rq.KeySpec is not None and rq.NumberOfBytes is not None):
        raise Validation("Please specify either number of bytes or key spec.")
    bound = context.canonical(rq.EncryptionContext)
    key = any_form(kms, call, operation, rq.KeyId)
    besides = partial(of_use, rq.EncryptionContext, rq.KeyId, recipient=recipient)
    access.require(kms, call, operation, key, besides)
    require_symmetric(operation, key)
    if rq.DryRun:
        raise DryRun
    plaintext = kms.backing.random(length)
    call.material_id = key.current_id
    return key, plaintext, kms.backing.seal(key, plaintext, bound)
