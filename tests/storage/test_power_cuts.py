"""The power goes at any moment: what was acknowledged is there, what was under way wholly or not at all.

The whole storage layer runs over a disk that forgets what was not synced (`powercut`); what is left of
it is opened by the product as it is, over Python's own SQLite.
"""

import itertools
import os
import random
import tempfile
from contextlib import closing
from functools import lru_cache, partial
from math import inf
from pathlib import Path
from unittest import mock

import mutations
import powercut
import pytest
from mutations import MUTATIONS
from powercut import Acknowledged, Disk, Intended, Platter, WatchedAnchor, Wrote, die, watched
from tests import releases

from strongroom.errors import Unavailable
from strongroom.keys.hierarchy import RootKey
from strongroom.keys.witness import NOTHING, Witness
from strongroom.main.continuity import discontinuities
from strongroom.storage import rootkey
from strongroom.storage.anchor import Anchor
from strongroom.storage.books import Books
from strongroom.storage.database import Database
from strongroom.storage.databases.kind import DatabaseError
from strongroom.storage.databases.sqlite import Sqlite
from strongroom.storage.folder import Folder
from strongroom.storage.migrations import migrate, revision
from strongroom.storage.page import Page
from strongroom.storage.schema import REVISION
from strongroom.storage.store import Store

ROOT = RootKey(bytes(32))
FILE, ANCHOR = "strongroom.db", "anchor"


def contents(folder):
    """What is in the files, but for the shared memory, which a machine that was off has not."""
    return {
        path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith("-shm")
    }


def put(folder, content):
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, data in content.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def place(tmp_path):
    """A folder in memory, if there is such: nothing here is to outlast anything."""
    memory = Path("/dev/shm")
    within = memory if os.access(memory, os.W_OK) else tmp_path
    with tempfile.TemporaryDirectory(prefix="strongroom-", dir=within) as path:
        yield Path(path)


@pytest.fixture
def empty(place):
    """The files of a database that has tables and nothing in them, and of an anchor."""
    folder = put(place / "empty", {})
    Anchor.make(folder / ANCHOR, Witness(ROOT)).close()
    with closing(Database(folder / FILE)) as database:
        migrate(database)
    return contents(folder)


class Session:
    """One process's store over a watched disk, begun as `strongroom serve` does."""

    def __init__(self, folder, disk):
        self.disk = disk
        WatchedAnchor.disk = disk
        self._anchor = WatchedAnchor.open(folder / ANCHOR, Witness(ROOT))
        self._database = Database(folder / FILE)
        self._store = Store(self._database, ROOT, Page.blank(), self._anchor)
        self._database.require_durable()
        whole = self._store.begin()
        self._anchor.set_to(whole)
        self._acknowledge(whole)

    def _acknowledge(self, whole):
        self.disk.log.append(Acknowledged(whole))

    def change(self, mutation, chance):
        with self._store.writing() as books:
            mutation(books, chance)
        self._acknowledge(self._store.whole())

    def change_while_somebody_reads(self, mutation, chance):
        """Whose moment a checkpoint does not go beyond."""
        with self._store.reading() as books:
            books.account_exists("")
            self.change(mutation, chance)

    def forget_deleted(self):
        self._store.forget_deleted()

    @property
    def lost(self):
        return self._database.lost

    def go_on(self):
        """As if nothing had happened."""
        self._database.lost = False

    def end(self):
        self._store.close()
        self._anchor.close()

    def killed(self):
        die()
        self._anchor.close()
        self.disk.dies_at = inf


def lived(folder, content, seed, count, **pragmas):
    """The disk after `count` changes by chance; and now and then what is done besides changes, and deaths."""
    disk = Disk(content)
    chance = random.Random(f"lived/{seed}")
    with watched(disk, seed, **pragmas):
        session = Session(put(folder, content), disk)
        for _ in range(count):
            session = step(session, folder, chance)
        session.end()
    return disk


def step(session, folder, chance):
    """A change; the session that goes on from there."""
    disk, what = session.disk, chance.random()
    if what < 0.1:
        disk.dies_at = len(disk.log) + chance.randrange(40)
    try:
        session.change(chance.choice(list(MUTATIONS.values())), chance)
        if 0.1 <= what < 0.15:
            session.forget_deleted()
    except Unavailable:
        if disk.dies_at == inf:
            raise
    if what < 0.1:
        session.killed()
    elif what > 0.97:
        session.end()  # which empties the write-ahead log into the database
    else:
        return session
    return Session(folder, disk)


