"""A key as the services see it: one immutable value, from its row and its materials."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A KMS key.  Times are seconds since the epoch."""

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
    principals: Mapping[str, str] = field(default_factory=dict)
    """Users' and roles' ARNs in `policy`, to their unique ids when it was written."""
    deletion_date: float | None  # while PendingDeletion
    deletion_window_days: int | None
    rotation: Schedule | None
    on_demand_rotations: int
    current_id: bytes
    """Of the material that is used from now on; nothing, if none was ever imported."""
    materials: Mapping[bytes, Material] = field(repr=False)
    """Of a symmetric key: every generation that is here, by its id, the first one first."""
    private: Private | None = None
    """Of any other key: its secret, if that is here."""
    regions: Regions | None = None
    """Of a multi-Region key."""
    imports: tuple[Import, ...] = ()
    """Of a key of origin EXTERNAL, the first one first."""
    version: int  # of the row; rises with every change

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
