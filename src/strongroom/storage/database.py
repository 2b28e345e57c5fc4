"""The engine, and the one place where databases differ.

SQLite: write-ahead log with `synchronous=FULL` (NORMAL loses acknowledged commits at a power
cut), foreign `BEGIN`s of our own because the driver's would start a writing transaction late
and fail with SQLITE_BUSY where it should wait, deleted content overwritten.  A transaction that
will write says so at its start and takes the write lock there: no reading that a later writing
depends on can go stale in between.

Failures of the database become `Unavailable`: the caller may try again, and was not told that
anything happened.  A commit whose fate is unknown is such a failure too.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event, exc
from sqlalchemy.engine import URL
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from strongroom.errors import Unavailable

_BUSY_SECONDS = 10
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "secure_delete=ON",
    "temp_store=MEMORY",
    "cache_size=-4096",  # KiB for each connection
    "wal_autocheckpoint=1000",  # pages
)
_WRITES = "strongroom_writes"
_DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


class Database:
    """Transactions over one SQLite file."""

    def __init__(self, file: Path) -> None:
        self.url = URL.create("sqlite", database=str(file))
        self._engine = create_engine(
            self.url,
            poolclass=QueuePool,
            pool_size=4,
            connect_args={
                "check_same_thread": False,  # the pool hands a connection to one thread at a time
                "isolation_level": None,
                "timeout": _BUSY_SECONDS,
            },
        )
        event.listen(self._engine, "connect", _prepare_sqlite)
        event.listen(self._engine, "begin", _begin_sqlite)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """One snapshot; what others commit meanwhile is not seen."""
        with _failures(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that holds the write lock; committed durably when the block ends."""
        with _failures(), self._engine.connect() as connection:
            connection.execution_options(**{_WRITES: True})
            with connection.begin():
                yield connection

    def forget_deleted(self) -> None:
        """Empty the write-ahead log, in which pages of deleted rows may still stand."""
        with _failures(), self._engine.connect() as connection:
            connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]

    def close(self) -> None:
        self._engine.dispose()


def _prepare_sqlite(connection: Any, _: ConnectionPoolEntry) -> None:
    for pragma in _PRAGMAS:
        connection.execute("PRAGMA " + pragma)


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextlib.contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except (exc.OperationalError, exc.TimeoutError) as failure:
        raise Unavailable(f"The key database did not answer ({_name(failure)}).") from failure
    except exc.DatabaseError as failure:
        if _name(failure) not in _DAMAGE:
            raise
        raise Unavailable(f"The key database is damaged ({_name(failure)}).") from failure


def _name(failure: exc.SQLAlchemyError) -> str:
    """SQLite's name for a failure; the driver's own words may quote what stands in a row."""
    return getattr(getattr(failure, "orig", failure), "sqlite_errorname", "no reason known")
