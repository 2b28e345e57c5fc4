"""What every part of the books has: the transaction, its domains, and rows signed and checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, insert, select, update

from strongroom.keys.hierarchy import Cell, Domain, RootKey, new_domain, open_domain
from strongroom.keys.key import Key
from strongroom.keys.sealing import Tampered
from strongroom.keys.witness import Place
from strongroom.storage import schema
from strongroom.storage.changes import Change, Kind
from strongroom.storage.rows import checked, signed
from strongroom.storage.totals import Move

Home = tuple[str, str]
"""An account and a Region."""


@dataclass(slots=True)
class Book:
    connection: Connection = field(repr=False)
    root: RootKey = field(repr=False)
    domains: dict[Home, Domain] = field(repr=False)  # grows by what this transaction opens
    opened: set[Home] = field(default_factory=set)  # domains as they are in this transaction
    touched: list[Change] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list, repr=False)

    def domain(self, account: str, region: str) -> Domain | None:
        """The domain, or None where nothing was ever kept."""
        return self.domains.get((account, region)) or self._open_domain(account, region)

    def _open_domain(self, account: str, region: str) -> Domain | None:
        """The domain as this transaction sees it: what was opened before may have a new key since."""
        sealed = self._sealed_domain(account, region)
        if sealed is None:
            return None
        self.domains[account, region] = domain = open_domain(self.root, account, region, sealed)
        self.opened.add((account, region))
        return domain

    def _sealed_domain(self, account: str, region: str) -> bytes | None:
        table = schema.domains
        here = table.c.account == account, table.c.region == region
        return self.connection.execute(select(table.c.sealed).where(*here)).scalar()

    def own_domain(self, account: str, region: str) -> Domain:
        """The domain to write under, made now where there is none."""
        if (account, region) in self.opened:
            return self.domains[account, region]
        found = self._open_domain(account, region)
        if found is not None:
            return found
        sealed = new_domain(self.root, account, region)
        self.connection.execute(
            insert(schema.domains).values(account=account, region=region, sealed=sealed)
        )
        self.moves.append(Move(Place(schema.domains.name, account, region), sealed, True))
        self.domains[account, region] = domain = open_domain(self.root, account, region, sealed)
        self.opened.add((account, region))
        return domain

    def _insert(self, table: Any, account: str, region: str, row: Mapping[str, Cell]) -> None:
        self._insert_all(table, account, region, [row])

    def _insert_all(
        self, table: Any, account: str, region: str, rows: Sequence[Mapping[str, Cell]]
    ) -> None:
        if not rows:
            return
        domain = self.own_domain(account, region)
        new = [signed(domain, table, row) for row in rows]
        self.connection.execute(insert(table), new)
        for row in new:
            self._came(table, account, region, row)

    def _update(
        self, table: Any, account: str, region: str, row: Mapping[str, Cell], *where: Any
    ) -> bool:
        """Write `row` in place of the one that is there; whether there was one."""
        before = self.connection.execute(select(table.c.mac).where(*where)).scalar_one_or_none()
        if before is None:
            return False
        new = signed(self.own_domain(account, region), table, row)
        self.connection.execute(update(table).where(*where).values(new))
        self.moves.append(Move(Place(table.name, account, region), before, False))
        self._came(table, account, region, new)
        return True

    def _delete(self, table: Any, *where: Any) -> int:
        """How many rows there were."""
        region = [table.c.region] if "region" in table.c else []
        gone = delete(table).where(*where).returning(table.c.mac, table.c.account, *region)
        rows = self.connection.execute(gone).all()
        for mac, account, *home in rows:
            self.moves.append(Move(Place(table.name, account, "".join(home)), mac, False))
        return len(rows)

    def _came(self, table: Any, account: str, region: str, new: Mapping[str, Cell]) -> None:
        mac = new["mac"]
        assert isinstance(mac, bytes)  # noqa: S101 - of `signed`
        self.moves.append(Move(Place(table.name, account, region), mac, True))

    def _one(self, table: Any, account: str, region: str, condition: Any) -> dict[str, Any] | None:
        rows = self._some(table, account, region, condition, None, 1)
        return rows[0] if rows else None

    def _some(
        self, table: Any, account: str, region: str, condition: Any, order: Any, most: int | None
    ) -> list[dict[str, Any]]:
        if self.domain(account, region) is None:
            return []
        query = select(table).where(table.c.account == account, condition)
        if "region" in table.c:
            query = query.where(table.c.region == region)
        if order is not None:
            query = query.order_by(order)
        if most is not None:
            query = query.limit(most)
        found = self.connection.execute(query).mappings().all()
        return [self._checked(table, account, region, row) for row in found]

    def _checked(self, table: Any, account: str, region: str, row: RowMapping) -> dict[str, Any]:
        """A row as it was signed; Tampered if anything in it is another."""
        try:
            return checked(self.domain(account, region), table, row)
        except Tampered:
            if (account, region) in self.opened:
                raise
            return checked(self._open_domain(account, region), table, row)

    def _touch(self, kind: Kind, account: str, region: str, name: str) -> None:
        self.touched.append(Change(kind, account, region, name))


def of_key(table: Any, key: Key) -> tuple[ColumnElement[bool], ...]:
    """What is true of a key's rows in a table of what hangs on keys, and of no others."""
    return (
        table.c.account == key.account,
        table.c.region == key.region,
        table.c.key_id == key.id,
    )
