"""Everything that has a say in one decision."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from strongroom.policy.caller import Caller
from strongroom.policy.compiled import Policy, Use
from strongroom.policy.grants import Grant


class Layer(Enum):
    """Who may have decided, in the order in which a denial is told."""

    SCP = "service control policy"
    RCP = "resource control policy"
    ENDPOINT = "VPC endpoint policy"
    RESOURCE = "resource-based policy"
    IDENTITY = "identity-based policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"
    GRANT = "grant"


class Verdict(Enum):
    ALLOW = "Allow"
    IMPLICIT_DENY = "ImplicitDeny"
    EXPLICIT_DENY = "ExplicitDeny"


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """May `caller` do `action` to `resource`?  The circumstances come with the asking."""

    caller: Caller
    action: str  # "kms:Decrypt", as AWS spells it
    resource: str  # an ARN, or "*" where the action has none
    account: str  # that owns the resource

    @property
    def same_account(self) -> bool:
        return self.caller.account == self.account

    @property
    def is_of_key(self) -> bool:
        """Asked of a KMS action alone, whose resource is a key, an alias or `*`."""
        return bool(self.keys)

    @property
    def keys(self) -> str:
        """How the ARNs of all keys of the same account and Region begin; nothing if it is not of a key."""
        head, found, _ = self.resource.partition(":key/")
        return head + found if found else ""

    @property
    def use_of_policy(self) -> Use:
        """What a policy of the resource is."""
        action = self.action.lower()
        if action.startswith("kms:"):
            return Use.KEY
        if action.startswith("sts:") and ":role/" in self.resource:
            return Use.TRUST
        return Use.RESOURCE


@dataclass(frozen=True, slots=True, eq=False)
class Layers:
    """None where a layer does not exist, which is not the same as an empty one."""

    identity: Sequence[Policy] = ()
    boundaries: Sequence[Policy] | None = None
    session: Sequence[Policy] | None = None
    resource: Policy | None = None
    scps: Sequence[Sequence[Policy]] = ()  # by level, from the root down to the account
    rcps: Sequence[Sequence[Policy]] = ()
    endpoint: Sequence[Policy] | None = None
    grants: Sequence[Grant] = ()
    of_aws_managed_key: bool = False
