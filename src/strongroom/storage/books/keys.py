"""Keys: rows to values and back, and which of them are due."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from sys import intern
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from strongroom.arn import Arn, partition_of
from strongroom.keys.alias import RESERVED
from strongroom.keys.envelope import Material, key_id_bytes
from strongroom.keys.hierarchy import Cell
from strongroom.keys.key import Key
from strongroom.keys.private import Private
from strongroom.keys.regions import Regions
from strongroom.keys.rotation import Schedule
from strongroom.keys.sealing import Tampered
from strongroom.keys.specs import SYMMETRIC_DEFAULT, Manager, Origin, Usage
from strongroom.keys.states import KeyState
from strongroom.storage import schema
from strongroom.storage.books.aliases import Aliases
from strongroom.storage.books.book import Home, of_key
from strongroom.storage.books.materials import Materials
from strongroom.storage.changes import Kind
from strongroom.storage.things import columns_of


@dataclass(slots=True)
class Keys(Materials, Aliases):
    def key(self, account: str, region: str, key_id: str) -> Key | None:
        table = schema.keys
        row = self._one(table, account, region, table.c.key_id == key_id)
        if row is None:
            self._require(table, account, region, key_id=key_id)
            return None
        key = key_of(row, dict(self._secrets(account, region, key_id)))
        if key.origin is Origin.EXTERNAL:
            key = key.but(imports=self.imports(account, region, key_id))
        self._require(table, account, region, key_id=key_id)
        if key.multi_region:
            key = key.but(regions=self._regions(key))
        if key.is_replica and key.regions is not None:
            # The schedule of rotation stands in the primary's row.
            primary = self.key(account, key.regions.primary, key_id)
            key = key.but(rotation=None if primary is None else primary.rotation)
        return key

    def everywhere(self, key: Key) -> list[Key]:
        """The key in every Region where it is, itself among them."""
        if key.regions is None:
            return [key]
        found = (self.key(key.account, region, key.id) for region in self._regions_of(key))
        return [member for member in found if member is not None]

    def _regions_of(self, key: Key) -> list[str]:
        table = schema.keys
        return list(
            self.connection.execute(
                select(table.c.region)
                .where(table.c.account == key.account, table.c.key_id == key.id)
                .order_by(table.c.region)
            ).scalars()
        )

    def _regions(self, key: Key) -> Regions:
        """Tampered if there are several and which is primary is gone, or is none of them."""
        keys, table = schema.keys, schema.primaries
        members = select(*columns_of(keys)).where(
            keys.c.account == key.account, keys.c.key_id == key.id, keys.c.multi_region
        )
        regions: list[str] = []
        for member in self.connection.execute(members.order_by(keys.c.region)).mappings():
            regions.append(member["region"])
            self._saw(keys, member, member["mac"])
        row = self._only(table, key.account, "", key_id=key.id)
        primary = key.region if row is None and len(regions) < 2 else row and row["primary_region"]
        if primary not in regions:
            raise Tampered(f"which Region of key {key.id} is primary is gone")
        return Regions(primary, tuple(regions))

    def add_replica(self, primary: Key, replica: Key) -> None:
        """Keep a key in another Region, with all the material that the primary has."""
        self._insert(schema.keys, replica.account, replica.region, _row(replica))
        for number, generation in enumerate(self.generations(primary)):
            here = primary.private or primary.materials.get(generation.material_id)
            imported = {each.material_id: each for each in primary.imports}
            known = imported.get(generation.material_id)
            secret = b"" if here is None or known is not None else here.secret
            self.add_secret(
                replica,
                generation.material_id,
                secret,
                number,
                generation.created,
                generation.rotation_type,
            )
            if known is not None:
                self.put_import(replica, replace(known, present=False, valid_to=None))
        self._put_primary(primary, primary.region)
        self._touch_members(primary)

    def put_primary(self, primary: Key, replica: Key) -> None:
        """Make a replica the primary, with the schedule and the count of rotations."""
        self._put_primary(primary, replica.region)
        count = primary.on_demand_rotations
        self.change_key(replica, rotation=primary.rotation, on_demand_rotations=count)
        self.change_key(primary, rotation=None, on_demand_rotations=0)

    def _put_primary(self, key: Key, region: str) -> None:
        table = schema.primaries
        self._delete(table, table.c.account == key.account, table.c.key_id == key.id)
        row: dict[str, Cell] = {
            "account": key.account,
            "key_id": key.id,
            "primary_region": region,
        }
        self._insert(table, key.account, "", row)

    def _touch_members(self, key: Key) -> None:
        regions = self._regions_of(key) if key.multi_region else []
        for region in dict.fromkeys((key.region, *regions)):
            self._touch(Kind.KEY, key.account, region, key.id)

    def places(self, key_id: str) -> list[Home]:
        """Where there are keys of this id: multi-Region keys may be in several Regions."""
        table = schema.keys
        found = self.connection.execute(
            select(table.c.account, table.c.region).where(table.c.key_id == key_id)
        )
        return [(account, region) for account, region in found]

    def owner(self, region: str, key_id: str) -> str | None:
        """The account that has a key of this id in the Region, whose row `key` will check."""
        table = schema.keys
        return self.connection.execute(
            select(table.c.account).where(table.c.key_id == key_id, table.c.region == region)
        ).scalar()

    def add_key(self, key: Key) -> None:
        """Keep a new key with its first material, if it has any."""
        # INVARIANT: a change of its own for each that comes or goes (`storage.tallies`).
        self._insert(schema.keys, key.account, key.region, _row(key))
        first = key.private or key.materials.get(key.current_id)
        if first is not None:
            self.add_material(key, first, 0, key.created, None)
        self._touch(Kind.KEY, key.account, key.region, key.id)

    def change_key(self, key: Key, **change: Any) -> Key:
        """Keep `key` with `change` made to it, and answer it so."""
        changed = key.but(version=key.version + 1, **change)
        if key.is_replica and "rotation" not in change:
            changed = changed.but(rotation=None)  # it is shown, and stands with the primary
        table = schema.keys
        this = *of_key(table, key), table.c.version == key.version
        if not self._update(table, key.account, key.region, _row(changed), *this):
            raise RuntimeError(f"key {key.id} changed within the transaction that held it")
        self._touch_members(key)
        return changed

    def delete_key(self, key: Key) -> int:
        """Drop a key and all that hangs on it: materials, tags, aliases, grants; how many rows they were."""
        aliases = self.aliases_of(key)
        for alias in aliases:
            self.delete_alias(alias)
        gone = len(aliases)
        for table in (
            schema.materials,
            schema.imports,
            schema.last_usage,
            schema.tags,
            schema.grants,
            schema.keys,
        ):
            gone += self._delete(table, *of_key(table, key))
        if key.multi_region and not self._regions_of(key):
            table = schema.primaries
            gone += self._delete(table, table.c.account == key.account, table.c.key_id == key.id)
        self._touch_members(key)
        return gone

    def key_ids(self, account: str, region: str, after: str, most: int) -> list[str]:
        """At most `most` key ids of a place that sort behind `after`, in order."""
        table = schema.keys
        return list(
            self.connection.execute(
                select(table.c.key_id)
                .where(table.c.account == account, table.c.region == region, table.c.key_id > after)
                .order_by(table.c.key_id)
                .limit(most)
            ).scalars()
        )

    def holds(self, account: str, region: str, count: int) -> bool:
        """Whether a place has that many customer managed keys, one or more, whatever their state."""
        return self.tallies.reach(
            self.connection,
            (account, region, ""),
            count,
            len(self.touched),
            lambda: self._count_keys(account, region),
        )

    def _count_keys(self, account: str, region: str) -> int:
        """By indexes alone: each key of AWS's has one alias, of a name that no other key's has."""
        keys, aliases = schema.keys, schema.aliases
        all_keys = select(func.count()).where(keys.c.account == account, keys.c.region == region)
        aws_managed = select(func.count()).where(
            aliases.c.account == account,
            aliases.c.region == region,
            aliases.c.name.between(RESERVED, RESERVED + "\x7f"),
        )
        count = self.connection.execute
        return int(count(all_keys).scalar_one()) - int(count(aws_managed).scalar_one())

    def multi_region_keys(self, account: str, most: int) -> list[Key]:
        """At most `most` multi-Region keys of an account, in all Regions."""
        table = schema.keys
        places = self.connection.execute(
            select(table.c.region, table.c.key_id)
            .where(table.c.account == account, table.c.multi_region)
            .order_by(table.c.region, table.c.key_id)
            .limit(most)
        ).all()
        found = (self.key(account, region, key_id) for region, key_id in places)
        return [key for key in found if key is not None]

    def all_keys(self) -> Iterator[Key]:
        """Every key there is, read and checked one by one."""
        table = schema.keys
        places = self.connection.execute(select(table.c.account, table.c.region, table.c.key_id))
        for account, region, key_id in places:
            key = self.key(account, region, key_id)
            if key is not None:
                yield key

    def anything_due(self, now: float) -> bool:
        """Whether there may be a key to delete or to rotate; a look into two indexes."""
        query = select(schema.keys.c.key_id).limit(1)
        return (
            any(
                self.connection.execute(query.where(due)).first() is not None
                for due in (_deletion_due(now), _rotation_due(now))
            )
            or self.connection.execute(_expired(now).limit(1)).first() is not None
        )

    def keys_to_delete(self, now: float, most: int) -> Iterator[Key]:
        """Keys whose deletion date has come."""
        yield from self._due(_deletion_due(now), schema.keys.c.deletion_date, most)

    def keys_to_expire(self, now: float, most: int) -> Iterator[Key]:
        """Keys of which some imported material has expired."""
        query = _expired(now).order_by(schema.imports.c.valid_to).limit(most)
        yield from self._found(dict.fromkeys(self.connection.execute(query).all()))

    def keys_to_rotate(self, now: float, most: int) -> Iterator[Key]:
        """Enabled keys whose next rotation has come."""
        yield from self._due(_rotation_due(now), schema.keys.c.next_rotation, most)

    def _due(self, condition: Any, order: Any, most: int) -> Iterator[Key]:
        table = schema.keys
        found = self.connection.execute(
            select(table.c.account, table.c.region, table.c.key_id)
            .where(condition)
            .order_by(order)
            .limit(most)
        ).all()
        yield from self._found(found)

    def _found(self, places: Iterable[Any]) -> Iterator[Key]:
        """The keys of these accounts, Regions and ids."""
        for account, region, key_id in places:
            key = self.key(account, region, key_id)
            if key is not None:
                yield key


def _deletion_due(now: float) -> ColumnElement[bool]:
    return (schema.keys.c.deletion_date <= now) & (
        schema.keys.c.state == KeyState.PENDING_DELETION.value
    )


def _rotation_due(now: float) -> ColumnElement[bool]:
    return (schema.keys.c.next_rotation <= now) & (schema.keys.c.state == KeyState.ENABLED.value)


def _expired(now: float) -> Select[tuple[str, str, str]]:
    table = schema.imports
    return select(table.c.account, table.c.region, table.c.key_id).where(table.c.valid_to <= now)


def _row(key: Key) -> dict[str, Cell]:
    return {
        "account": key.account,
        "region": key.region,
        "key_id": key.id,
        "manager": key.manager.value,
        "spec": key.spec,
        "usage": key.usage.value,
        "origin": key.origin.value,
        "multi_region": key.multi_region,
        "state": key.state.value,
        "description": key.description,
        "created": key.created,
        "policy": key.policy,
        "principals": json.dumps(dict(key.principals), sort_keys=True),
        "deletion_date": key.deletion_date,
        "deletion_window_days": key.deletion_window_days,
        "rotation_period_days": None if key.rotation is None else key.rotation.period_days,
        "next_rotation": None if key.rotation is None else key.rotation.next,
        "on_demand_rotations": key.on_demand_rotations,
        "current_material": key.current_id,
        "version": key.version,
    }


def key_of(row: dict[str, Any], secrets: dict[bytes, bytes]) -> Key:
    """A key of its row and the secrets of its material, by their ids."""
    # Many keys are held at a time, and these texts are the same in most of them.
    account, region, spec = intern(row["account"]), intern(row["region"]), intern(row["spec"])
    key_id = row["key_id"]
    current = row["current_material"]
    if current not in secrets and row["origin"] != Origin.EXTERNAL:
        raise Tampered(f"the current material of key {key_id} is gone")
    symmetric = spec == SYMMETRIC_DEFAULT
    rotation = None
    if row["rotation_period_days"] is not None:
        rotation = Schedule(row["rotation_period_days"], row["next_rotation"])
    return Key(
        account=account,
        region=region,
        id=key_id,
        arn=str(Arn(partition_of(region), "kms", region, account, f"key/{key_id}")),
        id_bytes=key_id_bytes(key_id),
        manager=Manager(row["manager"]),
        spec=spec,
        usage=Usage(row["usage"]),
        origin=Origin(row["origin"]),
        multi_region=row["multi_region"],
        state=KeyState(row["state"]),
        description=row["description"],
        created=row["created"],
        policy=intern(row["policy"]),
        principals={} if row["principals"] == "{}" else json.loads(row["principals"]),
        deletion_date=row["deletion_date"],
        deletion_window_days=row["deletion_window_days"],
        rotation=rotation,
        on_demand_rotations=row["on_demand_rotations"],
        current_id=current,
        materials={each: Material(each, secret) for each, secret in secrets.items()}
        if symmetric
        else {},
        private=Private.of(current, spec, secrets[current])
        if not symmetric and current in secrets
        else None,
        version=row["version"],
    )
