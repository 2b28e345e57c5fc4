"""A file of SQLite."""

import os
import sqlite3
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, exc
from sqlalchemy.engine import URL
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from strongroom.storage.databases.kind import CONNECTIONS, PATIENCE, detached, error_name


class Sqlite:
    """Write-ahead log with `synchronous=FULL` (NORMAL loses acknowledged commits at a power cut),
    deleted content overwritten.  The `BEGIN`s are ours, because the driver's would start a writing
    transaction late and fail with SQLITE_BUSY where it should wait.  So are the checkpoints: of SQLite's own
    nobody hears that the disk failed one, and the next may leave out what that one was to write.
    """

    _PRAGMAS = (
        "journal_mode=WAL",
        "synchronous=FULL",
        "secure_delete=ON",
        "temp_store=MEMORY",
        "cache_size=-2048",  # KiB for each connection
        "wal_autocheckpoint=0",
        "journal_size_limit=4194304",  # bytes that the log is cut to when it is begun anew
    )
    _DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
    driver: Any = sqlite3
    at_hand = True
    pause = 0.11  # there is no queue: who waits to write looks every tenth of a second
    _LOSS = ("SQLITE_IOERR_FSYNC", "SQLITE_IOERR_DIR_FSYNC")
    _CHECKPOINT_EVERY = 100  # commits, of some ten pages each
    _CHECKPOINT_AFTER = 8 << 20  # bytes of the log

    def __init__(self, file: Path) -> None:
        self._log = file.with_name(file.name + "-wal")
        engine = create_engine(
            URL.create("sqlite", database=str(file)),
            poolclass=QueuePool,
            pool_size=CONNECTIONS,
            connect_args={
                "check_same_thread": False,  # the pool hands a connection to one thread at a time
                "isolation_level": None,
                "timeout": PATIENCE,
            },
        )
        event.listen(engine, "connect", self._prepare)
        self.reading: Engine = engine.execution_options(strongroom_begin="BEGIN")
        self.writing: Engine = engine.execution_options(strongroom_begin="BEGIN IMMEDIATE")
        for each in (self.reading, self.writing):
            event.listen(each, "begin", self._begin)
        self._commits = 0

    def _prepare(self, connection: Any, _: ConnectionPoolEntry) -> None:
        for pragma in self._PRAGMAS:
            connection.execute("PRAGMA " + pragma)

    @staticmethod
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options()["strongroom_begin"])

    def may_define(self, _connection: Connection) -> bool:
        return True

    def own(self) -> Any:
        connection = detached(self.reading)
        connection.execute("PRAGMA busy_timeout=0")  # who has to wait asks by `reading`
        return connection

    def begin_writing(self, connection: Connection) -> None:
        """Nothing more: it was done by `BEGIN IMMEDIATE`."""

    def hold(self, connection: Connection) -> None:
        """Nothing: nobody limits it."""

    def announce(self, connection: Connection, number: int) -> None:
        """Nothing: there are no other nodes."""

    def listen(
        self, _heard: Callable[[int | None], None], _told: Callable[[str], None]
    ) -> Callable[[], None]:
        return lambda: None

    def time(self) -> float:
        return inf

    def forget_deleted(self, connection: Connection) -> None:
        """Empty the write-ahead log, in which pages of deleted rows may still stand."""
        self._checkpoint(connection, "TRUNCATE")

    def tidy(self, connection: Connection) -> None:
        self._commits += 1
        long = _size(self._log) > self._CHECKPOINT_AFTER
        if long or self._commits % self._CHECKPOINT_EVERY == 0:
            self._checkpoint(connection, "PASSIVE")

    def _checkpoint(self, connection: Connection, how: str) -> None:
        """Outside of any transaction, and so past SQLAlchemy, which would begin one."""
        statement = f"PRAGMA wal_checkpoint({how})"
        try:
            connection.connection.driver_connection.execute(statement).fetchall()  # type: ignore[union-attr]
        except sqlite3.OperationalError as failure:
            raise exc.OperationalError(statement, None, failure) from failure

    def settle(self) -> None:
        """Write the write-ahead log again as it is, empty it into the database, and write the first page as it is.

        A transaction in the log may be readable and not be on the disk: one that a process did not live to sync,
        or whose sync failed, after which the kernel takes the pages for written.
        """
        with self.writing.connect() as connection:
            with connection.begin():  # so that nobody else writes to the log
                _write_again(self._log)
            self._checkpoint(connection, "TRUNCATE")
            with connection.begin():
                connection.exec_driver_sql("PRAGMA user_version=0")

    def silent(self, failure: exc.DBAPIError) -> bool:
        """The last page of a transaction may be on the disk although writing it failed."""
        return error_name(failure).startswith("SQLITE_IOERR")

    def lost(self, failure: exc.DBAPIError) -> bool:
        return error_name(failure) in self._LOSS

    def damaged(self, failure: exc.DatabaseError) -> bool:
        return error_name(failure) in self._DAMAGE


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # what was committed is committed, whatever is the matter here
        return 0


def _write_again(file: Path) -> None:
    """Write every byte of a file in its own place, so that it is on the disk whatever was there.

    Raises: OSError.
    """
    with file.open("r+b", buffering=0) as opened:
        at = 0
        while part := os.pread(opened.fileno(), 1 << 20, at):
            at += os.pwrite(opened.fileno(), part, at)
        os.fdatasync(opened.fileno())
