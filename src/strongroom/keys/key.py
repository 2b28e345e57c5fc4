"""A key as the services see it: one immutable value, from its row and its materials."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Self

import msgspec

from strongroom.arn import Arn, partition_of
from strongroom.errors import UnsupportedOperation
from strongroom.keys.envelope import Material
from strongroom.keys.imports import Import
from strongroom.keys.private import Private
from strongroom.keys.regions import Regions
from strongroom.keys.rotation import Schedule
from strongroom.keys.specs import SPECS, Family, Manager, Origin, Usage
from strongroom.keys.states import KeyState


class About(NamedTuple):
    """What policies may ask of a key that is no property of it."""

    aliases: tuple[str, ...]  # names, in order
    tags: Mapping[str, str]


Place = tuple[str, str, str]
"""Where a key is: account, Region, and its id."""


class Profile(NamedTuple):
    """What a decision asks of a key beside its ARN, its aliases and its tags.

    Most keys of an account in a Region have the same, so what was decided of one holds for many.
    """

    account: str
    region: str
    manager: Manager
    spec: str
    usage: Usage
    origin: Origin
    multi_region_type: Literal["PRIMARY", "REPLICA"] | None
    policy: str
    principals: tuple[tuple[str, str], ...]


_profile = lru_cache(maxsize=4_096)(Profile)
"""As a rule gives equal ones as the same object: what is kept for one is found by its identity."""

_NONE = Profile("", "", Manager.CUSTOMER, "", Usage.ENCRYPT_DECRYPT, Origin.AWS_KMS, None, "", ())
"""In place of one that is still to be made."""


class Key(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A KMS key.  Times are seconds since the epoch.

    Many are held at a time: neither it nor what is in it is anything that the garbage collector need look through.
    """

    account: str
    region: str
    id: str
    arn: str
    id_bytes: bytes  # of `envelope.key_id_bytes`
    manager: Manager
    spec: str
    usage: Usage
    origin: Origin
    multi_region: bool
    state: KeyState
    description: str
    created: float
    policy: str  # the document of the policy named `default`
    principals: Mapping[str, str] = {}
    """Users' and roles' ARNs in `policy`, to their unique ids when it was written."""
    deletion_date: float | None  # while PendingDeletion
    deletion_window_days: int | None
    rotation: Schedule | None
    on_demand_rotations: int
    current_id: bytes
    """Of the material that is used from now on; nothing, if none was ever imported."""
    materials: Mapping[bytes, Material]
    """Of a symmetric key: every generation that is here, by its id, the first one first."""
    private: Private | None = None
    """Of any other key: its secret, if that is here."""
    regions: Regions | None = None
    """Of a multi-Region key."""
    imports: tuple[Import, ...] = ()
    """Of a key of origin EXTERNAL, the first one first."""
    version: int  # of the row; rises with every change
    profile: Profile = _NONE
    """Of what is above: made here, unless who makes the key has it at hand."""

    def __post_init__(self) -> None:
        if self.profile is not _NONE:
            return
        profile = _profile(
            self.account,
            self.region,
            self.manager,
            self.spec,
            self.usage,
            self.origin,
            ("REPLICA" if self.is_replica else "PRIMARY") if self.multi_region else None,
            self.policy,
            tuple(self.principals.items()),
        )
        msgspec.structs.force_setattr(self, "profile", profile)

    def __repr__(self) -> str:
        """Its secrets are not in it."""
        return f"Key({self.arn!r}, {self.spec}, {self.state})"

    def but(self, **change: Any) -> Self:
        """The same key with these members otherwise."""
        return msgspec.structs.replace(self, profile=_NONE, **change)

    @property
    def enabled(self) -> bool:
        return self.state is KeyState.ENABLED

    @property
    def is_replica(self) -> bool:
        return self.regions is not None and self.regions.primary != self.region

    @property
    def has_replicas(self) -> bool:
        return self.regions is not None and not self.is_replica and bool(self.regions.replicas)

    def require_primary(self) -> Regions:
        """UnsupportedOperation unless it is the primary of a multi-Region key."""
        if self.regions is None or self.is_replica:
            raise UnsupportedOperation(f"{self.arn} is not a multi-region primary key.")
        return self.regions

    def require_origin(self, origin: Origin) -> None:
        """UnsupportedOperation unless its material comes from there."""
        if self.origin is not origin:
            raise UnsupportedOperation(
                f"{self.arn} origin is {self.origin.value} which is not valid for this operation."
            )

    def arn_in(self, region: str) -> str:
        """The ARN that the key has, or would have, in another Region."""
        return str(Arn(partition_of(region), "kms", region, self.account, f"key/{self.id}"))

    @property
    def family(self) -> Family:
        return SPECS[self.spec].family

    @property
    def algorithms(self) -> tuple[str, ...]:
        return SPECS[self.spec].algorithms[self.usage]
