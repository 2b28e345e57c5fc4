"""The sums over all rows of a database that has none yet, or those of the release before.

That release kept a total for each table, account and Region, and summed their shares.  Its sums are compared with
the rows once more, so that what is counted anew is what was to be there.
"""

from collections import defaultdict
from collections.abc import Generator
from contextlib import closing

from sqlalchemy import Connection, delete, select

from strongroom.keys.sealing import Tampered
from strongroom.keys.witness import BRANCHES, MODULUS, Place, Whole, Witness
from strongroom.storage.rows import streamed
from strongroom.storage.schema import branches, leaves, totals
from strongroom.storage.things import COUNTED, columns_of, mac_of, place_of, things_of
from strongroom.storage.tree import Move, State, Tree

_AT_ONCE = 10_000  # rows


def counted(connection: Connection, whole: Whole) -> bool:
    """Whether there are sums as this release keeps them."""
    if whole.commits == 0:
        return False
    return whole.total == 0 or connection.execute(select(branches).limit(1)).first() is not None


def bring_up(connection: Connection, tree: Tree, *, believed: bool = False) -> Whole:
    """Count all rows, unless that has been done; the whole.

    Tampered if there were sums, and they are not those of the rows; `believed`, they are not asked.
    """
    whole = tree.whole(connection)
    return whole if counted(connection, whole) else _count(connection, tree, whole, believed).whole


def _count(connection: Connection, tree: Tree, whole: Whole, believed: bool) -> State:
    for table in (leaves, branches):
        connection.execute(delete(table))
    weights: dict[Place, int] = defaultdict(int)
    sums = [0] * BRANCHES
    part: list[Move] = []
    with closing(_every_row(connection)) as moves:
        for move in moves:
            weights[move.place] += tree.witness.weight(move.place, move.mac)
            part.append(move)
            if len(part) == _AT_ONCE:
                tree.add(connection, sums, part)
                part = []
    tree.add(connection, sums, part)
    if whole.commits and not believed:
        _require(connection, tree.witness, whole, weights)
    connection.execute(delete(totals))
    before = State(whole._replace(total=0), b"", [0] * BRANCHES)
    changed = [number for number, total in enumerate(sums) if total]
    return tree.keep(connection, before, sums, changed, whole.number)


def _every_row(connection: Connection) -> Generator[Move, None, None]:
    """All that counts, as it stands; nothing is checked."""
    for table in COUNTED:
        with connection.execute(streamed(select(*columns_of(table)))) as found:
            for row in found.mappings():
                yield Move(place_of(table, row), things_of(table, row), row[mac_of(table)], True)


def _require(
    connection: Connection, witness: Witness, whole: Whole, weights: dict[Place, int]
) -> None:
    shares = 0
    with connection.execute(streamed(select(totals))) as found:
        for row in found:
            place = Place(row.of_table, row.account, row.region)
            total = witness.open_total(place, row.sealed)
            if weights.pop(place, 0) % MODULUS != total:
                raise Tampered(
                    f"of the rows of `{place.table}`, account {place.account}, some are gone, are there twice, or "
                    "are as they once were"
                )
            shares += witness.share_of_place(place, total)
    if weights or shares % MODULUS != whole.total:
        raise Tampered("the sums over all rows are not those of the last commit")
