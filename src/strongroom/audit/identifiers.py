"""Random UUIDs (version 4) for events and requests, a third of a microsecond each.

`uuid.uuid4` asks the kernel for every one; here it is asked for 256 at a time.  They are names, not
secrets: whoever has seen one learns nothing about the next.
"""

import os
from collections.abc import Iterator

_POOL = 256  # identifiers
_AT = 19  # where the variant stands: `8` for a request, `a` for its event


def identifiers() -> Iterator[str]:
    """Identifiers without end; one iterator for one process, and never across a fork."""
    while True:
        digits = os.urandom(16 * _POOL).hex()
        for at in range(0, 32 * _POOL, 32):
            d = digits[at : at + 32]
            yield f"{d[:8]}-{d[8:12]}-4{d[13:16]}-8{d[17:20]}-{d[20:]}"


def event_of(identifier: str) -> str:
    """The id of the event that records the request of that id.

    A UUID's variant leaves two of its bits free.  `identifiers` leaves both at nought and this sets
    one, so the two never meet, and a second draw is saved at each request.
    """
    return f"{identifier[:_AT]}a{identifier[_AT + 1 :]}"
