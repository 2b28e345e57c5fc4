"""When keys were last used."""

from dataclasses import dataclass

from strongroom.arn import Arn
from strongroom.keys.hierarchy import Cell
from strongroom.keys.key import Key
from strongroom.keys.usage import LastUsage
from strongroom.storage import schema
from strongroom.storage.books.book import Book


@dataclass(slots=True)
class Usage(Book):
    def last_usage(self, key: Key) -> LastUsage | None:
        return self._last_usage(key.account, key.region, key.id)

    def put_usage(self, arn: str, usage: LastUsage) -> None:
        """Keep it, unless the key is gone or was used since."""
        named = Arn.parse(arn)
        place = named.account, named.region, named.resource.removeprefix("key/")
        keys, table = schema.keys, schema.last_usage
        if self._one(keys, *place[:2], keys.c.key_id == place[2]) is None:
            return
        before = self._last_usage(*place)
        if before is not None and before.at >= usage.at:
            return
        account, region, key_id = place
        self._delete(
            table,
            table.c.account == account,
            table.c.region == region,
            table.c.key_id == key_id,
        )
        row: dict[str, Cell] = {
            "account": account,
            "region": region,
            "key_id": key_id,
            "operation": usage.operation,
            "at": usage.at,
            "request_id": usage.request_id,
            "event_id": usage.event_id,
        }
        self._insert(table, account, region, row)

    def _last_usage(self, account: str, region: str, key_id: str) -> LastUsage | None:
        table = schema.last_usage
        row = self._one(table, account, region, table.c.key_id == key_id)
        if row is None:
            return None
        return LastUsage(row["operation"], row["at"], row["request_id"], row["event_id"])
