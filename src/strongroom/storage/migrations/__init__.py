"""Alembic's migrations of the tables of `storage.schema`.

Alembic takes a tenth of a second to import, so it is imported only when there is a migration to
do: a new database gets its tables from the schema and is stamped as current.  A test holds what
the migrations make against what the schema makes.
"""

import time
from pathlib import Path

from sqlalchemy import Connection, exc, insert, inspect, text

from strongroom.errors import SetupError
from strongroom.storage.database import Database
from strongroom.storage.schema import REVISION, epoch, metadata

_TRIES = 5
_PAUSE = 0.2  # seconds
_MOVED = "moved"  # in place of a revision


class TooNew(SetupError):
    """The database was made by a later release than this one."""


class Unmarked(SetupError):
    """The database has tables, and does not say which release made them."""


class Moved(SetupError):
    """What was in the database is elsewhere now."""


def migrate(database: Database) -> None:
    """Bring the tables to `schema.REVISION`; TooNew if a later release made them.

    Several nodes may do it at once: one does, and the others find it done.
    """
    for tries_left in reversed(range(_TRIES)):
        try:
            with database.defining() as connection:
                bring_up(connection)
        except (exc.IntegrityError, exc.ProgrammingError):
            if not tries_left:
                raise
            time.sleep(_PAUSE)
        else:
            return


def bring_up(connection: Connection) -> None:
    """See `migrate`."""
    at = _revision(connection)
    if at is None and inspect(connection).get_table_names():
        raise Unmarked(
            "the database does not say which release made it; bring it back from a backup"
        )
    if at == _MOVED:
        raise Moved(
            "what was in this database is in another one since `strongroom move`; nodes that used this one "
            "are made anew with `strongroom join`, or go where it went"
        )
    if at is None:
        _create(connection)
    elif at != REVISION:
        upgrade(connection, at)


def make(connection: Connection, revision: str) -> None:
    """The tables of a revision, in an empty database; TooNew if it is not known."""
    if revision == REVISION:
        _create(connection)
    else:
        upgrade(connection, None, revision)


def mark_moved(connection: Connection) -> None:
    """Refuse the database from now on, by every release."""
    connection.execute(text("UPDATE alembic_version SET version_num = :now"), {"now": _MOVED})


def at_current(database: Database) -> bool:
    """Whether the tables are those this release works with."""
    with database.reading() as connection:
        return _revision(connection) == REVISION


def is_unmarked(database: Database) -> bool:
    """Whether there are tables of which it is not known what release made them."""
    with database.reading() as connection:
        return _revision(connection) is None and bool(inspect(connection).get_table_names())


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _create(connection: Connection) -> None:
    metadata.create_all(connection, checkfirst=False)  # what is there already is not ours
    connection.execute(insert(epoch).values(id=1, number=0, sealed=b""))
    # The table by which Alembic knows a database, as it makes it itself.
    connection.execute(
        text(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
            "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
    )
    connection.execute(text("INSERT INTO alembic_version VALUES (:now)"), {"now": REVISION})


def upgrade(connection: Connection, at: str | None, to: str = "head") -> None:
    """Run the migrations from the revision `at`, or from nothing; TooNew if one is not known."""
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    for named in (at, to):
        if named is None:
            continue
        try:
            script.get_revision(named)
        except CommandError:
            raise TooNew(
                f"the database is at revision `{named}`, which this release does not know: "
                "use the release that made it, or a later one"
            ) from None
    with EnvironmentContext(
        config,
        script,
        fn=lambda revision, _: script._upgrade_revs(to, revision),  # noqa: SLF001
    ) as environment:
        environment.configure(connection=connection)
        environment.run_migrations()
