"""When keys were last used."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from sqlalchemy import select

from strongroom.keys.key import Key, Place
from strongroom.keys.usage import LastUsage
from strongroom.storage import schema
from strongroom.storage.books.book import Book, Home
from strongroom.storage.things import beginning


@dataclass(slots=True)
class Usage(Book):
    def last_usage(self, key: Key) -> LastUsage | None:
        table, begins = schema.last_usage, beginning(key.id)
        together = table.c.key_id.between(begins, begins + "\x7f")  # ids are printable ASCII
        rows = self._some(table, key.account, key.region, together, None, None)
        self._require(table, key.account, key.region, key_id=key.id)
        for row in rows:
            if row["key_id"] == key.id:
                return LastUsage(row["operation"], row["at"], row["request_id"], row["event_id"])
        return None

    def put_usages(self, usages: Mapping[Place, LastUsage]) -> None:
        """Keep them, but of keys that are gone or were used since."""
        homes: dict[Home, dict[str, LastUsage]] = {}
        for (account, region, key_id), usage in usages.items():
            homes.setdefault((account, region), {})[key_id] = usage
        for home, of_keys in homes.items():
            self._put_usages(*home, of_keys)

    def _put_usages(self, account: str, region: str, usages: Mapping[str, LastUsage]) -> None:
        keys, table = schema.keys, schema.last_usage
        here = keys.c.account == account, keys.c.region == region, keys.c.key_id.in_(usages)
        there = set(self.connection.execute(select(keys.c.key_id).where(*here)).scalars())
        before = {
            row["key_id"]: row["at"]
            for row in self._some(table, account, region, table.c.key_id.in_(usages), None, None)
        }
        new = [
            key_id
            for key_id, usage in usages.items()
            if key_id in there and before.get(key_id, -inf) < usage.at
        ]
        self._delete(
            table,
            table.c.account == account,
            table.c.region == region,
            table.c.key_id.in_([key_id for key_id in new if key_id in before]),
        )
        self._insert_all(
            table,
            account,
            region,
            [
                {
                    "account": account,
                    "region": region,
                    "key_id": key_id,
                    **usages[key_id]._asdict(),
                }
                for key_id in new
            ],
        )
