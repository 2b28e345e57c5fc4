"""Grants: of a key, of a grantee, of whoever may retire them.

A key may have 50,000, so nothing here reads all of them: listings come in pages, the look for a repeated
CreateGrant is answered by an index, and they are counted only when there may be too many (`storage.tallies`).
"""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from strongroom.keys.grant import Grant, Pairs
from strongroom.keys.hierarchy import Cell
from strongroom.keys.key import Key
from strongroom.storage import schema
from strongroom.storage.books.book import Book, of_key
from strongroom.storage.changes import Kind


@dataclass(slots=True)
class Grants(Book):
    def add_grant(self, grant: Grant) -> None:
        # INVARIANT: a change of its own for each that comes or goes (`storage.tallies`).
        self._insert(schema.grants, grant.account, grant.region, _row(grant))
        self._touch(Kind.KEY, grant.account, grant.region, grant.key_id)

    def remove_grant(self, grant: Grant) -> None:
        table = schema.grants
        self._delete(
            table,
            table.c.account == grant.account,
            table.c.region == grant.region,
            table.c.grant_id == grant.id,
        )
        self._touch(Kind.KEY, grant.account, grant.region, grant.key_id)

    def grant(self, account: str, region: str, grant_id: str) -> Grant | None:
        """The grant of that id on any key of a place, to be taken away: whether it is as it once was is not asked."""
        row = self._one(schema.grants, account, region, schema.grants.c.grant_id == grant_id)
        return None if row is None else _grant(row)

    def grant_like(self, grant: Grant) -> Grant | None:
        """The grant on the same key that a repeated CreateGrant means, if there is one."""
        table, likeness = schema.grants, grant.likeness
        if likeness is None:
            return None
        same = (table.c.key_id == grant.key_id) & (table.c.likeness == likeness)
        row = self._one(table, grant.account, grant.region, same)
        return None if row is None else _grant(row)

    def has_grants(self, key: Key, count: int) -> bool:
        """Whether a key has that many."""
        place, made = (key.account, key.region, key.id), len(self.touched)
        return self.tallies.reach(
            self.connection, place, count, made, lambda: self._count_grants(key)
        )

    def _count_grants(self, key: Key) -> int:
        table = schema.grants
        counting = select(func.count()).where(*of_key(table, key))
        return int(self.connection.execute(counting).scalar_one())

    def grants_of(self, key: Key, grantee: str | None, after: str, most: int) -> list[Grant]:
        """At most `most` grants of a key whose ids sort behind `after`; of one grantee, by its id, if given."""
        table = schema.grants
        wanted = (table.c.key_id == key.id) & (table.c.grant_id > after)
        if grantee is not None:
            wanted &= table.c.grantee_id == grantee
        rows = self._some(table, key.account, key.region, wanted, table.c.grant_id, most)
        return [_grant(row) for row in rows]

    def grants(
        self, account: str, region: str, key_id: str, grantees: tuple[str, ...]
    ) -> tuple[Grant, ...]:
        """All grants of a key to any of `grantees`: unique ids, ARNs, or a service's name."""
        table = schema.grants
        wanted = (table.c.key_id == key_id) & table.c.grantee_id.in_(grantees)
        rows = self._some(table, account, region, wanted, table.c.grant_id, None)
        for each in grantees:
            self._require(table, account, region, key_id=key_id, grantee_id=each)
        return tuple(_grant(row) for row in rows)

    def retirable_grants(self, region: str, retiring: str, after: str, most: int) -> list[Grant]:
        """At most `most` grants, on any account's keys, that mean `retiring`; in order of id."""
        table = schema.grants
        rows = self.connection.execute(
            select(table)
            .where(
                table.c.region == region, table.c.retiring_id == retiring, table.c.grant_id > after
            )
            .order_by(table.c.grant_id)
            .limit(most)
        ).mappings()
        return [_grant(self._checked(table, row["account"], region, row)) for row in rows.all()]


def _row(grant: Grant) -> dict[str, Cell]:
    return {
        "account": grant.account,
        "region": grant.region,
        "grant_id": grant.id,
        "key_id": grant.key_id,
        "name": grant.name,
        "grantee": grant.grantee,
        "grantee_id": grant.grantee_id,
        "retiring": grant.retiring,
        "retiring_id": grant.retiring_id,
        "operations": " ".join(grant.operations),
        "context_equals": _written(grant.equals),
        "context_subset": _written(grant.subset),
        "source_arn": grant.source_arn,
        "issuing_account": grant.issuing_account,
        "issuer": grant.issuer,
        "created": grant.created,
        "parent": grant.parent,
        "likeness": grant.likeness,
    }


def _grant(row: dict[str, Any]) -> Grant:
    return Grant(
        id=row["grant_id"],
        account=row["account"],
        region=row["region"],
        key_id=row["key_id"],
        name=row["name"],
        grantee=row["grantee"],
        grantee_id=row["grantee_id"],
        retiring=row["retiring"],
        retiring_id=row["retiring_id"],
        operations=tuple(row["operations"].split()),
        equals=_read(row["context_equals"]),
        subset=_read(row["context_subset"]),
        source_arn=row["source_arn"],
        issuing_account=row["issuing_account"],
        issuer=row["issuer"],
        created=row["created"],
        parent=row["parent"],
    )


def _written(pairs: Pairs | None) -> str | None:
    return None if pairs is None else json.dumps(pairs)


def _read(text: str | None) -> Pairs | None:
    return None if text is None else tuple((key, value) for key, value in json.loads(text))
