"""The sums over all rows (`keys.witness`), kept up with every commit.

    epoch.sealed     the whole after the last commit
    totals.sealed    of a table's rows of one account and Region

A whole that is empty is that of a database that nobody has written to, or of one that an earlier release
made: `begin` counts its rows.  Whoever empties it to have other rows counted loses the number of commits
with it, which is known elsewhere too.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Select, Table, bindparam, insert, select, tuple_, update

from strongroom.keys.sealing import Tampered
from strongroom.keys.witness import NOTHING, Place, Whole, Witness
from strongroom.storage.schema import changes, domains, epoch, metadata, totals

_AT_ONCE = 200  # places looked up by one statement
_names = totals.c.of_table, totals.c.account, totals.c.region

Item = TypeVar("Item")


class Move(NamedTuple):
    """A row that came or went, by its MAC."""

    place: Place
    mac: bytes
    came: bool


def whole(connection: Connection, witness: Witness) -> Whole:
    """The state as the last commit left it; Tampered if that is not what the row says."""
    rows = connection.execute(select(epoch)).all()
    if len(rows) != 1:
        raise Tampered(f"`epoch` has {len(rows)} rows, not one")
    (row,) = rows
    if not row.sealed:
        return NOTHING._replace(number=row.number)
    found = witness.open_whole(row.sealed)
    if found.number != row.number:
        raise Tampered("the row of `epoch` was altered outside Strongroom")
    return found


def record(
    connection: Connection, witness: Witness, before: Whole, number: int, moves: Iterable[Move]
) -> Whole:
    """Keep the sums as they are after `moves`, and `number` as that of the last change."""
    differences: dict[Place, int] = defaultdict(int)
    for move in moves:
        weight = witness.weight(move.place, move.mac)
        differences[move.place] += weight if move.came else -weight
    difference = 0
    for places in _in_parts(differences):
        known = dict(_kept(connection, witness, places))
        after = {place: known.get(place, 0) + differences[place] for place in places}
        for place, total in after.items():
            difference += witness.share(place, total) - witness.share(place, known.get(place, 0))
        _keep(connection, witness, after, known)
    now = before.moved(number, difference)
    connection.execute(update(epoch).values(number=number, sealed=witness.seal_whole(now)))
    return now


def begin(connection: Connection, witness: Witness) -> Whole:
    """Count all rows of a database whose whole is empty; the whole as it is."""
    before = whole(connection, witness)
    if before.commits:
        return before
    moves = (Move(place, mac, True) for place, mac in every_row(connection))
    return record(connection, witness, before, before.number, moves)


def every_row(connection: Connection) -> Iterator[tuple[Place, bytes]]:
    """Place and MAC of every row that counts, as they stand; nothing is checked."""
    for table in COUNTED:
        columns = [table.c.account, table.c[mac_of(table)]]
        if "region" in table.c:
            columns.append(table.c.region)
        found = connection.execute(streamed(select(*columns)))
        for account, mac, *region in found:
            yield Place(table.name, account, "".join(region)), mac


def kept(connection: Connection, witness: Witness) -> Iterator[tuple[Place, int | None]]:
    """Every total there is; None for one that does not open."""
    for row in connection.execute(streamed(select(totals))):
        place = Place(row.of_table, row.account, row.region)
        try:
            yield place, witness.open_total(place, row.sealed)
        except Tampered:
            yield place, None


def streamed(query: Select[Any]) -> Select[Any]:
    """The same, whose rows are not all in memory at once."""
    return query.execution_options(yield_per=1_000)


def mac_of(table: Table) -> str:
    """The column that vouches for a row: a domain has none but what it seals."""
    return "sealed" if table is domains else "mac"


COUNTED = [
    domains,
    *(table for table in metadata.sorted_tables if "mac" in table.c and table is not changes),
]
"""Tables whose rows are to be there; first that which has the others' keys."""


def _kept(
    connection: Connection, witness: Witness, places: list[Place]
) -> Iterator[tuple[Place, int]]:
    wanted = tuple_(*_names).in_([tuple(place) for place in places])
    for row in connection.execute(select(totals).where(wanted)):
        place = Place(row.of_table, row.account, row.region)
        yield place, witness.open_total(place, row.sealed)


def _keep(
    connection: Connection, witness: Witness, after: dict[Place, int], known: dict[Place, int]
) -> None:
    new, old = [], []
    for place, total in after.items():
        sealed = witness.seal_total(place, total)
        if place in known:
            old.append(
                {
                    **{f"at_{name}": value for name, value in place._asdict().items()},
                    "sealed": sealed,
                }
            )
        else:
            table, account, region = place
            row = {"of_table": table, "account": account, "region": region, "sealed": sealed}
            new.append(row)
    if new:
        connection.execute(insert(totals), new)
    if old:
        here = [
            column == bindparam(f"at_{name}")
            for column, name in zip(_names, Place._fields, strict=True)
        ]
        connection.execute(update(totals).where(*here).values(sealed=bindparam("sealed")), old)


def _in_parts(items: Iterable[Item]) -> Iterator[list[Item]]:
    rest = iter(items)
    while part := list(islice(rest, _AT_ONCE)):
        yield part
