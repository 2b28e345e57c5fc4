"""What has policies: users, groups and roles.  Operations that differ in that alone are one here."""

from typing import Any, NamedTuple, cast

from strongroom.policy.entities import Entity, Group, Role, User
from strongroom.policy.variables import Context
from strongroom.services.call import Call
from strongroom.services.iam import access
from strongroom.services.iam.identifiers import existing
from strongroom.services.iam.world import Iam
from strongroom.wire.shape import Shape
from strongroom.wire.shapes.iam import OPERATIONS


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


USER = Owner(User, "User")
GROUP = Owner(Group, "Group")
ROLE = Owner(Role, "Role")


def answer(operation: str, **members: Any) -> Shape:
    """The answer of an operation by its name."""
    return cast("Any", OPERATIONS[operation].output)(**members)  # type: ignore[no-any-return]
