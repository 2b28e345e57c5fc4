"""Encrypt, Decrypt, ReEncrypt, for symmetric keys.

Order of refusals: what needs no key; which key; may the caller use it; does its state allow it;
is it of the right kind; and only then the cryptography.  So a caller without permission learns
nothing of a key's state, and a dry run says yes exactly where the real call would.
"""

from collections.abc import Sequence
from typing import TypeVar

from strongroom.errors import (
    AccessDenied,
    DryRun,
    IncorrectKey,
    InvalidKeyUsage,
    NotImplementedHere,
    Validation,
)
from strongroom.keys import context, envelope, states
from strongroom.keys.key import Key
from strongroom.keys.specs import Usage
from strongroom.services.call import Call
from strongroom.services.kms import access
from strongroom.services.kms.identifiers import any_form
from strongroom.services.kms.world import Kms
from strongroom.wire.shapes.kms import (
    DecryptRequest,
    DecryptResponse,
    EncryptRequest,
    EncryptResponse,
    ReEncryptRequest,
    ReEncryptResponse,
)

Value = TypeVar("Value", bytes, str)

_SYMMETRIC = "SYMMETRIC_DEFAULT"


def encrypt(kms: Kms, call: Call, rq: EncryptRequest) -> EncryptResponse:
    """At most 4,096 bytes, sealed under the key's current material."""
    access.require_no_tokens(rq.GrantTokens)
    bound = context.canonical(rq.EncryptionContext)
    key = any_form(kms, call, "Encrypt", rq.KeyId)
    require_use(call, "Encrypt", "Encrypt", key, rq.EncryptionAlgorithm)
    if rq.DryRun:
        raise DryRun
    call.material_id = key.current.id
    return EncryptResponse(
        CiphertextBlob=kms.backing.seal(key, rq.Plaintext, bound),
        KeyId=key.arn,
        EncryptionAlgorithm=_SYMMETRIC,
    )


def decrypt(kms: Kms, call: Call, rq: DecryptRequest) -> DecryptResponse:
    """The plaintext of a ciphertext that this service made.

    The ciphertext names its key, so `KeyId` is optional; when given, it must be that key.
    """
    access.require_no_tokens(rq.GrantTokens)
    if rq.Recipient is not None:
        raise NotImplementedHere("Decrypt with a Recipient is not implemented yet.")
    bound = context.canonical(rq.EncryptionContext)
    if _ignores_ciphertext(rq.DryRun, rq.DryRunModifiers):
        key = any_form(kms, call, "Decrypt", _needed(rq.KeyId, "keyId"))
        require_use(call, "Decrypt", "Decrypt", key, rq.EncryptionAlgorithm)
        raise DryRun
    blob = _needed(rq.CiphertextBlob, "ciphertextBlob")
    key, material_id = _key_of(
        kms, call, "Decrypt", "Decrypt", blob, rq.KeyId, rq.EncryptionAlgorithm
    )
    plaintext = kms.backing.unseal(key, blob, material_id, bound)
    if rq.DryRun:
        raise DryRun
    call.material_id = material_id
    return DecryptResponse(
        KeyId=key.arn,
        Plaintext=plaintext,
        EncryptionAlgorithm=_SYMMETRIC,
        KeyMaterialId=material_id.hex(),
    )


def re_encrypt(kms: Kms, call: Call, rq: ReEncryptRequest) -> ReEncryptResponse:
    """A ciphertext sealed anew, under another key or context; the plaintext stays here."""
    access.require_no_tokens(rq.GrantTokens)
    source_bound = context.canonical(rq.SourceEncryptionContext)
    destination_bound = context.canonical(rq.DestinationEncryptionContext)
    if _ignores_ciphertext(rq.DryRun, rq.DryRunModifiers):
        source = any_form(kms, call, "ReEncryptFrom", _needed(rq.SourceKeyId, "sourceKeyId"))
        require_use(call, "ReEncrypt", "ReEncryptFrom", source, rq.SourceEncryptionAlgorithm)
        _destination(kms, call, rq)
        raise DryRun
    blob = _needed(rq.CiphertextBlob, "ciphertextBlob")
    source, material_id = _key_of(
        kms,
        call,
        "ReEncrypt",
        "ReEncryptFrom",
        blob,
        rq.SourceKeyId,
        rq.SourceEncryptionAlgorithm,
    )
    destination = _destination(kms, call, rq)
    plaintext = kms.backing.unseal(source, blob, material_id, source_bound)
    if rq.DryRun:
        raise DryRun
    call.material_id = destination.current.id
    return ReEncryptResponse(
        CiphertextBlob=kms.backing.seal(destination, plaintext, destination_bound),
        SourceKeyId=source.arn,
        KeyId=destination.arn,
        SourceEncryptionAlgorithm=_SYMMETRIC,
        DestinationEncryptionAlgorithm=_SYMMETRIC,
        SourceKeyMaterialId=material_id.hex(),
        DestinationKeyMaterialId=destination.current.id.hex(),
    )


def require_use(
    call: Call, operation: str, action: str, key: Key, algorithm: str | None = None
) -> None:
    """Refuse unless the caller may, the state allows and the kind of key fits `operation`."""
    access.require(call, action, key)
    states.require(operation, key.state, key.arn)
    if key.usage is not Usage.ENCRYPT_DECRYPT:
        raise InvalidKeyUsage(
            f"{key.arn} key usage is {key.usage} which is not valid for {operation}."
        )
    if algorithm is not None and algorithm not in key.algorithms:
        raise InvalidKeyUsage(f"Algorithm {algorithm} is incompatible with key spec {key.spec}.")


def _destination(kms: Kms, call: Call, rq: ReEncryptRequest) -> Key:
    key = any_form(kms, call, "ReEncryptTo", rq.DestinationKeyId)
    require_use(call, "ReEncrypt", "ReEncryptTo", key, rq.DestinationEncryptionAlgorithm)
    return key


def _key_of(
    kms: Kms,
    call: Call,
    operation: str,
    action: str,
    blob: bytes,
    asked: str | None,
    algorithm: str | None,
) -> tuple[Key, bytes]:
    """The key that a ciphertext names, if the caller may use it, and the id of its material."""
    named = envelope.parse(blob)
    key = kms.books.key(call.account, call.region, named.key_id)
    if key is None:
        raise access.behind_ciphertext()
    try:
        access.require(call, action, key)
    except AccessDenied:
        raise access.behind_ciphertext() from None
    if asked is not None and any_form(kms, call, action, asked).id != key.id:
        raise IncorrectKey
    require_use(call, operation, action, key, algorithm)
    return key, named.material_id


def _ignores_ciphertext(dry_run: bool | None, modifiers: Sequence[str] | None) -> bool:
    if not modifiers:
        return False
    if not dry_run:
        raise Validation("DryRunModifiers can be used only together with DryRun.")
    return "IGNORE_CIPHERTEXT" in modifiers


def _needed(value: Value | None, member: str) -> Value:
    if value is None:
        raise Validation(
            f"1 validation error detected: Value null at '{member}' failed to satisfy constraint: "
            "Member must not be null"
        )
    return value
