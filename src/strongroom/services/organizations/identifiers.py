"""Whose organization a request is about, and what in it; and whether the caller may do it.

Permission is settled before anybody is told that something does not exist.

Source: Organizations API Reference; sentences as clients report them.
"""

from strongroom.errors import AccessDenied, NotImplementedHere
from strongroom.policy.organization import Organization, OrganizationPolicy, PolicyType, Unit
from strongroom.policy.variables import Context
from strongroom.services.call import Call
from strongroom.services.organizations import access
from strongroom.services.organizations.refusals import (
    NotInUse,
    ParentNotFound,
    PolicyNotFound,
    Refusal,
    TargetNotFound,
    TypeNotAvailable,
)
from strongroom.services.organizations.world import Organizations


def joined(world: Organizations, call: Call, action: str) -> Organization:
    """The organization that the caller's account is in, managing it or not."""
    organization = world.books.organization_of(call.account)
    access.require(call, action)
    if organization is None:
        raise NotInUse
    return organization


def managed(world: Organizations, call: Call, action: str) -> Organization:
    """The organization that the caller's account manages.

    Whether the caller may do `action` is asked here only where the answer is no anyway.
    """
    organization = world.books.organization_of(call.account)
    if organization is not None and organization.account == call.account:
        return organization
    access.require(call, action)
    if organization is None:
        raise NotInUse
    raise AccessDenied(access.NOT_MANAGER)


def about(
    world: Organizations, call: Call, action: str, *targets: str, context: Context = access.NOTHING
) -> Organization:
    """`managed`, once the caller may do `action` to the root, units or accounts of these ids."""
    organization = managed(world, call, action)
    for target in targets or (None,):
        arns = () if target is None else (organization.arn_of(target),)
        tags = {} if target is None else world.books.organization_tags(organization, target)
        access.require(call, action, *arns, context={**access.of_resource(tags), **context})
    return organization


def parent(
    world: Organizations,
    organization: Organization,
    unit_id: str,
    refusal: type[Refusal] = ParentNotFound,
) -> Unit:
    """The root or the unit of an id."""
    found = world.books.unit(organization, unit_id)
    if found is None:
        raise refusal
    return found


def require_target(world: Organizations, organization: Organization, target: str) -> None:
    """TargetNotFound unless it is the root, a unit or an account of the organization."""
    if target[:1].isdigit():
        member = world.books.member(target)
        found = member is not None and member.account == organization.account
    else:
        found = world.books.unit(organization, target) is not None
    if not found:
        raise TargetNotFound


def policy(
    world: Organizations,
    call: Call,
    action: str,
    policy_id: str,
    *targets: str,
    context: Context = access.NOTHING,
) -> tuple[Organization, OrganizationPolicy]:
    """A policy, the organization's own or AWS's, once the caller may do `action` to it, and to the
    targets that it is about.
    """
    organization = managed(world, call, action)
    found = world.books.organization_policy(organization, policy_id)
    if found is None:
        access.require(call, action, organization.arn("policy", "*", policy_id))
        raise PolicyNotFound
    own = access.of_resource(world.books.organization_tags(organization, policy_id))
    context = {**access.of_type(found.type), **context}
    access.require(call, action, found.arn(organization), context={**own, **context})
    for target in targets:
        tags = access.of_resource(world.books.organization_tags(organization, target))
        arn = organization.arn_of(target)
        access.require(call, action, arn, context={**tags, **context})
    return organization, found


def policy_type(organization: Organization, name: str) -> PolicyType:
    """A type of policies that can be made; NotImplementedHere for AWS's others."""
    try:
        kind = PolicyType(name)
    except ValueError:
        raise NotImplementedHere(f"Policies of the type {name} are not implemented yet.") from None
    if not organization.all_features:
        raise TypeNotAvailable
    return kind
