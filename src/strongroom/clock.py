"""The one place that reads the time.

Time is seconds since the epoch, UTC, as a float.  Everything below the doors is handed it as an
argument.  Three times are told apart: `now`, by which keys are made and rotate, and which a throw-away
server lets its user move; `true_now`, by which signatures are judged and which nobody moves; and `settled`,
by which things become due that cannot be undone.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple, Self

_DAY = 86_400.0
SMALL_STEP = 60.0  # seconds; a clock that is set by no more is believed at once


class Began(NamedTuple):
    """What the two clocks of this machine said at one time."""

    wall: float
    running: float  # since the machine was started, sleep included; nobody sets it

    @classmethod
    def now(cls) -> Self:
        return cls(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME))


class Clock:
    """The system's time plus an offset in seconds, which is read anew at each look."""

    def __init__(
        self, offset: Callable[[], float] = lambda: 0.0, began: Began | None = None
    ) -> None:
        """`began` is from when on steps of the system's clock are noticed; else from now on."""
        self._offset = offset
        self._began = began or Began.now()
        self._step = 0.0  # which is not believed yet
        self._since = 0.0  # when it was first seen, of the clock that nobody sets

    def now(self) -> float:
        return time.time() + self._offset()

    def true_now(self) -> float:
        return time.time()

    def settled(self) -> float:
        """The time, but never ahead of what it was before somebody set the clock, until that has stood for a day.

        So a clock that is an hour ahead for an hour deletes and expires nothing early.
        """
        wall, running = Began.now()
        before = running + self._began.wall - self._began.running
        step = wall - before
        if abs(step - self._step) > SMALL_STEP:
            self._step, self._since = step, running
        if abs(step) <= SMALL_STEP or running - self._since >= _DAY:
            self._began = Began(wall, running)
            self._step = 0.0
            before = wall
        return min(wall, before) + self._offset()


def iso8601(at: float) -> str:
    """`2026-11-23T19:36:05Z`, the form of CloudTrail."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def basic(at: float) -> str:
    """`20261123T193605Z`, the form of SigV4."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")
