"""Grants held in memory: of a key, those to one grantee, for a decision asks for no others.

A key may have 50,000 grants, so they are not part of the key.  What is bounded is their number
over all keys, where knowing that a grantee has none counts as one; the longest unused goes
first.  The newest is kept however large it is, else whoever waits for it would wait for ever.
"""

from collections import OrderedDict

from strongroom.keys.grant import Grant
from strongroom.keys.key import Place


class GrantShelf:
    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._held: OrderedDict[tuple[Place, str], tuple[Grant, ...]] = OrderedDict()
        self._grantees: dict[Place, set[str]] = {}
        self.weight = 0

    def find(self, place: Place, grantee: str) -> tuple[Grant, ...]:
        """The key's grants to `grantee`; KeyError if they are not held."""
        grants = self._held[place, grantee]
        self._held.move_to_end((place, grantee))
        return grants

    def hold(self, place: Place, grantee: str, grants: tuple[Grant, ...]) -> None:
        self._forget(place, grantee)
        self._held[place, grantee] = grants
        self._grantees.setdefault(place, set()).add(grantee)
        self.weight += _weight(grants)
        while self.weight > self._capacity and len(self._held) > 1:
            self._forget(*next(iter(self._held)))

    def drop(self, place: Place) -> None:
        """Forget all of a key's."""
        for grantee in list(self._grantees.get(place, ())):
            self._forget(place, grantee)

    def clear(self) -> None:
        self._held.clear()
        self._grantees.clear()
        self.weight = 0

    def _forget(self, place: Place, grantee: str) -> None:
        grants = self._held.pop((place, grantee), None)
        if grants is None:
            return
        self.weight -= _weight(grants)
        grantees = self._grantees[place]
        grantees.remove(grantee)
        if not grantees:
            del self._grantees[place]


def _weight(grants: tuple[Grant, ...]) -> int:
    return max(1, len(grants))
