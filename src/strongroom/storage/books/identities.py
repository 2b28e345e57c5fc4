"""Users and roles with everything that says what they may do."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from strongroom.policy.entities import Entity, ManagedPolicy, Role, User
from strongroom.policy.identity import Document, Identity
from strongroom.storage.books.iam_tags import IamTags
from strongroom.storage.books.members import Members
from strongroom.storage.books.policies import Policies
from strongroom.storage.books.providers import Providers
from strongroom.storage.books.role_deletions import RoleDeletions


@dataclass(slots=True)
class Identities(Members, Policies, IamTags, Providers, RoleDeletions):
    def identity(self, account: str, kind: Literal["user", "role"], name: str) -> Identity | None:
        if kind == "user":
            return self._user(self.named(User, account, name))
        return self._role(self.named(Role, account, name))

    def identity_by_id(self, account: str, unique_id: str) -> Identity | None:
        """The user or the role of a unique id."""
        if unique_id.startswith(User.prefix):
            return self._user(self.by_id(User, account, unique_id))
        return self._role(self.by_id(Role, account, unique_id))

    def arn_of(self, account: str, unique_id: str) -> str | None:
        """The ARN that a user or a role has now."""
        identity = self.identity_by_id(account, unique_id)
        return None if identity is None else identity.arn

    def _user(self, user: User | None) -> Identity | None:
        if user is None:
            return None
        groups = self.groups_of(user)
        return Identity(
            "user",
            user.account,
            user.name,
            user.path,
            user.arn,
            user.id,
            user.created,
            self.iam_tags(user.account, user.id),
            tuple(document for owner in (user, *groups) for document in self._documents(owner)),
            self._boundary(user),
            tuple(group.arn for group in groups),
        )

    def _role(self, role: Role | None) -> Identity | None:
        if role is None:
            return None
        return Identity(
            "role",
            role.account,
            role.name,
            role.path,
            role.arn,
            role.id,
            role.created,
            self.iam_tags(role.account, role.id),
            tuple(self._documents(role)),
            self._boundary(role),
            trust=role.trust,
            principals=role.trusted,
            max_session_seconds=role.max_session_seconds,
        )

    def _documents(self, owner: Entity) -> Iterator[Document]:
        for name, text in self.inline_policies(owner).items():
            yield Document(f"{owner.noun} {owner.name}: inline policy {name}", text)
        for policy in self.attached_to(owner):
            yield self._default(policy)

    def _boundary(self, entity: User | Role) -> Document | None:
        if not entity.boundary:
            return None
        return self._default(self.referred_policy(entity.account, entity.boundary))

    def _default(self, policy: ManagedPolicy) -> Document:
        return Document(policy.arn, self.default_document(policy))
