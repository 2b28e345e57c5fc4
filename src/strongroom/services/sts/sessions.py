"""AssumeRole, GetSessionToken, GetFederationToken: temporary credentials.

Nothing is kept of a session; its token is all of it (`keys.session`).  What it may do is looked
at anew with each request: the role or user as it is then, within the session's own policies.

Source: STS API Reference; IAM User Guide, "Session policies", "Passing session tags",
"Monitor and control actions taken with assumed roles" (source identity).
"""

from collections.abc import Callable, Mapping, Sequence

from strongroom.arn import Arn
from strongroom.errors import AccessDenied, Validation
from strongroom.keys.session import Session, new_secret
from strongroom.policy.caller import Kind
from strongroom.policy.identity import Identity
from strongroom.services.call import Call
from strongroom.services.circumstances import Value, of_request_tags
from strongroom.services.sts import access, content
from strongroom.services.sts.world import Sts
from strongroom.wire.shapes.sts import (
    AssumeRoleRequest,
    AssumeRoleResponse,
    FederatedUser,
    GetFederationTokenRequest,
    GetFederationTokenResponse,
    GetSessionTokenRequest,
    GetSessionTokenResponse,
)

_HOUR = 3_600
_MOST_OF_A_CHAIN = _HOUR  # seconds of a session that a session asked for
_DEFAULT_OWN = 12 * _HOUR
_MOST_OF_ROOT = _HOUR
_NO_MFA = "MultiFactorAuthentication failed with invalid MFA one time pass code."


def assume_role(sts: Sts, call: Call, rq: AssumeRoleRequest) -> AssumeRoleResponse:
    """A session of a role, for whom the role trusts."""
    if call.who.caller.kind is Kind.ROOT:
        raise AccessDenied("Roles may not be assumed by root accounts.")
    access.require_admitted(call, "AssumeRole", rq.RoleArn)
    tags = content.tags((tag.Key, tag.Value) for tag in rq.Tags or ())
    before = call.who.session
    passed_on = (
        {name: before.tags[name] for name in before.transitive if name in before.tags}
        if before is not None
        else {}
    )
    _require_new(passed_on, tags)
    transitive = [*passed_on, *content.transitive(tags, rq.TransitiveTagKeys or ())]
    tags = passed_on | tags
    source = _source_identity(call, rq.SourceIdentity)
    # From here on a role that is not there and one that does not trust must look alike.
    role = _role(sts, call, rq.RoleArn)
    besides = _besides(rq, tags, transitive, source)
    access.require_role(sts, call, "AssumeRole", role, besides)
    # What is handed on from session to session each role has to let in anew.
    if tags:
        access.require_role(sts, call, "TagSession", role, besides)
    if source:
        access.require_role(sts, call, "SetSourceIdentity", role, besides)
    if rq.SerialNumber is not None or rq.TokenCode is not None:
        raise AccessDenied(_NO_MFA)
    seconds = content.role_seconds(role, rq.DurationSeconds)
    if before is not None and before.kind == "role" and seconds > _MOST_OF_A_CHAIN:
        raise Validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
            "role chaining"
        )
    content.require_within(role, seconds)
    session = Session(
        kind="role",
        account=role.account,
        of=role.unique_id,
        name=rq.RoleSessionName,
        secret=new_secret(),
        issued=call.now,
        expires=call.now + seconds,
        policies=content.policies(sts.books, role.account, rq.Policy, rq.PolicyArns),
        tags=tags,
        transitive=transitive,
        source_identity=source,
    )
    return AssumeRoleResponse(
        Credentials=content.credentials(sts, session),
        AssumedRoleUser=content.assumed(role, session),
        PackedPolicySize=content.packed(session),
        SourceIdentity=source or None,
    )


