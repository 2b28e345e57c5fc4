"""The rotation operations, and the rotation itself when its time has come.

Rotation adds a generation of material: new ciphertexts are made with it, older ones name the
material that made them and open as before.  Key id and ARN stay.
"""

from dataclasses import replace

import msgspec

from strongroom.errors import Conflict, InvalidState, LimitExceeded, UnsupportedOperation
from strongroom.keys import imports, rotation, states
from strongroom.keys.envelope import Material
from strongroom.keys.imports import Import
from strongroom.keys.key import Key
from strongroom.keys.rotation import Generation, RotationType
from strongroom.keys.specs import SYMMETRIC_DEFAULT, Origin
from strongroom.services.call import Call
from strongroom.services.kms import access, paging
from strongroom.services.kms.identifiers import id_or_arn
from strongroom.services.kms.world import Backing, Kms, KmsBooks, Writing
from strongroom.wire.shapes.kms import (
    DisableKeyRotationRequest,
    EnableKeyRotationRequest,
    GetKeyRotationStatusRequest,
    GetKeyRotationStatusResponse,
    ListKeyRotationsRequest,
    ListKeyRotationsResponse,
    RotateKeyOnDemandRequest,
    RotateKeyOnDemandResponse,
    RotationsListEntry,
)


def enable_key_rotation(kms: KmsBooks, call: Call, rq: EnableKeyRotationRequest) -> None:
    """Rotate every so many days from now on; asked again, the period and its start are new."""
    days = rq.RotationPeriodInDays
    if days is None:
        days = rotation.DEFAULT_PERIOD_DAYS
    key = id_or_arn(kms, call, "EnableKeyRotation", rq.KeyId)
    access.require(
        kms, call, "EnableKeyRotation", key, lambda: {"kms:rotationperiodindays": str(days)}
    )
    _require_automatic(key)
    states.require("EnableKeyRotation", key.state, key.arn)
    call.shared = kms.books.change_key(key, rotation=rotation.schedule(days, call.now))


def disable_key_rotation(kms: KmsBooks, call: Call, rq: DisableKeyRotationRequest) -> None:
    key = id_or_arn(kms, call, "DisableKeyRotation", rq.KeyId)
    access.require(kms, call, "DisableKeyRotation", key)
    _require_automatic(key)
    states.require("DisableKeyRotation", key.state, key.arn)
    call.shared = kms.books.change_key(key, rotation=None)


def get_key_rotation_status(
    kms: Kms, call: Call, rq: GetKeyRotationStatusRequest
) -> GetKeyRotationStatusResponse:
    """A key that is pending deletion says no, and means its setting again once that is cancelled.

    So does one that cannot rotate: whoever reads every key's status (Terraform does) may ask.
    """
    key = id_or_arn(kms, call, "GetKeyRotationStatus", rq.KeyId)
    access.require(kms, call, "GetKeyRotationStatus", key)
    schedule = key.rotation
    if schedule is None or key.deletion_window_days is not None:
        return GetKeyRotationStatusResponse(KeyId=key.id, KeyRotationEnabled=False)
    return GetKeyRotationStatusResponse(
        KeyId=key.id,
        KeyRotationEnabled=True,
        RotationPeriodInDays=schedule.period_days,
        NextRotationDate=schedule.next,
    )


def rotate_key_on_demand(
    kms: KmsBooks, call: Call, rq: RotateKeyOnDemandRequest
) -> RotateKeyOnDemandResponse:
    """Rotate now, 25 times in a key's life at most; the automatic schedule stays as it is."""
    key = id_or_arn(kms, call, "RotateKeyOnDemand", rq.KeyId)
    access.require(kms, call, "RotateKeyOnDemand", key)
    _require_rotatable(key)
    if key.is_replica:
        key.require_primary()
    states.require("RotateKeyOnDemand", key.state, key.arn)
    if key.on_demand_rotations >= rotation.MOST_ON_DEMAND:
        raise LimitExceeded(
            "The on-demand rotations limit has been reached for the given keyId. No more "
            f"on-demand rotations can be performed for this key: {key.arn}"
        )
    if key.rotation is not None and key.rotation.next - call.now < rotation.QUIET_SECONDS:
        raise Conflict(f"An automatic rotation of {key.arn} is in progress or about to begin.")
    if key.origin is Origin.EXTERNAL:
        current = _rotate_to_imported(kms.books, key, call.now)
    else:
        on_demand = RotationType.ON_DEMAND
        current = rotate(kms.books, kms.backing, key, call.now, on_demand).current_id
    call.rotated = key, current
    return RotateKeyOnDemandResponse(KeyId=key.arn)


