"""The engine, and the one place where databases differ.

A transaction that will write says so at its start and waits there for those that write already: one
writes at a time, whatever the database, so no reading that a later writing depends on can go stale
in between, and changes are numbered in the order of their commits.  A transaction that reads sees one
moment.

Failures of the database become `Unavailable`: the caller may try again, and was not told that
anything happened.  When it is the answer to the commit that is missing, the message says that nobody
knows.

When the disk did not take what it was told to keep, a later attempt may succeed without it: the kernel
tells of a failure once and takes what it could not write for written (ADR 9).  So nothing is committed
by this process any more, nothing is closed, and who holds the database is told to end.
"""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterator
from functools import partial
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from sqlalchemy import (
    Connection,
    Engine,
    Select,
    create_engine,
    event,
    exc,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.engine import URL
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from strongroom.errors import SetupError, Unavailable, Undecided
from strongroom.storage.schema import epoch

_CHANNEL = "strongroom"
_PATIENCE = 10  # seconds: for the lock of who writes, and for one statement
_LAST_PATIENCE = 2 + _PATIENCE  # seconds: for a server that does not say itself that time is up
_CONNECTIONS = 4  # of a worker: two read, one writes
_LOST = "The disk did not keep what was written to the key database."


Rows = list[tuple[Any, ...]]


class DatabaseError(SetupError):
    """The database that was named cannot be used; the message says what to do."""


_POSTGRESQL_UNLESS_SAID: dict[str, Any] = {
    "application_name": "strongroom",
    "target_session_attrs": "read-write",
    "connect_timeout": 5,  # seconds; for each host
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": _PATIENCE * 1000,
}


class _Kind(Protocol):
    """What one sort of database does in its own way."""

    reading: Engine
    writing: Engine
    driver: Any
    """Its module."""
    at_hand: bool
    """Whether it is read within this process, without waiting for other than a disk."""

    def may_define(self, connection: Connection) -> bool:
        """Whether tables can be made."""

    def own(self) -> Any:
        """A connection of the driver's outside the pool, on which each statement is a transaction."""

    def begin_writing(self, connection: Connection) -> None:
        """Wait for whoever writes."""

    def hold(self, connection: Connection) -> None:
        """Let a transaction take its time."""

    def announce(self, connection: Connection, number: int) -> None:
        """Tell other nodes, once this is committed, that there is a change of that number."""

    def listen(
        self, heard: Callable[[int | None], None], told: Callable[[str], None], /
    ) -> Callable[[], None]:
        """See `Database.listen`."""

    def time(self) -> float:
        """See `Database.time`."""

    def forget_deleted(self, connection: Connection) -> None:
        """Remove what deleted rows may have left behind, as far as it can be done."""

    def tidy(self, connection: Connection) -> None:
        """What is to be done now and then after a commit."""

    def settle(self) -> None:
        """See `Database.require_durable`."""

    def silent(self, failure: exc.DBAPIError) -> bool:
        """Whether the database has not said what became of a commit."""

    def lost(self, failure: exc.DBAPIError) -> bool:
        """Whether the disk may lack what was committed before."""

    def damaged(self, failure: exc.DatabaseError) -> bool: ...


class Database:
    """Transactions over a SQLite file, or over the PostgreSQL of a connection string of libpq's."""

    def __init__(self, where: Path | str, lost: Callable[[], None] = lambda: None) -> None:
        """`lost` is called once, in whichever thread, when the disk has failed to keep something: the
        process is to end, and so are all that have the same file open.
        """
        self._kind: _Kind = _Sqlite(where) if isinstance(where, Path) else _Postgresql(where)
        self._own = _Own(self._kind.own)
        self.at_hand = self._kind.at_hand
        self._tell_lost = lost
        self.lost = False
        """Whether that has happened; nothing can be committed then."""

    def require(self) -> None:
        """DatabaseError, in the database's own words, if it cannot be reached; Unavailable if it is damaged."""
        with self._failures():
            try:
                self._kind.reading.connect().close()
            except exc.OperationalError as failure:
                said = " ".join(str(failure.orig).split())
                raise DatabaseError(f"the key database cannot be reached: {said}") from None

    def require_unused(self) -> None:
        """DatabaseError if there is anything in it, or no table can be made there."""
        self.require()
        with self.reading() as connection:
            if inspect(connection).get_table_names():
                raise DatabaseError(
                    "there is something in the database already; give an empty one, or make this folder "
                    "a further node of what is there with `strongroom join`"
                )
            if not self._kind.may_define(connection):
                raise DatabaseError(
                    "the database's user may not make tables in it; let it own the database, or grant it "
                    "CREATE on its schema"
                )

    def require_durable(self) -> None:
        """Bring to the disk what a process that died may have left in memory, and see that the disk takes it;
        DatabaseError if it does not.  Before anything that was read is relied on.
        """
        # Another reason why nothing can be written is none why nothing can be read.
        try:
            with contextlib.suppress(Unavailable), self._failures():
                self._kind.settle()
        except OSError:
            self._lose()
        if self.lost:
            raise DatabaseError(_LOST)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """One snapshot; what others commit meanwhile is not seen."""
        with self._failures(), self._kind.reading.connect() as connection, connection.begin():
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, alone in writing; committed durably when the block ends."""
        with self.defining() as connection:
            self._kind.begin_writing(connection)
            yield connection

    @contextlib.contextmanager
    def holding(self) -> Iterator[Connection]:
        """The same, for as long as it takes, while everybody else who would write waits in vain."""
        with self.writing() as connection:
            self._kind.hold(connection)
            yield connection

    @contextlib.contextmanager
    def defining(self) -> Iterator[Connection]:
        """A transaction that changes the tables themselves; on PostgreSQL others may do it too."""
        if self.lost:
            raise Unavailable(_LOST)
        with self._failures(), self._kind.writing.connect() as connection:
            transaction = connection.begin()
            try:
                yield connection
            except BaseException:
                transaction.rollback()
                raise
            try:
                transaction.commit()
            except exc.DBAPIError as failure:
                if not self._kind.silent(failure):
                    raise
                self._look(failure)
                raise Undecided(
                    "The key database went away while this change was being committed. Nobody knows "
                    f"whether it was made ({_name(failure)}); look before you make it again."
                ) from failure
            try:
                self._kind.tidy(connection)
            except exc.DBAPIError as failure:  # what was committed is committed
                self._look(failure)

    def _look(self, failure: exc.DBAPIError) -> None:
        """See whether it is one after which this process is to end."""
        if self._kind.lost(failure):
            self._lose()

    def _lose(self) -> None:
        if not self.lost:
            self.lost = True
            self._tell_lost()

    def prepared(self, query: Select[Any]) -> Callable[..., Rows | None]:
        """A query that is asked often, to be called with its parameters by their names.

        Its rows are as the driver gives them, booleans perhaps as numbers; None if it could not be asked:
        `reading` says why.  Each asking is one statement and sees one moment; it costs a fifth of one by
        `reading`.
        """
        compiled = query.compile(dialect=self._kind.reading.dialect)
        statement, order = str(compiled), compiled.positiontup

        def ask(**named: Any) -> Rows | None:
            given = named if order is None else [named[name] for name in order]
            try:
                return self._own.get().execute(statement, given).fetchall()  # type: ignore[no-any-return]
            except (self._kind.driver.Error, exc.SQLAlchemyError):
                self._own.drop()
                return None

        return ask

    def announce(self, connection: Connection, number: int) -> None:
        """Tell other nodes, once this is committed, that there is a change of that number."""
        self._kind.announce(connection, number)

    def listen(
        self, heard: Callable[[int | None], None], told: Callable[[str], None]
    ) -> Callable[[], None]:
        """Call `heard`, in another thread, with the numbers of changes that other nodes announce, until
        what this gives is called; with None where some may have been missed.  `told` is called with why
        nothing can be heard; it is tried again.
        """
        return self._kind.listen(heard, told)

    def time(self) -> float:
        """What the database's own clock says, seconds since the epoch; infinite if it has none of its own."""
        with self._failures():
            return self._kind.time()

    def forget_deleted(self) -> None:
        """Remove what deleted rows may have left behind, as far as the database lets us."""
        with self._failures(), self._kind.writing.connect() as connection:
            self._kind.forget_deleted(connection)

    def close(self) -> None:
        # Whoever closes a SQLite database last takes its log for written, and deletes it.
        if not self.lost:
            self._own.close()
            self._kind.writing.dispose()

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError) as failure:
            if isinstance(failure, exc.DBAPIError):
                self._look(failure)
            raise Unavailable(f"The key database did not answer ({_name(failure)}).") from failure
        except exc.DatabaseError as failure:
            if not self._kind.damaged(failure):
                raise
            raise Unavailable(f"The key database is damaged ({_name(failure)}).") from failure


