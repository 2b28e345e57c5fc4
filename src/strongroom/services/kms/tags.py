"""TagResource, UntagResource, ListResourceTags, and the rules that tags keep.

At most 50 of a key; keys differ by case; the prefix `aws:` in any case is AWS's; a tag that is
there already is overwritten and keeps its place.
"""

from collections.abc import Iterable, Sequence

from strongroom.errors import TagFault
from strongroom.keys import states
from strongroom.services.call import Call
from strongroom.services.circumstances import of_request_tags
from strongroom.services.kms import access, paging
from strongroom.services.kms.identifiers import id_or_arn
from strongroom.services.kms.world import KmsBooks
from strongroom.wire.shapes.kms import (
    ListResourceTagsRequest,
    ListResourceTagsResponse,
    Tag,
    TagResourceRequest,
    UntagResourceRequest,
)

_MOST = 50


def tag_resource(kms: KmsBooks, call: Call, rq: TagResourceRequest) -> None:
    key = id_or_arn(kms, call, "TagResource", rq.KeyId)
    access.require(kms, call, "TagResource", key, lambda: of_request_tags(_by_name(rq.Tags)))
    states.require("TagResource", key.state, key.arn)
    kms.books.put_tags(key, with_tags(kms.books.tags(key), rq.Tags))


def untag_resource(kms: KmsBooks, call: Call, rq: UntagResourceRequest) -> None:
    """Drop tags; one that is not there is no error."""
    key = id_or_arn(kms, call, "UntagResource", rq.KeyId)
    access.require(kms, call, "UntagResource", key, lambda: {"aws:tagkeys": tuple(rq.TagKeys)})
    states.require("UntagResource", key.state, key.arn)
    _require_free(rq.TagKeys)
    tags = kms.books.tags(key)
    kms.books.put_tags(key, {name: value for name, value in tags.items() if name not in rq.TagKeys})


def list_resource_tags(
    kms: KmsBooks, call: Call, rq: ListResourceTagsRequest
) -> ListResourceTagsResponse:
    """Tags in the order in which they were first put."""
    most = paging.count(rq.Limit, paging.TAGS)
    key = id_or_arn(kms, call, "ListResourceTags", rq.KeyId)
    access.require(kms, call, "ListResourceTags", key)
    tags = [Tag(TagKey=name, TagValue=value) for name, value in kms.books.tags(key).items()]
    page, more, following = paging.cut_whole(tags, rq.Marker, most)
    return ListResourceTagsResponse(Tags=list(page), Truncated=more, NextMarker=following)


def _by_name(tags: Sequence[Tag]) -> dict[str, str]:
    return {tag.TagKey: tag.TagValue for tag in tags}


def with_tags(present: dict[str, str], added: Sequence[Tag]) -> dict[str, str]:
    """`present` with `added`; TagFault if that breaks a rule."""
    _require_free([tag.TagKey for tag in added])
    if len({tag.TagKey for tag in added}) != len(added):
        raise TagFault("Duplicate tag keys")
    tags = present | _by_name(added)
    if len(tags) > _MOST:
        raise TagFault("Too many tags")
    return tags


def _require_free(names: Iterable[str]) -> None:
    if any(name.lower().startswith("aws:") for name in names):
        raise TagFault("Tags beginning with aws: are reserved")
