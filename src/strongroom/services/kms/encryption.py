"""Encrypt, Decrypt, ReEncrypt, under symmetric keys and RSA keys.

A symmetric key's ciphertext names its key and is bound to an encryption context.  RSA's is what
any other program would have made with the public key: whoever has it opened must say which key,
and by which algorithm; there is no context.

Order of refusals: what needs no key; which key; may the caller use it; does its state allow it;
is it of the right kind; and only then the cryptography.  So a caller without permission learns
nothing of a key's state, and a dry run says yes exactly where the real call would.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from strongroom.errors import (
    DryRun,
    IncorrectKey,
    InvalidCiphertext,
    Validation,
)
from strongroom.keys import context, envelope
from strongroom.keys.key import Key
from strongroom.keys.rsa import most_plaintext
from strongroom.keys.specs import Usage
from strongroom.keys.work import Decrypt as RsaDecrypt
from strongroom.services.call import Aside, Call, Outcome, aside
from strongroom.services.circumstances import Value
from strongroom.services.kms import access, fitness, recipients, tokens
from strongroom.services.kms.circumstances import of_alias, of_context
from strongroom.services.kms.identifiers import any_form
from strongroom.services.kms.members import needed
from strongroom.services.kms.recipients import Recipient
from strongroom.services.kms.world import Kms
from strongroom.wire.shapes.kms import (
    DecryptRequest,
    DecryptResponse,
    EncryptRequest,
    EncryptResponse,
    ReEncryptRequest,
    ReEncryptResponse,
)

_SYMMETRIC = "SYMMETRIC_DEFAULT"
_ENCRYPT_DECRYPT = Usage.ENCRYPT_DECRYPT  # asked for once: it is on the path of every request


def encrypt(kms: Kms, call: Call, rq: EncryptRequest) -> EncryptResponse:
    """At most 4,096 bytes, sealed under the key's current material."""
    tokens.require(kms, call, rq.GrantTokens)
    bound = context.canonical(rq.EncryptionContext)
    key = any_form(kms, call, "Encrypt", rq.KeyId)
    algorithm = rq.EncryptionAlgorithm or _SYMMETRIC
    besides = partial(of_use, rq.EncryptionContext, rq.KeyId, algorithm)
    access.require(kms, call, "Encrypt", key, besides)
    _require_fit("Encrypt", key, algorithm, rq.EncryptionContext)
    if algorithm != _SYMMETRIC:
        _require_room(key, algorithm, rq.Plaintext)
        if rq.DryRun:
            raise DryRun
        return EncryptResponse(
            CiphertextBlob=kms.backing.encrypt(key, algorithm, rq.Plaintext),
            KeyId=key.arn,
            EncryptionAlgorithm=algorithm,
        )
    if rq.DryRun:
        raise DryRun
    call.material_id = key.current_id
    return EncryptResponse(
        CiphertextBlob=kms.backing.seal(key, rq.Plaintext, bound),
        KeyId=key.arn,
        EncryptionAlgorithm=_SYMMETRIC,
    )


def decrypt(kms: Kms, call: Call, rq: DecryptRequest) -> DecryptResponse | Aside[DecryptResponse]:
    """The plaintext of a ciphertext that this service made, or somebody with an RSA key's public half.

    A symmetric ciphertext names its key, so `KeyId` is optional; when given, it must be that key.
    """
    tokens.require(kms, call, rq.GrantTokens)
    recipient = recipients.of(kms, call, rq.Recipient)
    bound = context.canonical(rq.EncryptionContext)
    algorithm = rq.EncryptionAlgorithm or _SYMMETRIC
    besides = partial(of_use, rq.EncryptionContext, rq.KeyId, algorithm, recipient)
    if _ignores_ciphertext(rq.DryRun, rq.DryRunModifiers):
        key = any_form(kms, call, "Decrypt", needed(rq.KeyId, "keyId"))
        access.require(kms, call, "Decrypt", key, besides)
        _require_fit("Decrypt", key, algorithm, rq.EncryptionContext)
        raise DryRun
    blob = needed(rq.CiphertextBlob, "ciphertextBlob")
    if algorithm != _SYMMETRIC and not _names_key(blob, rq.KeyId):
        return _decrypt_by_rsa(kms, call, rq, blob, algorithm, recipient)
    key, material_id = _key_of(kms, call, "Decrypt", blob, rq.KeyId, lambda _key: besides())
    _require_fit("Decrypt", key, algorithm, None)
    plaintext = kms.backing.unseal(key, blob, material_id, bound)
    if rq.DryRun:
        raise DryRun
    call.material_id = material_id
    given = recipient.given(plaintext)
    return DecryptResponse(
        KeyId=key.arn,
        Plaintext=given.plaintext,
        CiphertextForRecipient=given.for_recipient,
        EncryptionAlgorithm=_SYMMETRIC,
        KeyMaterialId=None if recipient else material_id.hex(),
    )


def _decrypt_by_rsa(
    kms: Kms, call: Call, rq: DecryptRequest, blob: bytes, algorithm: str, recipient: Recipient
) -> DecryptResponse | Aside[DecryptResponse]:
    key = any_form(kms, call, "Decrypt", needed(rq.KeyId, "keyId"))
    besides = partial(of_use, rq.EncryptionContext, rq.KeyId, algorithm, recipient)
    access.require(kms, call, "Decrypt", key, besides)
    _require_fit("Decrypt", key, algorithm, rq.EncryptionContext)

    def decrypted(opened: Outcome) -> DecryptResponse:
        plaintext = opened()
        if rq.DryRun:
            raise DryRun
        given = recipient.given(plaintext)
        return DecryptResponse(
            KeyId=key.arn,
            Plaintext=given.plaintext,
            CiphertextForRecipient=given.for_recipient,
            EncryptionAlgorithm=algorithm,
        )

    return aside(kms.backing.piece(key, RsaDecrypt(algorithm, blob)), decrypted)


