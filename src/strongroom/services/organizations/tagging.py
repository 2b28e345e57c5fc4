"""The rules that tags keep, and the tags of the root, units, accounts and policies.

Keys are told apart by case; the prefix `aws:` in any case is AWS's.

Source: Organizations User Guide, "Tagging AWS Organizations resources".
"""

from collections.abc import Iterable, Mapping, Sequence

from strongroom.policy.organization import Organization
from strongroom.policy.variables import Context
from strongroom.services.call import Call
from strongroom.services.organizations import access, paging, quotas
from strongroom.services.organizations.identifiers import about, policy, require_target
from strongroom.services.organizations.refusals import InvalidInput
from strongroom.services.organizations.world import Organizations
from strongroom.wire.shapes import organizations as shapes


def tag_resource(world: Organizations, call: Call, rq: shapes.TagResourceRequest) -> None:
    organization = _owner(world, call, "TagResource", rq.ResourceId, access.of_tags(rq.Tags))
    present = world.books.organization_tags(organization, rq.ResourceId)
    tags = with_tags(present, rq.Tags)
    world.books.put_organization_tags(organization, rq.ResourceId, tags)


def untag_resource(world: Organizations, call: Call, rq: shapes.UntagResourceRequest) -> None:
    """Drop tags; one that is not there is no error."""
    context = access.of_tag_keys(rq.TagKeys)
    organization = _owner(world, call, "UntagResource", rq.ResourceId, context)
    present = world.books.organization_tags(organization, rq.ResourceId)
    tags = without_tags(present, rq.TagKeys)
    world.books.put_organization_tags(organization, rq.ResourceId, tags)


def list_tags_for_resource(
    world: Organizations, call: Call, rq: shapes.ListTagsForResourceRequest
) -> shapes.ListTagsForResourceResponse:
    """By key, all in one page."""
    paging.after(rq.NextToken)
    organization = _owner(world, call, "ListTagsForResource", rq.ResourceId, access.NOTHING)
    tags = world.books.organization_tags(organization, rq.ResourceId)
    listed = [shapes.Tag(Key=key, Value=value) for key, value in tags.items()]
    return shapes.ListTagsForResourceResponse(Tags=listed)


def with_tags(present: Mapping[str, str], added: Sequence[shapes.Tag] | None) -> dict[str, str]:
    """`present` with `added`; InvalidInput or ConstraintViolation if that breaks a rule."""
    keys = [tag.Key for tag in added or ()]
    if len(set(keys)) < len(keys):
        raise InvalidInput("DUPLICATE_TAG_KEY", "A tag key is there twice.")
    if any(key.lower().startswith("aws:") for key in keys):
        raise InvalidInput(
            "INVALID_SYSTEM_TAGS_PARAMETER", "Tag keys that begin with aws: are reserved."
        )
    tags = {**present, **{tag.Key: tag.Value for tag in added or ()}}
    quotas.require("MAX_TAG_LIMIT_EXCEEDED", len(tags), quotas.TAGS)
    return tags


def without_tags(present: Mapping[str, str], dropped: Iterable[str]) -> dict[str, str]:
    keys = set(dropped)
    return {key: value for key, value in present.items() if key not in keys}


def _owner(
    world: Organizations, call: Call, action: str, resource: str, context: Context
) -> Organization:
    """The organization that has the resource, once the caller may do `action` to it."""
    if resource.startswith("p-"):
        organization, found = policy(world, call, action, resource, context=context)
        if found.aws_managed:
            raise InvalidInput("IMMUTABLE_POLICY", "AWS's own policies cannot be changed.")
        return organization
    organization = about(world, call, action, resource, context=context)
    require_target(world, organization, resource)
    return organization
