"""Domains, and their keys' replacement.

While a domain has two keys, what is written is written under the newer one, and rows that are under the
other one are written again, some at a time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, bindparam, select, tuple_, update

from strongroom.keys.hierarchy import renewed_domain, settled_domain
from strongroom.keys.sealing import Tampered
from strongroom.storage import schema
from strongroom.storage.books.accounts import access_key_owner
from strongroom.storage.books.book import Book, Home
from strongroom.storage.books.materials import material_owner
from strongroom.storage.changes import Kind
from strongroom.storage.rows import signed

_SEALED: dict[Table, tuple[str, Callable[[Mapping[str, Any]], str]]] = {
    schema.materials: ("material", material_owner),
    schema.access_keys: ("access-key", access_key_owner),
}
"""Tables whose rows have something sealed: for which purpose, and whose."""


@dataclass(slots=True)
class Domains(Book):
    def homes(self) -> list[Home]:
        """All accounts and Regions for which anything was ever kept."""
        table = schema.domains
        found = self.connection.execute(
            select(table.c.account, table.c.region).order_by(table.c.account, table.c.region)
        )
        return [(account, region) for account, region in found]

    def renew_domain(self, account: str, region: str) -> None:
        """Begin to replace the domain's key, unless that is being done already."""
        self._put_domain(account, region, renewed_domain)

    def settle_domain(self, account: str, region: str) -> None:
        """Forget the key that was replaced: nothing may be under it any more."""
        self._put_domain(account, region, settled_domain)

    def _put_domain(
        self, account: str, region: str, new: Callable[[Any, str, str, bytes], bytes]
    ) -> None:
        before = self._sealed_domain(account, region)
        if before is None:
            raise Tampered(f"the domain of account {account} in {region} is gone")
        after = new(self.root, account, region, before)
        if after == before:
            return
        table = schema.domains
        here = table.c.account == account, table.c.region == region
        self.connection.execute(update(table).where(*here).values(sealed=after))
        for sealed, came in ((before, False), (after, True)):
            row = {"account": account, "region": region, "sealed": sealed}
            self._move(table, row, came=came)
        self._touch(Kind.DOMAIN, account, region, "")
        self._open_domain(account, region)

    def sign_again(
        self, table: Table, account: str, region: str, after: tuple[Any, ...], most: int
    ) -> tuple[tuple[Any, ...], int]:
        """Write again, under the domain's newer key, those of the next `most` rows of a table that are not yet.

        `after` is a primary key; empty at first.  The last one that was looked at, empty if there was none, and how many
        were written.
        """
        domain = self.own_domain(account, region)
        key = list(table.primary_key)
        query = select(table).where(table.c.account == account).order_by(*key).limit(most)
        if "region" in table.c:
            query = query.where(table.c.region == region)
        if after:
            query = query.where(tuple_(*key) > tuple_(*after))
        found = self.connection.execute(query).mappings().all()
        new = []
        for read in found:
            row = self._checked(table, account, region, read)
            if domain.is_new(table.name, row, read["mac"]):
                continue
            if table in _SEALED and row["sealed"]:
                purpose, owner_of = _SEALED[table]
                owner = owner_of(row)
                secret = domain.unseal(purpose, owner, row["sealed"])
                row["sealed"] = domain.seal(purpose, owner, secret)
            again = signed(domain, table, row)
            new.append({f"new_{name}": again[name] for name in ("mac", "sealed") if name in again})
            new[-1] |= {f"at_{column.name}": read[column.name] for column in key}
            self._move(table, read, came=False)
            self._move(table, again, came=True)
        if new:
            here = [column == bindparam(f"at_{column.name}") for column in key]
            values: dict[str, Any] = {
                name.removeprefix("new_"): bindparam(name)
                for name in new[0]
                if name.startswith("new_")
            }
            self.connection.execute(update(table).where(*here).values(values), new)
        return (tuple(found[-1][column.name] for column in key) if found else ()), len(new)
