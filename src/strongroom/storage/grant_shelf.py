"""Grants held in memory: of a key, those to one grantee, for a decision asks for no others.

A key may have 50,000 grants, so they are not part of the key.  What is bounded is their number
over all keys, where knowing that a grantee has none counts as one; the longest unused goes
first.  The newest is kept however large it is, else whoever waits for it would wait for ever.

When a key's grants have changed, those that are held of it are no longer found; they are let go one by
one, when the next are read or as the longest unused, for to let go of 50,000 stops everybody for 0.1 seconds.
"""

from collections import OrderedDict

from strongroom.keys.grant import Grant
from strongroom.keys.key import Place


class GrantShelf:
    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._held: OrderedDict[tuple[Place, str], tuple[_Era, tuple[Grant, ...]]] = OrderedDict()
        self._eras: dict[Place, _Era] = {}
        self.weight = 0

    def find(self, place: Place, grantee: str) -> tuple[Grant, ...]:
        """The key's grants to `grantee`; KeyError if they are not held."""
        era, grants = self._held[place, grantee]
        if self._eras.get(place) is not era:
            raise KeyError
        self._held.move_to_end((place, grantee))
        return grants

    def hold(self, place: Place, grantee: str, grants: tuple[Grant, ...]) -> None:
        self._forget(place, grantee)
        era = self._eras.setdefault(place, _Era())
        era.held += 1
        self._held[place, grantee] = era, grants
        self.weight += _weight(grants)
        while self.weight > self._capacity and len(self._held) > 1:
            self._forget(*next(iter(self._held)))

    def drop(self, place: Place) -> None:
        """Find none of a key's any more."""
        self._eras.pop(place, None)

    def clear(self) -> None:
        self._held.clear()
        self._eras.clear()
        self.weight = 0

    def _forget(self, place: Place, grantee: str) -> None:
        held = self._held.pop((place, grantee), None)
        if held is None:
            return
        era, grants = held
        self.weight -= _weight(grants)
        era.held -= 1
        if not era.held and self._eras.get(place) is era:
            del self._eras[place]


class _Era:
    """Of a key: from one change of its grants to the next."""

    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held = 0  # to how many grantees grants are held that were read in it


def _weight(grants: tuple[Grant, ...]) -> int:
    return max(1, len(grants))
