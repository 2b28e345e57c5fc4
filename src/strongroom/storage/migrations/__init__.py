"""Alembic's migrations of the tables of `storage.schema`.

Alembic takes a tenth of a second to import, so it is imported only when there is a migration to
do: a new database gets its tables from the schema and is stamped as current.  A test holds what
the migrations make against what the schema makes.

Two releases can use one database while its nodes are brought up to date: what a release only adds the one
before does not see, and `schema.WORKS_WITH` says that it may go on and start.  What that one reads is changed
or taken away by a later release, which does not name it any more.
"""

import time
from pathlib import Path

from sqlalchemy import Connection, delete, exc, insert, inspect, select, text

from strongroom.errors import SetupError
from strongroom.storage.database import Database
from strongroom.storage.schema import REVISION, WORKS_WITH, compatibility, epoch, metadata

_TRIES = 5
_PAUSE = 0.2  # seconds
_MOVED = "moved"  # in place of a revision


class TooNew(SetupError):
    """The database was made by a later release than this one."""


class Unmarked(SetupError):
    """The database has tables, and does not say which release made them."""


class OtherRelease(SetupError):
    """All tables are wanted, and the database has others than this release."""


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
    elif at != REVISION and REVISION not in _compatible(connection):
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
    """Whether the tables are those of this release, or of one with which it can share them."""
    with database.reading() as connection:
        return _revision(connection) == REVISION or REVISION in _compatible(connection)


def require_own(connection: Connection) -> None:
    """OtherRelease unless the tables are just those that this release knows."""
    at = _revision(connection)
    if at != REVISION:
        raise OtherRelease(
            f"the database is at revision `{at}`, and this release's is `{REVISION}`: bring it up to date with "
            "`strongroom migrate`, or use the later release"
        )


def revision(database: Database) -> str | None:
    """Which tables there are; None if that is not said."""
    with database.reading() as connection:
        return _revision(connection)


def is_unmarked(database: Database) -> bool:
    """Whether there are tables of which it is not known what release made them."""
    with database.reading() as connection:
        return _revision(connection) is None and bool(inspect(connection).get_table_names())


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _compatible(connection: Connection) -> set[str]:
    """The revisions whose releases may use the database as it is."""
    if not inspect(connection).has_table(compatibility.name):
        return set()
    return set(connection.execute(select(compatibility.c.revision)).scalars())


def _create(connection: Connection) -> None:
    metadata.create_all(connection, checkfirst=False)  # what is there already is not ours
    connection.execute(insert(epoch).values(id=1, number=0, sealed=b""))
    _mark(connection)
    # The table by which Alembic knows a database, as it makes it itself.
    connection.execute(
        text(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
            "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
    )
    connection.execute(text("INSERT INTO alembic_version VALUES (:now)"), {"now": REVISION})


def _mark(connection: Connection) -> None:
    connection.execute(delete(compatibility))
    rows = [{"revision": revision} for revision in (REVISION, *WORKS_WITH)]
    connection.execute(insert(compatibility), rows)


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
    if to == "head":
        _mark(connection)
