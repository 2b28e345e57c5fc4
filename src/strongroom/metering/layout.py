"""Which number stands in which slot.

    slot             number
    0                requests in flight, a gauge
    1                bytes received
    2                bytes sent
    3 + n * width    operation n: 17 latency buckets of successes, nanoseconds of all successes,
                     17 latency buckets of errors, nanoseconds of all errors, a count for each code

Operations and codes are given once and bounded; whatever is not among them counts as `other`, so
that no caller can make the number of series grow.
"""

import json
from bisect import bisect_left
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

OTHER: Final = "other"
IN_FLIGHT: Final = 0
RECEIVED: Final = 1
SENT: Final = 2
_FIRST: Final = 3

MICROSECONDS: Final = (
    *(50, 100, 250, 500),
    *(1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000),
    *(1_000_000, 2_500_000, 10_000_000),
)
BOUNDS: Final = tuple(1000 * bound for bound in MICROSECONDS)  # nanoseconds, upper and inclusive
BUCKETS: Final = len(BOUNDS) + 1
OK_TIME: Final = BUCKETS  # offsets from an operation's first slot
ERRORS: Final = BUCKETS + 1
ERROR_TIME: Final = ERRORS + BUCKETS
CODES: Final = ERROR_TIME + 1


def bucket(nanoseconds: int) -> int:
    """The bucket of a latency."""
    return bisect_left(BOUNDS, nanoseconds)


class Layout:
    """The places for a set of (service, operation) pairs and of error codes."""

    def __init__(self, operations: Iterable[tuple[str, str]], codes: Iterable[str]) -> None:
        self.operations = (*sorted(set(operations) - {(OTHER, OTHER)}), (OTHER, OTHER))
        self.codes = (*sorted(set(codes) - {OTHER}), OTHER)
        self.width = CODES + len(self.codes)
        self.size = _FIRST + self.width * len(self.operations)  # slots
        self._base = {
            operation: _FIRST + n * self.width for n, operation in enumerate(self.operations)
        }
        self._code = {code: CODES + n for n, code in enumerate(self.codes)}

    def base(self, service: str, operation: str) -> int:
        """An operation's first slot; that of `other` for one that is not known."""
        return self._base.get((service, operation), self._base[OTHER, OTHER])

    def code(self, code: str) -> int:
        """A code's offset from its operation's first slot."""
        return self._code.get(code, self._code[OTHER])

    def digest(self) -> bytes:
        """Eight bytes that differ where the places differ."""
        said = json.dumps([self.operations, self.codes, BOUNDS])
        return sha256(said.encode()).digest()[:8]
