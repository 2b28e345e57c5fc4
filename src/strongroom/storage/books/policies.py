"""IAM's policies: versions of managed ones, what they are attached to, and inline ones."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, func, select

from strongroom.arn import Arn
from strongroom.keys.hierarchy import Cell
from strongroom.keys.sealing import Tampered
from strongroom.policy import aws_managed
from strongroom.policy.entities import Entity, Group, ManagedPolicy, PolicyVersion, Role, User
from strongroom.storage import schema
from strongroom.storage.books.entities import Entities

_VERSIONS = schema.iam_policy_versions
_ATTACHMENTS = schema.iam_attachments
_INLINE = schema.iam_inline_policies

_BY_PREFIX: dict[str, type[Entity]] = {kind.prefix: kind for kind in (User, Group, Role)}


@dataclass(slots=True)
class Policies(Entities):
    def managed_policy(self, account: str, arn: str) -> ManagedPolicy | None:
        """What an account knows by that ARN: a policy of its own or one of AWS's."""
        try:
            parsed = Arn.parse(arn)
        except ValueError:
            return None
        if parsed.account == aws_managed.ACCOUNT:
            return aws_managed.find(arn)
        if parsed.account != account:
            return None
        found = self.named(ManagedPolicy, account, parsed.resource.rpartition("/")[2])
        return found if found is not None and found.arn == arn else None

    def referred_policy(self, account: str, arn: str) -> ManagedPolicy:
        """What an attachment or a boundary refers to; it cannot be deleted while one does."""
        found = self.managed_policy(account, arn)
        if found is None:
            raise Tampered(f"the policy {arn} is gone, and something refers to it")
        return found

    # Versions

    def default_document(self, policy: ManagedPolicy) -> str:
        """The document of the version that counts."""
        version = self.version(policy, policy.default_version)
        if version is None:
            raise Tampered(f"the default version of {policy.arn} is gone")
        return version.document

    def versions(self, policy: ManagedPolicy) -> list[PolicyVersion]:
        """The newest first."""
        if policy.account == aws_managed.ACCOUNT:
            return [aws_managed.version(policy)]
        order = _VERSIONS.c.number.desc()
        rows = self._all(_VERSIONS, policy.account, "", order, policy_id=policy.id)
        return [PolicyVersion(row["number"], row["document"], row["created"]) for row in rows]

    def version(self, policy: ManagedPolicy, number: int) -> PolicyVersion | None:
        return next((each for each in self.versions(policy) if each.number == number), None)

    def add_version(self, policy: ManagedPolicy, version: PolicyVersion) -> None:
        row: dict[str, Cell] = {
            "account": policy.account,
            "policy_id": policy.id,
            "number": version.number,
            "document": version.document,
            "created": version.created,
        }
        self._insert(_VERSIONS, policy.account, "", row)
        self._touch_identities(policy.account)

    def delete_version(self, policy: ManagedPolicy, number: int) -> None:
        at = {"policy_id": policy.id, "number": number}
        self._delete_where(_VERSIONS, policy.account, at)

    # Attachments

    def attach(self, owner: Entity, policy: ManagedPolicy) -> None:
        """Nothing changes if it is attached already."""
        self.detach(owner, policy)
        row = {"account": owner.account, "owner": owner.id, "policy": policy.arn}
        self._insert(_ATTACHMENTS, owner.account, "", row)

    def detach(self, owner: Entity, policy: ManagedPolicy) -> bool:
        """Whether it was attached."""
        at = {"owner": owner.id, "policy": policy.arn}
        return self._delete_where(_ATTACHMENTS, owner.account, at)

    def attached_to(self, owner: Entity) -> list[ManagedPolicy]:
        """The managed policies of a user, a group or a role, by name."""
        rows = self._all(_ATTACHMENTS, owner.account, "", owner=owner.id)
        found = (self.referred_policy(owner.account, row["policy"]) for row in rows)
        return sorted(found, key=lambda each: each.name.lower())

    def owners_of(self, account: str, arn: str) -> list[Entity]:
        """The account's users, groups and roles that a managed policy is attached to, by name."""
        wanted = _ATTACHMENTS.c.policy == arn
        rows = self._some(_ATTACHMENTS, account, "", wanted, None, None)
        owners = [str(row["owner"]) for row in rows]
        found = (self.referred(_BY_PREFIX[owner[:4]], account, owner) for owner in owners)
        return sorted(found, key=lambda each: each.name.lower())

    def bounded_by(self, account: str, arn: str) -> list[User | Role]:
        """The account's users and roles whose permissions boundary a managed policy is."""
        return [*self.bounded(User, account, arn), *self.bounded(Role, account, arn)]

    def versions_in_use(self, account: str) -> int:
        counted = select(func.count()).select_from(_VERSIONS).where(_VERSIONS.c.account == account)
        return int(self.connection.execute(counted).scalar() or 0)

    # Inline

    def inline_policies(self, owner: Entity) -> dict[str, str]:
        """Documents by name, in the order of the names."""
        rows = self._all(_INLINE, owner.account, "", _INLINE.c.name, owner=owner.id)
        return {row["name"]: row["document"] for row in rows}

    def put_inline_policy(self, owner: Entity, name: str, document: str) -> None:
        self.delete_inline_policy(owner, name)
        row = {"account": owner.account, "owner": owner.id, "name": name, "document": document}
        self._insert(_INLINE, owner.account, "", row)

    def delete_inline_policy(self, owner: Entity, name: str) -> bool:
        """Whether there was one."""
        return self._delete_where(_INLINE, owner.account, {"owner": owner.id, "name": name})

    def _delete_where(self, table: Table, account: str, at: dict[str, Any]) -> bool:
        here = [table.c[name] == value for name, value in at.items()]
        count = self._delete(table, table.c.account == account, *here)
        self._touch_identities(account)
        return bool(count)
