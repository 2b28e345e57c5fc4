"""What each commit touched, numbered without end, for those who hold copies.

A change names a thing, not what became of it: whoever holds a copy drops it and reads again.
Old entries are dropped after a while; a reader that finds a gap before the first one kept has
missed something and drops everything it holds.
"""

from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from strongroom.storage.schema import changes, epoch


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
    count = update(epoch).values(number=epoch.c.number + len(touched)).returning(epoch.c.number)
    now: int = connection.execute(count).scalar_one()
    first = now - len(touched) + 1
    rows = [{"number": at, **change._asdict()} for at, change in enumerate(touched, first)]
    connection.execute(insert(changes), rows)
    connection.execute(delete(changes).where(changes.c.number <= now - KEPT))
    return now


def last(connection: Connection) -> int:
    number: int = connection.execute(select(epoch.c.number)).scalar_one()
    return number


def since(connection: Connection, seen: int) -> tuple[int, list[Change] | None]:
    """The last change's number, and all after `seen`: None if some are no longer kept."""
    now = last(connection)
    rows = connection.execute(
        select(changes).where(changes.c.number > seen).order_by(changes.c.number)
    ).all()
    if len(rows) != now - seen:
        return now, None
    return now, [Change(Kind(row.kind), row.account, row.region, row.name) for row in rows]
