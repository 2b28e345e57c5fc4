"""May the caller do this to that, in Organizations?

The caller's own policies decide, and as a member those of its organization; nothing here works
across accounts.  Every handler passes here before it says whether anything exists.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS
Organizations".
"""

from collections.abc import Mapping, Sequence

from strongroom.arn import Arn
from strongroom.errors import AccessDenied
from strongroom.policy import organization
from strongroom.policy.layers import Question
from strongroom.policy.variables import Context
from strongroom.policy.words import denial
from strongroom.services.call import Call
from strongroom.services.circumstances import about, by_name, of_request_tags
from strongroom.wire.shapes.organizations import Tag

NOTHING: Context = {}
NOT_MANAGER = "You don't have permissions to access this resource."
"""What accounts are told that may not do what only the managing one may."""


def require(call: Call, action: str, *resources: str, context: Context = NOTHING) -> None:
    """AccessDenied unless the caller may do `action` (`AttachPolicy`, ...) to each of `resources`.

    They are ARNs; an operation that has no resource is about `*`.
    """
    for resource in resources or ("*",):
        question = Question(call.who.caller, f"organizations:{action}", resource, call.account)
        circumstances = about(call, _owner(resource) or call.account, lambda: context)
        decision = call.decide(question, call.who.layers(), circumstances)
        if not decision.allows:
            raise AccessDenied(
                denial(question, decision.verdict, decision.layer, caller=call.principal)
            )


def _owner(arn: str) -> str:
    """The account that has what an ARN names; "" for what is AWS's, and for `*`."""
    try:
        account = Arn.parse(arn).account
    except ValueError:
        return ""
    return "" if account == organization.AWS else account


# What conditions may ask about


def of_type(kind: str) -> Context:
    return {"organizations:policytype": kind}


def of_tags(tags: Sequence[Tag] | None) -> Context:
    """For what makes or changes tags."""
    return of_request_tags({tag.Key: tag.Value for tag in tags or ()})


def of_tag_keys(keys: Sequence[str]) -> Context:
    return {"aws:tagkeys": tuple(keys)}


def of_resource(tags: Mapping[str, str]) -> Context:
    return by_name("aws:resourcetag/", tags)
