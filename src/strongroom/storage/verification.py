"""Is everything in the database as it was written, and all of it there?

Every row is read.  One that was edited, or written by somebody else, is named; of rows that are gone, there
twice or back as they once were it is told of which thing they are: their sum is another (`storage.tree`).
"""

from collections import defaultdict
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping, Table, select

from strongroom.keys.hierarchy import Domain, RootKey, open_domain
from strongroom.keys.sealing import Tampered
from strongroom.keys.witness import BRANCHES, MODULUS, Thing, Witness, branch_of
from strongroom.storage import changes
from strongroom.storage.rows import checked, streamed
from strongroom.storage.schema import branches, domains, leaves
from strongroom.storage.schema import changes as changes_table
from strongroom.storage.things import COUNTED, KINDS, columns_of, mac_of, place_of, things_of
from strongroom.storage.tree import Tree, read, told

_OF = "some are gone, are there twice, or are as they once were"


class Wrong(NamedTuple):
    """One thing that is not as it was written."""

    where: str
    what: str


Sort = tuple[str, str, str]
"""Kind, account and Region of things."""


class Verification:
    """One pass over a database.  `rows` counts those that were looked at."""

    def __init__(self, connection: Connection, root: RootKey) -> None:
        self._connection = connection
        self._root = root
        self._witness = Witness(root)
        self._domains: dict[tuple[str, str], Domain | None] = {}
        self.rows = 0

    def run(self) -> Iterator[Wrong]:
        """Everything that is wrong, in the order of the tables; memory does not grow with the rows."""
        weights: dict[Sort, int] = defaultdict(int)
        altered: set[Sort] = set()
        for table in COUNTED:
            for row in self._rows(table):
                self.rows += 1
                try:
                    self._require(table, row)
                    weight = self._weight(table, row)
                except Tampered as failure:
                    altered.update(_sort(each) for each in things_of(table, row))
                    yield Wrong(_name(table, row), str(failure))
                    continue
                for each in things_of(table, row):
                    weights[_sort(each)] += weight
        number = yield from self._sums(weights, altered)
        if number is not None:
            yield from self._changes(number)

    def _sums(
        self, weights: dict[Sort, int], altered: set[Sort]
    ) -> Generator[Wrong, None, int | None]:
        """The number of the last change, if that is known."""
        sums = [0] * BRANCHES
        torn: set[int] = set()  # branches of which a leaf was altered
        with self._connection.execute(streamed(select(leaves))) as rows:
            for row in rows:
                self.rows += 1
                try:
                    thing, total = self._leaf(row)
                except Tampered as failure:
                    torn.add(branch_of(row.name))
                    altered.add(_written_sort(row.thing))
                    yield Wrong(f"leaf {row.thing}", str(failure))
                    continue
                sums[branch_of(row.name)] += self._witness.leaf(row.name, row.sealed)
                if thing.kind in KINDS:  # else of a later release, which shares this database
                    weights[_sort(thing)] -= total
        for sort, difference in weights.items():
            if difference % MODULUS and sort not in altered:
                yield from self._things(sort)
        whole = yield from self._branches(sums, torn)
        try:
            kept = Tree(self._witness).whole(self._connection)
        except Tampered as failure:
            yield Wrong("epoch", str(failure))
            return None
        if kept.total != whole % MODULUS:
            yield Wrong(
                "branches", "some are gone, or are as they once were, and so are rows with them"
            )
        return kept.number

    def _leaf(self, row: Any) -> tuple[Thing, int]:
        thing = read(row.thing)
        total = self._witness.open_total(thing, row.sealed)
        if self._witness.name(thing) != row.name:
            raise Tampered("a row of `leaves` was altered outside Strongroom")
        return thing, total

    def _branches(self, sums: list[int], torn: set[int]) -> Generator[Wrong, None, int]:
        """What the branches as they are kept are together."""
        whole = 0
        for row in self._connection.execute(select(branches).order_by(branches.c.number)):
            self.rows += 1
            if not 0 <= row.number < BRANCHES:
                yield Wrong(f"branch {row.number}", "there is none of that number")
                continue
            found, sums[row.number] = sums[row.number] % MODULUS, 0
            try:
                total = self._witness.open_branch(row.number, row.changed, row.sealed)
            except Tampered as failure:
                yield Wrong(f"branch {row.number}", str(failure))
                continue
            if found != total and row.number not in torn:
                yield Wrong(f"leaves of branch {row.number}", _OF)
            whole += self._witness.share(row.number, total)
        for number, total in enumerate(sums):
            if total:
                yield Wrong(f"branch {number}", "it is gone")
        return whole

    def _things(self, sort: Sort) -> Iterator[Wrong]:
        """The things of a kind, account and Region of which some row is too many or too few."""
        sums: dict[Thing, int] = defaultdict(int)
        for table in COUNTED:
            named = streamed(select(*columns_of(table)))
            for row in self._connection.execute(named).mappings():
                for thing in things_of(table, row):
                    if _sort(thing) == sort:
                        sums[thing] += self._weight(table, row)
        for leaf in self._connection.execute(streamed(select(leaves))):
            try:
                thing, total = self._leaf(leaf)
            except Tampered:
                continue  # it is told of
            if _sort(thing) == sort:
                sums[thing] -= total
        for thing, difference in sums.items():
            if difference % MODULUS:
                yield Wrong(f"rows of {told(thing)}", _OF)

    def _changes(self, number: int) -> Iterator[Wrong]:
        """Those that are kept are the latest, without a gap."""
        query = select(changes_table).order_by(changes_table.c.number.desc())
        with self._connection.execute(streamed(query)) as rows:
            for row in rows:
                self.rows += 1
                if row.number != number:
                    yield Wrong(f"change {row.number}", f"it stands where {number} should")
                    return
                number -= 1
                try:
                    changes.genuine(self._witness, row)
                except (Tampered, AttributeError) as failure:
                    yield Wrong(f"change {row.number}", str(failure))

    def _rows(self, table: Table) -> Iterator[RowMapping]:
        query = select(table).order_by(*table.primary_key)
        yield from self._connection.execute(streamed(query)).mappings()

    def _require(self, table: Table, row: RowMapping) -> None:
        home = row["account"], row.get("region", "")
        if table is domains:
            self._domains[home] = None
            self._domains[home] = open_domain(self._root, *home, row["sealed"])
        else:
            checked(self._domains.get(home), table, row)

    def _weight(self, table: Table, row: RowMapping) -> int:
        return self._witness.weight(place_of(table, row), row[mac_of(table)])


def _sort(thing: Thing) -> Sort:
    return thing.kind, thing.account, thing.region


def _written_sort(thing: str) -> Sort:
    kind, account, region = (*thing.split("/", 3), "", "")[:3]
    return kind, account, region


def _name(table: Table, row: RowMapping) -> str:
    at: list[Any] = [row[column.name] for column in table.primary_key]
    names = (value.hex() if isinstance(value, bytes) else str(value) for value in at)
    return f"row of `{table.name}` {' '.join(names)}"
