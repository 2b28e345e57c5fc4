"""Pages of a listing: `MaxResults`, `NextToken`.

A token is the base64 of the last entry's name.  It holds no secret and gives no access: a forged
one starts the page elsewhere in what the caller may list.

Source: Organizations API Reference, the parameters of each List operation.
"""

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Protocol as Interface
from typing import TypeVar

from strongroom.services.organizations.refusals import InvalidInput

Entry = TypeVar("Entry")

DEFAULT = 20


class Paged(Interface):
    """A request for a page."""

    @property
    def NextToken(self) -> str | None: ...  # noqa: N802 - wire names
    @property
    def MaxResults(self) -> int | None: ...  # noqa: N802


def after(token: str | None) -> str:
    """The name behind which a page begins; InvalidInput if the token is none of ours."""
    if token is None:
        return ""
    try:
        return base64.b64decode(token, validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidInput(
            "INVALID_PAGINATION_TOKEN", "You specified an invalid next token."
        ) from None


def size(rq: Paged) -> int:
    return rq.MaxResults or DEFAULT


def cut(
    found: Iterable[Entry], rq: Paged, name: Callable[[Entry], str]
) -> tuple[list[Entry], str | None]:
    """Of entries in the order of their names, the page that is asked for and the next one's token."""
    start = after(rq.NextToken)
    entries = [entry for entry in found if name(entry) > start]
    most = size(rq)
    if len(entries) <= most:
        return entries, None
    page = entries[:most]
    return page, base64.b64encode(name(page[-1]).encode()).decode()


def at(moment: float, name: str) -> str:
    """A name that sorts by time: for listings that come in the order of it."""
    return f"{moment:020.6f} {name}"
