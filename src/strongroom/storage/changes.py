"""What each commit touched, numbered without end, for those who hold copies.

A change names a thing, not what became of it: whoever holds a copy drops it and reads again.
Old entries are dropped after a while; a reader that finds a gap before the first one kept has
missed something and drops everything it holds.
"""

from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select

from strongroom.storage.schema import changes


class Kind(StrEnum):
    KEY = "key"  # its row, materials, tags, policy or grants
    ALIAS = "alias"
    CREDENTIAL = "credential"
    IDENTITIES = "identities"  # anything of IAM in an account; it has no Region and no name
    ORGANIZATIONS = "organizations"  # anything of the organization that the account manages


class Change(NamedTuple):
    kind: Kind
    account: str
    region: str
    name: str


KEPT = 10_000


def record(connection: Connection, touched: list[Change]) -> int:
    """Append `touched` and answer the number of the last one."""
    for change in touched:
        result = connection.execute(insert(changes).values(change._asdict()))
        (last,) = result.inserted_primary_key  # type: ignore[misc]
    connection.execute(delete(changes).where(changes.c.seq <= last - KEPT))
    return int(last)


def last(connection: Connection) -> int:
    return connection.execute(select(func.max(changes.c.seq))).scalar() or 0


def since(connection: Connection, seen: int) -> tuple[int, list[Change] | None]:
    """The last change's number, and all after `seen`: None if some are no longer kept."""
    rows = connection.execute(
        select(changes).where(changes.c.seq > seen).order_by(changes.c.seq)
    ).all()
    if not rows:
        return seen, []
    if rows[0].seq != seen + 1:
        return rows[-1].seq, None
    return rows[-1].seq, [Change(Kind(row.kind), row.account, row.region, row.name) for row in rows]
