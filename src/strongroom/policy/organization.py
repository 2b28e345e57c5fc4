"""What AWS Organizations keeps, and what an account's place in an organization says in decisions.

An organization is a tree: a root, organizational units under it, accounts anywhere.  Service
control policies bound what principals of a member account may do, resource control policies
what may be done to a member account's resources; neither holds for the account that manages the
organization.  Where to look for which of them is `Standing`; what they add up to is `decide`.

Source: Organizations User Guide, "Terminology and concepts", "SCP evaluation", "RCP evaluation";
IAM User Guide, "AWS global condition context keys".
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from strongroom.policy.compiled import Policy, Use, compile_policy

AWS = "aws"
"""What stands in the ARNs of AWS's own policies where an account's number stands in others."""


class PolicyType(StrEnum):
    SCP = "SERVICE_CONTROL_POLICY"
    RCP = "RESOURCE_CONTROL_POLICY"

    @property
    def use(self) -> Use:
        return Use.SCP if self is PolicyType.SCP else Use.RCP


@dataclass(frozen=True, slots=True)
class Organization:
    account: str  # that manages it
    id: str  # "o-..."
    partition: str
    root: str  # "r-..."
    all_features: bool  # or consolidated billing alone, which has no policies
    types: str  # policy types enabled in the root, with a space between them
    created: float

    @property
    def enabled(self) -> list[PolicyType]:
        """`types`, read."""
        return [PolicyType(each) for each in self.types.split()]

    def arn(self, kind: str, *parts: str) -> str:
        """Of what the organization has: `kind` is `root`, `ou`, `account`, `policy`, `handshake`."""
        within = "/".join((kind, self.id, *parts))
        return f"arn:{self.partition}:organizations::{self.account}:{within}"

    def arn_of(self, target: str) -> str:
        """Of the root, a unit or an account, by its id."""
        kind = {"r-": "root", "ou": "ou"}.get(target[:2], "account")
        return self.arn(kind, target)


@dataclass(frozen=True, slots=True)
class Unit:
    """The root, which has no parent, or an organizational unit."""

    account: str  # that manages the organization, as everywhere here
    id: str
    parent: str  # "" for the root
    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """An account in an organization; the one that manages it is one too."""

    account: str
    id: str  # twelve digits
    parent: str  # the root's or a unit's id
    name: str
    email: str  # "" where it is not known
    invited: bool  # or created
    joined: float


@dataclass(frozen=True, slots=True)
class OrganizationPolicy:
    account: str
    id: str  # "p-..."
    type: PolicyType
    name: str
    description: str
    document: str

    @property
    def aws_managed(self) -> bool:
        return self.account == AWS

    def arn(self, organization: Organization) -> str:
        if self.aws_managed:
            start = f"arn:{organization.partition}:organizations::{AWS}:policy"
            return f"{start}/{self.type.lower()}/{self.id}"
        return organization.arn("policy", self.type.lower(), self.id)


class InvitationState(StrEnum):
    OPEN = "OPEN"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class Invitation:
    """A handshake by which an account that exists may join."""

    account: str
    id: str  # "h-..."
    target: str  # the invited account
    notes: str
    state: InvitationState  # as it was last set; see `state_at`
    requested: float
    expires: float
    ended: float  # 0 while it is open

    def state_at(self, now: float) -> InvitationState:
        if self.state is InvitationState.OPEN and self.expires <= now:
            return InvitationState.EXPIRED
        return self.state


@dataclass(frozen=True, slots=True)
class Creation:
    """What became of a wish for a new account."""

    account: str
    id: str  # "car-..."
    name: str
    member: str  # the account that was made, or ""
    failure: str  # why not, or ""
    requested: float


def _everything(**more: str) -> str:
    statement = {"Effect": "Allow", **more, "Action": "*", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2)


FULL_ACCESS = {
    PolicyType.SCP: OrganizationPolicy(
        AWS,
        "p-FullAWSAccess",
        PolicyType.SCP,
        "FullAWSAccess",
        "Allows access to every operation",
        _everything(),
    ),
    PolicyType.RCP: OrganizationPolicy(
        AWS,
        "p-RCPFullAWSAccess",
        PolicyType.RCP,
        "RCPFullAWSAccess",
        "Allow access to every operation",
        _everything(Principal="*"),
    ),
}
"""AWS's own policies: attached to everything as soon as their type is enabled."""

AWS_MANAGED = {policy.id: policy for policy in FULL_ACCESS.values()}

Levels = tuple[tuple[Policy, ...], ...]
"""Policies by level, from the root down to the account."""


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """What an account's organization has to say of it."""

    organization: str = ""  # its id; "" for an account in none
    path: str = ""  # "o-.../r-.../ou-.../", down to the unit that the account is in
    scps: Levels = ()  # none for the managing account, nor where the type is not enabled
    rcps: Levels = ()

    def of_principal(self) -> Mapping[str, str | tuple[str, ...]]:
        """The condition keys of the account's principals."""
        return self._keys("principal")

    def of_resource(self) -> Mapping[str, str | tuple[str, ...]]:
        """The condition keys of the account's resources."""
        return self._keys("resource")

    def _keys(self, whose: str) -> Mapping[str, str | tuple[str, ...]]:
        if not self.organization:
            return {}
        return {f"aws:{whose}orgid": self.organization, f"aws:{whose}orgpaths": (self.path,)}


ALONE = Standing()
"""Of an account in no organization."""


def compiled(policies: Iterable[OrganizationPolicy]) -> tuple[Policy, ...]:
    """The policies of one level, each compiled once for all accounts below."""
    return tuple(_compiled(each.document, each.type, each.id) for each in policies)


@lru_cache(maxsize=4_096)
def _compiled(document: str, kind: PolicyType, name: str) -> Policy:
    return compile_policy(document, kind.use, name)


def path(organization: Organization, units: Iterable[Unit]) -> str:
    """Where units lead to, from the root down: `o-.../r-.../ou-.../`."""
    return "/".join((organization.id, *(unit.id for unit in units), ""))
