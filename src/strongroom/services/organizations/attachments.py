"""Policies on the root, units and accounts: Attach-, Detach-, List-."""

from strongroom.policy.organization import FULL_ACCESS, Organization, PolicyType
from strongroom.services.call import Call
from strongroom.services.organizations import access, paging, quotas
from strongroom.services.organizations.identifiers import about, policy, require_target
from strongroom.services.organizations.policies import summary
from strongroom.services.organizations.refusals import (
    ConstraintViolation,
    DuplicateAttachment,
    InvalidInput,
    PolicyNotAttached,
    TypeNotEnabled,
)
from strongroom.services.organizations.world import Organizations
from strongroom.wire.shapes import organizations as shapes


def attach_policy(world: Organizations, call: Call, rq: shapes.AttachPolicyRequest) -> None:
    organization, found = policy(world, call, "AttachPolicy", rq.PolicyId, rq.TargetId)
    require_target(world, organization, rq.TargetId)
    if found.type not in organization.enabled:
        raise TypeNotEnabled
    present = world.books.attached(organization, rq.TargetId, found.type)
    if any(each.id == found.id for each in present):
        raise DuplicateAttachment
    quotas.require(
        "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
        len(present) + 1,
        quotas.ATTACHED[found.type],
    )
    world.books.attach_to(organization, [rq.TargetId], found)


def detach_policy(world: Organizations, call: Call, rq: shapes.DetachPolicyRequest) -> None:
    """One service control policy must stay, and AWS's resource control policy."""
    organization, found = policy(world, call, "DetachPolicy", rq.PolicyId, rq.TargetId)
    require_target(world, organization, rq.TargetId)
    if found is FULL_ACCESS[PolicyType.RCP]:
        raise InvalidInput("NON_DETACHABLE_POLICY", "RCPFullAWSAccess cannot be detached.")
    present = world.books.attached(organization, rq.TargetId, found.type)
    if all(each.id != found.id for each in present):
        raise PolicyNotAttached
    if len(present) == 1:
        raise ConstraintViolation(
            "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
            "You cannot remove the last policy attached to the specified target. You must have "
            "at least one attached at all times.",
        )
    world.books.detach_from(organization, found, rq.TargetId)


def list_policies_for_target(
    world: Organizations, call: Call, rq: shapes.ListPoliciesForTargetRequest
) -> shapes.ListPoliciesForTargetResponse:
    """Those attached to the target itself, by id; not those that it inherits."""
    context = access.of_type(rq.Filter)
    organization = about(world, call, "ListPoliciesForTarget", rq.TargetId, context=context)
    require_target(world, organization, rq.TargetId)
    found = (
        world.books.attached(organization, rq.TargetId, PolicyType(rq.Filter))
        if rq.Filter in set(PolicyType)
        else []
    )
    policies, token = paging.cut(found, rq, lambda each: each.id)
    return shapes.ListPoliciesForTargetResponse(
        Policies=[summary(organization, each) for each in policies], NextToken=token
    )


def list_targets_for_policy(
    world: Organizations, call: Call, rq: shapes.ListTargetsForPolicyRequest
) -> shapes.ListTargetsForPolicyResponse:
    organization, found = policy(world, call, "ListTargetsForPolicy", rq.PolicyId)
    targets, token = paging.cut(world.books.targets(organization, found), rq, lambda target: target)
    return shapes.ListTargetsForPolicyResponse(
        Targets=[_shown(world, organization, target) for target in targets], NextToken=token
    )


def _shown(
    world: Organizations, organization: Organization, target: str
) -> shapes.PolicyTargetSummary:
    kinds = {"r-": "ROOT", "ou": "ORGANIZATIONAL_UNIT"}
    kind = kinds.get(target[:2], "ACCOUNT")
    named = (
        world.books.member(target) if kind == "ACCOUNT" else world.books.unit(organization, target)
    )
    return shapes.PolicyTargetSummary(
        TargetId=target,
        Arn=organization.arn_of(target),
        Name=None if named is None else named.name,
        Type=kind,
    )