def possible(log, before=NOTHING):
    """What may be there after a cut behind these events: the state that was acknowledged last, or what was
    there `before` them; and one that was to come after it.
    """
    states = [before]
    for event in log:
        if isinstance(event, Acknowledged):
            states = [event.whole]
        elif isinstance(event, Intended):
            states = [states[0], event.whole]
    return states


@lru_cache(maxsize=4)
def unwatched(file):
    """The product's own database; once, for SQLAlchemy is slow to compile what it asks."""
    return Database(file)


def verified(store):
    """What is not as it was written, and how many rows there are."""
    with store.verifying() as verification:
        return [f"{each.where}: {each.what}" for each in verification.run()], verification.rows


def wrong(folder, content, allowed):
    """What is not as it must be in what a power cut has left; and the state that is there."""
    put(folder, content)
    with (
        closing(unwatched(folder / FILE)) as database,
        closing(Anchor.open(folder / ANCHOR, Witness(ROOT))) as anchor,
    ):
        store = Store(database, ROOT, Page.blank())
        try:
            whole = store.whole()
            found, _ = verified(store)
            with database.reading() as connection:
                said = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
        except Unavailable as failure:
            return [failure.message], None
        if whole not in allowed:
            found.append(f"{whole} is none of {allowed}")
        if said != ["ok"]:
            found.append(f"integrity: {said}")
        return found + discontinuities(Folder(folder), ROOT, lambda: whole, anchor), whole


def cuts(folder, disk, seed, count):
    """What is wrong after each of `count` power cuts at moments by chance, in their order."""
    chance = random.Random(f"cuts/{seed}")
    moments = sorted(chance.randint(0, len(disk.log)) for _ in range(count))
    platter, done = Platter(disk.content), 0
    for moment in moments:
        for event in disk.log[done:moment]:
            platter.take(event)
        done = moment
        content = platter.left(chance)
        found, whole = wrong(folder / "left", content, possible(disk.log[:moment]))
        if not found and chance.random() < 0.1:
            found = cut_again(folder, content, whole, f"{seed}/{moment}", chance)
        yield [f"seed={seed} moment={moment}: {each}" for each in found]


def cut_again(folder, content, whole, seed, chance):
    """What is wrong after another cut, while what the first had left was opened and changed."""
    disk = lived(folder / "again", content, seed, 2)
    moment = chance.randint(0, len(disk.log))
    platter = Platter(content)
    for event in disk.log[:moment]:
        platter.take(event)
    allowed = possible(disk.log[:moment], whole)
    found, _ = wrong(folder / "left", platter.left(chance), allowed)
    return [f"again at {moment}: {each}" for each in found]


def life(place, empty, seeds, changes, count, **pragmas):
    """Everything that is wrong after `count` cuts in each of several lives; and how many cuts there were."""
    found, states = [], 0
    for seed in seeds:
        disk = lived(place / "lived", empty, seed, changes, **pragmas)
        for each in cuts(place, disk, seed, count):
            states += 1
            found += each
    return found, states


def test_what_was_acknowledged_outlasts_a_power_cut(place, empty):
    found, states = life(place, empty, range(3), changes=40, count=100)
    assert found == []
    assert states == 300


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_what_was_acknowledged_outlasts_thirty_thousand_power_cuts(place, empty):
    found, states = life(place, empty, range(1000, 1150), changes=60, count=200)
    assert found == []
    assert states == 30_000


@pytest.mark.parametrize("synchronous", ["OFF", "NORMAL"])
def test_a_database_that_does_not_sync_loses_acknowledged_changes(place, empty, synchronous):
    """What these tests look for is found where it is."""
    found, _ = life(place, empty, range(1), changes=40, count=60, synchronous=synchronous)
    assert [each for each in found if "is none of" in each]


def test_what_a_seed_does_can_be_done_again(place, empty):
    logs = [lived(place / "lived", empty, 7, 30).log for _ in range(2)]
    assert logs[0] == logs[1]


# At every write and every sync


def every_moment(disk, begin, chance, torn, stride):
    """What may be left after each event from `begin` on, each content once, with its moment: of a process that
    died there, of a machine that lost all it could, and `torn` times by chance.  Of writes in a row, the first and
    every further one behind `stride`.
    """
    platter, seen, row = Platter(disk.content), set(), 0
    for moment, event in enumerate(disk.log):
        platter.take(event)
        row = row + 1 if isinstance(event, Wrote) else -1
        if moment < begin or row % stride:
            continue
        for left in (platter.everything, platter.nothing, *[partial(platter.left, chance)] * torn):
            content = left()
            name = tuple(map(hash, content.values())), tuple(possible(disk.log[: moment + 1]))
            if name not in seen:
                seen.add(name)
                yield moment, content


