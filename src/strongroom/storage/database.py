"""Transactions, whatever the database; where databases differ, `storage.databases` says.

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
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, exc, inspect

from strongroom.errors import Unavailable, Undecided
from strongroom.storage.databases.kind import DatabaseError, Kind, error_name
from strongroom.storage.databases.postgresql import Postgresql
from strongroom.storage.databases.sqlite import Sqlite

_LOST = "The disk did not keep what was written to the key database."

Rows = list[tuple[Any, ...]]


class Database:
    """Transactions over a SQLite file, or over the PostgreSQL of a connection string of libpq's."""

    def __init__(self, where: Path | str, lost: Callable[[], None] = lambda: None) -> None:
        """`lost` is called once, in whichever thread, when the disk has failed to keep something: the
        process is to end, and so are all that have the same file open.
        """
        self._kind: Kind = Sqlite(where) if isinstance(where, Path) else Postgresql(where)
        self._own = _Own(self._kind.own)
        self.at_hand = self._kind.at_hand
        self.pause = self._kind.pause
        """Seconds that whoever writes again and again leaves in between, for others who wait to write."""
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
                    f"whether it was made ({error_name(failure)}); look before you make it again."
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
            raise Unavailable(
                f"The key database did not answer ({error_name(failure)})."
            ) from failure
        except exc.DatabaseError as failure:
            if not self._kind.damaged(failure):
                raise
            raise Unavailable(f"The key database is damaged ({error_name(failure)}).") from failure


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
