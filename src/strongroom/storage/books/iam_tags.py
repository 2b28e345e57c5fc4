"""The tags of IAM's resources."""

from dataclasses import dataclass

from strongroom.storage import schema
from strongroom.storage.books.entities import Entities

_TABLE = schema.iam_tags


@dataclass(slots=True)
class IamTags(Entities):
    def iam_tags(self, account: str, owner: str) -> dict[str, str]:
        """The tags of a unique id, or of a provider's resource name, in the order of their keys."""
        rows = self._all(_TABLE, account, "", _TABLE.c.tag_key, owner=owner)
        return {row["tag_key"]: row["tag_value"] for row in rows}

    def put_iam_tags(self, account: str, owner: str, tags: dict[str, str]) -> None:
        """Make `tags` all the tags there are."""
        here = _TABLE.c.account == account, _TABLE.c.owner == owner
        self._delete(_TABLE, *here)
        for key, value in tags.items():
            row = {"account": account, "owner": owner, "tag_key": key, "tag_value": value}
            self._insert(_TABLE, account, "", row)
        self._touch_identities(account)