def at_every_moment(place, empty, torn, stride=1):
    """Everything that is wrong after a crash at any moment of any mutation; and how many states there were."""
    disk = Disk(empty)
    chance = random.Random("every moment")
    done = []
    with watched(disk, "every moment"):
        session = Session(put(place / "lived", empty), disk)
        for name, mutation in MUTATIONS.items():
            before = len(disk.log)
            for _ in range(20):
                session.change(mutation, chance)
                if any(isinstance(event, Intended) for event in disk.log[before:]):
                    break
            else:
                pytest.fail(f"there was nothing for `{name}` to do")
            done += [name] * (len(disk.log) - before)
    found, states = [], 0
    begin = len(disk.log) - len(done)
    for moment, content in every_moment(disk, begin, chance, torn, stride):
        states += 1
        problems, _ = wrong(place / "left", content, possible(disk.log[: moment + 1]))
        found += [f"{done[moment - begin]}, event {moment}: {each}" for each in problems]
    return found, states


def test_every_change_is_made_or_not_at_whichever_write_or_sync_it_ends(place, empty):
    """Every seventh write: a row of them is one transaction's, headers and pages in turn."""
    found, states = at_every_moment(place, empty, torn=0, stride=7)
    assert found == []
    assert states > 200


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_nor_is_it_torn_by_a_power_cut_at_any_of_them(place, empty):
    found, states = at_every_moment(place, empty, torn=12)
    assert found == []
    assert states > 5_000


def test_every_way_to_change_the_books_is_among_them():
    """Those whose names say that they change something are called by some mutation."""
    changes = (
        "add_ attach change_ delete_ detach forget_ put_ remove_ renew_ rotated_to set_ settle_ sign_"
    ).split()
    called = Path(mutations.__file__).read_text()
    methods = [name for name in dir(Books) if name.startswith(tuple(changes))]
    assert len(methods) > 50
    reads = ["attached", "attached_to"]
    assert [name for name in methods if f"books.{name}(" not in called] == reads


# While tables are made, or brought up to date


def of_release(packed, place):
    """The files of a database that an earlier release has left, and its root key."""
    releases.unpack(packed, place)
    content = {FILE: (place / "data" / FILE).read_bytes()}
    return content, rootkey.read_file(place / "data.root-key")


def bring_up(file, root):
    """As every start does; what is wrong then, and how much there is."""
    with closing(Database(file)) as database:
        database.require_durable()
        migrate(database)
        store = Store(database, root, Page.blank())
        whole = store.begin()
        assert revision(database) == REVISION
        found, rows = verified(store)
        return found, (whole.commits, whole.number, rows)


def brought_up(place, content, root, torn, stride):
    """What is wrong after a crash at any moment while a database is brought up to date, and this was done again; and
    how many states there were.
    """
    disk = Disk(content)
    with watched(disk, "brought up"):
        found, expected = bring_up(put(place / "lived", content) / FILE, root)
    assert found == []
    states = 0
    for moment, left in every_moment(disk, 0, random.Random("brought up"), torn, stride):
        states += 1
        problems, there = bring_up(put(place / "left", left) / FILE, root)
        if there != expected:
            problems.append(f"{there} and not {expected}")
        found += [f"event {moment}: {each}" for each in problems]
    return found, states


ALL = [pytest.mark.long, pytest.mark.timeout(3600)]


@releases.each
@pytest.mark.parametrize(
    ("torn", "stride", "least"),
    [(0, 5, 10), pytest.param(12, 1, 250, marks=ALL)],
    ids=["crashes", "power cuts"],
)
def test_a_database_is_brought_up_to_date_whenever_that_was_interrupted(
    tmp_path, place, packed, torn, stride, least
):
    content, root = of_release(packed, tmp_path)
    found, states = brought_up(place, content, root, torn, stride)
    assert found == []
    if releases.name(packed).endswith("at-0008"):
        least = min(least, 125)  # its tables are ours already, so less is written
    assert states > least


@pytest.mark.parametrize(
    ("torn", "stride", "least"),
    [(0, 15, 10), pytest.param(12, 1, 300, marks=ALL)],
    ids=["crashes", "power cuts"],
)
def test_a_database_is_made_whenever_that_was_interrupted(place, torn, stride, least):
    found, states = brought_up(place, {}, ROOT, torn, stride)
    assert found == []
    assert states > least


# A disk that fails


