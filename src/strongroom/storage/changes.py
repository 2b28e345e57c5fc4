"""What each commit touched, numbered without end, for those who hold copies.

A change names a thing, not what became of it: whoever holds a copy drops it and reads again.
Old entries are dropped after a while; a reader that finds a gap before the first one kept has
missed something and drops everything it holds.
"""

from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, func, insert, select

from strongroom.keys.key import Place
from strongroom.keys.witness import Witness
from strongroom.storage.schema import changes, epoch


class Kind(StrEnum):
    KEY = "key"  # its row, materials, tags, policy or grants
    ALIAS = "alias"
    CREDENTIAL = "credential"
    DOMAIN = "domain"  # its key; it has no name
    IDENTITIES = "identities"  # anything of IAM in an account; it has no Region and no name
    ORGANIZATIONS = "organizations"  # anything of the organization that the account manages


class Change(NamedTuple):
    kind: Kind
    account: str
    region: str
    name: str


KEPT = 10_000
_MARK = "change"


def record(connection: Connection, witness: Witness, before: int, touched: list[Change]) -> int:
    """Append `touched` behind the change of number `before`, and answer the number of the last one.

    Who calls keeps that number (`storage.totals`).
    """
    if not touched:
        return before
    rows = [
        {
            "number": number,
            **change._asdict(),
            "mac": witness.mark(_MARK, *_said(number, change)),
        }
        for number, change in enumerate(touched, before + 1)
    ]
    now = before + len(touched)
    connection.execute(insert(changes), rows)
    connection.execute(delete(changes).where(changes.c.number <= now - KEPT))
    return now


def last(connection: Connection) -> int:
    number: int = connection.execute(select(epoch.c.number)).scalar_one()
    return number


def since(connection: Connection, witness: Witness, now: int, seen: int) -> list[Change] | None:
    """All changes after `seen` where `now` is the last: None if some are no longer kept.

    Tampered if one was altered, for then something would not be read again.
    """
    rows = connection.execute(
        select(changes).where(changes.c.number > seen).order_by(changes.c.number)
    ).all()
    if len(rows) != now - seen:
        return None
    return [genuine(witness, row) for row in rows]


def of_keys(connection: Connection, seen: int, now: int, place: Place) -> int | None:
    """How many changes behind `seen`, up to the last one, `now`, were of a key: of that one, or of any in the account and
    Region if the id is empty.  None if some are no longer kept.
    """
    if seen < now - KEPT:
        return None
    account, region, key_id = place
    query = select(func.count()).where(
        changes.c.number > seen,
        changes.c.kind == Kind.KEY,
        changes.c.account == account,
        changes.c.region == region,
    )
    if key_id:
        query = query.where(changes.c.name == key_id)
    return int(connection.execute(query).scalar_one())


def genuine(witness: Witness, row: Row[Any]) -> Change:
    """What a row says; Tampered if it is not as it was written."""
    change = Change(row.kind, row.account, row.region, row.name)
    witness.require(row.mac, _MARK, *_said(row.number, change))
    return change._replace(kind=Kind(row.kind))


def _said(number: int, change: Change) -> tuple[bytes, ...]:
    return b"%d" % number, *(part.encode() for part in change)
