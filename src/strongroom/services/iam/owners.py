"""What has policies: users, groups and roles.  Operations that differ in that alone are one here."""

from dataclasses import replace
from typing import Any, NamedTuple, TypeVar, cast

from strongroom.errors import EntityAlreadyExists
from strongroom.policy.entities import Entity, Group, Role, User, arn_of
from strongroom.policy.variables import Context
from strongroom.services.call import Call
from strongroom.services.iam import access, paging
from strongroom.services.iam.identifiers import existing
from strongroom.services.iam.world import Iam
from strongroom.wire.shape import Shape
from strongroom.wire.shapes.iam import OPERATIONS

E = TypeVar("E", bound=Entity)


class Owner(NamedTuple):
    kind: type[Entity]
    noun: str  # as operations and members of requests are called by it

    def named(
        self,
        iam: Iam,
        call: Call,
        action: str,
        rq: Any,
        context: Context = access.NOTHING,
    ) -> Entity:
        """Whom a request names, once the caller may do `action` to it."""
        return existing(iam, call, action, self.kind, self.name(rq), context)

    def name(self, rq: Any) -> str:
        return str(getattr(rq, f"{self.noun}Name"))

    def require_free(self, iam: Iam, call: Call, name: str) -> None:
        """EntityAlreadyExists if there is one of this name, however its letters are cased."""
        if iam.books.named(self.kind, call.account, name) is not None:
            raise EntityAlreadyExists(f"{self.noun} with name {name} already exists.")

    def move(self, iam: Iam, call: Call, rq: Any) -> None:
        """Another name or path; whatever hangs on it stays, for the id does."""
        action = f"Update{self.noun}"
        found = self.named(iam, call, action, rq)
        name = getattr(rq, f"New{self.noun}Name") or found.name
        moved = replace(found, name=name, path=rq.NewPath or found.path)
        access.require(call, action, moved.arn)
        if moved.name.lower() != found.name.lower():
            self.require_free(iam, call, moved.name)
        iam.books.put_entity(moved)


USER = Owner(User, "User")
GROUP = Owner(Group, "Group")
ROLE = Owner(Role, "Role")


def listed(iam: Iam, call: Call, kind: type[E], rq: Any) -> tuple[list[E], bool, str | None]:
    """The account's, of a kind and beneath a path: a page by name, as `paging.cut` has it."""
    prefix = rq.PathPrefix or "/"
    everywhere = arn_of(kind, call.partition, call.account, prefix, "")
    access.require(call, f"List{kind.noun.capitalize()}s", everywhere)
    page = paging.asked(rq)
    found = iam.books.entities(kind, call.account, prefix, page.after, page.most + 1)
    return paging.cut(found, page, lambda entity: entity.name)


def answer(operation: str, **members: Any) -> Shape:
    """The answer of an operation by its name."""
    return cast("Any", OPERATIONS[operation].output)(**members)  # type: ignore[no-any-return]