def survived(place, empty, seed, sync):
    """What is wrong after power cuts when one sync failed, by its number from 1, and whoever heard of it ended and
    was begun anew; None if there were not so many.
    """
    disk = Disk(empty)
    disk.failing = {sync}
    chance = random.Random(f"survived/{seed}/{sync}")
    folder = put(place / "lived", empty)
    with watched(disk, f"{seed}/{sync}"), mock.patch.object(Sqlite, "_CHECKPOINT_EVERY", 3):
        session = begun = None
        for _ in range(14):
            if session is None:
                try:
                    session = Session(folder, disk)
                except (DatabaseError, Unavailable):  # it does not begin
                    die()
                    continue
            how = session.change if chance.random() < 0.5 else session.change_while_somebody_reads
            try:
                how(chance.choice(list(MUTATIONS.values())), chance)
            except Unavailable as failure:
                assert "Nobody knows" in failure.message
                assert session.lost
            if session.lost:
                with pytest.raises(Unavailable, match="did not keep"):
                    session.change(mutations.add_account, chance)
                session.killed()
                session = None
            begun = len(disk.log) if disk.syncs >= sync and begun is None else begun
    if begun is None:
        return None
    found = []
    for moment in (begun, *(chance.randint(begun, len(disk.log)) for _ in range(3)), len(disk.log)):
        platter = Platter(disk.content)
        for event in disk.log[:moment]:
            platter.take(event)
        for content in (platter.nothing(), platter.left(chance)):
            problems, _ = wrong(place / "left", content, possible(disk.log[:moment]))
            found += [f"seed={seed} sync={sync} moment={moment}: {each}" for each in problems]
    return found


def every_failure(place, empty, seeds):
    """Everything that is wrong when any one sync of several lives fails; and of how many one did."""
    found, failures = [], 0
    for seed in seeds:
        for sync in itertools.count(1):
            problems = survived(place, empty, seed, sync)
            if problems is None:
                break
            found, failures = found + problems, failures + 1
    return found, failures


def test_a_sync_that_fails_costs_nothing_that_was_acknowledged(place, empty):
    found, failures = every_failure(place, empty, range(2))
    assert found == []
    assert failures > 30


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_nor_do_a_thousand_of_them(place, empty):
    found, failures = every_failure(place, empty, range(100, 160))
    assert found == []
    assert failures > 1_000


@pytest.mark.parametrize("heeded", [True, False])
def test_a_log_of_which_a_sync_failed_is_to_be_written_again(place, empty, heeded):
    """What is in it is readable and not on the disk, and is lost while it is emptied into the database."""
    disk, chance = Disk(empty), random.Random("log")
    folder = put(place / "lived", empty)
    again = powercut.write_again if heeded else lambda *_: None
    with watched(disk, "log"), mock.patch("powercut.write_again", again):
        session = Session(folder, disk)
        for _ in range(3):
            session.change(mutations.add_key, chance)
        disk.failing = {disk.syncs + 1}
        with pytest.raises(Unavailable):
            session.change(mutations.put_entities, chance)
        session.killed()
        begin = len(disk.log)
        Session(folder, disk).killed()
    platter, found = Platter(disk.content), []
    for moment, event in enumerate(disk.log, 1):
        platter.take(event)
        for _ in range(3 if moment > begin else 0):
            left = platter.left(chance)
            found += wrong(place / "left", left, possible(disk.log[:moment]))[0]
    assert (found == []) is heeded


@pytest.mark.parametrize("heeded", [True, False])
def test_a_checkpoint_that_failed_is_not_to_be_gone_on_from(place, empty, heeded):
    """SQLite does not copy again what it had copied when somebody read, and had not synced."""
    disk, chance = Disk(empty), random.Random("checkpoint")
    folder = put(place / "lived", empty)
    with watched(disk, "checkpoint"):
        session = Session(folder, disk)
        session.change(mutations.add_key, chance)
        with mock.patch.object(Sqlite, "_CHECKPOINT_EVERY", 1):
            session.change_while_somebody_reads(mutations.add_account, chance)
        disk.failing = {disk.syncs + 2}  # the log's succeeds, the database's does not
        with pytest.raises(Unavailable):
            session.forget_deleted()
        assert session.lost
        if heeded:
            session.killed()
            session = Session(folder, disk)
        else:
            session.go_on()
        session.forget_deleted()
        session.change(mutations.add_account, chance)
    platter = Platter(disk.content)
    for event in disk.log:
        platter.take(event)
    found, _ = wrong(place / "left", platter.nothing(), possible(disk.log))
    assert (found == []) is heeded
