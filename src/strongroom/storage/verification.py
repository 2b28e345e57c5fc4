"""Is everything in the database as it was written, and all of it there?

Every row is read.  One that was edited, or written by somebody else, is named; of rows that are gone, there
twice or back as they once were it is told of which table, account and Region they are: the sum over
the others is another (`storage.totals`).
"""

from collections import defaultdict
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping, Table, select

from strongroom.keys.hierarchy import Domain, RootKey, open_domain
from strongroom.keys.sealing import Tampered
from strongroom.keys.witness import MODULUS, Place, Witness
from strongroom.storage import changes, totals
from strongroom.storage.rows import checked
from strongroom.storage.schema import changes as changes_table
from strongroom.storage.schema import domains

_KNOWN = {table.name for table in totals.COUNTED}


class Wrong(NamedTuple):
    """One thing that is not as it was written."""

    where: str
    what: str


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
        weights: dict[Place, int] = defaultdict(int)
        altered: set[Place] = set()
        for table in totals.COUNTED:
            column = totals.mac_of(table)
            for row in self._rows(table):
                self.rows += 1
                place = Place(table.name, str(row["account"]), str(row.get("region", "")))
                try:
                    self._require(table, row)
                    weights[place] += self._witness.weight(place, row[column])
                except Tampered as failure:
                    altered.add(place)
                    yield Wrong(_name(table, row), str(failure))
        number = yield from self._sums(weights, altered)
        if number is not None:
            yield from self._changes(number)

    def _sums(
        self, weights: dict[Place, int], altered: set[Place]
    ) -> Generator[Wrong, None, int | None]:
        """The number of the last change, if that is known."""
        whole = 0
        for place, total in totals.kept(self._connection, self._witness):
            self.rows += 1
            found = weights.pop(place, 0) % MODULUS
            theirs = place.table not in _KNOWN  # of a later release, which shares this database
            if total is None:
                yield Wrong(
                    _place(place), "what their sum should be was altered outside Strongroom"
                )
            elif found != total and not theirs and place not in altered:
                yield Wrong(
                    _place(place), "some are gone, are there twice, or are as they once were"
                )
            whole += self._witness.share(place, total or 0)
        for place in weights.keys() - altered:
            yield Wrong(_place(place), "they were put there outside Strongroom, or long ago")
        try:
            kept = totals.whole(self._connection, self._witness)
        except Tampered as failure:
            yield Wrong("epoch", str(failure))
            return None
        if kept.total != whole % MODULUS:
            yield Wrong(
                "totals", "some are gone, or are as they once were, and so are rows with them"
            )
        return kept.number

    def _changes(self, number: int) -> Iterator[Wrong]:
        """Those that are kept are the latest, without a gap."""
        query = select(changes_table).order_by(changes_table.c.number.desc())
        with self._connection.execute(totals.streamed(query)) as rows:
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
        yield from self._connection.execute(totals.streamed(query)).mappings()

    def _require(self, table: Table, row: RowMapping) -> None:
        home = row["account"], row.get("region", "")
        if table is domains:
            self._domains[home] = None
            self._domains[home] = open_domain(self._root, *home, row["sealed"])
        else:
            checked(self._domains.get(home), table, row)


def _place(place: Place) -> str:
    region = f" in {place.region}" if place.region else ""
    return f"rows of `{place.table}`, account {place.account}{region}"


def _name(table: Table, row: RowMapping) -> str:
    at: list[Any] = [row[column.name] for column in table.primary_key]
    names = (value.hex() if isinstance(value, bytes) else str(value) for value in at)
    return f"row of `{table.name}` {' '.join(names)}"
