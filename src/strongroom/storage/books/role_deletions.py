"""What came of requests to delete service-linked roles; the newest of each account."""

from dataclasses import asdict, dataclass

from sqlalchemy import select

from strongroom.policy.entities import RoleDeletion
from strongroom.storage import schema
from strongroom.storage.books.entities import Entities

_TABLE = schema.iam_role_deletions
_MOST_KEPT = 100  # of an account


@dataclass(slots=True)
class RoleDeletions(Entities):
    def role_deletion(self, account: str, task: str) -> RoleDeletion | None:
        for row in self._all(_TABLE, account, ""):
            if row["task"] == task:
                return RoleDeletion(**row)
        return None

    def add_role_deletion(self, deletion: RoleDeletion) -> None:
        """Keep one, and no more than there is room for."""
        self._insert(_TABLE, deletion.account, "", asdict(deletion))
        newest = (
            select(_TABLE.c.task)
            .where(_TABLE.c.account == deletion.account)
            .order_by(_TABLE.c.created.desc(), _TABLE.c.task)
            .limit(_MOST_KEPT)
        )
        self._delete(_TABLE, _TABLE.c.account == deletion.account, _TABLE.c.task.not_in(newest))
