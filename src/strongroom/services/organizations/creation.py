"""CreateAccount, and what became of it.

The account is there when the answer leaves.  Nobody has an access key of its root user; the
managing account gets in by the role that is made in it.

Source: Organizations API Reference, CreateAccount; User Guide, "Accessing member accounts".
"""

import json

from strongroom.arn import root_user
from strongroom.policy.entities import Role
from strongroom.policy.organization import Creation, Organization
from strongroom.services.call import Call
from strongroom.services.organizations import access, ids, paging, quotas, tagging
from strongroom.services.organizations.handshakes import require_room
from strongroom.services.organizations.identifiers import managed
from strongroom.services.organizations.organization import new_member
from strongroom.services.organizations.refusals import CreationNotFound, InvalidInput
from strongroom.services.organizations.units import give_full_access
from strongroom.services.organizations.world import Organizations
from strongroom.wire.shapes import organizations as shapes

_ROLE = "OrganizationAccountAccessRole"
_OF_SERVICES = "awsservicerolefor"
_ADMINISTRATOR = "arn:{}:iam::aws:policy/AdministratorAccess"


def create_account(
    world: Organizations, call: Call, rq: shapes.CreateAccountRequest
) -> shapes.CreateAccountResponse:
    """A new account in the organization's root, with a role that the managing account may assume."""
    organization = managed(world, call, "CreateAccount")
    access.require(call, "CreateAccount", context=access.of_tags(rq.Tags))
    role = rq.RoleName or _ROLE
    if role.lower().startswith(_OF_SERVICES):
        raise InvalidInput("INVALID_ROLE_NAME", "Role names cannot begin with AWSServiceRoleFor.")
    tags = tagging.with_tags({}, rq.Tags)
    require_room(world, call, organization)
    world.books.forget_creations(organization, call.now - quotas.CREATION_SECONDS)
    quotas.require(
        "ACCOUNT_CREATION_RATE_LIMIT_EXCEEDED",
        len(world.books.creations(organization)) + 1,
        quotas.CREATIONS,
    )
    account = failure = ""
    if world.books.email_used(rq.Email):
        failure = "EMAIL_ALREADY_EXISTS"
    else:
        account = _make(world, call, organization, rq, role)
        world.books.put_organization_tags(organization, account, tags)
    creation = Creation(
        organization.account, ids.creation(), rq.AccountName, account, failure, call.now
    )
    world.books.put_creation(creation)
    return shapes.CreateAccountResponse(CreateAccountStatus=_shown(creation))


def describe_create_account_status(
    world: Organizations, call: Call, rq: shapes.DescribeCreateAccountStatusRequest
) -> shapes.DescribeCreateAccountStatusResponse:
    organization = managed(world, call, "DescribeCreateAccountStatus")
    access.require(call, "DescribeCreateAccountStatus")
    creation = world.books.creation(organization, rq.CreateAccountRequestId)
    if creation is None:
        raise CreationNotFound
    return shapes.DescribeCreateAccountStatusResponse(CreateAccountStatus=_shown(creation))


def list_create_account_status(
    world: Organizations, call: Call, rq: shapes.ListCreateAccountStatusRequest
) -> shapes.ListCreateAccountStatusResponse:
    """The oldest first; of some states, if they are given."""
    organization = managed(world, call, "ListCreateAccountStatus")
    access.require(call, "ListCreateAccountStatus")
    wanted = rq.States or ["SUCCEEDED", "FAILED"]
    found = [each for each in world.books.creations(organization) if _state(each) in wanted]
    creations, token = paging.cut(found, rq, lambda each: paging.at(each.requested, each.id))
    return shapes.ListCreateAccountStatusResponse(
        CreateAccountStatuses=[_shown(each) for each in creations], NextToken=token
    )


def _make(
    world: Organizations,
    call: Call,
    organization: Organization,
    rq: shapes.CreateAccountRequest,
    role_name: str,
) -> str:
    account = ids.account()
    while world.books.account_known(account):
        account = ids.account()
    world.books.add_account(account, rq.AccountName, call.now)
    world.books.put_member(
        new_member(world, organization, account, call.now, invited=False, email=rq.Email)
    )
    give_full_access(world, organization, account)
    role = Role(
        account,
        role_name,
        organization.partition,
        "/",
        world.role_id(),
        call.now,
        trust=_trust(organization),
    )
    world.books.put_entity(role)
    administrator = world.books.managed_policy(
        account, _ADMINISTRATOR.format(organization.partition)
    )
    if administrator is None:
        raise RuntimeError("AWS's policy AdministratorAccess is not here")
    world.books.attach(role, administrator)
    return account


def _trust(organization: Organization) -> str:
    root = root_user(organization.partition, organization.account)
    statement = {"Effect": "Allow", "Principal": {"AWS": root}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _state(creation: Creation) -> str:
    return "FAILED" if creation.failure else "SUCCEEDED"


def _shown(creation: Creation) -> shapes.CreateAccountStatus:
    return shapes.CreateAccountStatus(
        Id=creation.id,
        AccountName=creation.name,
        State=_state(creation),
        RequestedTimestamp=creation.requested,
        CompletedTimestamp=creation.requested,
        AccountId=creation.member or None,
        FailureReason=creation.failure or None,
    )
