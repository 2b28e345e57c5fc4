"""Aliases."""

from dataclasses import dataclass

from sqlalchemy import select

from strongroom.keys.alias import Alias
from strongroom.keys.key import Key
from strongroom.storage import schema
from strongroom.storage.books.book import Book, Home
from strongroom.storage.changes import Kind


@dataclass(slots=True)
class Aliases(Book):
    def alias(self, account: str, region: str, name: str) -> Alias | None:
        row = self._only(schema.aliases, account, region, name=name)
        return None if row is None else Alias(**row)

    def places_of_alias(self, name: str) -> list[Home]:
        """Where there are aliases of this name."""
        table = schema.aliases
        found = self.connection.execute(
            select(table.c.account, table.c.region).where(table.c.name == name)
        )
        return [(account, region) for account, region in found]

    def put_alias(self, alias: Alias) -> None:
        """Keep an alias, in place of one of the same name."""
        table = schema.aliases
        self._delete(
            table,
            table.c.account == alias.account,
            table.c.region == alias.region,
            table.c.name == alias.name,
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
        self._delete(
            table,
            table.c.account == alias.account,
            table.c.region == alias.region,
            table.c.name == alias.name,
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
        rows = self._all(table, key.account, key.region, table.c.name, target=key.id)
        return [Alias(**row) for row in rows]
