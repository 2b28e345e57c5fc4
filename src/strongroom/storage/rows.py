"""Rows that decide carry a MAC, and are believed only if it is right.

The MAC is keyed by the domain (account and Region) and covers the table's name and every other
column, so a row edited, or moved to another table, key, account or Region, is noticed when it is
read.  What it cannot notice: a row deleted, or put back as it once was; for that see `storage.tree`.
"""

from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import RowMapping, Select, Table

from strongroom.errors import Validation
from strongroom.keys.hierarchy import Cell, Domain
from strongroom.keys.sealing import Tampered


def signed(domain: Domain, table: Table, row: Mapping[str, Cell]) -> dict[str, Cell]:
    """`row` with its MAC, ready to be written.  All of the table's columns must be in it.

    Validation if a text has the one character that PostgreSQL cannot keep.
    """
    if any(isinstance(value, str) and "\0" in value for value in row.values()):
        raise Validation("The character U+0000 cannot be kept.")
    return {**row, "mac": domain.row_mac(table.name, row)}


def checked(domain: Domain | None, table: Table, read: RowMapping) -> dict[str, Cell]:
    """A row as it was signed, without its MAC; Tampered if anything in it is another."""
    row = {column: cast("Cell", value) for column, value in read.items()}
    mac = row.pop("mac")
    if domain is None or not isinstance(mac, bytes):
        raise Tampered(f"a row of `{table.name}` stands where none can be")
    domain.require_row(table.name, row, mac)
    return row


def streamed(query: Select[Any]) -> Select[Any]:
    """The same, whose rows are not all in memory at once."""
    return query.execution_options(yield_per=1_000)
