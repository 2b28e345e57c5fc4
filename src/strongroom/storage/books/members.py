"""Which users belong to which groups."""

from dataclasses import dataclass

from strongroom.policy.entities import Group, User
from strongroom.storage import schema
from strongroom.storage.books.entities import Entities

_TABLE = schema.iam_members


@dataclass(slots=True)
class Members(Entities):
    def add_member(self, group: Group, user: User) -> None:
        """Make `user` a member; nothing changes if it is one."""
        self.remove_member(group, user)
        row = {"account": group.account, "group_id": group.id, "user_id": user.id}
        self._insert(_TABLE, group.account, "", row)

    def remove_member(self, group: Group, user: User) -> bool:
        """Whether `user` was a member."""
        count = self._delete(
            _TABLE,
            _TABLE.c.account == group.account,
            _TABLE.c.group_id == group.id,
            _TABLE.c.user_id == user.id,
        )
        self._touch_identities(group.account)
        return bool(count)

    def members_of(self, group: Group) -> list[User]:
        rows = self._some(_TABLE, group.account, "", _TABLE.c.group_id == group.id, None, None)
        found = (self.referred(User, group.account, row["user_id"]) for row in rows)
        return sorted(found, key=lambda user: user.name.lower())

    def groups_of(self, user: User) -> list[Group]:
        rows = self._all(_TABLE, user.account, "", user_id=user.id)
        found = (self.referred(Group, user.account, row["group_id"]) for row in rows)
        return sorted(found, key=lambda group: group.name.lower())
