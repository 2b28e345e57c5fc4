"""A key by two statements, for requests that wait for it.

`Books.key` asks five times, each time through all of SQLAlchemy; that is five times what an Encrypt costs.
What this does not give a key for, `Books.key` does: keys whose material is imported, keys of several Regions, rows that
do not check under the domain as it is known, or are not all that there should be of the state as it is known.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Boolean, Table, and_, bindparam, select

from strongroom.keys.hierarchy import Cell, Domain
from strongroom.keys.key import Key
from strongroom.keys.sealing import Tampered
from strongroom.keys.specs import Origin
from strongroom.keys.witness import Place, branch_of
from strongroom.storage.books.keys import key_of
from strongroom.storage.books.materials import material_owner
from strongroom.storage.database import Database, Rows
from strongroom.storage.schema import epoch, keys, materials
from strongroom.storage.things import thing
from strongroom.storage.tree import LEAVES, Tree, bounds

_KEY_COLUMNS = [column.name for column in keys.columns]
_MATERIAL_COLUMNS = [column.name for column in materials.columns]
_KEY_FROM = 2
_MATERIAL_FROM = _KEY_FROM + len(_KEY_COLUMNS)
_KEY_MAC = _KEY_FROM + _KEY_COLUMNS.index("mac")
_MATERIAL_MAC = _MATERIAL_FROM + _MATERIAL_COLUMNS.index("mac")
_BOOLEANS = [column.name for column in keys.columns if isinstance(column.type, Boolean)]

_QUERY = (
    select(epoch.c.number, epoch.c.sealed, *keys.columns, *materials.columns)
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
    def __init__(self, database: Database, tree: Tree) -> None:
        self._ask = database.prepared(_QUERY)
        self._ask_leaves = database.prepared(LEAVES)
        self._tree = tree

    def key(self, domain: Domain, key_id: str) -> Found | None:
        """A key of a domain; None if this is not the way to read it, or if there is anything about it."""
        rows = self._ask(account=domain.account, region=domain.region, key_id=key_id)
        if not rows:
            return None
        first = rows[0]
        try:
            if not self._whole(domain, key_id, first[1], rows):
                return None
            if first[_KEY_FROM] is None:
                return Found(None, first[0])
            row = _checked(domain, keys, _KEY_COLUMNS, first[_KEY_FROM:_MATERIAL_FROM])
            if row["multi_region"] or row["origin"] == Origin.EXTERNAL:
                return None
            secrets = dict(_secret(domain, each[_MATERIAL_FROM:]) for each in rows)
            for name in _BOOLEANS:
                row[name] = bool(row[name])
            return Found(key_of(row, secrets), first[0])
        except Tampered:
            return None

    def _whole(self, domain: Domain, key_id: str, sealed: bytes, rows: Rows) -> bool:
        """Whether these are the rows that are to be there, by the state that is known; Tampered if not, or if
        something of the branch was committed since they were read.
        """
        state = self._tree.held(sealed)
        if state is None:
            return False
        asked = thing(keys, domain.account, domain.region, {"key_id": key_id})
        name = self._tree.witness.name(asked)
        on_branch = self._ask_leaves(**bounds(branch_of(name)))
        if on_branch is None:
            return False
        weigh = self._tree.witness.weight
        total = sum(weigh(place, mac) for place, mac in _macs(domain, rows))
        self._tree.check(state, asked, name, on_branch, total)
        return True


def _macs(domain: Domain, rows: Rows) -> Iterator[tuple[Place, object]]:
    """Of the key's row, and of each of its materials."""
    key, material = (
        Place(str(table.name), domain.account, domain.region) for table in (keys, materials)
    )
    if rows[0][_KEY_FROM] is not None:
        yield key, rows[0][_KEY_MAC]
    for row in rows:
        if row[_MATERIAL_FROM] is not None:
            yield material, row[_MATERIAL_MAC]


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
