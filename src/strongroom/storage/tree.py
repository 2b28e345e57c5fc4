"""The sums over all rows (`keys.witness`), kept up with every commit.

    epoch.sealed      the whole after the last commit
    branches.sealed   a sum over leaves; `changed` is the number of the commit that it is of
    leaves.sealed     the total of a thing

What a transaction reads of a thing is compared with its leaf, that with the sum of its branch, and that with
the whole, so that a row that is gone, or back as it once was, is noticed by whoever reads it.  Of the last
states the branches are held in memory; of a later one those are read that have changed since.

A whole that is empty is that of a database that nobody has written to, or of one that an early release
made: `storage.counting` counts its rows.
"""

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, bindparam, delete, select, text, update

from strongroom.keys.sealing import Tampered
from strongroom.keys.witness import (
    BRANCHES,
    MODULUS,
    NAME_BYTES,
    NOTHING,
    Place,
    Thing,
    Whole,
    Witness,
    branch_of,
)
from strongroom.storage.schema import branches, epoch, leaves

_AT_ONCE = 200  # leaves looked up by one statement
_STATES = 4  # that are held
_KEEP_LEAF = text(
    "INSERT INTO leaves (name, thing, sealed) VALUES (:name, :thing, :sealed) "
    "ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed"
)
_KEEP_BRANCH = text(
    "INSERT INTO branches (number, sealed, changed) VALUES (:number, :sealed, :changed) "
    "ON CONFLICT (number) DO UPDATE SET sealed = excluded.sealed, changed = excluded.changed"
)

LEAVES = select(leaves.c.name, leaves.c.sealed).where(
    leaves.c.name.between(bindparam("first"), bindparam("last"))
)
"""Those of a branch, between its `bounds`."""

Item = TypeVar("Item")


class Move(NamedTuple):
    """A row that came or went, by its MAC."""

    place: Place
    things: list[Thing]
    mac: bytes
    came: bool


class State(NamedTuple):
    """What there is after a commit."""

    whole: Whole
    sealed: bytes
    """The whole as it stands in `epoch`; no two commits have the same."""
    sums: list[int]
    """Of the branches; not to be changed."""


_BARE = [0] * BRANCHES


