"""Tag-, Untag- and List- Tags of users, roles, managed policies and OIDC providers."""

from collections.abc import Callable
from typing import Any, NamedTuple

from strongroom.policy.entities import ManagedPolicy, Role, User
from strongroom.policy.variables import Context
from strongroom.services.call import Call
from strongroom.services.iam import access, identifiers, oidc, paging, tagging
from strongroom.services.iam.owners import answer
from strongroom.services.iam.tagging import Tagged
from strongroom.services.iam.world import Iam
from strongroom.wire.shape import Shape

Find = Callable[[Iam, Call, str, Any, Context], str]
"""What the tags of what a request names are kept under, once the caller may do the action."""


class Resource(NamedTuple):
    noun: str  # as the operations are called by it
    rules: Tagged
    find: Find


def tag(resource: Resource, iam: Iam, call: Call, rq: Any) -> None:
    context = access.of_tags(rq.Tags)
    owner = resource.find(iam, call, f"Tag{resource.noun}", rq, context)
    present = iam.books.iam_tags(call.account, owner)
    tags = tagging.with_tags(resource.rules, present, rq.Tags)
    iam.books.put_iam_tags(call.account, owner, tags)


def untag(resource: Resource, iam: Iam, call: Call, rq: Any) -> None:
    """Drop tags; one that is not there is no error."""
    context = access.of_tag_keys(rq.TagKeys)
    owner = resource.find(iam, call, f"Untag{resource.noun}", rq, context)
    present = iam.books.iam_tags(call.account, owner)
    tags = tagging.without_tags(resource.rules, present, rq.TagKeys)
    iam.books.put_iam_tags(call.account, owner, tags)


def list_tags(resource: Resource, iam: Iam, call: Call, rq: Any) -> Shape:
    """By key."""
    operation = f"List{resource.noun}Tags"
    owner = resource.find(iam, call, operation, rq, access.NOTHING)
    tags = tagging.shown(iam.books.iam_tags(call.account, owner))
    # By position, for a key may be longer than a marker.
    numbered, more, marker = paging.cut_whole(enumerate(tags), rq, lambda each: f"{each[0]:02}")
    return answer(operation, Tags=[tag for _, tag in numbered], IsTruncated=more, Marker=marker)


def _user(iam: Iam, call: Call, action: str, rq: Any, context: Context) -> str:
    return identifiers.existing(iam, call, action, User, rq.UserName, context).id


def _role(iam: Iam, call: Call, action: str, rq: Any, context: Context) -> str:
    return identifiers.existing(iam, call, action, Role, rq.RoleName, context).id


def _policy(iam: Iam, call: Call, action: str, rq: Any, context: Context) -> str:
    find = identifiers.managed_policy if action.startswith("List") else identifiers.own_policy
    policy: ManagedPolicy = find(iam, call, action, rq.PolicyArn, context)
    return policy.id


def _provider(iam: Iam, call: Call, action: str, rq: Any, context: Context) -> str:
    return oidc.existing(iam, call, action, rq.OpenIDConnectProviderArn, context).resource


USER = Resource("User", Tagged.USER, _user)
ROLE = Resource("Role", Tagged.ROLE, _role)
POLICY = Resource("Policy", Tagged.POLICY, _policy)
PROVIDER = Resource("OpenIDConnectProvider", Tagged.PROVIDER, _provider)
