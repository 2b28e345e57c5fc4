"""What every part of the books has: the transaction, its domains, rows signed and checked, and things whole."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    delete,
    insert,
    select,
    true,
    update,
)

from strongroom.keys.hierarchy import Cell, Domain, RootKey, new_domain, open_domain
from strongroom.keys.key import Key
from strongroom.keys.sealing import Tampered
from strongroom.keys.witness import Place, Thing
from strongroom.storage import schema
from strongroom.storage.changes import Change, Kind
from strongroom.storage.rows import checked, signed
from strongroom.storage.tallies import Tallies
from strongroom.storage.things import AnyRow, columns_of, mac_of, place_of, thing, things_of
from strongroom.storage.tree import Move, State, Tree

Home = tuple[str, str]
"""An account and a Region."""


@dataclass(slots=True)
class Book:
    connection: Connection = field(repr=False)
    root: RootKey = field(repr=False)
    domains: dict[Home, Domain] = field(repr=False)  # grows by what this transaction opens
    tree: Tree = field(repr=False)
    tallies: Tallies = field(default_factory=Tallies, repr=False)
    opened: set[Home] = field(default_factory=set)  # domains as they are in this transaction
    touched: list[Change] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list, repr=False)
    _moved: set[Thing] = field(default_factory=set, repr=False)
    _read: defaultdict[Thing, set[tuple[Place, bytes]]] = field(
        default_factory=lambda: defaultdict(set), repr=False
    )  # rows of things that have not been compared yet
    _state: State | None = field(default=None, repr=False)

    def state(self) -> State:
        """What was there when this transaction began to read, or to write."""
        if self._state is None:
            self._state = self.tree.state(self.connection)
        return self._state

    def domain(self, account: str, region: str) -> Domain | None:
        """The domain, or None where nothing was ever kept."""
        return self.domains.get((account, region)) or self._open_domain(account, region)

    def _open_domain(self, account: str, region: str) -> Domain | None:
        """The domain as this transaction sees it: what was opened before may have a new key since."""
        sealed = self._sealed_domain(account, region)
        if sealed is None:
            self._require(schema.domains, account, region)
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
        row = {"account": account, "region": region, "sealed": sealed}
        self.connection.execute(insert(schema.domains).values(row))
        self._move(schema.domains, row, came=True)
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
            self._move(table, row, came=True)

    def _update(
        self, table: Any, account: str, region: str, row: Mapping[str, Cell], *where: Any
    ) -> bool:
        """Write `row` in place of the one that is there; whether there was one."""
        query = select(*columns_of(table)).where(*where)
        before = self.connection.execute(query).mappings().one_or_none()
        if before is None:
            return False
        new = signed(self.own_domain(account, region), table, row)
        self.connection.execute(update(table).where(*where).values(new))
        self._move(table, before, came=False)
        self._move(table, new, came=True)
        return True

    def _delete(self, table: Any, *where: Any) -> int:
        """How many rows there were."""
        gone = delete(table).where(*where).returning(*columns_of(table))
        rows = self.connection.execute(gone).mappings().all()
        for row in rows:
            self._move(table, row, came=False)
        return len(rows)

    def _move(self, table: Any, row: AnyRow, *, came: bool) -> None:
        things = things_of(table, row)
        self.moves.append(Move(place_of(table, row), things, row[mac_of(table)], came))
        self._moved.update(things)

    def _all(
        self, table: Any, account: str, region: str, order: Any = None, **by: str
    ) -> list[dict[str, Any]]:
        """The rows of a thing: all that have these values in these columns.  Tampered if one is gone, or is as it
        once was.
        """
        rows = self._some(table, account, region, _having(table, by), order, None)
        self._require(table, account, region, **by)
        return rows

    def _only(self, table: Any, account: str, region: str, **by: str) -> dict[str, Any] | None:
        """The row of a thing that has no more than one; see `_all`."""
        rows = self._all(table, account, region, **by)
        return rows[0] if rows else None

    def _anywhere(self, table: Any, **by: str) -> dict[str, Any] | None:
        """The same, of whichever account."""
        query = select(table).where(_having(table, by))
        found = self.connection.execute(query).mappings().one_or_none()
        row = None if found is None else self._checked(table, found["account"], "", found)
        self._require(table, "", "", **by)
        return row

    def _require(self, table: Any, account: str, region: str, **by: str) -> None:
        """Tampered unless what was read of a thing is all of it, as it is.

        Of what this transaction changes it is not asked: it was when that was read first.
        """
        asked = thing(table, account, region, by)
        rows = self._read.pop(asked, set())
        if asked not in self._moved:
            weigh = self.tree.witness.weight
            total = sum(weigh(place, mac) for place, mac in rows)
            self.tree.require(self.connection, self.state(), asked, total)

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
            found = checked(self.domain(account, region), table, row)
        except Tampered:
            if (account, region) in self.opened:
                raise
            found = checked(self._open_domain(account, region), table, row)
        self._saw(table, found, row["mac"])
        return found

    def _saw(self, table: Any, row: AnyRow, mac: bytes) -> None:
        for each in things_of(table, row):
            self._read[each].add((place_of(table, row), mac))

    def _touch(self, kind: Kind, account: str, region: str, name: str) -> None:
        self.touched.append(Change(kind, account, region, name))


def _having(table: Any, by: Mapping[str, str]) -> ColumnElement[bool]:
    return and_(true(), *(table.c[name] == value for name, value in by.items()))


def of_key(table: Any, key: Key) -> tuple[ColumnElement[bool], ...]:
    """What is true of a key's rows in a table of what hangs on keys, and of no others."""
    return (
        table.c.account == key.account,
        table.c.region == key.region,
        table.c.key_id == key.id,
    )
