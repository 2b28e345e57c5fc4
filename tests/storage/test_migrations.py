from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import delete, insert, select

from strongroom.errors import SetupError
from strongroom.storage import changes, migrations, schema
from strongroom.storage.database import Database
from strongroom.storage.migrations import (
    OtherRelease,
    TooNew,
    Unmarked,
    at_current,
    migrate,
    require_own,
    upgrade,
)


@pytest.fixture
def migrated(tmp_path):
    """A database that went through all migrations, from nothing."""
    database = Database(tmp_path / "migrated.db")
    with database.writing() as connection:
        upgrade(connection, None)
    yield database
    database.close()


def test_the_migrations_make_what_the_schema_says(migrated):
    with migrated.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
        assert context.get_current_revision() == schema.REVISION
    assert at_current(migrated)


def test_a_new_database_is_as_if_it_had_been_migrated(sqlite, migrated):
    assert structure(sqlite) == structure(migrated)


def structure(database):
    """Tables with their columns, keys and indexes, in the words of SQLite."""
    with database.reading() as connection:
        rows = connection.exec_driver_sql(
            "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name != 'sqlite_sequence'"
        )
        return {(*row[:3], row[3] and "".join(row[3].split())) for row in rows}


_SINCE_8 = "leaves", "branches"
_SINCE_7 = "compatibility", *_SINCE_8
_SINCE_5 = "epoch", "totals", *_SINCE_7
_SINCE_4 = "imports", "primaries", "last_usage", *_SINCE_5
LATER = {
    "0001": ("organization", "iam_role_deletions", *_SINCE_4),
    "0002": ("iam_role_deletions", *_SINCE_4),
    "0003": _SINCE_4,
    "0004": _SINCE_5,
    "0005": _SINCE_5,
    "0006": _SINCE_7,
    "0007": _SINCE_8,
    "0008": (),
}
"""How the names of the tables begin that a revision has not."""


OLD_CHANGES = (
    """CREATE TABLE changes (
    seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, kind VARCHAR(16) NOT NULL,
    account VARCHAR(12) NOT NULL, region VARCHAR(64) NOT NULL, name VARCHAR(256) NOT NULL)""",
    "INSERT INTO changes VALUES (41, 'key', '', '', '')",
    "DELETE FROM changes",
)
CHANGES_OF_5 = (
    """CREATE TABLE changes (number BIGINT NOT NULL PRIMARY KEY, kind VARCHAR(16) NOT NULL,
    account VARCHAR(12) NOT NULL, region VARCHAR(64) NOT NULL, name VARCHAR(256) NOT NULL)""",
    "CREATE TABLE epoch (id INTEGER NOT NULL PRIMARY KEY, number BIGINT NOT NULL)",
    "INSERT INTO epoch VALUES (1, 41)",
)


@pytest.mark.parametrize("revision", LATER)
def test_an_older_database_is_brought_up(sqlite, migrated, revision):
    with migrated.writing() as connection:
        for table in schema.metadata.sorted_tables:
            if table.name.startswith(LATER[revision]):
                connection.exec_driver_sql(f"DROP TABLE {table.name}")
        if revision in ("0007", "0008"):
            connection.exec_driver_sql(f"UPDATE compatibility SET revision = '{revision}'")
        if revision in ("0006", "0007", "0008"):
            connection.exec_driver_sql("UPDATE epoch SET number = 41")
        else:
            connection.exec_driver_sql("DROP TABLE changes")
        if revision < "0006":
            for statement in CHANGES_OF_5 if revision == "0005" else OLD_CHANGES:
                connection.exec_driver_sql(statement)
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")
    assert not at_current(migrated)
    migrate(migrated)
    assert at_current(migrated)
    assert structure(sqlite) == structure(migrated)
    with migrated.reading() as connection:
        assert changes.last(connection) == 41  # numbers go on


def test_the_schemas_revision_is_the_last_one():
    script = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert script.get_heads() == [schema.REVISION]


def test_migrating_again_changes_nothing(database):
    assert at_current(database)
    migrate(database)
    assert at_current(database)


def test_a_database_of_a_later_release_is_left_alone(database):
    with database.writing() as connection:
        connection.execute(delete(schema.compatibility))
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert not at_current(database)
    with pytest.raises(TooNew) as caught:
        migrate(database)
    assert isinstance(caught.value, SetupError)
    assert str(caught.value) == (
        "the database is at revision `9999`, which this release does not know: use the release "
        "that made it, or a later one"
    )
    with database.reading() as connection:
        assert (
            connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "9999"
        )


def test_a_later_release_may_leave_a_database_that_this_one_can_use(database):
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        connection.execute(insert(schema.compatibility).values(revision="9999"))
        connection.exec_driver_sql("CREATE TABLE later (x INTEGER)")
    assert at_current(database)
    migrate(database)
    with (
        database.reading() as connection,
        pytest.raises(OtherRelease, match="the database is at revision `9999`, and this release"),
    ):
        require_own(connection)
    with database.writing() as connection:
        connection.execute(
            delete(schema.compatibility).where(schema.compatibility.c.revision == schema.REVISION)
        )
    assert not at_current(database)
    with pytest.raises(TooNew):
        migrate(database)


def test_which_releases_may_use_it_is_said_anew(migrated):
    with migrated.writing() as connection:
        connection.execute(insert(schema.compatibility).values(revision="0000"))
        for name in _SINCE_7:
            connection.exec_driver_sql(f"DROP TABLE {name}")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0006'")
    migrate(migrated)
    with migrated.reading() as connection:
        said = set(connection.execute(select(schema.compatibility.c.revision)).scalars())
    assert said == {schema.REVISION, *schema.WORKS_WITH}


def test_tables_that_are_not_ours_are_left_alone(tmp_path):
    database = Database(tmp_path / "strongroom.db")
    with database.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE materials (x)")  # and no revision
    with pytest.raises(Unmarked):
        migrate(database)
    with database.reading() as connection:
        names = set(connection.exec_driver_sql("SELECT name FROM sqlite_master").scalars())
    assert names == {"materials"}
    database.close()


def test_durability_is_as_promised(sqlite):
    with sqlite.reading() as connection:
        for pragma, value in (
            ("journal_mode", "wal"),
            ("synchronous", 2),  # FULL
            ("secure_delete", 1),
        ):
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value


def test_the_log_does_not_grow_with_what_is_written_at_once(sqlite, tmp_path):
    with sqlite.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE large (x)")
    for _ in range(60):
        with sqlite.writing() as connection:
            connection.exec_driver_sql("INSERT INTO large VALUES (randomblob(1048576))")
    assert (tmp_path / "strongroom.db-wal").stat().st_size < 16 << 20
