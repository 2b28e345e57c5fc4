"""Counting, on the path of every request.

A request is counted once, when it is answered: its latency's bucket, its time and, if it was
refused, its error's code.  No lock: a process has its own slots and counts on one thread.
"""

from bisect import bisect_left

from strongroom.metering.layout import (
    BOUNDS,
    ERROR_TIME,
    ERRORS,
    IN_FLIGHT,
    OK_TIME,
    RECEIVED,
    SENT,
    Layout,
)
from strongroom.metering.slots import Slots


class Meter:
    """Counts into one process's slots."""

    def __init__(self, layout: Layout, slots: Slots) -> None:
        self.place = layout.base
        """`place(service, operation)`: an operation's place, to be asked once and kept."""
        self._code = layout.code
        self._view = slots.view

    def begun(self, received: int) -> None:
        """A request has arrived, of so many bytes."""
        view = self._view
        view[IN_FLIGHT] += 1
        view[RECEIVED] += received

    def succeeded(self, place: int, nanoseconds: int, sent: int) -> None:
        """A request that had begun has been answered with success, in so many bytes."""
        view = self._view
        view[IN_FLIGHT] -= 1
        view[SENT] += sent
        view[place + bisect_left(BOUNDS, nanoseconds)] += 1
        view[place + OK_TIME] += nanoseconds

    def refused(self, place: int, code: str, nanoseconds: int, sent: int) -> None:
        """A request that had begun has been answered with an error of this code."""
        view = self._view
        view[IN_FLIGHT] -= 1
        view[SENT] += sent
        view[place + ERRORS + bisect_left(BOUNDS, nanoseconds)] += 1
        view[place + ERROR_TIME] += nanoseconds
        view[place + self._code(code)] += 1