def list_key_rotations(
    kms: KmsBooks, call: Call, rq: ListKeyRotationsRequest
) -> ListKeyRotationsResponse:
    """Rotations in the order in which they happened; with ALL_KEY_MATERIAL the first material too."""
    most = paging.count(rq.Limit, paging.WIDE)
    key = id_or_arn(kms, call, "ListKeyRotations", rq.KeyId)
    access.require(kms, call, "ListKeyRotations", key)
    _require_rotatable(key)
    all_material = rq.IncludeKeyMaterial == "ALL_KEY_MATERIAL"
    known = {each.material_id: each for each in key.imports}
    members = kms.books.everywhere(key) if key.imports else []
    entries = [
        _entry(key, generation, known.get(generation.material_id), members)
        for generation in kms.books.generations(key)
        if all_material or generation.rotation_type is not None
    ]
    page, more, following = paging.cut_whole(entries, rq.Marker, most)
    return ListKeyRotationsResponse(Rotations=list(page), Truncated=more, NextMarker=following)


def _entry(
    key: Key, generation: Generation, known: Import | None, members: list[Key]
) -> RotationsListEntry:
    state = "CURRENT" if generation.material_id == key.current_id else "NON_CURRENT"
    if known is not None and known.pending:
        everywhere = all(_is_here(member, known) for member in members)
        state = "PENDING_ROTATION" if everywhere else "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"
    entry = RotationsListEntry(
        KeyId=key.id,
        KeyMaterialId=generation.material_id.hex(),
        KeyMaterialState=state,
        RotationDate=generation.created if generation.rotation_type else None,
        RotationType=generation.rotation_type and generation.rotation_type.value,
    )
    if known is None:
        return entry
    return msgspec.structs.replace(
        entry,
        KeyMaterialDescription=known.description or None,
        ImportState="IMPORTED" if known.present else "PENDING_IMPORT",
        ExpirationModel=known.expiration_model if known.present else None,
        ValidTo=known.valid_to,
    )


def _rotate_to_imported(books: Writing, key: Key, now: float) -> bytes:
    """Make the material that waits for it current; its id."""
    waiting = imports.waiting(key.imports)
    members = books.everywhere(key)
    if waiting is None or not all(_is_here(member, waiting) for member in members):
        raise InvalidState(f"No available key material pending rotation for the key: {key.arn}.")
    for member in members:
        books.rotated_to(member, waiting.material_id, now)
        known = next(each for each in member.imports if each.material_id == waiting.material_id)
        books.put_import(member, replace(known, pending=False))
        count = key.on_demand_rotations + 1 if member.region == key.region else 0
        books.change_key(member, current_id=waiting.material_id, on_demand_rotations=count)
    return waiting.material_id


def _is_here(member: Key, waiting: Import) -> bool:
    return any(each.material_id == waiting.material_id and each.present for each in member.imports)


def _require_automatic(key: Key) -> None:
    """Refuse keys that do not rotate by themselves."""
    _require_rotatable(key)
    if key.is_replica:
        key.require_primary()
    key.require_origin(Origin.AWS_KMS)


def _require_rotatable(key: Key) -> None:
    """UnsupportedOperation, of which AWS says no more, for all but symmetric keys."""
    if key.spec != SYMMETRIC_DEFAULT:
        raise UnsupportedOperation


def rotate(
    books: Writing, backing: Backing, key: Key, now: float, rotation_type: RotationType
) -> Key:
    """Give `key`, and with a primary its replicas, new material; the earlier ones stay."""
    return rotate_to(books, key, backing.generate(key.id), now, rotation_type)


def rotate_to(
    books: Writing, key: Key, material: Material, now: float, rotation_type: RotationType
) -> Key:
    """The same with this material, which is new to the key."""
    by_demand = rotation_type is RotationType.ON_DEMAND
    for member in books.everywhere(key):
        books.add_material(member, material, len(member.materials), now, rotation_type)
        if member.region != key.region:
            books.change_key(member, current_id=material.id)
    return books.change_key(
        key,
        current_id=material.id,
        materials={**key.materials, material.id: material},
        on_demand_rotations=key.on_demand_rotations + by_demand,
        rotation=key.rotation if by_demand or key.rotation is None else key.rotation.after(now),
    )


def rotate_due(books: Writing, backing: Backing, now: float, most: int) -> list[Key]:
    """Rotate keys whose next rotation has come, at most `most`; the keys as they are now.

    A schedule stands with the primary of a multi-Region key alone.
    """
    return [
        rotate(books, backing, key, now, RotationType.AUTOMATIC)
        for key in books.keys_to_rotate(now, most)
    ]
