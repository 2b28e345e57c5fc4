"""What is PostgreSQL's alone; what both sorts of database do, the other tests ask of both."""

import re
import select
import socket
import threading
import time
from contextlib import ExitStack, closing
from functools import partial

import pytest
from keeping import HERE, NOW, keep_alias, keep_grant, keep_identities, keep_key, keep_organization
from sqlalchemy import update
from tests.postgresql import Server, name_of
from tests.waiting import wait_until

from strongroom import jobs
from strongroom.errors import Unavailable, Undecided, Validation
from strongroom.keys import rotation
from strongroom.keys.states import KeyState
from strongroom.storage import changes, schema
from strongroom.storage.database import Database
from strongroom.storage.databases import postgresql as postgresql_module
from strongroom.storage.databases.kind import DatabaseError
from strongroom.storage.migrations import migrate
from strongroom.storage.page import Page
from strongroom.storage.rootkey import new_root_key
from strongroom.storage.store import Store

SOON = 10  # seconds
MOST_AWAY = 5  # seconds, until a standby answers in a primary's place


@pytest.fixture
def server():
    """One of its own, to be killed."""
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def address(postgresql):
    server, template = postgresql
    return server.copy(template)


def side_by_side(works):
    """Do them in threads, until all are done."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def keys(address, root):
    with closing(Store(Database(address), root, Page.blank())) as store, store.reading() as books:
        return [key.id for key in books.all_keys()]


def test_who_writes_waits_for_who_writes_and_sees_what_it_did(address, root, backing):
    one, two = (Store(Database(address), root, Page.blank()) for _ in range(2))
    key = keep_key(one, backing)
    entered, seen = threading.Event(), []

    def second():
        entered.set()
        with two.writing() as books:
            seen.append(books.key(*HERE, key.id).description)

    with one.writing() as books:
        thread = threading.Thread(target=second)
        thread.start()
        assert entered.wait(SOON)
        thread.join(0.3)
        assert thread.is_alive()
        assert not seen
        books.change_key(books.key(*HERE, key.id), description="by the first")
    thread.join(SOON)
    assert seen == ["by the first"]
    one.close()
    two.close()


def test_changes_are_numbered_in_the_order_of_their_commits(address, root):
    stores = [Store(Database(address), root, Page.blank()) for _ in range(4)]
    seen = []

    def write(store):
        for at in range(25):
            with store.writing() as books:
                books._touch(changes.Kind.ALIAS, *HERE, f"alias/{at}")
            now, touched = store.changes(0)
            seen.append(now == len(touched))

    side_by_side(partial(write, store) for store in stores)
    assert seen == [True] * 100
    with stores[0].reading() as books:
        assert changes.last(books.connection) == 100
    for store in stores:
        store.close()


def test_two_that_begin_at_once_both_find_their_tables(postgresql):
    server, _ = postgresql
    address, failed = server.new(), []
    together = threading.Barrier(4)

    def begin():
        with closing(Database(address)) as database:
            together.wait(SOON)
            try:
                migrate(database)
            except Exception as failure:  # noqa: BLE001 - told below, by the main thread
                failed.append(failure)

    side_by_side(begin for _ in range(4))
    assert not failed


def test_a_server_that_is_killed_loses_nothing_it_has_acknowledged(server, root, backing):
    address = server.new()
    with closing(Database(address)) as database:
        migrate(database)
        store = Store(database, root, Page.blank())
        kept = keep_key(store, backing)
        with pytest.raises(Unavailable, match="did not answer"), store.writing() as books:
            books.change_key(kept, description="never")
            server.kill()
            books.change_key(kept, description="never")
        with pytest.raises(Unavailable, match="did not answer"), store.reading():
            pass
        with pytest.raises(DatabaseError, match="cannot be reached: connection is bad"):
            database.require()
        server.start()
        with store.reading() as books:
            assert books.key(*HERE, kept.id).description == ""


class Between:
    """Stands between clients and their server; lets a connection go when a commit comes by."""

    def __init__(self, server, *, deliver):
        self._to = str(server.folder / ".s.PGSQL.5432")
        self._deliver = deliver
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.armed = False
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def _accept(self):
        passing = []
        while True:
            client, _ = self._listening.accept()
            if self._closing(client):
                break
            passing.append(threading.Thread(target=self._pass, args=(client,)))
            passing[-1].start()
        for thread in passing:
            thread.join(SOON)

    @staticmethod
    def _closing(client):
        """Whether it was `close` that connected, which says nothing."""
        if select.select([client], [], [], SOON)[0] and client.recv(1, socket.MSG_PEEK):
            return False
        client.close()
        return True

    def _pass(self, client):
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self._to)
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    data = ready.recv(65536)
                    commit = self.armed and ready is client and b"COMMIT\0" in data
                    if data and (not commit or self._deliver):
                        (server if ready is client else client).sendall(data)
                    if commit:
                        self.armed = False
                        if self._deliver:
                            server.recv(65536)  # it is done
                    if commit or not data:
                        return

    def close(self):
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._accepting.join(SOON)
        self._listening.close()


@pytest.mark.parametrize("deliver", [True, False])
def test_a_commit_without_an_answer_is_told_as_one(postgresql, root, backing, deliver):
    server, template = postgresql
    direct = server.copy(template)
    between = Between(server, deliver=deliver)
    address = re.sub(r"host=.*", f"host=127.0.0.1&port={between.port}", direct)
    with closing(between), closing(Database(address)) as database:
        store = Store(database, root, Page.blank())
        keep_key(store, backing)
        between.armed = True
        with pytest.raises(Unavailable, match="Nobody knows whether it was made"):
            keep_key(store, backing)
        assert len(keys(direct, root)) == 1 + deliver
        keep_key(store, backing)  # by a new connection
    assert len(keys(direct, root)) == 2 + deliver


def test_a_server_that_only_reads_is_not_asked(postgresql):
    server, _ = postgresql
    address = server.new()
    server.do(f"ALTER DATABASE {name_of(address)} SET default_transaction_read_only = on")
    with (
        closing(Database(address)) as database,
        pytest.raises(DatabaseError, match="session is read-only"),
    ):
        database.require()


def test_an_address_that_is_none_is_not_repeated():
    with pytest.raises(DatabaseError) as caught:
        Database("postgresql://me:hunter2@here/db?nonsense=1")
    assert "hunter2" not in str(caught.value)
    assert "nonsense" in str(caught.value)


def test_other_nodes_hear_of_changes(server, root, backing):
    address = server.new()
    with closing(Database(address)) as database:
        migrate(database)
    here, there = (Store(Database(address), root, Page.blank()) for _ in range(2))
    told = []
    end = there.listen(told.append)

    def heard():
        keep_key(here, backing)
        until = time.monotonic() + 0.2
        while there._page.last_change != here._page.last_change and time.monotonic() < until:
            time.sleep(0.005)
        return there._page.last_change == here._page.last_change

    def heard_soon():
        """It takes a moment until somebody listens."""
        until = time.monotonic() + SOON
        while not (found := heard()) and time.monotonic() < until:
            pass
        return found

    assert heard_soon()
    assert heard()
    server.kill()
    server.start()
    assert heard_soon()
    assert len(told) == 1  # it is said once
    end()
    here.close()
    there.close()


@pytest.mark.parametrize("times", [1, pytest.param(50, marks=pytest.mark.long)])
@pytest.mark.timeout(600)
def test_a_standby_takes_over_and_has_all_that_was_acknowledged(root, backing, times):
    primary = Server()
    address = primary.new()
    with closing(Database(address)) as database:
        migrate(database)
    acknowledged = set()
    for _ in range(times):
        # Otherwise one that is told to take over when it has just lost its primary may not look for 5 seconds.
        standby = Server(primary, settings=["wal_retrieve_retry_interval=100ms"])
        away = fail_over(primary, standby, address, root, backing, acknowledged)
        assert away < MOST_AWAY
        address = address.replace(str(primary.folder), str(standby.folder))
        kept = set(keys(address, root))
        assert not acknowledged - kept, "acknowledged, and lost"
        primary.stop()
        primary = standby
    primary.stop()


def fail_over(primary, standby, address, root, backing, acknowledged):
    """Keep keys while a primary dies and its standby takes over; for how many seconds none was kept."""
    hosts = f"host={primary.folder},{standby.folder}"
    database = Database(re.sub(r"host=.*", hosts, address))
    store, ending, kept_at = Store(database, root, Page.blank()), threading.Event(), []

    def keep():
        while not ending.is_set():
            try:
                acknowledged.add(keep_key(store, backing).id)
                kept_at.append(time.monotonic())
            except Unavailable:
                time.sleep(0.02)

    writing = threading.Thread(target=keep)
    writing.start()
    try:
        wait_until(lambda: len(kept_at) > 10)
        primary.kill()
        died = time.monotonic()
        standby.promote()
        wait_until(lambda: kept_at[-1] > died)
    finally:
        ending.set()
        writing.join(SOON)
        store.close()
    return min(at for at in kept_at if at > died) - died


def test_what_is_due_is_done_once(address, root, backing):
    stores = [Store(Database(address), root, Page.blank()) for _ in range(2)]
    due = [
        keep_key(
            stores[0],
            backing,
            state=KeyState.PENDING_DELETION,
            deletion_date=NOW,
            deletion_window_days=7,
        )
        for _ in range(20)
    ]
    together, done = threading.Barrier(2), []

    def do(store):
        together.wait(SOON)
        done.extend(jobs.do_what_is_due(store, backing, lambda: NOW + 1).deleted)

    side_by_side(partial(do, store) for store in stores)
    assert sorted(key.id for key in done) == sorted(key.id for key in due)
    for store in stores:
        store.close()


def test_a_user_that_may_not_make_tables(postgresql):
    server, _ = postgresql
    address = server.new()
    name = name_of(address)
    server.do(f"CREATE USER {name}")
    with (
        closing(Database(address.replace("strongroom@", f"{name}@"))) as database,
        pytest.raises(DatabaseError, match="may not make tables"),
    ):
        database.require_unused()


def test_every_row_is_read_as_it_was_written(address, root, backing):
    with closing(Store(Database(address), root, Page.blank())) as store:
        key = keep_key(store, backing, deletion_date=1.1, rotation=rotation.schedule(90, 1e9 / 3))
        keep_alias(store, key)
        grant = keep_grant(store, key, equals=(("a", "1"),))
        keep_identities(store, HERE[0])
        keep_organization(store, HERE[0])
        with store.verifying() as verification:
            assert list(verification.run()) == []
            assert verification.rows > 30
        with store.reading() as books:
            assert books.key(*HERE, key.id) == key
            assert books.grants(*HERE, key.id, (grant.grantee_id,)) == (grant,)


def test_names_are_sorted_as_they_are_on_sqlite(store, backing):
    key = keep_key(store, backing)
    names = ["alias/B", "alias/_", "alias/a", "alias/ä"]
    for name in reversed(names):
        keep_alias(store, key, name)
    with store.reading() as books:
        found = [alias.name for alias in books.aliases_of(key)]
    assert sorted(found) == names
    with store.reading() as books:
        assert [alias.name for alias in books.aliases(*HERE, None, "", 10)] == names


def test_a_root_key_of_others_opens_nothing(address, root, backing):
    with closing(Store(Database(address), root, Page.blank())) as store:
        keep_key(store, backing)
    with pytest.raises(Exception, match="does not open where it stands"):
        keys(address, new_root_key())


def test_a_character_that_one_of_them_cannot_keep_is_refused_by_both(store, backing):
    with pytest.raises(Validation, match="U\\+0000"):
        keep_key(store, backing, description="a\0b")
    kept = keep_key(store, backing, description="ab \U0001f511 \ufffe\x01")
    with store.reading() as books:
        assert books.key(*HERE, kept.id).description == kept.description


def test_a_server_that_hangs_is_given_up(postgresql, root, backing, monkeypatch):
    """It does not close its connections: nobody but us says that time is up."""
    monkeypatch.setattr(postgresql_module, "_LAST_PATIENCE", 0.5)
    server, template = postgresql
    address = f"{server.copy(template)}&connect_timeout=2"
    with closing(Database(address)) as database:
        store = Store(database, root, Page.blank())
        key = keep_key(store, backing)
        place = key.account, key.region, key.id
        with server.hanging():
            began = time.monotonic()
            with pytest.raises(Unavailable, match="did not answer"):
                store.changes(0)
            with pytest.raises(Unavailable, match="did not answer"):
                store.key(*place)
            assert time.monotonic() - began < 15  # each tries a new connection, for 2 seconds
        assert store.key(*place).key == key
        keep_key(store, backing)


def test_a_commit_that_a_server_hangs_in_is_told_as_undecided(
    postgresql, root, backing, monkeypatch
):
    monkeypatch.setattr(postgresql_module, "_LAST_PATIENCE", 0.5)
    server, template = postgresql
    with closing(Database(server.copy(template))) as database, ExitStack() as stack:
        store = Store(database, root, Page.blank())
        key = keep_key(store, backing)
        with (
            pytest.raises(Undecided, match="Nobody knows"),
            stack,
            database.writing() as connection,
        ):
            connection.execute(update(schema.keys).values(description="x"))
            stack.enter_context(server.hanging())
        assert store.changes(0)
        assert key
