"""Encrypt, Decrypt, ReEncrypt, for symmetric keys.

Order of refusals: what needs no key; which key; may the caller use it; does its state allow it;
is it of the right kind; and only then the cryptography.  So a caller without permission learns
nothing of a key's state, and a dry run says yes exactly where the real call would.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from strongroom.errors import (
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
from strongroom.services.circumstances import Value
from strongroom.services.kms import access, tokens
from strongroom.services.kms.circumstances import of_alias, of_context
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

Given = TypeVar("Given", bytes, str)

_SYMMETRIC = "SYMMETRIC_DEFAULT"
_ENCRYPT_DECRYPT = Usage.ENCRYPT_DECRYPT  # asked for once: it is on the path of every request


def encrypt(kms: Kms, call: Call, rq: EncryptRequest) -> EncryptResponse:
    """At most 4,096 bytes, sealed under the key's current material."""
    tokens.require(kms, call, rq.GrantTokens)
    bound = context.canonical(rq.EncryptionContext)
    key = any_form(kms, call, "Encrypt", rq.KeyId)
    besides = partial(of_use, rq.EncryptionContext, rq.KeyId)
    access.require(kms, call, "Encrypt", key, besides)
    require_fit("Encrypt", key, rq.EncryptionAlgorithm)
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
    tokens.require(kms, call, rq.GrantTokens)
    if rq.Recipient is not None:
        raise NotImplementedHere("Decrypt with a Recipient is not implemented yet.")
    bound = context.canonical(rq.EncryptionContext)
    besides = partial(of_use, rq.EncryptionContext, rq.KeyId)
    if _ignores_ciphertext(rq.DryRun, rq.DryRunModifiers):
        key = any_form(kms, call, "Decrypt", _needed(rq.KeyId, "keyId"))
        access.require(kms, call, "Decrypt", key, besides)
        require_fit("Decrypt", key, rq.EncryptionAlgorithm)
        raise DryRun
    blob = _needed(rq.CiphertextBlob, "ciphertextBlob")
    key, material_id = _key_of(kms, call, "Decrypt", blob, rq.KeyId, lambda _key: besides())
    require_fit("Decrypt", key, rq.EncryptionAlgorithm)
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
    tokens.require(kms, call, rq.GrantTokens)
    source_bound = context.canonical(rq.SourceEncryptionContext)
    destination_bound = context.canonical(rq.DestinationEncryptionContext)

    def from_(source: Key) -> Mapping[str, Value]:
        to = any_form(kms, call, "ReEncryptTo", rq.DestinationKeyId)
        return of_use(rq.SourceEncryptionContext, rq.SourceKeyId) | _on_same_key(source, to)

    def require_destination(source: Key) -> Key:
        key = any_form(kms, call, "ReEncryptTo", rq.DestinationKeyId)
        own = partial(of_use, rq.DestinationEncryptionContext, rq.DestinationKeyId)
        access.require(kms, call, "ReEncryptTo", key, lambda: own() | _on_same_key(source, key))
        require_fit("ReEncrypt", key, rq.DestinationEncryptionAlgorithm)
        return key

    algorithm = rq.SourceEncryptionAlgorithm
    if _ignores_ciphertext(rq.DryRun, rq.DryRunModifiers):
        source = any_form(kms, call, "ReEncryptFrom", _needed(rq.SourceKeyId, "sourceKeyId"))
        access.require(kms, call, "ReEncryptFrom", source, partial(from_, source))
        require_fit("ReEncrypt", source, algorithm)
        require_destination(source)
        raise DryRun
    blob = _needed(rq.CiphertextBlob, "ciphertextBlob")
    source, material_id = _key_of(kms, call, "ReEncryptFrom", blob, rq.SourceKeyId, from_)
    require_fit("ReEncrypt", source, algorithm)
    destination = require_destination(source)
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


def require_fit(operation: str, key: Key, algorithm: str | None = None) -> None:
    """Refuse unless the key's state allows `operation` and its kind fits."""
    states.require(operation, key.state, key.arn)
    if key.usage is not _ENCRYPT_DECRYPT:
        raise InvalidKeyUsage(
            f"{key.arn} key usage is {key.usage} which is not valid for {operation}."
        )
    if algorithm is not None and algorithm not in key.algorithms:
        raise InvalidKeyUsage(f"Algorithm {algorithm} is incompatible with key spec {key.spec}.")


def of_use(pairs: Mapping[str, str] | None, key_id: str | None) -> dict[str, Value]:
    """The condition keys of a use of a symmetric key: context, algorithm, the alias asked for."""
    found = of_context(pairs)
    found["kms:encryptionalgorithm"] = _SYMMETRIC
    found.update(of_alias(key_id))
    return found


def _on_same_key(source: Key, destination: Key) -> dict[str, Value]:
    return {"kms:reencryptonsamekey": "true" if source.arn == destination.arn else "false"}


def _key_of(
    kms: Kms,
    call: Call,
    action: str,
    blob: bytes,
    asked: str | None,
    besides: Callable[[Key], Mapping[str, Value]],
) -> tuple[Key, bytes]:
    """The key that a ciphertext names, if the caller may use it, and the id of its material.

    Whoever names no key is told of none: a refusal speaks of the ciphertext.
    """
    named = envelope.parse(blob)
    account = kms.books.owner(call.region, named.key_id)
    key = None if account is None else kms.books.key(account, call.region, named.key_id)
    if key is None:
        raise access.behind_ciphertext(call, action)
    on = access.OF_CIPHERTEXT if asked is None or key.account != call.account else ""
    access.require(kms, call, action, key, partial(besides, key), on=on)
    if asked is not None and any_form(kms, call, action, asked).id != key.id:
        raise IncorrectKey
    return key, named.material_id


def _ignores_ciphertext(dry_run: bool | None, modifiers: Sequence[str] | None) -> bool:
    if not modifiers:
        return False
    if not dry_run:
        raise Validation("DryRunModifiers can be used only together with DryRun.")
    return "IGNORE_CIPHERTEXT" in modifiers


def _needed(value: Given | None, member: str) -> Given:
    if value is None:
        raise Validation(
            f"1 validation error detected: Value null at '{member}' failed to satisfy constraint: "
            "Member must not be null"
        )
    return value
