"""May the caller do this to that, in IAM?

The caller's own policies decide; nothing in IAM works across accounts, and AWS's managed policies
count as everybody's own.

Every handler passes here before it says whether anything exists.  It brings what the policies'
conditions may ask about: the resource's own tags and boundary, and what the request names.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Identity
and Access Management (IAM)"; for the sentence, recorded answers.
"""

from collections.abc import Mapping, Sequence

from strongroom.arn import Arn
from strongroom.errors import AccessDenied, UnrecognizedClient
from strongroom.policy import aws_managed
from strongroom.policy.layers import Layer, Question, Verdict
from strongroom.policy.variables import Context
from strongroom.policy.words import denial
from strongroom.services.call import Call
from strongroom.services.circumstances import about, by_name, of_request_tags
from strongroom.wire.shapes.iam import Tag

NOTHING: Context = {}
_KEPT_OUT = frozenset({"federated", "root", "user"})
"""Sessions of GetFederationToken, and those of GetSessionToken without MFA, which nobody has here.

Source: STS API Reference, both operations; for code and sentence, recorded answers.
"""


def require(
    call: Call,
    action: str,
    resource: str,
    context: Context = NOTHING,
) -> None:
    """AccessDenied unless the caller may do `action` (`CreateUser`, ...) to `resource`.

    `resource` is an ARN, or whatever AWS says in its place for what has none.  `context` has
    the condition keys that this request fills besides those of every request.
    """
    require_admitted(call)
    who = call.who
    owner = _owner(resource)
    account = call.account if owner in ("", aws_managed.ACCOUNT) else owner
    question = Question(who.caller, f"iam:{action}", resource, account)
    decision = call.decide(question, who.layers(), about(call, account, lambda: context))
    if not decision.allows:
        raise AccessDenied(
            denial(
                question,
                decision.verdict,
                decision.layer if question.same_account else Layer.IDENTITY,
                caller=call.principal,
            )
        )


def require_admitted(call: Call) -> None:
    """UnrecognizedClient for a session that has nothing of IAM, whatever its policies say."""
    session = call.who.session
    if session is not None and session.kind in _KEPT_OUT:
        raise UnrecognizedClient("The security token included in the request is invalid")


def denied(call: Call, action: str, resource: str) -> AccessDenied:
    """The refusal of what is outside the caller's account, whether it exists or not."""
    question = Question(call.who.caller, f"iam:{action}", resource, call.account)
    return AccessDenied(
        denial(question, Verdict.IMPLICIT_DENY, Layer.IDENTITY, caller=call.principal)
    )


def _owner(resource: str) -> str:
    try:
        return Arn.parse(resource).account
    except ValueError:
        return ""


# What conditions may ask about


def of_resource(tags: Mapping[str, str], boundary: str = "") -> Context:
    """The keys that the tags and the permissions boundary of the resource itself fill."""
    return {
        **by_name("aws:resourcetag/", tags),
        **by_name("iam:resourcetag/", tags),
        **of_boundary(boundary),
    }


def of_boundary(arn: str | None) -> Context:
    return {"iam:permissionsboundary": arn} if arn else NOTHING


def of_policy(arn: str) -> Context:
    """For what attaches or detaches a managed policy."""
    return {"iam:policyarn": arn}


def of_tags(tags: Sequence[Tag] | None) -> Context:
    """For what makes or changes tags."""
    return of_request_tags({tag.Key: tag.Value for tag in tags or ()})


def of_tag_keys(keys: Sequence[str]) -> Context:
    return {"aws:tagkeys": tuple(keys)}
