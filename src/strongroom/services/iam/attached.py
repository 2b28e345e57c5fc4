"""The policies that a user, a group or a role has, by the names that the policy simulator gives them.

    user_alice_own        an inline policy `own` of the user alice; of a group or a role likewise
    AdministratorAccess   a managed policy, AWS's or the account's own

Source: IAM API Reference, SimulatePrincipalPolicy, its sample answers.
"""

import re
from dataclasses import dataclass
from typing import Literal

from strongroom.errors import InvalidInput, NoSuchEntity
from strongroom.policy import aws_managed
from strongroom.policy.entities import Entity, Group, Role, User
from strongroom.services.call import Call
from strongroom.services.iam.identifiers import existing
from strongroom.services.iam.world import Iam

Kind = Literal["inline", "aws-managed", "user-managed"]

_ENTITY = re.compile(
    r"arn:aws[a-z-]*:iam::([0-9]{12}):(user|group|role)/(?:[!-~]*/)?([\w+=,.@-]+)", re.ASCII
)
_KINDS: dict[str, type[User | Group | Role]] = {kind.resource: kind for kind in (User, Group, Role)}


@dataclass(frozen=True, slots=True)
class Attached:
    """A policy, and how it came to whom it belongs."""

    source_id: str
    document: str
    kind: Kind
    owner: Entity  # of an inline policy: a user's may be one of a group's
    name: str
    arn: str = ""  # of a managed policy


def named(arn: str) -> tuple[str, type[User | Group | Role], str] | None:
    """The account, the kind and the name in the ARN of a user, a group or a role."""
    match = _ENTITY.fullmatch(arn)
    return None if match is None else (match[1], _KINDS[match[2]], match[3])


def source(iam: Iam, call: Call, action: str, arn: str) -> User | Group | Role:
    """Whose policies a PolicySourceArn means, once the caller may ask for them."""
    found = named(arn)
    if found is None:
        raise InvalidInput(
            f"Invalid Entity Arn: {arn} does not clearly define entity type and name."
        )
    account, kind, name = found
    if account != call.account:
        raise InvalidInput(
            f"Invalid Policy Source Arn: caller's account {call.account} does not have access to "
            f"policies in account {account}"
        )
    entity = existing(iam, call, action, kind, name)
    if entity.arn != arn:
        raise NoSuchEntity(f"The {kind.noun} with name {name} cannot be found.")
    return entity


def to(iam: Iam, entity: User | Group | Role) -> list[Attached]:
    """The policies of an entity, and of a user those of all its groups; a managed policy once."""
    owners = [entity, *(iam.books.groups_of(entity) if isinstance(entity, User) else [])]
    found = {
        each.source_id if not each.arn else each.arn: each
        for owner in owners
        for each in _of(iam, owner)
    }
    return list(found.values())


def boundary(iam: Iam, entity: User | Group | Role) -> tuple[str, str] | None:
    """The name and the document of an entity's permissions boundary; None if it has none."""
    if isinstance(entity, Group) or not entity.boundary:
        return None
    policy = iam.books.referred_policy(entity.account, entity.boundary)
    return policy.name, iam.books.default_document(policy)


def _of(iam: Iam, owner: Entity) -> list[Attached]:
    inline = [
        Attached(f"{owner.noun}_{owner.name}_{name}", document, "inline", owner, name)
        for name, document in iam.books.inline_policies(owner).items()
    ]
    managed = [
        Attached(
            policy.name,
            iam.books.default_document(policy),
            "aws-managed" if policy.account == aws_managed.ACCOUNT else "user-managed",
            owner,
            policy.name,
            policy.arn,
        )
        for policy in iam.books.attached_to(owner)
    ]
    return [*inline, *managed]
