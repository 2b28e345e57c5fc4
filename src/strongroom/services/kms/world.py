"""What the KMS operations are given: the world they act on.

A handler is `handler(kms, call, request) -> response`, a plain function.  It reads and writes
only through what is declared here, so the same code runs over what is held in memory and within
a transaction; `services.operation.Way` says which of them an operation gets.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from strongroom.keys.alias import Alias
from strongroom.keys.envelope import Material
from strongroom.keys.grant import Grant
from strongroom.keys.grant_token import Signer
from strongroom.keys.key import About, Key
from strongroom.keys.rotation import Generation, RotationType
from strongroom.policy import principals
from strongroom.policy.decide import Prepared
from strongroom.policy.organization import Standing
from strongroom.services.principal import Principal


class Reading(Protocol):
    """What can be read both from memory and from a transaction."""

    def key(self, account: str, region: str, key_id: str) -> Key | None: ...
    def owner(self, region: str, key_id: str) -> str | None:
        """The account that has a key of this id in the Region."""

    def about(self, key: Key) -> About: ...
    def arn_of(self, account: str, unique_id: str) -> str | None:
        """The ARN that a user or a role has now."""

    def standing(self, account: str) -> Standing: ...
    def alias(self, account: str, region: str, name: str) -> Alias | None: ...
    def domain(self, account: str, region: str) -> Signer | None: ...
    def grants(
        self, account: str, region: str, key_id: str, grantees: tuple[str, ...]
    ) -> tuple[Grant, ...]: ...


class Writing(Reading, principals.Known, Protocol):
    """What a transaction can do besides."""

    def add_key(self, key: Key) -> None: ...
    def change_key(self, key: Key, **change: Any) -> Key: ...
    def delete_key(self, key: Key) -> None: ...
    def key_ids(self, account: str, region: str, after: str, most: int) -> list[str]: ...
    def anything_due(self, now: float) -> bool: ...
    def keys_to_delete(self, now: float, most: int) -> Iterator[Key]: ...
    def keys_to_rotate(self, now: float, most: int) -> Iterator[Key]: ...
    def add_material(
        self,
        key: Key,
        material: Material,
        generation: int,
        now: float,
        rotation_type: RotationType | None,
    ) -> None: ...
    def generations(self, key: Key) -> list[Generation]: ...
    def put_alias(self, alias: Alias) -> None: ...
    def delete_alias(self, alias: Alias) -> None: ...
    def aliases(
        self, account: str, region: str, target: str | None, after: str, most: int
    ) -> list[Alias]: ...
    def aliases_of(self, key: Key) -> list[Alias]: ...
    def tags(self, key: Key) -> dict[str, str]: ...
    def put_tags(self, key: Key, tags: dict[str, str]) -> None: ...
    def add_grant(self, grant: Grant) -> None: ...
    def remove_grant(self, grant: Grant) -> None: ...
    def grant(self, account: str, region: str, grant_id: str) -> Grant | None: ...
    def grant_like(self, grant: Grant) -> Grant | None: ...
    def count_grants(self, key: Key) -> int: ...
    def grants_of(self, key: Key, grantee: str | None, after: str, most: int) -> list[Grant]: ...
    def retirable_grants(
        self, region: str, retiring: str, after: str, most: int
    ) -> list[Grant]: ...


class Backing(Protocol):
    """Where the material of keys lives, and who uses it."""

    def generate(self, key_id: str) -> Material: ...
    def seal(self, key: Key, plaintext: bytes, context: bytes) -> bytes: ...
    def unseal(self, key: Key, blob: bytes, material_id: bytes, context: bytes) -> bytes: ...
    def random(self, count: int) -> bytes: ...


class Decisions(Protocol):
    """`access.Decisions`: shared by all calls from memory, or a transaction's own."""

    def of(self, who: Principal, key: Key, action: str) -> Prepared: ...
    def granted(
        self, who: Principal, key: Key, action: str, grants: Callable[[], Sequence[Grant]]
    ) -> tuple[Prepared, Mapping[str, Grant]]: ...
    def granted_by(
        self, who: Principal, key: Key, action: str, grants: Sequence[Grant]
    ) -> tuple[Prepared, Mapping[str, Grant]]: ...


@dataclass(frozen=True, slots=True)
class Kms:
    """The world of the operations that answer from memory."""

    books: Reading
    backing: Backing
    decisions: Decisions


@dataclass(frozen=True, slots=True)
class KmsBooks:
    """The world of those that read or write within a transaction."""

    books: Writing
    backing: Backing
    decisions: Decisions
