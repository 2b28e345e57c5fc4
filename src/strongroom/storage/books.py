"""Everything that is kept, read and written within one transaction.

`Books` is what a handler holds: it knows domains, checks every row it reads, signs every row it
writes, and remembers what it touched.  It speaks of keys, aliases and tags; SQL stays here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from strongroom.arn import Arn, partition_of
from strongroom.keys.alias import Alias
from strongroom.keys.envelope import Material, key_id_bytes
from strongroom.keys.hierarchy import Cell, Domain, RootKey, new_domain, open_domain
from strongroom.keys.key import Key
from strongroom.keys.rotation import Generation, RotationType, Schedule
from strongroom.keys.sealing import Tampered
from strongroom.keys.specs import Manager, Origin, Usage
from strongroom.keys.states import KeyState
from strongroom.storage import schema
from strongroom.storage.changes import Change, Kind
from strongroom.storage.rows import checked, signed

Place = tuple[str, str]
"""An account and a Region."""


class Credential(NamedTuple):
    """An access key and whose it is."""

    key_id: str
    secret: str
    account: str

    def __repr__(self) -> str:
        return f"Credential(key_id={self.key_id!r}, account={self.account!r})"


@dataclass(slots=True)
class Books:
    connection: Connection = field(repr=False)
    root: RootKey = field(repr=False)
    domains: dict[Place, Domain] = field(repr=False)  # grows by what this transaction opens
    touched: list[Change] = field(default_factory=list)

    # Domains

    def domain(self, account: str, region: str) -> Domain | None:
        """The domain, or None where nothing was ever kept."""
        place = account, region
        if place not in self.domains:
            table = schema.domains
            sealed = self.connection.execute(
                select(table.c.sealed).where(table.c.account == account, table.c.region == region)
            ).scalar()
            if sealed is None:
                return None
            self.domains[place] = open_domain(self.root, account, region, sealed)
        return self.domains[place]

    def own_domain(self, account: str, region: str) -> Domain:
        """The domain, made now where there is none."""
        found = self.domain(account, region)
        if found is not None:
            return found
        sealed = new_domain(self.root, account, region)
        self.connection.execute(
            insert(schema.domains).values(account=account, region=region, sealed=sealed)
        )
        self.domains[account, region] = open_domain(self.root, account, region, sealed)
        return self.domains[account, region]

    # Accounts and access keys

    def add_account(self, account: str, name: str, now: float) -> None:
        self._insert(
            schema.accounts, account, "", {"account": account, "name": name, "created": now}
        )

    def account_exists(self, account: str) -> bool:
        table = schema.accounts
        return self._one(table, account, "", table.c.account == account) is not None

    def add_credential(self, credential: Credential, now: float) -> None:
        domain = self.own_domain(credential.account, "")
        sealed = domain.seal("access-key", credential.key_id, credential.secret.encode())
        self._insert(
            schema.access_keys,
            credential.account,
            "",
            {
                "key_id": credential.key_id,
                "account": credential.account,
                "status": "Active",
                "created": now,
                "sealed": sealed,
            },
        )
        self._touch(Kind.CREDENTIAL, credential.account, "", credential.key_id)

    def credential(self, key_id: str) -> Credential | None:
        """The access key of that id, if there is one and it is active."""
        table = schema.access_keys
        read = self.connection.execute(select(table).where(table.c.key_id == key_id)).mappings()
        found = read.one_or_none()
        if found is None:
            return None
        domain = self.domain(found["account"], "")
        row = checked(domain, table, found)
        if domain is None or row["status"] != "Active":
            return None
        secret = domain.unseal("access-key", key_id, found["sealed"]).decode()
        return Credential(key_id, secret, found["account"])

    # Keys

    def key(self, account: str, region: str, key_id: str) -> Key | None:
        table = schema.keys
        domain = self.domain(account, region)
        if domain is None:
            return None
        row = self._one(table, account, region, table.c.key_id == key_id)
        if row is None:
            return None
        materials = {m.id: m for m in self._materials(domain, key_id)}
        return _key(row, materials)

    def add_key(self, key: Key) -> None:
        """Keep a new key with its first material."""
        self._insert(schema.keys, key.account, key.region, _row(key))
        self.add_material(key, key.current, 0, key.created, None)
        self._touch(Kind.KEY, key.account, key.region, key.id)

    def change_key(self, key: Key, **change: Any) -> Key:
        """Keep `key` with `change` made to it, and answer it so."""
        changed = replace(key, version=key.version + 1, **change)
        table = schema.keys
        domain = self.own_domain(key.account, key.region)
        result = self.connection.execute(
            update(table)
            .where(
                table.c.account == key.account,
                table.c.region == key.region,
                table.c.key_id == key.id,
                table.c.version == key.version,
            )
            .values(signed(domain, table, _row(changed)))
        )
        if result.rowcount != 1:
            raise RuntimeError(f"key {key.id} changed within the transaction that held it")
        self._touch(Kind.KEY, key.account, key.region, key.id)
        return changed

    def delete_key(self, key: Key) -> None:
        """Drop a key and all that hangs on it: materials, tags, aliases."""
        for alias in self.aliases_of(key):
            self.delete_alias(alias)
        for table in (schema.materials, schema.tags, schema.keys):
            self.connection.execute(
                delete(table).where(
                    table.c.account == key.account,
                    table.c.region == key.region,
                    table.c.key_id == key.id,
                )
            )
        self._touch(Kind.KEY, key.account, key.region, key.id)

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

    def keys_to_delete(self, now: float, most: int) -> Iterator[Key]:
        """Keys whose deletion date has come."""
        table = schema.keys
        yield from self._due(table.c.deletion_date <= now, table.c.deletion_date, most)

    def keys_to_rotate(self, now: float, most: int) -> Iterator[Key]:
        """Enabled keys whose next rotation has come."""
        table = schema.keys
        yield from self._due(
            (table.c.next_rotation <= now) & (table.c.state == KeyState.ENABLED.value),
            table.c.next_rotation,
            most,
        )

    def _due(self, condition: Any, order: Any, most: int) -> Iterator[Key]:
        table = schema.keys
        found = self.connection.execute(
            select(table.c.account, table.c.region, table.c.key_id)
            .where(condition)
            .order_by(order)
            .limit(most)
        ).all()
        for account, region, key_id in found:
            key = self.key(account, region, key_id)
            if key is not None:
                yield key

    # Materials

    def add_material(
        self,
        key: Key,
        material: Material,
        generation: int,
        now: float,
        rotation_type: RotationType | None,
    ) -> None:
        domain = self.own_domain(key.account, key.region)
        self._insert(
            schema.materials,
            key.account,
            key.region,
            {
                "account": key.account,
                "region": key.region,
                "key_id": key.id,
                "generation": generation,
                "material_id": material.id,
                "created": now,
                "rotation_type": rotation_type and rotation_type.value,
                "sealed": domain.seal("material", f"{key.id}/{material.id.hex()}", material.secret),
            },
        )

    def generations(self, key: Key) -> list[Generation]:
        """The key's materials, the first one first."""
        return [
            Generation(
                row["material_id"],
                row["created"],
                row["rotation_type"] and RotationType(row["rotation_type"]),
            )
            for row in self._material_rows(self.domain(key.account, key.region), key.id)
        ]

    def _material_rows(self, domain: Domain | None, key_id: str) -> list[dict[str, Any]]:
        if domain is None:
            return []
        table = schema.materials
        read = self.connection.execute(
            select(table)
            .where(
                table.c.account == domain.account,
                table.c.region == domain.region,
                table.c.key_id == key_id,
            )
            .order_by(table.c.generation)
        ).mappings()
        return [checked(domain, table, row) for row in read]

    def _materials(self, domain: Domain, key_id: str) -> Iterator[Material]:
        for row in self._material_rows(domain, key_id):
            material_id = row["material_id"]
            secret = domain.unseal("material", f"{key_id}/{material_id.hex()}", row["sealed"])
            yield Material.of(material_id, secret)

    # Aliases

    def alias(self, account: str, region: str, name: str) -> Alias | None:
        table = schema.aliases
        row = self._one(table, account, region, table.c.name == name)
        return None if row is None else Alias(**row)

    def put_alias(self, alias: Alias) -> None:
        """Keep an alias, in place of one of the same name."""
        table = schema.aliases
        self.connection.execute(
            delete(table).where(
                table.c.account == alias.account,
                table.c.region == alias.region,
                table.c.name == alias.name,
            )
        )
        self._insert(
            table,
            alias.account,
            alias.region,
            {
                "account": alias.account,
                "region": alias.region,
                "name": alias.name,
                "target": alias.target,
                "created": alias.created,
                "updated": alias.updated,
            },
        )
        self._touch(Kind.ALIAS, alias.account, alias.region, alias.name)

    def delete_alias(self, alias: Alias) -> None:
        table = schema.aliases
        self.connection.execute(
            delete(table).where(
                table.c.account == alias.account,
                table.c.region == alias.region,
                table.c.name == alias.name,
            )
        )
        self._touch(Kind.ALIAS, alias.account, alias.region, alias.name)

    def aliases(
        self, account: str, region: str, target: str | None, after: str, most: int
    ) -> list[Alias]:
        """At most `most` aliases whose names sort behind `after`; of one key, if `target` is given."""
        table = schema.aliases
        wanted = table.c.name > after
        if target is not None:
            wanted &= table.c.target == target
        return [
            Alias(**row) for row in self._some(table, account, region, wanted, table.c.name, most)
        ]

    def aliases_of(self, key: Key) -> list[Alias]:
        table = schema.aliases
        rows = self._some(
            table, key.account, key.region, table.c.target == key.id, table.c.name, None
        )
        return [Alias(**row) for row in rows]

    # Tags

    def tags(self, key: Key) -> dict[str, str]:
        """A key's tags in the order in which they came."""
        table = schema.tags
        rows = self._some(
            table, key.account, key.region, table.c.key_id == key.id, table.c.position, None
        )
        return {row["tag_key"]: row["tag_value"] for row in rows}

    def put_tags(self, key: Key, tags: dict[str, str]) -> None:
        """Make `tags` the tags of `key`, in that order."""
        table = schema.tags
        self.connection.execute(
            delete(table).where(
                table.c.account == key.account,
                table.c.region == key.region,
                table.c.key_id == key.id,
            )
        )
        for position, (tag_key, tag_value) in enumerate(tags.items()):
            self._insert(
                table,
                key.account,
                key.region,
                {
                    "account": key.account,
                    "region": key.region,
                    "key_id": key.id,
                    "tag_key": tag_key,
                    "tag_value": tag_value,
                    "position": position,
                },
            )
        self._touch(Kind.KEY, key.account, key.region, key.id)

    # Rows

    def _insert(self, table: Any, account: str, region: str, row: dict[str, Cell]) -> None:
        domain = self.own_domain(account, region)
        self.connection.execute(insert(table).values(signed(domain, table, row)))

    def _one(self, table: Any, account: str, region: str, condition: Any) -> dict[str, Any] | None:
        rows = self._some(table, account, region, condition, None, 1)
        return rows[0] if rows else None

    def _some(
        self, table: Any, account: str, region: str, condition: Any, order: Any, most: int | None
    ) -> list[dict[str, Any]]:
        domain = self.domain(account, region)
        if domain is None:
            return []
        query = select(table).where(table.c.account == account, condition)
        if "region" in table.c:
            query = query.where(table.c.region == region)
        if order is not None:
            query = query.order_by(order)
        if most is not None:
            query = query.limit(most)
        return [checked(domain, table, row) for row in self.connection.execute(query).mappings()]

    def _touch(self, kind: Kind, account: str, region: str, name: str) -> None:
        self.touched.append(Change(kind, account, region, name))


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
        "deletion_date": key.deletion_date,
        "deletion_window_days": key.deletion_window_days,
        "rotation_period_days": None if key.rotation is None else key.rotation.period_days,
        "next_rotation": None if key.rotation is None else key.rotation.next,
        "on_demand_rotations": key.on_demand_rotations,
        "current_material": key.current.id,
        "version": key.version,
    }


def _key(row: dict[str, Any], materials: dict[bytes, Material]) -> Key:
    account, region, key_id = row["account"], row["region"], row["key_id"]
    current = materials.get(row["current_material"])
    if current is None:
        raise Tampered(f"the current material of key {key_id} is gone")
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
        spec=row["spec"],
        usage=Usage(row["usage"]),
        origin=Origin(row["origin"]),
        multi_region=row["multi_region"],
        state=KeyState(row["state"]),
        description=row["description"],
        created=row["created"],
        policy=row["policy"],
        deletion_date=row["deletion_date"],
        deletion_window_days=row["deletion_window_days"],
        rotation=rotation,
        on_demand_rotations=row["on_demand_rotations"],
        current=current,
        materials=materials,
        version=row["version"],
    )
