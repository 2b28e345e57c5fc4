"""Organizations: the tree of units and accounts, policies and what they are attached to.

All rows of an organization are the managing account's, in its domain.  An account is in one
organization at most, so its membership is found by its number alone.

What refers to something that is gone raises Tampered: a policy's Deny must not go with it.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from sqlalchemy import Table, func, select

from strongroom.keys.sealing import Tampered
from strongroom.policy import organization as of
from strongroom.policy.organization import (
    ALONE,
    AWS_MANAGED,
    Creation,
    Invitation,
    InvitationState,
    Member,
    Organization,
    OrganizationPolicy,
    PolicyType,
    Standing,
    Unit,
)
from strongroom.storage import schema
from strongroom.storage.books.book import Book
from strongroom.storage.changes import Change, Kind

_ORGANIZATIONS = schema.organizations
_UNITS = schema.organization_units
_MEMBERS = schema.organization_members
_POLICIES = schema.organization_policies
_ATTACHMENTS = schema.organization_attachments
_INVITATIONS = schema.organization_invitations
_CREATIONS = schema.organization_creations
_TAGS = schema.organization_tags
_OF_AN_ORGANIZATION = (
    _UNITS,
    _MEMBERS,
    _POLICIES,
    _ATTACHMENTS,
    _INVITATIONS,
    _CREATIONS,
    _TAGS,
    _ORGANIZATIONS,
)

Kept = TypeVar("Kept", Unit, Member, Invitation, Creation)


@dataclass(slots=True)
class Organizations(Book):
    def standing(self, account: str) -> Standing:
        """What has a say on an account by its organization; ALONE for one that is in none."""
        member = self.member(account)
        if member is None:
            return ALONE
        organization = self._organization(member.account)
        units = self._down_to(organization, member.parent)
        place = of.path(organization, units)
        if account == organization.account:
            return Standing(organization.id, place)
        targets = [*(unit.id for unit in units), account]
        levels = {
            kind: tuple(of.compiled(self.attached(organization, each, kind)) for each in targets)
            for kind in organization.enabled
        }
        return Standing(
            organization.id, place, levels.get(PolicyType.SCP, ()), levels.get(PolicyType.RCP, ())
        )

    # The organization

    def organization_of(self, account: str) -> Organization | None:
        """The organization that an account is in."""
        member = self.member(account)
        return None if member is None else self._organization(member.account)

    def _organization(self, account: str) -> Organization:
        row = self._only(_ORGANIZATIONS, account, "")
        if row is None:
            raise Tampered("an organization that an account is in is gone")
        return Organization(**row)

    def put_organization(self, organization: Organization) -> None:
        self._strike(_ORGANIZATIONS, organization.account)
        self._insert(_ORGANIZATIONS, organization.account, "", asdict(organization))
        self._touch_organizations(organization.account)

    def delete_organization(self, organization: Organization) -> None:
        """With everything that it has."""
        for table in _OF_AN_ORGANIZATION:
            self._strike(table, organization.account)
        self._touch_organizations(organization.account)

    # Units

    def unit(self, organization: Organization, unit_id: str) -> Unit | None:
        """The root or a unit of that id."""
        row = self._only(_UNITS, organization.account, "", id=unit_id)
        return None if row is None else Unit(**row)

    def units_under(self, organization: Organization, parent: str) -> list[Unit]:
        """The units right under the root or a unit, by id."""
        rows = self._under(_UNITS, organization, parent)
        return [Unit(**row) for row in rows]

    def ancestors(self, organization: Organization, unit_id: str) -> list[Unit]:
        """The root, and the units from there down to that one."""
        return self._down_to(organization, unit_id)

    def put_unit(self, unit: Unit) -> None:
        self._replace(_UNITS, unit)

    def delete_unit(self, unit: Unit) -> None:
        self._forget(unit.account, unit.id)
        self._strike(_UNITS, unit.account, id=unit.id)

    def count_units(self, organization: Organization) -> int:
        return self._count(_UNITS, organization.account) - 1  # the root is none

    def _down_to(self, organization: Organization, unit_id: str) -> list[Unit]:
        found: list[Unit] = []
        while unit_id:
            unit = self.unit(organization, unit_id)
            if unit is None or unit in found:
                raise Tampered("an organizational unit that a row refers to is gone")
            found.append(unit)
            unit_id = unit.parent
        return found[::-1]

    # Accounts

    def member(self, account: str) -> Member | None:
        """An account's membership, in whichever organization."""
        row = self._anywhere(_MEMBERS, id=account)
        return None if row is None else Member(**row)

    def members(self, organization: Organization, after: str, most: int) -> list[Member]:
        """At most `most` accounts whose numbers sort behind `after`."""
        wanted = _MEMBERS.c.id > after
        rows = self._some(_MEMBERS, organization.account, "", wanted, _MEMBERS.c.id, most)
        return [Member(**row) for row in rows]

    def members_under(self, organization: Organization, parent: str) -> list[Member]:
        """The accounts right under the root or a unit, by number."""
        return [Member(**row) for row in self._under(_MEMBERS, organization, parent)]

    def count_members(self, organization: Organization) -> int:
        return self._count(_MEMBERS, organization.account)

    def email_used(self, email: str) -> bool:
        """Whether an account of any organization has the address, however it is cased."""
        found = select(_MEMBERS.c.id).where(func.lower(_MEMBERS.c.email) == email.lower())
        return self.connection.execute(found.limit(1)).first() is not None

    def put_member(self, member: Member) -> None:
        self._replace(_MEMBERS, member)
        self._touch_organizations(member.account)

    def delete_member(self, member: Member) -> None:
        self._forget(member.account, member.id)
        self._strike(_MEMBERS, member.account, id=member.id)
        self._touch_organizations(member.account)

    # Policies

    def organization_policy(
        self, organization: Organization, policy_id: str
    ) -> OrganizationPolicy | None:
        """A policy of the organization, or AWS's."""
        if policy_id in AWS_MANAGED:
            return AWS_MANAGED[policy_id]
        row = self._only(_POLICIES, organization.account, "", id=policy_id)
        return None if row is None else _policy(row)

    def organization_policies(
        self, organization: Organization, kind: PolicyType
    ) -> list[OrganizationPolicy]:
        """The organization's own, by id."""
        wanted = _POLICIES.c.type == kind.value
        rows = self._some(_POLICIES, organization.account, "", wanted, _POLICIES.c.id, None)
        return [_policy(row) for row in rows]

    def put_organization_policy(self, policy: OrganizationPolicy) -> None:
        self._strike(_POLICIES, policy.account, id=policy.id)
        row = asdict(policy) | {"type": policy.type.value}
        self._insert(_POLICIES, policy.account, "", row)
        self._touch_organizations(policy.account)

    def delete_organization_policy(self, policy: OrganizationPolicy) -> None:
        self._strike(_TAGS, policy.account, owner=policy.id)
        self._strike(_POLICIES, policy.account, id=policy.id)
        self._touch_organizations(policy.account)

    def attached(
        self, organization: Organization, target: str, kind: PolicyType
    ) -> list[OrganizationPolicy]:
        """The policies of a type that are attached to the root, a unit or an account, by id."""
        order = _ATTACHMENTS.c.policy
        rows = self._all(_ATTACHMENTS, organization.account, "", order, target=target)
        found = (self._referred(organization, row["policy"]) for row in rows)
        return [policy for policy in found if policy.type is kind]

    def targets(self, organization: Organization, policy: OrganizationPolicy) -> list[str]:
        """The ids of what a policy is attached to, in their order."""
        wanted = _ATTACHMENTS.c.policy == policy.id
        order = _ATTACHMENTS.c.target
        rows = self._some(_ATTACHMENTS, organization.account, "", wanted, order, None)
        return [str(row["target"]) for row in rows]

    def attach_to(
        self, organization: Organization, targets: Iterable[str], policy: OrganizationPolicy
    ) -> None:
        """Attach a policy to what does not have it."""
        for target in targets:
            row = {"account": organization.account, "target": target, "policy": policy.id}
            self._insert(_ATTACHMENTS, organization.account, "", row)
        self._touch_organizations(organization.account)

    def detach_from(
        self, organization: Organization, policy: OrganizationPolicy, target: str | None = None
    ) -> None:
        """Detach a policy from `target`, or from everything."""
        at = {"policy": policy.id} | ({} if target is None else {"target": target})
        self._strike(_ATTACHMENTS, organization.account, **at)
        self._touch_organizations(organization.account)

    def everything_in(self, organization: Organization) -> list[str]:
        """The ids of the root, every unit and every account."""
        units = self._some(_UNITS, organization.account, "", _UNITS.c.id != "", None, None)
        members = self._some(_MEMBERS, organization.account, "", _MEMBERS.c.id != "", None, None)
        return [str(row["id"]) for row in (*units, *members)]

    def _referred(self, organization: Organization, policy_id: str) -> OrganizationPolicy:
        found = self.organization_policy(organization, policy_id)
        if found is None:
            raise Tampered(f"the policy {policy_id} is gone, and is attached to something")
        return found

    # Invitations and creations

    def invitation(self, invitation_id: str) -> Invitation | None:
        """An invitation of whichever organization."""
        row = self._anywhere(_INVITATIONS, id=invitation_id)
        return None if row is None else _invitation(row)

    def invitations_by(self, organization: Organization) -> list[Invitation]:
        """Those that an organization sent, the oldest first."""
        order = _INVITATIONS.c.requested
        wanted = _INVITATIONS.c.id != ""
        rows = self._some(_INVITATIONS, organization.account, "", wanted, order, None)
        return [_invitation(row) for row in rows]

    def invitations_to(self, account: str) -> list[Invitation]:
        """Those that an account received, of any organization, the oldest first."""
        query = select(_INVITATIONS).where(_INVITATIONS.c.target == account)
        found = self.connection.execute(query.order_by(_INVITATIONS.c.requested)).mappings().all()
        rows = (self._checked(_INVITATIONS, row["account"], "", row) for row in found)
        return [_invitation(row) for row in rows]

    def put_invitation(self, invitation: Invitation) -> None:
        self._replace(_INVITATIONS, invitation)

    def forget_invitations(self, requested_before: float) -> None:
        """Drop those of any organization that were sent so long ago."""
        self._delete(_INVITATIONS, _INVITATIONS.c.requested < requested_before)

    def creation(self, organization: Organization, creation_id: str) -> Creation | None:
        row = self._only(_CREATIONS, organization.account, "", id=creation_id)
        return None if row is None else Creation(**row)

    def creations(self, organization: Organization) -> list[Creation]:
        """The oldest first."""
        order = _CREATIONS.c.requested
        wanted = _CREATIONS.c.id != ""
        rows = self._some(_CREATIONS, organization.account, "", wanted, order, None)
        return [Creation(**row) for row in rows]

    def put_creation(self, creation: Creation) -> None:
        self._replace(_CREATIONS, creation)

    def forget_creations(self, organization: Organization, requested_before: float) -> None:
        self._delete(
            _CREATIONS,
            _CREATIONS.c.account == organization.account,
            _CREATIONS.c.requested < requested_before,
        )

    # Tags

    def organization_tags(self, organization: Organization, owner: str) -> dict[str, str]:
        """The tags of the root, a unit, an account or a policy, in the order of their keys."""
        rows = self._all(_TAGS, organization.account, "", _TAGS.c.tag_key, owner=owner)
        return {row["tag_key"]: row["tag_value"] for row in rows}

    def put_organization_tags(
        self, organization: Organization, owner: str, tags: dict[str, str]
    ) -> None:
        """Make `tags` all the tags there are."""
        account = organization.account
        self._strike(_TAGS, account, owner=owner)
        for key, value in tags.items():
            row = {"account": account, "owner": owner, "tag_key": key, "tag_value": value}
            self._insert(_TAGS, account, "", row)

    # Rows

    def _under(self, table: Table, organization: Organization, parent: str) -> list[dict[str, Any]]:
        wanted = table.c.parent == parent
        return self._some(table, organization.account, "", wanted, table.c.id, None)

    def _count(self, table: Table, account: str) -> int:
        counted = select(func.count()).select_from(table).where(table.c.account == account)
        return int(self.connection.execute(counted).scalar() or 0)

    def _replace(self, table: Table, kept: Kept) -> None:
        self._strike(table, kept.account, id=kept.id)
        self._insert(table, kept.account, "", asdict(kept))

    def _forget(self, account: str, target: str) -> None:
        """Drop what hangs on the root, a unit or an account."""
        self._strike(_ATTACHMENTS, account, target=target)
        self._strike(_TAGS, account, owner=target)

    def _strike(self, table: Table, account: str, **at: str) -> None:
        here = [table.c[name] == value for name, value in at.items()]
        self._delete(table, table.c.account == account, *here)

    def _touch_organizations(self, account: str) -> None:
        """Say that something of the organization changed; once is enough."""
        change = Change(Kind.ORGANIZATIONS, account, "", "")
        if change not in self.touched:
            self.touched.append(change)


def _policy(row: dict[str, Any]) -> OrganizationPolicy:
    return OrganizationPolicy(**row | {"type": PolicyType(row["type"])})


def _invitation(row: dict[str, Any]) -> Invitation:
    return Invitation(**row | {"state": InvitationState(row["state"])})
