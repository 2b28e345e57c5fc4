"""May the caller have a session of that role, or of its own?

Source: IAM User Guide, "Policy evaluation logic", "Using IAM roles"; STS API Reference.
"""

from collections.abc import Mapping
from functools import lru_cache

from strongroom.errors import AccessDenied
from strongroom.policy.caller import Kind
from strongroom.policy.compiled import Policy, Use, compile_policy
from strongroom.policy.identity import Identity
from strongroom.policy.layers import Question
from strongroom.policy.organization import Standing
from strongroom.policy.words import denial
from strongroom.services.call import Call
from strongroom.services.circumstances import (
    Besides,
    Circumstances,
    OfOwn,
    Value,
    by_name,
    nothing,
)
from strongroom.services.sts.world import Sts

_ADMITTED = {
    "federated": frozenset[str](),
    "root": frozenset[str](),
    "user": frozenset({"AssumeRole"}),
}
"""Kinds of sessions to all that they have of STS, besides GetCallerIdentity.

Source: STS API Reference, GetFederationToken and GetSessionToken, "Permissions".
"""


class OfRole(Circumstances):
    """What a policy may ask of a request for a role."""

    __slots__ = ("_role", "_standing")

    def __init__(self, call: Call, role: Identity, standing: Standing, besides: Besides) -> None:
        super().__init__(call, besides)
        self._role = role
        self._standing = standing

    def of_resource(self, name: str) -> Value | None:
        if name == "aws:resourceaccount":
            return self._role.account
        if name.startswith(("aws:resourcetag/", "iam:resourcetag/")):
            tags = self._role.tags
            return (by_name("aws:resourcetag/", tags) | by_name("iam:resourcetag/", tags)).get(name)
        return self._standing.of_resource().get(name)


def require_role(sts: Sts, call: Call, action: str, role: Identity, besides: Besides) -> None:
    """AccessDenied unless the role's trust policy lets the caller in, and her own policies too
    where it leaves it to her account, or is another account's; and what the organization of the
    role's account denies.
    """
    standing = sts.books.standing(role.account)
    question = Question(call.who.caller, f"sts:{action}", role.arn, role.account)
    layers = call.who.layers(trust_policy(role), rcps=standing.rcps)
    decision = call.decide(question, layers, OfRole(call, role, standing, besides))
    if decision.allows:
        return
    if call.who.caller.kind is Kind.WEB_IDENTITY:
        raise not_authorized(action)
    if not question.same_account:
        raise absent(call, action, role.arn)
    raise AccessDenied(
        denial(question, decision.verdict, decision.layer, caller=call.principal, trust=True)
    )


def require_own(
    call: Call, action: str, besides: Besides = nothing, *, resource: str | None = None
) -> None:
    """AccessDenied unless the caller's own policies allow what is about no role: about the caller,
    unless `resource` is `*`.
    """
    require_admitted(call, action, resource or call.principal)
    question = Question(call.who.caller, f"sts:{action}", resource or call.principal, call.account)
    decision = call.decide(question, call.who.layers(), OfOwn(call, besides))
    if not decision.allows:
        raise AccessDenied(
            denial(question, decision.verdict, decision.layer, caller=call.principal)
        )


def require_admitted(call: Call, action: str, resource: str) -> None:
    """AccessDenied for a session that may not ask this of STS, whatever its policies say."""
    session = call.who.session
    if session is not None and action not in _ADMITTED.get(session.kind, {action}):
        raise absent(call, action, resource)


def absent(call: Call, action: str, arn: str) -> AccessDenied:
    """For a role that does not exist, and for one of another account that does not trust the
    caller: told apart by nobody.  Without a reason, as where no policy is the reason.
    """
    return AccessDenied(
        f"User: {call.principal} is not authorized to perform: sts:{action} on resource: {arn}"
    )


def trust_policy(role: Identity) -> Policy:
    """Whom the role lets in, compiled."""
    return _trust(role.trust, tuple(role.principals.items()))


def not_authorized(action: str) -> AccessDenied:
    """For whoever signs nothing: a role that does not exist and one that trusts otherwise are told
    apart by nobody.
    """
    return AccessDenied(f"Not authorized to perform sts:{action}")


@lru_cache(maxsize=1_024)
def _trust(document: str, ids: tuple[tuple[str, str], ...]) -> Policy:
    known: Mapping[str, str] = dict(ids)
    return compile_policy(document, Use.TRUST, "role trust policy", known)