def re_encrypt(
    kms: Kms, call: Call, rq: ReEncryptRequest
) -> ReEncryptResponse | Aside[ReEncryptResponse]:
    """A ciphertext sealed anew, under another key or context; the plaintext stays here."""
    tokens.require(kms, call, rq.GrantTokens)
    source_bound = context.canonical(rq.SourceEncryptionContext)
    destination_bound = context.canonical(rq.DestinationEncryptionContext)

    algorithm = rq.SourceEncryptionAlgorithm or _SYMMETRIC
    to_algorithm = rq.DestinationEncryptionAlgorithm or _SYMMETRIC

    def from_(source: Key) -> Mapping[str, Value]:
        to = any_form(kms, call, "ReEncryptTo", rq.DestinationKeyId)
        own = of_use(rq.SourceEncryptionContext, rq.SourceKeyId, algorithm)
        return own | _on_same_key(source, to)

    def require_destination(source: Key) -> Key:
        key = any_form(kms, call, "ReEncryptTo", rq.DestinationKeyId)
        own = partial(of_use, rq.DestinationEncryptionContext, rq.DestinationKeyId, to_algorithm)
        access.require(kms, call, "ReEncryptTo", key, lambda: own() | _on_same_key(source, key))
        _require_fit("ReEncrypt", key, to_algorithm, rq.DestinationEncryptionContext)
        return key

    ignores = _ignores_ciphertext(rq.DryRun, rq.DryRunModifiers)
    material_id = b""
    if ignores or (
        algorithm != _SYMMETRIC and not _names_key(rq.CiphertextBlob or b"", rq.SourceKeyId)
    ):
        source = any_form(kms, call, "ReEncryptFrom", needed(rq.SourceKeyId, "sourceKeyId"))
        access.require(kms, call, "ReEncryptFrom", source, partial(from_, source))
    else:
        blob = needed(rq.CiphertextBlob, "ciphertextBlob")
        source, material_id = _key_of(kms, call, "ReEncryptFrom", blob, rq.SourceKeyId, from_)
    _require_fit("ReEncrypt", source, algorithm, rq.SourceEncryptionContext)
    destination = require_destination(source)
    if ignores:
        raise DryRun
    blob = needed(rq.CiphertextBlob, "ciphertextBlob")
    if to_algorithm == _SYMMETRIC:
        call.material_id = destination.current_id

    def sealed_anew(opened: Outcome) -> ReEncryptResponse:
        plaintext = opened()
        if to_algorithm != _SYMMETRIC:
            _require_room(destination, to_algorithm, plaintext)
        if rq.DryRun:
            raise DryRun
        return ReEncryptResponse(
            CiphertextBlob=kms.backing.seal(destination, plaintext, destination_bound)
            if to_algorithm == _SYMMETRIC
            else kms.backing.encrypt(destination, to_algorithm, plaintext),
            SourceKeyId=source.arn,
            KeyId=destination.arn,
            SourceEncryptionAlgorithm=algorithm,
            DestinationEncryptionAlgorithm=to_algorithm,
            SourceKeyMaterialId=material_id.hex() or None,
            DestinationKeyMaterialId=destination.current_id.hex()
            if to_algorithm == _SYMMETRIC
            else None,
        )

    if algorithm == _SYMMETRIC:
        return sealed_anew(partial(kms.backing.unseal, source, blob, material_id, source_bound))
    return aside(kms.backing.piece(source, RsaDecrypt(algorithm, blob)), sealed_anew)


def require_symmetric(operation: str, key: Key) -> None:
    """Refuse unless the key's state allows `operation` and it is symmetric."""
    fitness.require(operation, key, _ENCRYPT_DECRYPT, _SYMMETRIC)


def _require_fit(operation: str, key: Key, algorithm: str, pairs: Mapping[str, str] | None) -> None:
    fitness.require(operation, key, _ENCRYPT_DECRYPT, algorithm)
    if algorithm != _SYMMETRIC and pairs:
        raise Validation(f"Algorithm {algorithm} does not take an encryption context.")


def _require_room(key: Key, algorithm: str, plaintext: bytes) -> None:
    most = most_plaintext(key.spec, algorithm)
    if len(plaintext) > most:
        raise Validation(
            f"Algorithm {algorithm} and key spec {key.spec} cannot encrypt data larger than {most} "
            "bytes."
        )


def of_use(
    pairs: Mapping[str, str] | None,
    key_id: str | None,
    algorithm: str = _SYMMETRIC,
    recipient: Recipient = recipients.CALLER,
) -> dict[str, Value]:
    """The condition keys of an encryption: context, algorithm, the alias asked for, the recipient."""
    found = of_context(pairs)
    found["kms:encryptionalgorithm"] = algorithm
    found.update(of_alias(key_id))
    found.update(recipient.circumstances())
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


def _names_key(blob: bytes, asked: str | None) -> bool:
    """Whether it is a symmetric ciphertext, whose key nobody has named besides."""
    if asked is not None:
        return False
    try:
        envelope.parse(blob)
    except InvalidCiphertext:
        return False
    return True


def _ignores_ciphertext(dry_run: bool | None, modifiers: Sequence[str] | None) -> bool:
    if not modifiers:
        return False
    if not dry_run:
        raise Validation("DryRunModifiers can be used only together with DryRun.")
    return "IGNORE_CIPHERTEXT" in modifiers
