"""A key by one statement, for requests that wait for it.

`Books.key` asks four times, each time through all of SQLAlchemy; that is five times what an Encrypt costs.
What this does not give a key for, `Books.key` does: keys whose material is imported, keys of several Regions, rows that
do not check under the domain as it is known.
"""

from typing import Any, NamedTuple

from sqlalchemy import Boolean, Table, and_, bindparam, select

from strongroom.keys.hierarchy import Cell, Domain
from strongroom.keys.key import Key
from strongroom.keys.sealing import Tampered
from strongroom.keys.specs import Origin
from strongroom.storage.books.keys import key_of
from strongroom.storage.books.materials import material_owner
from strongroom.storage.database import Database
from strongroom.storage.schema import epoch, keys, materials

_KEY_COLUMNS = [column.name for column in keys.columns]
_MATERIAL_COLUMNS = [column.name for column in materials.columns]
_KEY_FROM = 1
_MATERIAL_FROM = _KEY_FROM + len(_KEY_COLUMNS)
_BOOLEANS = [column.name for column in keys.columns if isinstance(column.type, Boolean)]

_QUERY = (
    select(epoch.c.number, *keys.columns, *materials.columns)
    .select_from(epoch)
    .outerjoin(
        keys,
        and_(
            keys.c.account == bindparam("account"),
            keys.c.region == bindparam("region"),
            keys.c.key_id == bindparam("key_id"),
        ),
    )
    .outerjoin(
        materials,
        and_(
            materials.c.account == keys.c.account,
            materials.c.region == keys.c.region,
            materials.c.key_id == keys.c.key_id,
        ),
    )
    .order_by(materials.c.generation)
)


class Found(NamedTuple):
    """A key, or that there is none, as of a change's number."""

    key: Key | None
    number: int


class Lookup:
    def __init__(self, database: Database) -> None:
        self._ask = database.prepared(_QUERY)

    def key(self, domain: Domain, key_id: str) -> Found | None:
        """A key of a domain; None if this is not the way to read it, or if there is anything about it."""
        rows = self._ask(account=domain.account, region=domain.region, key_id=key_id)
        if not rows:
            return None
        first = rows[0]
        if first[_KEY_FROM] is None:
            return Found(None, first[0])
        try:
            row = _checked(domain, keys, _KEY_COLUMNS, first[_KEY_FROM:_MATERIAL_FROM])
            if row["multi_region"] or row["origin"] == Origin.EXTERNAL:
                return None
            secrets = dict(_secret(domain, each[_MATERIAL_FROM:]) for each in rows)
            for name in _BOOLEANS:
                row[name] = bool(row[name])
            return Found(key_of(row, secrets), first[0])
        except Tampered:
            return None


def _secret(domain: Domain, values: tuple[Any, ...]) -> tuple[bytes, bytes]:
    row = _checked(domain, materials, _MATERIAL_COLUMNS, values)
    return row["material_id"], domain.unseal("material", material_owner(row), row["sealed"])


def _checked(
    domain: Domain, table: Table, columns: list[str], values: tuple[Any, ...]
) -> dict[str, Any]:
    row: dict[str, Cell] = dict(zip(columns, values, strict=True))
    mac = row.pop("mac")
    if not isinstance(mac, bytes):
        raise Tampered(f"a row of `{table.name}` has no MAC")
    domain.require_row(table.name, row, mac)
    return row
