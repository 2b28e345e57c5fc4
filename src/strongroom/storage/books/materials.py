"""The materials of keys, each sealed under its domain."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from strongroom.keys.envelope import Material
from strongroom.keys.hierarchy import Domain
from strongroom.keys.key import Key
from strongroom.keys.private import Private
from strongroom.keys.rotation import Generation, RotationType
from strongroom.storage import schema
from strongroom.storage.books.book import Book
from strongroom.storage.rows import checked


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

    def _secrets(self, domain: Domain, key_id: str) -> Iterator[tuple[bytes, bytes]]:
        """Of each generation its id and its secret, the first one first."""
        for row in self._material_rows(domain, key_id):
            material_id = row["material_id"]
            secret = domain.unseal("material", f"{key_id}/{material_id.hex()}", row["sealed"])
            yield material_id, secret
