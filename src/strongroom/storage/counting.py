"""The sums over all rows of a database that has none yet, or those of before.

The release before kept a total for each table, account and Region, and summed their shares.  Its sums are compared with
the rows once more, so that what is counted anew is what was to be there.  Last usages were one thing in an account and
Region, before they were many; they are compared in the same way.
"""

from collections import defaultdict
from collections.abc import Generator
from contextlib import closing

from sqlalchemy import Connection, delete, select

from strongroom.keys.sealing import Tampered
from strongroom.keys.witness import BRANCHES, MODULUS, Place, Thing, Whole, Witness
from strongroom.storage.rows import streamed
from strongroom.storage.schema import branches, domains, last_usage, leaves, totals
from strongroom.storage.things import COUNTED, columns_of, mac_of, place_of, things_of
from strongroom.storage.tree import Move, State, Tree, in_parts

_AT_ONCE = 10_000  # rows
_LOOKED_UP = 200  # leaves, by one statement


def current(connection: Connection, witness: Witness, whole: Whole) -> bool:
    """Whether the sums are as this release keeps them."""
    return _counted(connection, whole) and not _with_one_total(connection, witness)


def _counted(connection: Connection, whole: Whole) -> bool:
    """Whether there are sums of things."""
    if whole.commits == 0:
        return False
    return whole.total == 0 or connection.execute(select(branches).limit(1)).first() is not None


def bring_up(connection: Connection, tree: Tree, *, believed: bool = False) -> Whole:
    """Count all rows, unless that has been done; the whole.

    Tampered if there were sums, and they are not those of the rows; `believed`, they are not asked.
    """
    whole = tree.whole(connection)
    if not _counted(connection, whole):
        return _count(connection, tree, whole, believed).whole
    homes = _with_one_total(connection, tree.witness)
    return _divide(connection, tree, homes, believed).whole if homes else whole


def _with_one_total(connection: Connection, witness: Witness) -> list[Thing]:
    """Last usages that are one thing still."""
    homes = connection.execute(select(domains.c.account, domains.c.region)).all()
    found: list[Thing] = []
    for part in in_parts(homes, _LOOKED_UP):
        things = [Thing("last_usage", account, region, "") for account, region in part]
        named = {witness.name(thing): thing for thing in things}
        there = connection.execute(select(leaves.c.name).where(leaves.c.name.in_(named)))
        found += [named[name] for name in there.scalars()]
    return found


def _divide(connection: Connection, tree: Tree, homes: list[Thing], believed: bool) -> State:
    """Make last usages many things; Tampered, with nothing changed, if the rows are not those of the one."""
    before = tree.state(connection)
    for one in [] if believed else homes:
        weights = (tree.witness.weight(place, mac) for place, _, mac, _ in _usages(connection, one))
        tree.require(connection, before, one, sum(weights))
    sums, changed = before.sums.copy(), set[int]()
    for one in homes:
        changed.add(tree.forget(connection, sums, one))
        for part in in_parts(_usages(connection, one), _AT_ONCE):
            changed |= tree.add(connection, sums, part)
    return tree.keep(connection, before, sums, sorted(changed), before.whole.number)


def _usages(connection: Connection, one: Thing) -> Generator[Move, None, None]:
    """Of an account in a Region, as they come to be of many things."""
    query = select(*columns_of(last_usage)).where(
        last_usage.c.account == one.account, last_usage.c.region == one.region
    )
    with connection.execute(streamed(query)) as rows:
        for row in rows.mappings():
            things = things_of(last_usage, row)
            yield Move(place_of(last_usage, row), things, row[mac_of(last_usage)], came=True)


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
