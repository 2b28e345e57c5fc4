"""Is a history of a yes-or-no that several clients set and read linearizable?

Each operation took effect at one moment between its call and its answer, and each reading saw what the
last setting before it had left.  A setting whose answer was lost may have taken effect at any later
moment, or never.

The search is Wing and Gong's (1993): whatever could have been first is tried as first, and the rest after it.
A reading that fits is taken at once, for it takes no way from what comes after; so only settings branch.
"""

from math import inf
from typing import NamedTuple


class Operation(NamedTuple):
    began: float
    ended: float  # `inf`: nobody knows whether it was done
    value: bool  # set, or seen
    sets: bool = False


def linearizable(history: list[Operation], initial: bool, bound: float = 0) -> bool:
    """Whether it is, if readings may be `bound` seconds old."""
    operations = tuple(
        each if each.sets else each._replace(began=each.began - bound) for each in history
    )
    seen: set[tuple[frozenset[int], bool]] = set()
    ways = [(frozenset(range(len(operations))), initial)]
    while ways:
        left, value = ways.pop()
        left = _without_fitting_readings(operations, left, value)
        if all(operations[at].ended == inf for at in left):
            return True
        if (left, value) in seen:
            continue
        seen.add((left, value))
        until = min(operations[at].ended for at in left)
        ways += [
            (left - {at}, operations[at].value)
            for at in left
            if operations[at].sets and operations[at].began <= until
        ]
    return False


def _without_fitting_readings(
    operations: tuple[Operation, ...], left: frozenset[int], value: bool
) -> frozenset[int]:
    while True:
        until = min((operations[at].ended for at in left), default=inf)
        fit = {
            at
            for at in left
            if not operations[at].sets
            and operations[at].value is value
            and operations[at].began <= until
        }
        if not fit:
            return left
        left -= fit
