"""Invitations, by which an account that exists joins: AWS calls them handshakes.

    OPEN      until the invited accepts or declines, the inviting cancels, or fifteen days are over
    ACCEPTED, DECLINED, CANCELED, EXPIRED      the end, shown for thirty days

Source: Organizations API Reference, InviteAccountToOrganization, AcceptHandshake, ...; User Guide,
"Managing account invitations".
"""

from collections.abc import Sequence
from dataclasses import replace

from strongroom.arn import partition_of
from strongroom.errors import NotImplementedHere
from strongroom.policy.organization import Invitation, InvitationState, Organization
from strongroom.services.call import Call
from strongroom.services.organizations import access, ids, paging, quotas
from strongroom.services.organizations.identifiers import managed
from strongroom.services.organizations.organization import new_member
from strongroom.services.organizations.refusals import (
    DuplicateHandshake,
    HandshakeAlreadyInState,
    HandshakeConstraintViolation,
    HandshakeNotFound,
    InvalidHandshakeTransition,
    InvalidInput,
)
from strongroom.services.organizations.units import give_full_access
from strongroom.services.organizations.world import Organizations
from strongroom.wire.shapes import organizations as shapes

_OPEN_SECONDS = 15 * 86_400
_DAY = 86_400
_IN_ONE = "The account is a member of an organization already."


def invite_account_to_organization(
    world: Organizations, call: Call, rq: shapes.InviteAccountToOrganizationRequest
) -> shapes.InviteAccountToOrganizationResponse:
    organization = managed(world, call, "InviteAccountToOrganization")
    target = rq.Target.Id
    of_account = (organization.arn_of(target),) if rq.Target.Type == "ACCOUNT" else ()
    access.require(
        call, "InviteAccountToOrganization", *of_account, context=access.of_tags(rq.Tags)
    )
    _require_target(world, rq.Target)
    if rq.Tags:
        raise NotImplementedHere("Tags of an invited account are not implemented yet.")
    if world.books.member(target) is not None:
        raise HandshakeConstraintViolation("ALREADY_IN_AN_ORGANIZATION", _IN_ONE)
    oldest = call.now - quotas.LISTED_SECONDS - _OPEN_SECONDS
    world.books.forget_invitations(oldest)
    sent = world.books.invitations_by(organization)
    if any(each.target == target for each in _open(sent, call.now)):
        raise DuplicateHandshake
    require_room(world, call, organization)
    if sum(each.requested > call.now - _DAY for each in sent) >= quotas.INVITATIONS:
        raise HandshakeConstraintViolation(
            "HANDSHAKE_RATE_LIMIT_EXCEEDED", "You have sent too many invitations in one day."
        )
    invitation_id = ids.handshake()
    while world.books.invitation(invitation_id) is not None:
        invitation_id = ids.handshake()
    invitation = Invitation(
        organization.account,
        invitation_id,
        target,
        rq.Notes or "",
        InvitationState.OPEN,
        call.now,
        call.now + _OPEN_SECONDS,
        0.0,
    )
    world.books.put_invitation(invitation)
    return shapes.InviteAccountToOrganizationResponse(
        Handshake=_shown(world, call, invitation, organization)
    )


def accept_handshake(
    world: Organizations, call: Call, rq: shapes.AcceptHandshakeRequest
) -> shapes.AcceptHandshakeResponse:
    """The caller's account joins, in the organization's root."""
    invitation, organization = _existing(world, call, "AcceptHandshake", rq.HandshakeId)
    if invitation.target != call.account:
        raise HandshakeNotFound
    accepted = _ended(call, invitation, InvitationState.ACCEPTED)
    if world.books.member(call.account) is not None:
        raise HandshakeConstraintViolation("ALREADY_IN_AN_ORGANIZATION", _IN_ONE)
    if partition_of(call.region) != organization.partition:
        raise HandshakeConstraintViolation(
            "ORGANIZATION_FROM_DIFFERENT_SELLER_OF_RECORD",
            "The organization is in another partition than the account.",
        )
    world.books.put_invitation(accepted)
    world.books.put_member(new_member(world, organization, call.account, call.now, invited=True))
    give_full_access(world, organization, call.account)
    return shapes.AcceptHandshakeResponse(Handshake=_shown(world, call, accepted, organization))


def decline_handshake(
    world: Organizations, call: Call, rq: shapes.DeclineHandshakeRequest
) -> shapes.DeclineHandshakeResponse:
    invitation, organization = _existing(world, call, "DeclineHandshake", rq.HandshakeId)
    if invitation.target != call.account:
        raise HandshakeNotFound
    declined = _ended(call, invitation, InvitationState.DECLINED)
    world.books.put_invitation(declined)
    return shapes.DeclineHandshakeResponse(Handshake=_shown(world, call, declined, organization))


def cancel_handshake(
    world: Organizations, call: Call, rq: shapes.CancelHandshakeRequest
) -> shapes.CancelHandshakeResponse:
    """By the account that manages the inviting organization."""
    invitation, organization = _existing(world, call, "CancelHandshake", rq.HandshakeId)
    if invitation.account != call.account:
        raise HandshakeNotFound
    canceled = _ended(call, invitation, InvitationState.CANCELED)
    world.books.put_invitation(canceled)
    return shapes.CancelHandshakeResponse(Handshake=_shown(world, call, canceled, organization))


def describe_handshake(
    world: Organizations, call: Call, rq: shapes.DescribeHandshakeRequest
) -> shapes.DescribeHandshakeResponse:
    """For either side."""
    invitation, organization = _existing(world, call, "DescribeHandshake", rq.HandshakeId)
    return shapes.DescribeHandshakeResponse(Handshake=_shown(world, call, invitation, organization))


