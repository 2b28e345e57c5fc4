"""Who calls, with all that has a say on the caller's side: made at the door, asked by handlers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from strongroom.keys.session import Session
from strongroom.policy.caller import Caller
from strongroom.policy.compiled import Policy
from strongroom.policy.grants import Grant
from strongroom.policy.layers import Layers


@dataclass(frozen=True, slots=True, eq=False)
class Principal:
    """Immutable, and made anew whenever anything in it or in any organization changes, so what is
    derived from one, and from how accounts stand in organizations, may be kept by it.  Compared by
    identity.
    """

    caller: Caller
    identity: Sequence[Policy] = ()
    boundaries: Sequence[Policy] | None = None
    session_policies: Sequence[Policy] | None = None
    scps: Sequence[Sequence[Policy]] = ()  # of the account, by level, as in `Layers`
    context: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    """Condition keys that follow from who calls, in lower case."""
    session: Session | None = None  # where it signs with temporary credentials
    user_id: str = ""  # of GetCallerIdentity: "AIDA...", "AROA...:session", the root user's account
    identity_json: bytes = b"{}"  # `userIdentity` of the audit log; nothing for nobody

    @property
    def arn(self) -> str:
        return self.caller.arn

    @property
    def account(self) -> str:
        return self.caller.account

    def layers(
        self,
        resource: Policy | None = None,
        grants: Sequence[Grant] = (),
        *,
        rcps: Sequence[Sequence[Policy]] = (),
        of_aws_managed_key: bool = False,
    ) -> Layers:
        """Everything of the caller's that has a say, beside what the resource's side brings."""
        return Layers(
            identity=self.identity,
            boundaries=self.boundaries,
            session=self.session_policies,
            resource=resource,
            scps=self.scps,
            rcps=rcps,
            grants=grants,
            of_aws_managed_key=of_aws_managed_key,
        )


NOBODY = Principal(Caller.anonymous(), identity_json=b"")
"""Who has signed nothing, until something else shows who it is."""


def root(partition: str, account: str, key_id: str = "") -> Principal:
    """The root user of an account that belongs to no organization."""
    caller = Caller.root(partition, account)
    key = f',"accessKeyId":"{key_id}"' if key_id else ""
    return Principal(
        caller,
        context={
            "aws:principalarn": caller.arn,
            "aws:principalaccount": account,
            "aws:principaltype": "Account",
            "aws:userid": account,
            "aws:principalisawsservice": "false",
        },
        user_id=account,
        identity_json=(
            f'{{"type":"Root","principalId":"{account}","arn":"{caller.arn}",'
            f'"accountId":"{account}"{key}}}'
        ).encode(),
    )
