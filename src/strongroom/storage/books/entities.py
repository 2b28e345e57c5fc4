"""IAM's users, groups, roles and managed policies: what has a name.

Everything of IAM belongs to an account as a whole: its domain is that of the Region "".
"""

from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from sqlalchemy import Table, func, select

from strongroom.keys.sealing import Tampered
from strongroom.policy.entities import Entity, Group, ManagedPolicy, Role, User
from strongroom.storage import schema
from strongroom.storage.books.book import Book
from strongroom.storage.changes import Change, Kind

E = TypeVar("E", bound=Entity)

_TABLES: dict[type[Entity], Table] = {
    User: schema.iam_users,
    Group: schema.iam_groups,
    Role: schema.iam_roles,
    ManagedPolicy: schema.iam_policies,
}


@dataclass(slots=True)
class Entities(Book):
    def named(self, kind: type[E], account: str, name: str) -> E | None:
        """The entity of that name, however its letters are cased."""
        row = self._only(_TABLES[kind], account, "", folded=name.lower())
        return None if row is None else _entity(kind, row)

    def by_id(self, kind: type[E], account: str, unique_id: str) -> E | None:
        row = self._only(_TABLES[kind], account, "", id=unique_id)
        return None if row is None else _entity(kind, row)

    def of_unique_id(self, unique_id: str) -> User | Role | None:
        """The user or role of a unique id, whatever its account."""
        kind: type[User | Role] = User if unique_id.startswith(User.prefix) else Role
        table = _TABLES[kind]
        account = self.connection.execute(
            select(table.c.account).where(table.c.id == unique_id)
        ).scalar()
        return None if account is None else self.by_id(kind, str(account), unique_id)

    def referred(self, kind: type[E], account: str, unique_id: str) -> E:
        """What another row refers to.  Tampered if it is gone: a group's Deny must not go with it."""
        found = self.by_id(kind, account, unique_id)
        if found is None:
            raise Tampered(f"a {kind.noun} that a row refers to is gone")
        return found

    def entities(
        self,
        kind: type[E],
        account: str,
        prefix: str = "/",
        after: str = "",
        most: int | None = None,
    ) -> list[E]:
        """Those whose paths begin with `prefix` and whose names sort behind `after`, by name."""
        table = _TABLES[kind]
        wanted = table.c.folded > after.lower()
        if prefix != "/":
            wanted &= func.substr(table.c.path, 1, len(prefix)) == prefix  # LIKE ignores case
        rows = self._some(table, account, "", wanted, table.c.folded, most)
        return [_entity(kind, row) for row in rows]

    def bounded(self, kind: type[E], account: str, policy: str) -> list[E]:
        """The users or roles whose permissions boundary is the policy of that ARN, by name."""
        table = _TABLES[kind]
        rows = self._some(table, account, "", table.c.boundary == policy, table.c.folded, None)
        return [_entity(kind, row) for row in rows]

    def count(self, kind: type[Entity], account: str) -> int:
        table = _TABLES[kind]
        counted = select(func.count()).select_from(table).where(table.c.account == account)
        return int(self.connection.execute(counted).scalar() or 0)

    def put_entity(self, entity: Entity) -> None:
        """Keep an entity, in place of what it was before, whatever its name was then."""
        self._drop(entity)
        row = asdict(entity) | {"folded": entity.name.lower()}
        self._insert(_TABLES[type(entity)], entity.account, "", row)
        self._touch_identities(entity.account)

    def delete_entity(self, entity: Entity) -> None:
        self._drop(entity)
        self._touch_identities(entity.account)

    def _drop(self, entity: Entity) -> None:
        table = _TABLES[type(entity)]
        self._delete(table, table.c.account == entity.account, table.c.id == entity.id)

    def _touch_identities(self, account: str) -> None:
        """Say that something of the account's identities changed; once is enough."""
        change = Change(Kind.IDENTITIES, account, "", "")
        if change not in self.touched:
            self.touched.append(change)


def _entity(kind: type[E], row: dict[str, Any]) -> E:
    del row["folded"]
    return kind(**row)
