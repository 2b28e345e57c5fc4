"""The accounts of an organization: ListAccounts, MoveAccount, RemoveAccountFromOrganization, ..."""

from dataclasses import replace

from strongroom.policy.organization import Member, Organization, path
from strongroom.services.call import Call
from strongroom.services.organizations import access, paging
from strongroom.services.organizations.identifiers import about, managed, parent
from strongroom.services.organizations.refusals import (
    AccountNotFound,
    DestinationParentNotFound,
    DuplicateAccount,
    MasterCannotLeave,
    SourceParentNotFound,
)
from strongroom.services.organizations.world import Organizations
from strongroom.wire.shapes import organizations as shapes


def list_accounts(
    world: Organizations, call: Call, rq: shapes.ListAccountsRequest
) -> shapes.ListAccountsResponse:
    organization = managed(world, call, "ListAccounts")
    access.require(call, "ListAccounts")
    found = world.books.members(organization, paging.after(rq.NextToken), paging.size(rq) + 1)
    members, token = paging.cut(found, rq, lambda member: member.id)
    return shapes.ListAccountsResponse(
        Accounts=[shown(world, organization, member) for member in members], NextToken=token
    )


def list_accounts_for_parent(
    world: Organizations, call: Call, rq: shapes.ListAccountsForParentRequest
) -> shapes.ListAccountsForParentResponse:
    """Those right under the root or a unit."""
    organization = about(world, call, "ListAccountsForParent", rq.ParentId)
    above = parent(world, organization, rq.ParentId)
    members, token = paging.cut(
        world.books.members_under(organization, above.id), rq, lambda member: member.id
    )
    return shapes.ListAccountsForParentResponse(
        Accounts=[shown(world, organization, member) for member in members], NextToken=token
    )


def describe_account(
    world: Organizations, call: Call, rq: shapes.DescribeAccountRequest
) -> shapes.DescribeAccountResponse:
    organization = about(world, call, "DescribeAccount", rq.AccountId)
    member = _member(world, organization, rq.AccountId)
    return shapes.DescribeAccountResponse(Account=shown(world, organization, member))


def move_account(world: Organizations, call: Call, rq: shapes.MoveAccountRequest) -> None:
    """From one place in the tree to another, with the policies that are attached to it."""
    organization = about(
        world, call, "MoveAccount", rq.AccountId, rq.SourceParentId, rq.DestinationParentId
    )
    member = _member(world, organization, rq.AccountId)
    source = parent(world, organization, rq.SourceParentId, SourceParentNotFound)
    destination = parent(world, organization, rq.DestinationParentId, DestinationParentNotFound)
    if member.parent == destination.id:
        raise DuplicateAccount
    if member.parent != source.id:
        raise SourceParentNotFound
    world.books.put_member(replace(member, parent=destination.id))


def remove_account_from_organization(
    world: Organizations, call: Call, rq: shapes.RemoveAccountFromOrganizationRequest
) -> None:
    organization = about(world, call, "RemoveAccountFromOrganization", rq.AccountId)
    member = _member(world, organization, rq.AccountId)
    if member.id == organization.account:
        raise MasterCannotLeave
    world.books.delete_member(member)


def shown(world: Organizations, organization: Organization, member: Member) -> shapes.Account:
    above = path(organization, world.books.ancestors(organization, member.parent))
    return shapes.Account(
        Id=member.id,
        Arn=organization.arn_of(member.id),
        Email=member.email or None,
        Name=member.name,
        Status="ACTIVE",
        State="ACTIVE",
        Paths=[f"{above}{member.id}/"],
        JoinedMethod="INVITED" if member.invited else "CREATED",
        JoinedTimestamp=member.joined,
    )


def _member(world: Organizations, organization: Organization, account: str) -> Member:
    member = world.books.member(account)
    if member is None or member.account != organization.account:
        raise AccountNotFound
    return member