def get_session_token(sts: Sts, call: Call, rq: GetSessionTokenRequest) -> GetSessionTokenResponse:
    """Temporary credentials of a user, or of the root user: as good as her own, for a while."""
    kind = call.who.caller.kind
    if call.who.session is not None:
        raise AccessDenied("Cannot call GetSessionToken with session credentials")
    if rq.SerialNumber is not None or rq.TokenCode is not None:
        raise AccessDenied(_NO_MFA)
    seconds = _own_seconds(call, rq.DurationSeconds)
    session = Session(
        kind="root" if kind is Kind.ROOT else "user",
        account=call.account,
        of="" if kind is Kind.ROOT else call.who.user_id,
        secret=new_secret(),
        issued=call.now,
        expires=call.now + seconds,
    )
    return GetSessionTokenResponse(Credentials=content.credentials(sts, session))


def get_federation_token(
    sts: Sts, call: Call, rq: GetFederationTokenRequest
) -> GetFederationTokenResponse:
    """A session for somebody whom a user vouches for, with what both the user and the session's
    policies allow; without such policies, with nothing but what resources grant it.
    """
    if call.who.session is not None:
        raise AccessDenied("Cannot call GetFederationToken with session credentials")
    if call.who.caller.kind is Kind.ROOT:
        raise AccessDenied("Cannot call GetFederationToken with the credentials of the root user")
    tags = content.tags((tag.Key, tag.Value) for tag in rq.Tags or ())
    access.require_own(call, "GetFederationToken", lambda: of_request_tags(tags))
    if tags:
        access.require_own(call, "TagSession", lambda: of_request_tags(tags))
    session = Session(
        kind="federated",
        account=call.account,
        of=call.who.user_id,
        name=rq.Name,
        secret=new_secret(),
        issued=call.now,
        expires=call.now + _own_seconds(call, rq.DurationSeconds),
        policies=content.policies(sts.books, call.account, rq.Policy, rq.PolicyArns),
        tags=tags,
    )
    partition = Arn.parse(call.principal).partition
    return GetFederationTokenResponse(
        Credentials=content.credentials(sts, session),
        FederatedUser=FederatedUser(
            FederatedUserId=f"{call.account}:{rq.Name}",
            Arn=f"arn:{partition}:sts::{call.account}:federated-user/{rq.Name}",
        ),
        PackedPolicySize=content.packed(session),
    )


def _role(sts: Sts, call: Call, text: str) -> Identity:
    """The role of exactly this ARN; refused alike if there is none and if the ARN is none."""
    role = content.role(sts, content.role_arn(text))
    if role is None:
        raise access.absent(call, "AssumeRole", text)
    return role


def _besides(
    rq: AssumeRoleRequest, tags: Mapping[str, str], transitive: Sequence[str], source: str
) -> Callable[[], Mapping[str, Value]]:
    def besides() -> Mapping[str, Value]:
        found: dict[str, Value] = {"sts:rolesessionname": rq.RoleSessionName}
        if rq.ExternalId is not None:
            found["sts:externalid"] = rq.ExternalId
        if source:
            found["sts:sourceidentity"] = source
        if transitive:
            found["sts:transitivetagkeys"] = tuple(transitive)
        return found | of_request_tags(tags)

    return besides


def _source_identity(call: Call, asked: str | None) -> str:
    """It stays with every session that this one asks for, and is never changed."""
    before = call.who.session.source_identity if call.who.session is not None else ""
    if before and asked is not None and asked != before:
        raise AccessDenied(
            "The source identity of a session cannot be changed by the sessions that it asks for."
        )
    return before or asked or ""


def _require_new(passed_on: Mapping[str, str], tags: Mapping[str, str]) -> None:
    lower = {name.lower() for name in passed_on}
    for name in tags:
        if name.lower() in lower:
            raise content.InvalidParameterValue(
                "One of the specified transitive tag keys can't be set because it conflicts with a "
                "transitive tag key from the calling session."
            )


def _own_seconds(call: Call, asked: int | None) -> int:
    most = _MOST_OF_ROOT if call.who.caller.kind is Kind.ROOT else None
    seconds = asked or _DEFAULT_OWN
    return seconds if most is None else min(seconds, most)
