"""How much matching one decision may cost, whatever tenants wrote and callers sent.

Every matcher is linear in what it looks at, but a policy may hold thousands of patterns, variables may
put in texts of kilobytes, and all this runs while others wait.  So each decision has so many steps
(`MOST`: some 50 ms); a comparison that would go beyond cannot be decided, and falls on the safe side:
a Deny applies, an Allow does not.

A step is about 0.1 us: one value compared with another, a character of it where a pattern has to be
followed character by character (as with `?`).  A policy of a hundred such patterns on values of 200
characters takes 20,000.
"""

import threading
from typing import Final

MOST: Final = 500_000
AT_ONCE: Final = 64
"""Characters that cost no more than one, where they are not taken one by one."""


class Undecidable(Exception):
    """Neither yes nor no can be said of a comparison."""


class _Spent(threading.local):
    steps = 0  # of the decision that was begun last
    before = 0  # of all before it


_spent = _Spent()


def begin() -> None:
    """A new decision begins in this thread."""
    _spent.before += _spent.steps
    _spent.steps = 0


def spent() -> int:
    """How many steps all decisions of this thread have taken: for who makes many at once."""
    return _spent.before + _spent.steps


def spend(steps: int) -> None:
    """Undecidable if this decision has taken too many."""
    _spent.steps += steps
    if _spent.steps > MOST:
        raise Undecidable
