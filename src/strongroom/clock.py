"""The one place that reads the time.

Time is seconds since the epoch, UTC, as a float.  Everything below the doors is handed it as an
argument.  Two times are told apart: `now`, by which keys rotate, expire and are deleted, and
which a throw-away server lets its user move; and `true_now`, by which signatures are judged and
which nobody moves.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """The system's time plus an offset in seconds, which is read anew at each look."""

    def __init__(self, offset: Callable[[], float] | None = None) -> None:
        self._offset = offset

    def now(self) -> float:
        return time.time() if self._offset is None else time.time() + self._offset()

    def true_now(self) -> float:
        return time.time()


def iso8601(at: float) -> str:
    """`2026-11-23T19:36:05Z`, the form of CloudTrail."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def basic(at: float) -> str:
    """`20261123T193605Z`, the form of SigV4."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")
