"""The tags of a resource as condition keys: `aws:ResourceTag/...`, and a service's own beside it."""

from collections.abc import Mapping

from strongroom.policy.variables import Ambiguous
from strongroom.services.circumstances import Value


def of_resource_tags(tags: Mapping[str, str], *services: str) -> dict[str, Value]:
    """`services` are what the keys begin with.  Tags that differ by case alone are one key that has
    two values: policies do not tell them apart.
    """
    values: dict[str, tuple[str, ...]] = {}
    for key, value in tags.items():
        values[key.lower()] = (*values.get(key.lower(), ()), value)
    return {
        f"{service}:resourcetag/{key}": found[0] if len(found) == 1 else Ambiguous(found)
        for key, found in values.items()
        for service in services
    }
