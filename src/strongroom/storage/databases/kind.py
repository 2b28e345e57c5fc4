"""What a sort of database does in its own way, and what all of them have."""

from collections.abc import Callable
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, exc

from strongroom.errors import SetupError

PATIENCE = 10  # seconds: for the lock of who writes, and for one statement
CONNECTIONS = 4  # of a worker: two read, one writes


class DatabaseError(SetupError):
    """The database that was named cannot be used; the message says what to do."""


class Kind(Protocol):
    """What one sort of database does in its own way."""

    reading: Engine
    writing: Engine
    driver: Any
    """Its module."""
    pause: float
    """See `database.Database`."""
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
        """See `database.Database.listen`."""

    def time(self) -> float:
        """See `database.Database.time`."""

    def forget_deleted(self, connection: Connection) -> None:
        """Remove what deleted rows may have left behind, as far as it can be done."""

    def tidy(self, connection: Connection) -> None:
        """What is to be done now and then after a commit."""

    def settle(self) -> None:
        """See `database.Database.require_durable`."""

    def silent(self, failure: exc.DBAPIError) -> bool:
        """Whether the database has not said what became of a commit."""

    def lost(self, failure: exc.DBAPIError) -> bool:
        """Whether the disk may lack what was committed before."""

    def damaged(self, failure: exc.DatabaseError) -> bool: ...


def detached(engine: Engine) -> Any:
    pooled = engine.raw_connection()
    connection = pooled.driver_connection
    pooled.detach()
    return connection


def error_name(failure: exc.SQLAlchemyError) -> str:
    """The database's name for a failure; its own words may quote what stands in a row."""
    return cause_name(getattr(failure, "orig", None) or failure)


def cause_name(cause: BaseException) -> str:
    return getattr(cause, "sqlite_errorname", None) or type(cause).__name__
