"""Whom or what a request means, and whether the caller may do what it asks to it.

Names mean the same however their letters are cased.  Permission is settled before anybody is told
that something does not exist; the ARN that stands in for it then has no path.

Source: IAM API Reference; messages as recorded.
"""

import re
from typing import TypeVar

from strongroom.arn import Arn
from strongroom.errors import (
    InvalidInput,
    NoSuchEntity,
    PolicyNotAttachable,
    UnmodifiableEntity,
    Validation,
)
from strongroom.policy import aws_managed
from strongroom.policy.entities import SERVICES_PATH, Entity, ManagedPolicy, Role, User, arn_of
from strongroom.policy.variables import Context
from strongroom.services.call import Call
from strongroom.services.iam import access
from strongroom.services.iam.world import Iam

E = TypeVar("E", bound=Entity)

_POLICY = re.compile(r"arn:aws[a-z-]*:iam::(?:[0-9]{12}|aws):policy/[\x21-\x7e]+")


def existing(
    iam: Iam,
    call: Call,
    action: str,
    kind: type[E],
    name: str,
    context: Context = access.NOTHING,
) -> E:
    """The user, group or role of a name; AccessDenied or NoSuchEntity."""
    found = iam.books.named(kind, call.account, name)
    if found is None:
        arn = arn_of(kind, call.partition, call.account, "/", name)
        access.require(call, action, arn, context)
        raise NoSuchEntity(f"The {kind.noun} with name {name} cannot be found.")
    access.require(call, action, found.arn, {**_own(iam, found), **context})
    return found


def require_changeable(entity: Entity) -> None:
    """UnmodifiableEntity if it is a service-linked role, whose tags and description alone change."""
    if isinstance(entity, Role) and entity.service_linked:
        raise UnmodifiableEntity(
            f"Cannot perform the operation on the protected role '{entity.name}' - this role is only "
            "modifiable by AWS"
        )


def subject(iam: Iam, call: Call, action: str, name: str | None) -> User | None:
    """The user of a name, or without one the caller: None for the root user."""
    if name is not None:
        return existing(iam, call, action, User, name)
    resource = Arn.parse(call.principal).resource
    if resource == "root":
        access.require(call, action, call.principal)
        return None
    if not resource.startswith("user/"):
        access.require_admitted(call)
        raise Validation("Must specify userName when calling with non-User credentials")
    return existing(iam, call, action, User, resource.rpartition("/")[2])


def managed_policy(
    iam: Iam, call: Call, action: str, arn: str, context: Context = access.NOTHING
) -> ManagedPolicy:
    """The managed policy of an ARN, the account's own or AWS's."""
    require_policy_arn(arn)
    found = iam.books.managed_policy(call.account, arn)
    own = access.NOTHING if found is None else _own(iam, found)
    access.require(call, action, arn, {**own, **context})
    if found is None:
        raise NoSuchEntity(f"Policy {arn} was not found.")
    return found


def own_policy(
    iam: Iam, call: Call, action: str, arn: str, context: Context = access.NOTHING
) -> ManagedPolicy:
    """`managed_policy`, to be changed: AWS's are nobody's to change."""
    policy = managed_policy(iam, call, action, arn, context)
    if policy.account == aws_managed.ACCOUNT:
        raise access.denied(call, action, arn)
    return policy


def attachable(iam: Iam, call: Call, arn: str) -> ManagedPolicy:
    """A managed policy as one that is attached or made a boundary."""
    require_policy_arn(arn)
    found = iam.books.managed_policy(call.account, arn)
    if found is None:
        raise NoSuchEntity(f"Policy {arn} does not exist or is not attachable.")
    if found.account == aws_managed.ACCOUNT and found.path == SERVICES_PATH:
        raise PolicyNotAttachable("Cannot attach a Service Role Policy to a Customer Role.")
    return found


def require_policy_arn(arn: str) -> None:
    if not _POLICY.fullmatch(arn):
        raise InvalidInput(f"ARN {arn} is not valid.")


def _own(iam: Iam, entity: Entity) -> Context:
    boundary = entity.boundary if isinstance(entity, User | Role) else ""
    return access.of_resource(iam.books.iam_tags(entity.account, entity.id), boundary)
