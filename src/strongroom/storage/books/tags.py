"""The tags of keys."""

from dataclasses import dataclass

from strongroom.keys.key import Key
from strongroom.storage import schema
from strongroom.storage.books.book import Book, of_key
from strongroom.storage.changes import Kind


@dataclass(slots=True)
class Tags(Book):
    def tags(self, key: Key) -> dict[str, str]:
        """A key's tags in the order in which they came."""
        table = schema.tags
        rows = self._all(table, key.account, key.region, table.c.position, key_id=key.id)
        return {row["tag_key"]: row["tag_value"] for row in rows}

    def put_tags(self, key: Key, tags: dict[str, str]) -> None:
        """Make `tags` the tags of `key`, in that order."""
        table = schema.tags
        self._delete(table, *of_key(table, key))
        for position, (tag_key, tag_value) in enumerate(tags.items()):
            self._insert(
                table,
                key.account,
                key.region,
                {
                    "account": key.account,
                    "region": key.region,
                    "key_id": key.id,
                    "tag_key": tag_key,
                    "tag_value": tag_value,
                    "position": position,
                },
            )
        self._touch(Kind.KEY, key.account, key.region, key.id)
