"""GetParametersForImport, ImportKeyMaterial, DeleteImportedKeyMaterial, and expiry.

Material of a key whose origin is EXTERNAL comes from outside, wrapped under an RSA key that was made
for it.  The first material makes the key what it is: an asymmetric or HMAC key never has another.  A
symmetric key may be given more, each of which waits until RotateKeyOnDemand makes it current.
What was deleted or has expired may be imported again, the same and no other.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from strongroom.errors import (
    IncorrectKeyMaterial,
    InvalidState,
    NotFound,
    Validation,
)
from strongroom.keys import import_token, imports, private, states, wrapping
from strongroom.keys.hierarchy import material_id
from strongroom.keys.import_token import ImportToken
from strongroom.keys.imports import EXPIRES, Import
from strongroom.keys.key import Key
from strongroom.keys.rotation import DAY
from strongroom.keys.specs import SYMMETRIC_DEFAULT, Origin
from strongroom.keys.states import KeyState
from strongroom.keys.work import FreshPair, Piece, Unwrap
from strongroom.policy.moments import iso8601
from strongroom.services.call import Aside, Call, Outcome, Slow, aside
from strongroom.services.circumstances import Value
from strongroom.services.kms import access
from strongroom.services.kms.identifiers import id_or_arn
from strongroom.services.kms.world import Kms, KmsBooks, Writing
from strongroom.wire.shapes.kms import (
    DeleteImportedKeyMaterialRequest,
    DeleteImportedKeyMaterialResponse,
    GetParametersForImportRequest,
    GetParametersForImportResponse,
    ImportKeyMaterialRequest,
    ImportKeyMaterialResponse,
)

_NEW, _EXISTING = "NEW_KEY_MATERIAL", "EXISTING_KEY_MATERIAL"
_LONGEST_DAYS = 365


def get_parameters_for_import(
    kms: Kms, call: Call, rq: GetParametersForImportRequest
) -> GetParametersForImportResponse | Aside[GetParametersForImportResponse]:
    """A fresh wrapping key, and a token without which nothing wrapped under it is taken."""
    key = id_or_arn(kms, call, "GetParametersForImport", rq.KeyId)
    access.require(
        kms,
        call,
        "GetParametersForImport",
        key,
        lambda: {
            "kms:wrappingalgorithm": rq.WrappingAlgorithm,
            "kms:wrappingkeyspec": rq.WrappingKeySpec,
        },
    )
    key.require_origin(Origin.EXTERNAL)
    states.require("GetParametersForImport", key.state, key.arn)
    if rq.WrappingKeySpec not in private.MADE_HERE or not wrapping.fits(
        key.spec, rq.WrappingKeySpec, rq.WrappingAlgorithm
    ):
        raise Validation(
            f"Key material of a {key.spec} key cannot be wrapped by {rq.WrappingAlgorithm} under "
            f"{rq.WrappingKeySpec}."
        )
    domain = kms.books.domain(key.account, key.region)
    if domain is None:
        raise LookupError(f"the domain of key {key.id} is gone")
    until = call.now + import_token.GOOD_FOR

    def made(pair: Outcome) -> GetParametersForImportResponse:
        secret, public = pair()
        token = import_token.seal(domain, key.id, rq.WrappingAlgorithm, until, secret)
        return GetParametersForImportResponse(
            KeyId=key.arn, ImportToken=token, PublicKey=public, ParametersValidTo=until
        )

    return aside(Piece(FreshPair(rq.WrappingKeySpec), rq.WrappingKeySpec), made)


def import_key_material(
    kms: KmsBooks, call: Call, rq: ImportKeyMaterialRequest
) -> ImportKeyMaterialResponse:
    model = rq.ExpirationModel or EXPIRES
    valid_to = _valid_to(rq, model, call.now)
    key = id_or_arn(kms, call, "ImportKeyMaterial", rq.KeyId)
    access.require(kms, call, "ImportKeyMaterial", key, partial(_of_import, model, valid_to))
    key.require_origin(Origin.EXTERNAL)
    states.require("ImportKeyMaterial", key.state, key.arn)
    symmetric = key.spec == SYMMETRIC_DEFAULT
    if not symmetric and (rq.ImportType or rq.KeyMaterialDescription or rq.KeyMaterialId):
        raise Validation(
            "ImportType, KeyMaterialDescription and KeyMaterialId are for symmetric encryption "
            "keys alone."
        )
    domain = kms.books.domain(key.account, key.region)
    token = import_token.unseal(domain, key.id, rq.ImportToken, call.now)
    secret = _unwrapped(call, key.spec, token, rq.EncryptedKeyMaterial)
    identifier = material_id(key.id, secret)
    known = {each.material_id: each for each in key.imports}
    kind = rq.ImportType or (_EXISTING if known else _NEW)
    if rq.KeyMaterialId is not None:
        if kind == _NEW:
            raise Validation("KeyMaterialId cannot be given with new key material.")
        if rq.KeyMaterialId != identifier.hex():
            raise IncorrectKeyMaterial
    if symmetric and kind == _NEW:
        _require_room(key, identifier)
    elif (known and identifier not in known) or (not known and kind == _EXISTING):
        raise IncorrectKeyMaterial
    before = known.get(identifier)
    description = rq.KeyMaterialDescription
    it = Import(
        material_id=identifier,
        present=True,
        pending=before.pending if before is not None else bool(known),
        valid_to=valid_to,
        description=description
        if description is not None
        else before.description
        if before is not None
        else "",
    )
    if before is None:
        _require_primary_first(key, symmetric)
        kms.books.add_secret(key, identifier, secret, len(known), call.now, None)
    else:
        kms.books.put_secret(key, identifier, secret)
    kms.books.put_import(key, it)
    known[identifier] = it
    if before is None:
        for member in kms.books.everywhere(key):
            if member.region != key.region:
                kms.books.add_secret(member, identifier, b"", len(member.imports), call.now, None)
                kms.books.put_import(member, replace(it, present=False, valid_to=None))
                if not member.current_id:
                    kms.books.change_key(member, current_id=identifier)
    change: dict[str, object] = {}
    if not key.current_id:
        change["current_id"] = identifier
    if key.state is KeyState.PENDING_IMPORT and imports.complete(known.values()):
        change["state"] = KeyState.ENABLED
    if change:
        kms.books.change_key(key, **change)
    return ImportKeyMaterialResponse(
        KeyId=key.arn, KeyMaterialId=identifier.hex() if symmetric else None
    )


def delete_imported_key_material(
    kms: KmsBooks, call: Call, rq: DeleteImportedKeyMaterialRequest
) -> DeleteImportedKeyMaterialResponse:
    """The material at once; what is known of it stays, unless it never was current."""
    key = id_or_arn(kms, call, "DeleteImportedKeyMaterial", rq.KeyId)
    access.require(kms, call, "DeleteImportedKeyMaterial", key)
    key.require_origin(Origin.EXTERNAL)
    states.require("DeleteImportedKeyMaterial", key.state, key.arn)
    symmetric = key.spec == SYMMETRIC_DEFAULT
    if rq.KeyMaterialId is not None and not symmetric:
        raise Validation("KeyMaterialId is for symmetric encryption keys alone.")
    wanted = rq.KeyMaterialId or key.current_id.hex()
    found = next((each for each in key.imports if each.material_id.hex() == wanted), None)
    if found is None and rq.KeyMaterialId is not None:
        raise NotFound(f"Key material {wanted} is not associated with key {key.arn}.")
    if found is not None:
        _remove(kms.books, key, found)
    return DeleteImportedKeyMaterialResponse(
        KeyId=key.arn, KeyMaterialId=wanted if symmetric and wanted else None
    )


def expire_due(books: Writing, now: float, most: int) -> list[tuple[Key, Import]]:
    """Remove material whose time has come, of at most `most` keys; what is gone, by its keys."""
    gone = []
    for found in books.keys_to_expire(now, most):
        key = found
        for each in found.imports:
            if each.valid_to is not None and each.valid_to <= now:
                key = _remove(books, key, each)
                gone.append((key, each))
    return gone


def _remove(books: Writing, key: Key, it: Import) -> Key:
    """The key as it is without the material."""
    if it.pending and not key.is_replica:
        for member in books.everywhere(key):
            books.forget_material(member, it.material_id)
        return key.but(imports=tuple(each for each in key.imports if each is not it))
    if it.present:
        books.put_secret(key, it.material_id, b"")
    gone = replace(it, present=False, valid_to=None)
    books.put_import(key, gone)
    key = key.but(imports=tuple(gone if each is it else each for each in key.imports))
    if not it.pending and key.state in (KeyState.ENABLED, KeyState.DISABLED):
        key = books.change_key(key, state=KeyState.PENDING_IMPORT)
    return key


def _require_primary_first(key: Key, symmetric: bool) -> None:
    """New material of a multi-Region key comes to the primary first; replicas import it after that."""
    if key.is_replica:
        raise (
            IncorrectKeyMaterial
            if symmetric
            else InvalidState(
                f"{key.arn} takes the key material that its primary key has, once that has any."
            )
        )


def _require_room(key: Key, identifier: bytes) -> None:
    """Refuse new material that is not new, or for which there is no room."""
    waiting = imports.waiting(key.imports)
    if waiting is not None and waiting.material_id != identifier:
        raise InvalidState(
            f"New key material (id: {identifier.hex()}) cannot be imported into KMS key {key.arn}, "
            f"because another key material (id: {waiting.material_id.hex()}) is pending rotation."
        )
    if any(each.material_id == identifier and not each.pending for each in key.imports):
        raise IncorrectKeyMaterial


def _valid_to(rq: ImportKeyMaterialRequest, model: str, now: float) -> float | None:
    if model != EXPIRES:
        if rq.ValidTo is not None:
            raise Validation(f"A validTo date must not be set if the ExpirationModel is {model}")
        return None
    if rq.ValidTo is None:
        raise Validation(f"A validTo date must be set if the ExpirationModel is {model}")
    if rq.ValidTo <= now:
        raise Validation("ValidTo must be in the future")
    if rq.ValidTo > now + _LONGEST_DAYS * DAY:
        raise Validation(f"ValidTo must be within {_LONGEST_DAYS} days")
    return rq.ValidTo


def _of_import(model: str, valid_to: float | None) -> Mapping[str, Value]:
    found: dict[str, Value] = {"kms:expirationmodel": model}
    if valid_to is not None:
        found["kms:validto"] = iso8601(valid_to)
    return found


def _unwrapped(call: Call, spec: str, token: ImportToken, wrapped: bytes) -> bytes:
    """The secret.  To unwrap and to check it takes too long to let the database wait."""
    if call.made is None:
        raise Slow(Piece(Unwrap(spec, token.private, token.algorithm, wrapped), spec))
    made: bytes = call.made
    return made
