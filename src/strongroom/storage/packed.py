"""Keys in little memory: what most keys are, in some 100 bytes each.

A `Key` that is ready for use takes ten times that: it is a dozen objects, and its material is a derivation begun.
What keys of one profile have in common stands once for all of them.

    record  = number of the profile (4) || state (1) || created (8) || version (4) || how many materials (1)
              || 1*(material id (32) || secret (32)) || rest
    rest    = nothing, or
              deletion date (8) || deletion window, days (2) || rotation period, days (2) || next rotation (8)
              || rotations on demand (1) || which material is current (1) || description

A record stands under the 17 bytes of the key's id.  Numbers are little-endian; a date that there is not is NaN, and a
period 0.  Secrets are as open here as in a `Key`.  Of what kind a key must be says `_fits`.  Nothing of this is ever
written anywhere.
"""

import struct
from math import isnan, nan
from typing import Any, NamedTuple

from msgspec.structs import replace

from strongroom.keys.envelope import KEY_ID_BYTES, Material, key_id_bytes
from strongroom.keys.key import Key, Place, Profile
from strongroom.keys.rotation import Schedule
from strongroom.keys.specs import SYMMETRIC_DEFAULT, Origin
from strongroom.keys.states import KeyState
from strongroom.storage.buckets import Buckets

_HEAD = struct.Struct("<IBdIB32s32s")  # with the first material
_REST = struct.Struct("<dHHdBB")
_PLAIN = _REST.pack(nan, 0, 0, nan, 0, 0)  # a rest that is left out
_MATERIAL = struct.Struct("<32s32s")
_MOST_RECORD = 2_048  # bytes
_EACH = 2  # keys in a bucket
_MOST_TEXT = 8 << 20  # characters of policies, with something for whatever else a profile has
_PROFILE_TEXT = 1_000
_STATES = tuple(KeyState)
_NOT_COMMON: dict[str, Any] = {
    "id": "",
    "arn": "",
    "id_bytes": b"",
    "current_id": b"",
    "materials": {},
    "description": "",
    "deletion_date": None,
    "deletion_window_days": None,
    "rotation": None,
    "on_demand_rotations": 0,
}
_NUMBERS = {state: number for number, state in enumerate(_STATES)}


class _Common(NamedTuple):
    """What keys of one profile have in common."""

    stem: str  # of their ARNs
    key: Key  # one of them, without what is its own


class PackedKeys:
    def __init__(self, most: int) -> None:
        self._records = Buckets(most, _EACH, KEY_ID_BYTES)
        self._commons: list[_Common] = []
        self._profiles: dict[Profile, int] = {}
        self._text = 0

    def __len__(self) -> int:
        return self._records.count

    def find(self, place: Place) -> Key | None:
        account, region, key_id = place
        id_bytes = key_id_bytes(key_id)
        record = self._records.find(id_bytes)
        if record is None:
            return None
        number, state, created, version, count, current_id, secret = _HEAD.unpack_from(record)
        stem, common = self._commons[number]
        if common.account != account or common.region != region:
            return None
        materials = {current_id: Material(current_id, secret)}
        if len(record) == _HEAD.size:
            rest = None
        else:
            further_end = _HEAD.size + (count - 1) * _MATERIAL.size
            for material_id, secret in _MATERIAL.iter_unpack(record[_HEAD.size : further_end]):
                materials[material_id] = Material(material_id, secret)
            rest, current = _read_rest(record[further_end:] or _PLAIN)
            current_id = list(materials)[current]
        # In a quarter of the time that a key takes of which every member is named.
        key: Key = replace(
            common,
            id=key_id,
            arn=stem + key_id,
            id_bytes=id_bytes,
            state=_STATES[state],
            created=created,
            current_id=current_id,
            materials=materials,
            version=version,
        )
        return key if rest is None else replace(key, **rest)

    def hold(self, key: Key) -> None:
        """Hold a key, if it is of a kind that can be held so."""
        if not _fits(key):
            return
        rest = _REST.pack(
            nan if key.deletion_date is None else key.deletion_date,
            key.deletion_window_days or 0,
            0 if key.rotation is None else key.rotation.period_days,
            nan if key.rotation is None else key.rotation.next,
            key.on_demand_rotations,
            list(key.materials).index(key.current_id),
        )
        if key.description or rest != _PLAIN:
            rest += key.description.encode()
        else:
            rest = b""
        first, *further = key.materials.values()
        head = _HEAD.pack(
            self._number(key),
            _NUMBERS[key.state],
            key.created,
            key.version,
            len(key.materials),
            first.id,
            first.secret,
        )
        materials = [_MATERIAL.pack(each.id, each.secret) for each in further]
        record = b"".join((head, *materials, rest))
        if len(record) <= _MOST_RECORD:
            self._records.put(key.id_bytes, record)

    def drop(self, place: Place) -> None:
        self._records.drop(key_id_bytes(place[2]))

    def clear(self) -> None:
        self._records.clear()
        self._commons.clear()
        self._profiles.clear()
        self._text = 0

    def _number(self, key: Key) -> int:
        profile = key.profile
        number = self._profiles.get(profile)
        if number is None:
            text = _PROFILE_TEXT + len(profile.policy)
            if self._text + text > _MOST_TEXT:
                self.clear()  # many are of policies that no key has any more, or each key has its own
            self._text += text
            number = self._profiles[profile] = len(self._commons)
            self._commons.append(_Common(key.arn.removesuffix(key.id), replace(key, **_NOT_COMMON)))
        return number


def _read_rest(rest: bytes) -> tuple[dict[str, Any], int]:
    """Members of a key, and which material is current."""
    deletion_date, window, period, next_rotation, on_demand, current = _REST.unpack_from(rest)
    members = {
        "description": rest[_REST.size :].decode(),
        "deletion_date": None if isnan(deletion_date) else deletion_date,
        "deletion_window_days": window or None,
        "rotation": Schedule(period, next_rotation) if period else None,
        "on_demand_rotations": on_demand,
    }
    return members, current


def _fits(key: Key) -> bool:
    """Whether nothing about a key is left out of its record."""
    return (
        key.spec == SYMMETRIC_DEFAULT
        and key.origin is Origin.AWS_KMS
        and not key.multi_region
        and key.version <= 0xFFFF_FFFF
    )
