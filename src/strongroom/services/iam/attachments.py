"""Managed policies on users, groups and roles: Attach-, Detach- and ListAttached-."""

from typing import Any

from strongroom.errors import NoSuchEntity
from strongroom.services.call import Call
from strongroom.services.iam import access, paging, quotas
from strongroom.services.iam.identifiers import attachable, require_changeable, require_policy_arn
from strongroom.services.iam.owners import Owner, answer
from strongroom.services.iam.world import Iam
from strongroom.wire.shape import Shape
from strongroom.wire.shapes import iam as shapes


def attach_policy(kind: Owner, iam: Iam, call: Call, rq: Any) -> None:
    """What is attached already stays attached."""
    context = access.of_policy(rq.PolicyArn)
    owner = kind.named(iam, call, f"Attach{kind.noun}Policy", rq, context)
    require_changeable(owner)
    policy = attachable(iam, call, rq.PolicyArn)
    others = [each for each in iam.books.attached_to(owner) if each.arn != policy.arn]
    quotas.require(f"PoliciesPer{kind.noun}", len(others) + 1)
    iam.books.attach(owner, policy)


def detach_policy(kind: Owner, iam: Iam, call: Call, rq: Any) -> None:
    context = access.of_policy(rq.PolicyArn)
    owner = kind.named(iam, call, f"Detach{kind.noun}Policy", rq, context)
    require_changeable(owner)
    require_policy_arn(rq.PolicyArn)
    policy = iam.books.managed_policy(call.account, rq.PolicyArn)
    if policy is None or not iam.books.detach(owner, policy):
        raise NoSuchEntity(f"Policy {rq.PolicyArn} was not found.")


def list_attached_policies(kind: Owner, iam: Iam, call: Call, rq: Any) -> Shape:
    operation = f"ListAttached{kind.noun}Policies"
    owner = kind.named(iam, call, operation, rq)
    policies, more, marker = paging.cut_whole(
        (
            policy
            for policy in iam.books.attached_to(owner)
            if policy.path.startswith(rq.PathPrefix or "/")
        ),
        rq,
        lambda policy: f"{policy.name.lower()} {policy.account}",
    )
    listed = [
        shapes.AttachedPolicy(PolicyName=policy.name, PolicyArn=policy.arn) for policy in policies
    ]
    return answer(operation, AttachedPolicies=listed, IsTruncated=more, Marker=marker)
