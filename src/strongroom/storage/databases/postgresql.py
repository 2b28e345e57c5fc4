"""PostgreSQL, by a connection string of libpq's."""

import threading
from collections.abc import Callable, Generator
from functools import partial
from time import monotonic
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, exc, func, select, text
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from strongroom.storage.databases.kind import (
    CONNECTIONS,
    PATIENCE,
    DatabaseError,
    cause_name,
    detached,
    error_name,
)
from strongroom.storage.schema import epoch

_CHANNEL = "strongroom"
_LAST_PATIENCE = 2 + PATIENCE  # seconds: for a server that does not say itself that time is up
_UNLESS_SAID: dict[str, Any] = {
    "application_name": "strongroom",
    "target_session_attrs": "read-write",
    "connect_timeout": 5,  # seconds; for each host
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": PATIENCE * 1000,
}


class Postgresql:
    """Who writes holds the row of `epoch`.  What is read while it is held is what was committed last,
    for READ COMMITTED looks anew at each statement, and nobody else writes.

    Never a server that only reads: it may lag.  A connection that is silent for long is given up, and the
    server gives up a transaction that is idle, so that a process that hangs does not stop all others.
    """

    _SESSION = (
        f"SET lock_timeout = '{PATIENCE}s'",
        f"SET statement_timeout = '{PATIENCE}s'",
        f"SET idle_in_transaction_session_timeout = '{3 * PATIENCE}s'",
    )
    _DAMAGE = ("DataCorrupted", "IndexCorrupted")
    at_hand = False
    pause = 0.0  # who waits to write is in a queue
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
        self._connect = partial(_patient().connect, **{**_UNLESS_SAID, **said})
        engine = create_engine(
            "postgresql+psycopg://",
            creator=self._connect,
            poolclass=QueuePool,
            pool_size=CONNECTIONS,
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
        connection = detached(self.reading)
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
        return error_name(failure) in self._DAMAGE


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
                if self._said != (reason := cause_name(failure)):
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
        self.join(PATIENCE)


def _without(text: str, secret: str) -> str:
    return text.replace(secret, "...")
