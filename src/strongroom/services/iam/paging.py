"""Pages of a listing: `MaxItems`, `Marker`, `IsTruncated`.

A marker is the base64 of the last entry's name, which must be short enough: markers have at most 320
characters, names at most 240 bytes.  It holds no secret and gives no access: a forged
one starts the page elsewhere in what the caller may list.

Source: IAM API Reference, the parameters of each List operation.
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar
from typing import Protocol as Interface

from strongroom.errors import Validation

Entry = TypeVar("Entry")

DEFAULT = 100


class Paged(Interface):
    """A request for a page."""

    @property
    def Marker(self) -> str | None: ...  # noqa: N802 - wire names
    @property
    def MaxItems(self) -> int | None: ...  # noqa: N802


class Page(NamedTuple):
    """What to ask for: so many entries behind a name."""

    after: str
    most: int


def asked(rq: Paged) -> Page:
    """The page asked for; Validation if the marker is none of ours."""
    most = DEFAULT if rq.MaxItems is None else rq.MaxItems
    if rq.Marker is None:
        return Page("", most)
    try:
        after = base64.b64decode(rq.Marker, validate=True).decode()
    except (binascii.Error, ValueError):
        raise Validation("Invalid Marker.") from None
    return Page(after, most)


def cut(
    found: Sequence[Entry], page: Page, name: Callable[[Entry], str]
) -> tuple[list[Entry], bool, str | None]:
    """Of entries found behind `page.after`, one more than `page.most` if there are as many: the
    page, whether it is truncated, and the marker of the next one if so.
    """
    if len(found) <= page.most:
        return list(found), False, None
    entries = list(found[: page.most])
    return entries, True, base64.b64encode(name(entries[-1]).encode()).decode()


def cut_whole(
    everything: Iterable[Entry], rq: Paged, name: Callable[[Entry], str]
) -> tuple[list[Entry], bool, str | None]:
    """`cut` for a listing that is at hand whole, in whatever order: it comes by name."""
    page = asked(rq)
    behind = sorted((entry for entry in everything if name(entry) > page.after), key=name)
    return cut(behind, page, name)
