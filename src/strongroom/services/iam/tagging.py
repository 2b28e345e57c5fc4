"""The rules that tags keep.

At most 50 of each; the prefix `aws:` in any case is AWS's.  The keys of users' and roles' tags
differ by more than case, and a tag that is there already under another spelling is replaced; the
keys of others are told apart by case.

Source: IAM User Guide, "Tags for IAM resources", "Rules for tagging in IAM and AWS STS".
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum

from strongroom.errors import InvalidInput
from strongroom.services.iam import quotas
from strongroom.wire.shapes.iam import Tag


class Tagged(Enum):
    """What can have tags, as its quota is called."""

    USER = "TagsPerUser"
    ROLE = "TagsPerRole"
    POLICY = "TagsPerPolicy"
    PROVIDER = "TagsPerOpenIdConnectProvider"

    def same(self, key: str) -> str:
        """What two keys have in common if they are one."""
        return key.lower() if self in (Tagged.USER, Tagged.ROLE) else key


def with_tags(
    kind: Tagged, present: Mapping[str, str], added: Sequence[Tag] | None
) -> dict[str, str]:
    """`present` with `added`; InvalidInput or LimitExceeded if that breaks a rule."""
    keys = [kind.same(tag.Key) for tag in added or ()]
    if len(set(keys)) < len(keys):
        raise InvalidInput(
            "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        )
    if any(key.lower().startswith("aws:") for key in keys):
        raise InvalidInput("Tag keys that begin with aws: are reserved")
    kept = {key: value for key, value in present.items() if kind.same(key) not in keys}
    tags = kept | {tag.Key: tag.Value for tag in added or ()}
    quotas.require(kind.value, len(tags))
    return tags


def without_tags(
    kind: Tagged, present: Mapping[str, str], dropped: Iterable[str]
) -> dict[str, str]:
    """`present` without those keys; one that is not there is no error."""
    keys = {kind.same(key) for key in dropped}
    return {key: value for key, value in present.items() if kind.same(key) not in keys}


def shown(tags: Mapping[str, str]) -> list[Tag]:
    return [Tag(Key=key, Value=value) for key, value in sorted(tags.items())]