def list_handshakes_for_account(
    world: Organizations, call: Call, rq: shapes.ListHandshakesForAccountRequest
) -> shapes.ListHandshakesForAccountResponse:
    """What the caller's account received, the oldest first."""
    access.require(call, "ListHandshakesForAccount")
    handshakes, token = _listed(world, call, world.books.invitations_to(call.account), rq)
    return shapes.ListHandshakesForAccountResponse(Handshakes=handshakes, NextToken=token)


def list_handshakes_for_organization(
    world: Organizations, call: Call, rq: shapes.ListHandshakesForOrganizationRequest
) -> shapes.ListHandshakesForOrganizationResponse:
    """What the organization sent, the oldest first."""
    organization = managed(world, call, "ListHandshakesForOrganization")
    access.require(call, "ListHandshakesForOrganization")
    handshakes, token = _listed(world, call, world.books.invitations_by(organization), rq)
    return shapes.ListHandshakesForOrganizationResponse(Handshakes=handshakes, NextToken=token)


def require_room(world: Organizations, call: Call, organization: Organization) -> None:
    """ConstraintViolation unless one more account may join, open invitations counted."""
    invited = _open(world.books.invitations_by(organization), call.now)
    joined = world.books.count_members(organization)
    quotas.require("ACCOUNT_NUMBER_LIMIT_EXCEEDED", joined + len(invited) + 1, quotas.ACCOUNTS)


def _require_target(world: Organizations, target: shapes.HandshakeParty) -> None:
    """InvalidInput unless it is an account that can be invited."""
    if target.Type == "EMAIL":
        raise NotImplementedHere("Invitations by e-mail address are not implemented yet.")
    if target.Type != "ACCOUNT":
        raise InvalidInput("INVALID_PARTY_TYPE_TARGET", "Only accounts can be invited.")
    account = target.Id
    if not (len(account) == 12 and account.isascii() and account.isdigit()):
        raise InvalidInput("INVALID_PATTERN", "An account is named by twelve digits.")
    if not (world.anybody or world.books.account_exists(account)):
        raise InvalidInput("TARGET_NOT_SUPPORTED", "There is no such account.")


def _open(invitations: Sequence[Invitation], now: float) -> list[Invitation]:
    return [each for each in invitations if each.state_at(now) is InvitationState.OPEN]


def _existing(
    world: Organizations, call: Call, action: str, invitation_id: str
) -> tuple[Invitation, Organization]:
    """An invitation that the caller's account sent or received, once the caller may do `action`."""
    invitation = world.books.invitation(invitation_id)
    organization = None if invitation is None else world.books.organization_of(invitation.account)
    if (
        invitation is None
        or organization is None
        or call.account not in (invitation.account, invitation.target)
        or not _still_listed(invitation, call.now)
    ):
        access.require(call, action)
        raise HandshakeNotFound
    access.require(call, action, _arn(organization, invitation))
    return invitation, organization


def _ended(call: Call, invitation: Invitation, state: InvitationState) -> Invitation:
    now = invitation.state_at(call.now)
    if now is state:
        raise HandshakeAlreadyInState
    if now is not InvitationState.OPEN:
        raise InvalidHandshakeTransition
    return replace(invitation, state=state, ended=call.now)


def _still_listed(invitation: Invitation, now: float) -> bool:
    end = invitation.ended or invitation.expires
    return now < end + quotas.LISTED_SECONDS


def _listed(
    world: Organizations,
    call: Call,
    invitations: Sequence[Invitation],
    rq: shapes.ListHandshakesForAccountRequest | shapes.ListHandshakesForOrganizationRequest,
) -> tuple[list[shapes.Handshake], str | None]:
    other = rq.Filter is not None and (
        rq.Filter.ActionType not in (None, "INVITE") or rq.Filter.ParentHandshakeId is not None
    )
    found = [each for each in invitations if not other and _still_listed(each, call.now)]
    page, token = paging.cut(found, rq, lambda each: paging.at(each.requested, each.id))
    shown = []
    for each in page:
        organization = world.books.organization_of(each.account)
        if organization is not None:
            shown.append(_shown(world, call, each, organization))
    return shown, token


def _arn(organization: Organization, invitation: Invitation) -> str:
    return organization.arn("handshake", "invite", invitation.id)


def _shown(
    world: Organizations, call: Call, invitation: Invitation, organization: Organization
) -> shapes.Handshake:
    manager = world.books.member(organization.account)
    told = {
        "ORGANIZATION": organization.id,
        "MASTER_NAME": "" if manager is None else manager.name,
        "ORGANIZATION_FEATURE_SET": "ALL" if organization.all_features else "CONSOLIDATED_BILLING",
        "ACCOUNT": invitation.target,
        "NOTES": invitation.notes,
    }
    return shapes.Handshake(
        Id=invitation.id,
        Arn=_arn(organization, invitation),
        Parties=[
            shapes.HandshakeParty(Id=organization.id.removeprefix("o-"), Type="ORGANIZATION"),
            shapes.HandshakeParty(Id=invitation.target, Type="ACCOUNT"),
        ],
        State=invitation.state_at(call.now).value,
        RequestedTimestamp=invitation.requested,
        ExpirationTimestamp=invitation.expires,
        Action="INVITE",
        Resources=[
            shapes.HandshakeResource(Type=kind, Value=value)
            for kind, value in told.items()
            if value
        ],
    )
