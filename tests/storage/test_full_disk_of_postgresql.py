"""PostgreSQL on a full disk, which it takes in two ways.

Where a table cannot grow, the statement is refused and the server goes on, until its next checkpoint,
which panics.  Where the write-ahead log cannot grow, the commit panics.  A server that has panicked begins
itself anew, finds no room for that either, and ends; with room, whoever runs it begins it again.
"""

import contextlib
import secrets
import shutil
import threading
from contextlib import closing, suppress
from types import SimpleNamespace

import psycopg
import pytest
from botocore.exceptions import ClientError
from disks import disk, fill, heals, ready, refusal
from keeping import keep_key
from sqlalchemy import event
from tests.commands import run
from tests.conftest import init, start
from tests.postgresql import Server, new_folder

from strongroom.errors import Undecided
from strongroom.storage.database import Database
from strongroom.storage.migrations import migrate
from strongroom.storage.page import Page
from strongroom.storage.store import Store

pytestmark = pytest.mark.xdist_group("full disks of PostgreSQL")

REFUSED = (503, "DependencyTimeoutException")
FULL = "The key database did not answer (DiskFull)."
AWAY = "The key database did not answer (OperationalError)."
UNKNOWN = (
    "The key database went away while this change was being committed. Nobody knows whether it was made "
    "(DiskFull); look before you make it again."
)
BY_COMMITS = "wal_writer_delay=10s", "wal_buffers=16MB"
"""Settings with which nobody else writes the log to the disk."""
MAY_DELAY = "fsync=on", "commit_siblings=0"
DELAYED = "&options=-c%20commit_delay%3D100000"
"""Of an address: microseconds from a commit's record to the disk, where settings let it."""
SEGMENT = 1 << 20  # bytes of a file of the log
READER = "arn:aws:iam::000000000000:root"


@contextlib.contextmanager
def postgresql(*settings, **sizes):
    """A server of which `data` and `wal`, or one of them, are on disks of their own; and its folder."""
    folder = new_folder()
    try:
        with contextlib.ExitStack() as disks:
            for part, size in sizes.items():
                (folder / part).mkdir()
                disks.enter_context(disk(folder / part, size))
            server = Server(folder=folder, settings=settings)
            disks.callback(server.stop)
            yield server, folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Acknowledged:
    """A client that makes changes, and what was told of them."""

    def __init__(self, kms):
        self.kms = kms
        self.keys = {kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(3)}
        self.used, self.granted, self.switched = self.keys
        self.blob = kms.encrypt(KeyId=self.used, Plaintext=b"x")["CiphertextBlob"]
        self.grants = set()
        self.enabled = {True}
        """What the switched key may be, as far as is known."""
        self.refusals = []

    def change(self):
        """One change of each kind."""
        with self._told():
            made = self.kms.create_key(Description=secrets.token_hex(4000))
            self.keys.add(made["KeyMetadata"]["KeyId"])
        with self._told():
            granted = self.kms.create_grant(
                KeyId=self.granted, GranteePrincipal=READER, Operations=["Encrypt"]
            )
            self.grants.add(granted["GrantId"])
        wanted = False in self.enabled
        switch = self.kms.enable_key if wanted else self.kms.disable_key
        before = len(self.refusals)
        with self._told():
            switch(KeyId=self.switched)
            self.enabled = {wanted}
        if UNKNOWN in self.refusals[before:]:
            self.enabled = {True, False}

    @contextlib.contextmanager
    def _told(self):
        try:
            yield
        except ClientError as refused:
            answer = refused.response
            status = answer["ResponseMetadata"]["HTTPStatusCode"]
            assert (status, answer["Error"]["Code"]) == REFUSED
            self.refusals.append(answer["Error"]["Message"])

    def until_refused(self, times=1):
        """Make changes until so many were refused."""
        for _ in range(2000):
            if len(self.refusals) >= times:
                return
            self.change()
        pytest.fail("the disk did not fill")

    def goes_on(self):
        """What needs no room."""
        assert self.kms.decrypt(CiphertextBlob=self.blob)["Plaintext"] == b"x"
        self.kms.encrypt(KeyId=self.used, Plaintext=b"y")
        assert self.kms.describe_key(KeyId=self.granted)["KeyMetadata"]["Enabled"]
        self.is_there()

    def is_there(self):
        keys = self._pages("list_keys", "Keys", "KeyId")
        grants = self._pages("list_grants", "Grants", "GrantId", KeyId=self.granted)
        assert not self.keys - keys, "acknowledged, and lost"
        assert not self.grants - grants, "acknowledged, and lost"
        switched = self.kms.describe_key(KeyId=self.switched)["KeyMetadata"]["Enabled"]
        assert switched in self.enabled
        unknown = self.refusals.count(UNKNOWN)
        assert len(keys - self.keys) + len(grants - self.grants) <= unknown, "refused, and made"
        assert self.kms.decrypt(CiphertextBlob=self.blob)["Plaintext"] == b"x"

    def _pages(self, operation, entries, name, **given):
        pages = self.kms.get_paginator(operation).paginate(**given)
        return {entry[name] for page in pages for entry in page[entries]}

    def is_well(self):
        """With room again: all is there, and changes are made."""
        heals(lambda: self.kms.encrypt(KeyId=self.used, Plaintext=b"y"))
        self.is_there()
        self.keys.add(heals(self.kms.create_key)["KeyMetadata"]["KeyId"])
        told = len(self.refusals)
        self.change()
        assert len(self.refusals) == told
        self.is_there()