class _Sqlite:
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
    _LOSS = ("SQLITE_IOERR_FSYNC", "SQLITE_IOERR_DIR_FSYNC")
    _CHECKPOINT_EVERY = 100  # commits, of some ten pages each
    _CHECKPOINT_AFTER = 8 << 20  # bytes of the log

    def __init__(self, file: Path) -> None:
        self._log = file.with_name(file.name + "-wal")
        engine = create_engine(
            URL.create("sqlite", database=str(file)),
            poolclass=QueuePool,
            pool_size=_CONNECTIONS,
            connect_args={
                "check_same_thread": False,  # the pool hands a connection to one thread at a time
                "isolation_level": None,
                "timeout": _PATIENCE,
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
        connection = _detached(self.reading)
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
        return _name(failure).startswith("SQLITE_IOERR")

    def lost(self, failure: exc.DBAPIError) -> bool:
        return _name(failure) in self._LOSS

    def damaged(self, failure: exc.DatabaseError) -> bool:
        return _name(failure) in self._DAMAGE


class _Postgresql:
    """Who writes holds the row of `epoch`.  What is read while it is held is what was committed last,
    for READ COMMITTED looks anew at each statement, and nobody else writes.

    Never a server that only reads: it may lag.  A connection that is silent for long is given up, and the
    server gives up a transaction that is idle, so that a process that hangs does not stop all others.
    """

    _SESSION = (
        f"SET lock_timeout = '{_PATIENCE}s'",
        f"SET statement_timeout = '{_PATIENCE}s'",
        f"SET idle_in_transaction_session_timeout = '{3 * _PATIENCE}s'",
    )
    _DAMAGE = ("DataCorrupted", "IndexCorrupted")
    at_hand = False
    _CHECK_AFTER = 1800  # seconds: a connection is not kept for longer

    def __init__(self, url: str) -> None:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict

        try:
            said = conninfo_to_dict(url)
        except psycopg.ProgrammingError as failure:
            raise DatabaseError(
                f"the database's address is not understood: {_without(str(failure), url)}"
            ) from None
        self.driver: Any = psycopg
        self._connect = partial(_patient().connect, **{**_POSTGRESQL_UNLESS_SAID, **said})
        engine = create_engine(
            "postgresql+psycopg://",
            creator=self._connect,
            poolclass=QueuePool,
            pool_size=_CONNECTIONS,
            pool_pre_ping=True,
            pool_recycle=self._CHECK_AFTER,
        )
        event.listen(engine, "connect", self._prepare)
        self.reading: Engine = engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        self.writing: Engine = engine.execution_options(isolation_level="READ COMMITTED")

    def _prepare(self, connection: Any, _: ConnectionPoolEntry) -> None:
        with connection.cursor() as cursor:
            for setting in self._SESSION:
                cursor.execute(setting)
        connection.commit()

    def may_define(self, connection: Connection) -> bool:
        may = func.has_schema_privilege(func.current_schema(), "CREATE")
        return bool(connection.execute(select(may)).scalar())

    def own(self) -> Any:
        connection = _detached(self.reading)
        connection.autocommit = True
        return connection

    def begin_writing(self, connection: Connection) -> None:
        connection.execute(select(epoch.c.number).with_for_update())

    def hold(self, connection: Connection) -> None:
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")

    def announce(self, connection: Connection, number: int) -> None:
        connection.execute(select(func.pg_notify(_CHANNEL, str(number))))

    def listen(
        self, heard: Callable[[int | None], None], told: Callable[[str], None]
    ) -> Callable[[], None]:
        listening = _Listening(self._connect, heard, told)
        listening.start()
        return listening.end

    def time(self) -> float:
        with self.reading.connect() as connection:
            return float(
                connection.execute(
                    text("SELECT extract(epoch FROM clock_timestamp())")
                ).scalar_one()
            )

    def forget_deleted(self, connection: Connection) -> None:
        """Nothing: what is deleted goes when the server vacuums its tables."""

    def tidy(self, connection: Connection) -> None:
        """Nothing: the server does that."""

    def settle(self) -> None:
        """Nothing: the server does that too."""

    def lost(self, _failure: exc.DBAPIError) -> bool:
        return False

    def silent(self, failure: exc.DBAPIError) -> bool:
        """A server that refuses says why, in a code; those of classes 08 and 57 say that it is going.

        Who panics has a code too, but what it could not go on writing may be on the disk, and be replayed.
        """
        code = getattr(failure.orig, "sqlstate", None)
        if code is None or code.startswith(("08", "57")):
            return True
        return bool(failure.orig.diag.severity_nonlocalized == "PANIC")  # type: ignore[union-attr]

    def damaged(self, failure: exc.DatabaseError) -> bool:
        return _name(failure) in self._DAMAGE


class _Own:
    """A connection for each thread that asks."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._of_thread = threading.local()
        self._all: list[Any] = []

    def get(self) -> Any:
        connection = getattr(self._of_thread, "connection", None)
        if connection is None:
            connection = self._of_thread.connection = self._connect()
            self._all.append(connection)
        return connection

    def drop(self) -> None:
        connection = getattr(self._of_thread, "connection", None)
        if connection is not None:
            self._of_thread.connection = None
            self._all.remove(connection)
            connection.close()

    def close(self) -> None:
        """Only once nobody asks any more."""
        while self._all:
            self._all.pop().close()
        self._of_thread = threading.local()


def _detached(engine: Engine) -> Any:
    pooled = engine.raw_connection()
    connection = pooled.driver_connection
    pooled.detach()
    return connection


def _patient() -> Any:
    """A connection that does not wait for ever for a server that neither answers nor hangs up: one that is
    stopped, or that the network has cut off, where the kernel still says that all is well.
    """
    import psycopg

    class Patient(psycopg.Connection[Any]):
        def wait(self, gen: Any, *arguments: Any, **named: Any) -> Any:
            return super().wait(self._soon(gen), *arguments, **named)

        def _soon(self, gen: Any) -> Generator[Any, Any, Any]:
            """The same, as long as its time is not up; psycopg looks in every tenth of a second."""
            until = monotonic() + _LAST_PATIENCE
            try:
                wanted = next(gen)
            except StopIteration as ended:
                return ended.value
            while True:
                ready = yield wanted
                if not ready and monotonic() > until:
                    self.close()
                    raise psycopg.OperationalError("there is no answer")
                try:
                    wanted = gen.send(ready)
                except StopIteration as ended:
                    return ended.value

    return Patient


class _Listening(threading.Thread):
    """A connection that listens to what other nodes announce; made anew when it breaks."""

    _AGAIN = 0.5  # seconds

    def __init__(
        self,
        connect: Callable[[], Any],
        heard: Callable[[int | None], None],
        told: Callable[[str], None],
    ) -> None:
        super().__init__(name="listening", daemon=True)
        self._connect = connect
        self._heard = heard
        self._told = told
        self._ending = threading.Event()
        self._said = ""

    def run(self) -> None:
        import psycopg

        while not self._ending.is_set():
            try:
                self._listen()
            except psycopg.Error as failure:
                if self._said != (reason := _name_of(failure)):
                    self._told(reason)
                self._said = reason
                self._ending.wait(self._AGAIN)

    def _listen(self) -> None:
        with self._connect() as connection:
            connection.autocommit = True
            connection.execute(f"LISTEN {_CHANNEL}")
            self._said = ""
            self._heard(None)  # something may have been announced while nobody listened
            while not self._ending.is_set():
                for notice in connection.notifies(timeout=self._AGAIN):
                    self._heard(int(notice.payload))

    def end(self) -> None:
        self._ending.set()
        self.join(_PATIENCE)


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


def _without(text: str, secret: str) -> str:
    return text.replace(secret, "...")


def _name(failure: exc.SQLAlchemyError) -> str:
    """The database's name for a failure; its own words may quote what stands in a row."""
    return _name_of(getattr(failure, "orig", None) or failure)


def _name_of(cause: BaseException) -> str:
    return getattr(cause, "sqlite_errorname", None) or type(cause).__name__
