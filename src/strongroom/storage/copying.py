"""All rows of a database, taken out and put into another: what a backup and a move have in common.

Rows go as they stand, with their MACs and seals, so neither end can say what is under them and nothing is
signed anew; what vouches for all of them together (`epoch`, `branches`, `leaves`) goes with them.
"""

from collections.abc import Generator, Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, MetaData, Table, delete, insert, select, update

from strongroom.errors import SetupError
from strongroom.storage import migrations
from strongroom.storage.rows import streamed
from strongroom.storage.schema import epoch, metadata

_AT_ONCE = 200  # rows; some have a policy of 32 KiB


class NotRows(SetupError):
    """What is to be put into a database does not fit into it."""


class Rows(msgspec.Struct, frozen=True, tag="rows", array_like=True):
    """Some rows of a table, values in the order of its columns."""

    table: str
    columns: list[str]
    values: list[list[Any]]


def rows_of(connection: Connection) -> Generator[Rows, None, None]:
    """Everything in a database at this release's revision."""
    for table in metadata.sorted_tables:
        name, columns = str(table.name), [str(column.name) for column in table.columns]
        query = streamed(select(table)).execution_options(yield_per=_AT_ONCE)
        with connection.execute(query) as found:
            for part in found.partitions():
                yield Rows(name, columns, [list(row) for row in part])


def put(connection: Connection, revision: str, rows: Iterable[Rows]) -> int:
    """Make the tables of a revision in an empty database and fill them; how many rows there are.

    TooNew if this release does not know the revision, NotRows if there is a table or a column that it
    does not have.  The database is brought to this release's revision.
    """
    migrations.make(connection, revision)
    known = MetaData()
    known.reflect(connection)
    for name in ("epoch", "compatibility"):
        if name in known.tables:
            connection.execute(delete(known.tables[name]))
    count = 0
    for part in rows:
        table = _table(known, part)
        values = [dict(zip(part.columns, row, strict=True)) for row in part.values]
        connection.execute(insert(table), values)
        count += len(values)
    migrations.bring_up(connection)
    return count


def give_up(connection: Connection) -> None:
    """Have nobody use this database any more: neither who starts on it nor who runs on it."""
    migrations.mark_moved(connection)
    connection.execute(update(epoch).values(sealed=b""))


def _table(known: MetaData, part: Rows) -> Table:
    table = known.tables.get(part.table)
    if table is None or not {*part.columns} <= {column.name for column in table.columns}:
        raise NotRows(f"there is no table `{part.table}` with the columns of these rows")
    return table