class Tree:
    """Of a database.  Safe to use from several threads."""

    def __init__(self, witness: Witness) -> None:
        self.witness = witness
        self._held: OrderedDict[bytes, State] = OrderedDict()
        self._lock = threading.Lock()

    def hold(self, state: State) -> None:
        with self._lock:
            self._held[state.sealed] = state
            if len(self._held) > _STATES:
                self._held.popitem(last=False)

    def held(self, sealed: bytes) -> State | None:
        """The state whose whole stands in `epoch` so, if it is known."""
        return self._held.get(sealed)

    def state(self, connection: Connection) -> State:
        """That which a transaction sees; Tampered if something of it is not as it was written."""
        whole, sealed = self._whole(connection)
        if whole.commits == 0:
            return State(whole, sealed, _BARE)
        state = self.held(sealed)
        if state is None:
            state = self._read(connection, whole, sealed)
            self.hold(state)
        return state

    def whole(self, connection: Connection) -> Whole:
        """The whole alone; Tampered if that is not what the row says."""
        return self._whole(connection)[0]

    def _whole(self, connection: Connection) -> tuple[Whole, bytes]:
        rows = connection.execute(select(epoch)).all()
        if len(rows) != 1:
            raise Tampered(f"`epoch` has {len(rows)} rows, not one")
        (row,) = rows
        if not row.sealed:
            return NOTHING._replace(number=row.number), b""
        state = self.held(row.sealed)
        found = self.witness.open_whole(row.sealed) if state is None else state.whole
        if found.number != row.number:
            raise Tampered("the row of `epoch` was altered outside Strongroom")
        return found, row.sealed

    def _read(self, connection: Connection, whole: Whole, sealed: bytes) -> State:
        with self._lock:
            earlier = [each for each in self._held.values() if each.whole.commits < whole.commits]
        nothing = State(NOTHING, b"", _BARE)
        base = max(earlier, key=lambda each: each.whole.commits, default=nothing)
        sums, total, share = base.sums.copy(), base.whole.total, self.witness.share
        later = select(branches).where(branches.c.changed > base.whole.commits)
        for row in connection.execute(later):
            number = row.number
            if not 0 <= number < BRANCHES:
                raise Tampered(f"there is no branch {number}")
            now = self.witness.open_branch(number, row.changed, row.sealed)
            total += share(number, now) - share(number, sums[number])
            sums[number] = now
        if total % MODULUS != whole.total:
            raise Tampered("the sums over all rows are not those of the last commit")
        return State(whole, sealed, sums)

    def require(self, connection: Connection, state: State, thing: Thing, total: int) -> None:
        """Tampered unless the rows that were read of a thing, whose weights are `total`, are those that are to be
        there.
        """
        name = self.witness.name(thing)
        rows = connection.execute(LEAVES, bounds(branch_of(name))).all()
        self.check(state, thing, name, [tuple(row) for row in rows], total)

    def check(
        self, state: State, thing: Thing, name: bytes, found: list[tuple[Any, ...]], total: int
    ) -> None:
        """The same, of the leaves of the thing's branch."""
        if self.witness.leaves(found) != state.sums[branch_of(name)]:
            raise Tampered(f"what is to be there of {told(thing)} was altered outside Strongroom")
        kept = dict(found).get(name)
        if (0 if kept is None else self.witness.open_total(thing, kept)) != total % MODULUS:
            raise Tampered(f"something of {told(thing)} is gone, or is as it once was")

    def record(
        self, connection: Connection, before: State, number: int, moves: Iterable[Move]
    ) -> State:
        """Keep the sums as they are after `moves`, and `number` as that of the last change."""
        sums = before.sums.copy()
        changed = self.add(connection, sums, moves)
        return self.keep(connection, before, sums, sorted(changed), number)

    def add(self, connection: Connection, sums: list[int], moves: Iterable[Move]) -> set[int]:
        """Keep the leaves as they are after `moves`, and have it in `sums`; on which branches they are."""
        changed: set[int] = set()
        for part in in_parts(self._differences(moves).items(), _AT_ONCE):
            for branch, difference in self._keep_leaves(connection, dict(part)):
                sums[branch] = (sums[branch] + difference) % MODULUS
                changed.add(branch)
        return changed

    def forget(self, connection: Connection, sums: list[int], thing: Thing) -> int:
        """Take away the leaf of a thing that there is no more, and have it in `sums`; on which branch it was."""
        name = self.witness.name(thing)
        branch = branch_of(name)
        gone = delete(leaves).where(leaves.c.name == name).returning(leaves.c.sealed)
        for sealed in connection.execute(gone).scalars().all():
            sums[branch] = (sums[branch] - self.witness.leaf(name, sealed)) % MODULUS
        return branch

    def keep(
        self,
        connection: Connection,
        before: State,
        sums: list[int],
        changed: list[int],
        number: int,
    ) -> State:
        """Keep the sums of these branches, and the whole, as a further commit."""
        share, commits = self.witness.share, before.whole.commits + 1
        difference = sum(
            share(each, sums[each]) - share(each, before.sums[each]) for each in changed
        )
        if changed:
            rows = [
                {
                    "number": each,
                    "sealed": self.witness.seal_branch(each, commits, sums[each]),
                    "changed": commits,
                }
                for each in changed
            ]
            connection.execute(_KEEP_BRANCH, rows)
        now = before.whole.moved(number, difference)
        sealed = self.witness.seal_whole(now)
        connection.execute(update(epoch).values(number=number, sealed=sealed))
        return State(now, sealed, sums)

    def _differences(self, moves: Iterable[Move]) -> dict[Thing, int]:
        found: dict[Thing, int] = defaultdict(int)
        for move in moves:
            weight = self.witness.weight(move.place, move.mac)
            for thing in move.things:
                found[thing] += weight if move.came else -weight
        return found

    def _keep_leaves(
        self, connection: Connection, differences: dict[Thing, int]
    ) -> Iterator[tuple[int, int]]:
        """By how much the sum of which branch is another."""
        of = {self.witness.name(thing): thing for thing in differences}
        query = select(leaves.c.name, leaves.c.sealed).where(leaves.c.name.in_(of))
        before = {row.name: row.sealed for row in connection.execute(query)}
        keep, gone = [], []
        for name, thing in of.items():
            was = before.get(name)
            known = 0 if was is None else self.witness.open_total(thing, was)
            total = (known + differences[thing]) % MODULUS
            difference = 0 if was is None else -self.witness.leaf(name, was)
            if total:
                sealed = self.witness.seal_total(thing, total)
                keep.append({"name": name, "thing": written(thing), "sealed": sealed})
                difference += self.witness.leaf(name, sealed)
            elif was is not None:
                gone.append(name)
            yield branch_of(name), difference
        if keep:
            connection.execute(_KEEP_LEAF, keep)
        if gone:
            connection.execute(delete(leaves).where(leaves.c.name.in_(gone)))


def bounds(branch: int) -> dict[str, bytes]:
    """Between which names the leaves of a branch are, both included."""
    first = branch << 2
    return {
        "first": first.to_bytes(2) + bytes(NAME_BYTES - 2),
        "last": (first + 3).to_bytes(2) + b"\xff" * (NAME_BYTES - 2),
    }


def written(thing: Thing) -> str:
    return "/".join(thing)


def read(text: str) -> Thing:
    """The thing that was written so; Tampered if it is none."""
    parts = text.split("/", 3)
    if len(parts) != len(Thing._fields):
        raise Tampered("a row of `leaves` was altered outside Strongroom")
    return Thing(*parts)


def told(thing: Thing) -> str:
    """For people."""
    name = f" {' to '.join(thing.name.split())}" if thing.name else ""
    account = f" of account {thing.account}" if thing.account else ""
    region = f" in {thing.region}" if thing.region else ""
    return f"`{thing.kind}`{name}{account}{region}"


def in_parts(items: Iterable[Item], most: int) -> Iterator[list[Item]]:
    rest = iter(items)
    while part := list(islice(rest, most)):
        yield part
