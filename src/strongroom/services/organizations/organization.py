"""The organization itself and its root; leaving it."""

from strongroom.policy.organization import Member, Organization, PolicyType, Unit
from strongroom.services.call import Call
from strongroom.services.organizations import access, ids, paging
from strongroom.services.organizations.identifiers import joined, managed
from strongroom.services.organizations.refusals import (
    AlreadyInOrganization,
    MasterCannotLeave,
    OrganizationNotEmpty,
)
from strongroom.services.organizations.world import Organizations
from strongroom.wire.shape import Nothing
from strongroom.wire.shapes import organizations as shapes

_ROOT = "Root"


def create_organization(
    world: Organizations, call: Call, rq: shapes.CreateOrganizationRequest
) -> shapes.CreateOrganizationResponse:
    """An organization that the caller's account manages, with all features unless asked otherwise.

    No policy type is enabled in it yet.
    """
    access.require(call, "CreateOrganization")
    if world.books.organization_of(call.account) is not None:
        raise AlreadyInOrganization
    organization = Organization(
        call.account,
        ids.organization(),
        call.partition,
        ids.root(),
        rq.FeatureSet != "CONSOLIDATED_BILLING",
        "",
        call.now,
    )
    world.books.put_organization(organization)
    world.books.put_unit(Unit(call.account, organization.root, "", _ROOT))
    world.books.put_member(new_member(world, organization, call.account, call.now, invited=True))
    return shapes.CreateOrganizationResponse(Organization=shown(organization))


def describe_organization(
    world: Organizations, call: Call, _: Nothing
) -> shapes.DescribeOrganizationResponse:
    organization = joined(world, call, "DescribeOrganization")
    return shapes.DescribeOrganizationResponse(Organization=shown(organization))


def delete_organization(world: Organizations, call: Call, _: Nothing) -> None:
    """With its units and policies; no account but the managing one may be left in it."""
    organization = managed(world, call, "DeleteOrganization")
    access.require(call, "DeleteOrganization")
    if world.books.count_members(organization) > 1:
        raise OrganizationNotEmpty
    world.books.delete_organization(organization)


def leave_organization(world: Organizations, call: Call, _: Nothing) -> None:
    organization = joined(world, call, "LeaveOrganization")
    if organization.account == call.account:
        raise MasterCannotLeave
    member = world.books.member(call.account)
    if member is not None:
        world.books.delete_member(member)


def list_roots(
    world: Organizations, call: Call, rq: shapes.ListRootsRequest
) -> shapes.ListRootsResponse:
    """The one root that an organization has."""
    organization = managed(world, call, "ListRoots")
    access.require(call, "ListRoots")
    roots, token = paging.cut([shown_root(organization)], rq, lambda root: root.Id or "")
    return shapes.ListRootsResponse(Roots=roots, NextToken=token)


def new_member(
    world: Organizations,
    organization: Organization,
    account: str,
    now: float,
    *,
    invited: bool,
    email: str = "",
) -> Member:
    """A membership that begins in the root."""
    name = world.books.account_name(account) or account
    return Member(organization.account, account, organization.root, name, email, invited, now)


def shown(organization: Organization) -> shapes.Organization:
    available = (
        [shapes.PolicyTypeSummary(Type=PolicyType.SCP.value, Status="ENABLED")]
        if organization.all_features
        else []
    )
    return shapes.Organization(
        Id=organization.id,
        Arn=organization.arn("organization"),
        FeatureSet="ALL" if organization.all_features else "CONSOLIDATED_BILLING",
        MasterAccountArn=organization.arn_of(organization.account),
        MasterAccountId=organization.account,
        AvailablePolicyTypes=available,
    )


def shown_root(organization: Organization) -> shapes.Root:
    return shapes.Root(
        Id=organization.root,
        Arn=organization.arn_of(organization.root),
        Name=_ROOT,
        PolicyTypes=[
            shapes.PolicyTypeSummary(Type=kind.value, Status="ENABLED")
            for kind in organization.enabled
        ],
    )
