"""Pages of a listing: how many entries, where the next page starts.

A marker is the base64 of `{"a": name}`, where `name` is the last entry given.  It holds no
secret and gives no access: a forged one starts the page elsewhere in what the caller may list.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from strongroom.errors import InvalidMarker, Validation

Entry = TypeVar("Entry")


class Cap(NamedTuple):
    """How many entries a page has, at most and unless asked otherwise."""

    most: int
    default: int


WIDE = Cap(1000, 100)  # ListKeys, ListKeyPolicies, ListKeyRotations
NARROW = Cap(100, 50)  # ListAliases, ListGrants, ListRetirableGrants
TAGS = Cap(50, 50)


def count(limit: int | None, cap: Cap) -> int:
    """The number of entries asked for; Validation beyond what the operation gives."""
    if limit is None:
        return cap.default
    if limit > cap.most:
        raise Validation(
            f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy "
            f"constraint: Member must have value less than or equal to {cap.most}"
        )
    return limit


def start(marker: str | None) -> str:
    """The name behind which the page starts, "" for the first page; InvalidMarker if it is none."""
    if marker is None:
        return ""
    try:
        read = json.loads(base64.b64decode(marker, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise InvalidMarker("Invalid marker") from None
    match read:
        case {"a": str(after)} if len(read) == 1 and after.isascii():  # as all names here are
            return after
        case _:
            raise InvalidMarker("Invalid marker")


def cut(
    found: Sequence[Entry], most: int, name: Callable[[Entry], str]
) -> tuple[Sequence[Entry], bool, str | None]:
    """A page of what was found (one entry more than `most` was asked for): the entries,
    whether there are more, and the marker of the next page if so.
    """
    if len(found) <= most:
        return found, False, None
    page = found[:most]
    after = json.dumps({"a": name(page[-1])}).encode()
    return page, True, base64.b64encode(after).decode()


def cut_whole(
    everything: Sequence[Entry], marker: str | None, most: int
) -> tuple[Sequence[Entry], bool, str | None]:
    """`cut` for a short listing that is at hand whole and is paged by position."""
    text = start(marker)
    if text and not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidMarker("Invalid marker")
    first = int(text or 0)
    numbered = list(enumerate(everything, 1))[first : first + most + 1]
    page, more, following = cut(numbered, most, lambda entry: str(entry[0]))
    return [entry for _, entry in page], more, following