@contextlib.contextmanager
def serving(folder, address):
    """A server of Strongroom's, whose folder is on the machine's own disk; verified at the end."""
    credential = init(folder, "--account", "000000000000", "--database", address)
    server = start(folder, credential, "--workers", "1")
    kms = server.client("kms", "test-1")
    try:
        yield SimpleNamespace(server=server, acknowledged=Acknowledged(kms))
        assert server.process.poll() is None
    finally:
        kms.close()
        server.stop()
    verified = run("verify", "--data", folder)
    assert verified.code == 0, verified.out + verified.err


@pytest.mark.parametrize("checkpoint", [False, True])
def test_tables_on_a_full_disk(tmp_path, checkpoint):
    with (
        postgresql(data="64m") as (server, folder),
        serving(tmp_path / "data", server.new()) as served,
    ):
        acknowledged = served.acknowledged
        filler = fill(folder / "data")
        acknowledged.until_refused(20)
        assert set(acknowledged.refusals) == {FULL}
        acknowledged.goes_on()
        assert ready(served.server) == 200
        assert server.running

        if checkpoint:
            with suppress(psycopg.OperationalError):
                server.do("CHECKPOINT")
            server.wait_ended()
            refused = refusal(
                lambda: acknowledged.kms.create_grant(
                    KeyId=acknowledged.granted, GranteePrincipal=READER, Operations=["Encrypt"]
                )
            )
            assert refused == (*REFUSED, AWAY)
        filler.unlink()
        if checkpoint:
            server.start()
        acknowledged.is_well()


def test_the_write_ahead_log_on_a_full_disk(tmp_path):
    with (
        postgresql(*BY_COMMITS, wal="8m") as (server, folder),
        serving(tmp_path / "data", server.new()) as served,
    ):
        acknowledged = served.acknowledged
        filler = fill(folder / "wal")
        acknowledged.until_refused()
        assert acknowledged.refusals[0] == UNKNOWN
        server.wait_ended()
        acknowledged.change()
        assert set(acknowledged.refusals[-2:]) == {AWAY}
        filler.unlink()
        server.start()
        acknowledged.is_well()


def test_a_commit_in_which_the_server_panics_may_have_been_made(root, backing):
    """It writes all that there is to write, the commit's record first, and has no room for the rest."""
    with (
        postgresql(*BY_COMMITS, *MAY_DELAY, data="128m", wal="8m") as (server, folder),
        closing(psycopg.connect(server.url("postgres"))) as other,
    ):
        address = server.new()
        with closing(Database(address)) as database:
            migrate(database)
        filler = fill(folder / "wal")
        other.execute("CREATE TABLE lines (line text)")
        while room_in_log(other, folder / "wal") > SEGMENT // 2:
            write_lines(other, 100)

        with closing(Database(address + DELAYED)) as database:
            store = Store(database, root, Page.blank())
            event.listen(database._kind.writing, "commit", lambda _: behind.follow())
            behind = Behind(other)
            with pytest.raises(Undecided) as told:
                keep_key(store, backing)
            behind.join(30)
            assert str(told.value) == UNKNOWN

            server.wait_ended()
            filler.unlink()
            server.start()
            with store.reading() as books:
                assert len(list(books.all_keys())) == 1


class Behind(threading.Thread):
    """Writes to the log as soon as a commit that begins now has its record in it."""

    def __init__(self, connection):
        super().__init__()
        self._connection = connection
        self._end = None

    def follow(self):
        self._end = end_of_log(self._connection)
        self.start()

    def run(self):
        while end_of_log(self._connection) == self._end:
            pass
        write_lines(self._connection, 600)


def end_of_log(connection):
    """Where the next record will stand."""
    return int(connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'").fetchone()[0])


def room_in_log(connection, folder):
    """Bytes that can be written to its files before another one is needed."""
    last = max(file.name for file in folder.glob("0000*"))  # time line, and number in two parts
    number = int(last[8:16], 16) * (2**32 // SEGMENT) + int(last[16:], 16)
    return (number + 1) * SEGMENT - end_of_log(connection)


def write_lines(connection, count):
    """Some 1,900 bytes each in the log, of a transaction that is not committed."""
    with suppress(psycopg.OperationalError):
        connection.execute(
            "INSERT INTO lines SELECT repeat('x', 1800) FROM generate_series(1, %s)", [count]
        )
