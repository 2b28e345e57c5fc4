"""The materials of keys, each sealed under its domain."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_

from strongroom.keys.envelope import Material
from strongroom.keys.hierarchy import Cell
from strongroom.keys.imports import Import
from strongroom.keys.key import Key
from strongroom.keys.private import Private
from strongroom.keys.rotation import Generation, RotationType
from strongroom.keys.sealing import Tampered
from strongroom.storage import schema
from strongroom.storage.books.book import Book, of_key
from strongroom.storage.changes import Kind


@dataclass(slots=True)
class Materials(Book):
    def add_material(
        self,
        key: Key,
        material: Material | Private,
        generation: int,
        now: float,
        rotation_type: RotationType | None,
    ) -> None:
        self.add_secret(key, material.id, material.secret, generation, now, rotation_type)

    def add_secret(
        self,
        key: Key,
        material_id: bytes,
        secret: bytes,
        generation: int,
        now: float,
        rotation_type: RotationType | None,
    ) -> None:
        """Keep a generation of a key's material; without a secret, that there is one elsewhere."""
        domain = self.own_domain(key.account, key.region)
        owner = material_owner({"key_id": key.id, "material_id": material_id})
        self._insert(
            schema.materials,
            key.account,
            key.region,
            {
                "account": key.account,
                "region": key.region,
                "key_id": key.id,
                "generation": generation,
                "material_id": material_id,
                "created": now,
                "rotation_type": rotation_type and rotation_type.value,
                "sealed": domain.seal("material", owner, secret) if secret else b"",
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
            for row in self._material_rows(key.account, key.region, key.id)
        ]

    def _material_rows(self, account: str, region: str, key_id: str) -> list[dict[str, Any]]:
        table = schema.materials
        order = table.c.generation
        return self._some(table, account, region, table.c.key_id == key_id, order, None)

    def _secrets(self, account: str, region: str, key_id: str) -> Iterator[tuple[bytes, bytes]]:
        """Of each generation that is here its id and its secret, the first one first."""
        rows = self._material_rows(account, region, key_id)
        domain = self.domain(account, region)
        for row in rows:
            assert domain is not None  # noqa: S101 - the row was checked under it
            if row["sealed"]:
                material_id = row["material_id"]
                secret = domain.unseal("material", material_owner(row), row["sealed"])
                yield material_id, secret

    # Of keys whose material is imported

    def imports(self, account: str, region: str, key_id: str) -> tuple[Import, ...]:
        """What is known of a key's imported materials, the first one first.

        Tampered if of one of them nothing is: it might have been to expire.
        """
        table = schema.imports
        found = {
            row["material_id"]: row
            for row in self._some(table, account, region, table.c.key_id == key_id, None, None)
        }
        rows = self._material_rows(account, region, key_id)
        if found.keys() != {row["material_id"] for row in rows}:
            raise Tampered(f"something about the imported material of key {key_id} is gone")
        return tuple(_import(row, found[row["material_id"]]) for row in rows)

    def put_import(self, key: Key, known: Import) -> None:
        """Keep what is known of a material that is kept, instead of what was known before."""
        table = schema.imports
        self._delete(table, *_of(table, key, known.material_id))
        self._insert(
            table,
            key.account,
            key.region,
            {
                "account": key.account,
                "region": key.region,
                "key_id": key.id,
                "material_id": known.material_id,
                "pending": known.pending,
                "valid_to": known.valid_to,
                "description": known.description,
            },
        )
        self._touch(Kind.KEY, key.account, key.region, key.id)

    def put_secret(self, key: Key, material_id: bytes, secret: bytes) -> None:
        """Keep the secret of a material that is known; none, to have it here no more."""
        owner = material_owner({"key_id": key.id, "material_id": material_id})
        domain = self.own_domain(key.account, key.region)
        sealed = domain.seal("material", owner, secret) if secret else b""
        self._change_material(key, material_id, sealed=sealed)

    def rotated_to(self, key: Key, material_id: bytes, now: float) -> None:
        """Keep that a material which waited is current from `now` on."""
        self._change_material(
            key, material_id, created=now, rotation_type=RotationType.ON_DEMAND.value
        )

    def _change_material(self, key: Key, material_id: bytes, **change: Cell) -> None:
        table = schema.materials
        this = and_(table.c.key_id == key.id, table.c.material_id == material_id)
        row = self._one(table, key.account, key.region, this)
        if row is None:
            raise Tampered(f"material of key {key.id} is gone")
        here = _of(table, key, material_id)
        self._update(table, key.account, key.region, row | change, *here)
        self._touch(Kind.KEY, key.account, key.region, key.id)

    def forget_material(self, key: Key, material_id: bytes) -> None:
        """Drop a material that was never current."""
        for table in (schema.materials, schema.imports):
            self._delete(table, *_of(table, key, material_id))
        self._touch(Kind.KEY, key.account, key.region, key.id)


def material_owner(row: Mapping[str, Any]) -> str:
    """Whose the sealed material of a row is."""
    return f"{row['key_id']}/{row['material_id'].hex()}"


def _import(row: dict[str, Any], known: dict[str, Any]) -> Import:
    return Import(
        material_id=row["material_id"],
        present=bool(row["sealed"]),
        pending=known["pending"],
        valid_to=known["valid_to"],
        description=known["description"],
    )


def _of(table: Any, key: Key, material_id: bytes) -> tuple[ColumnElement[bool], ...]:
    return *of_key(table, key), table.c.material_id == material_id
