"""Whether there are so many already: grants of a key, keys of an account in a Region.

To count 50,000 rows takes milliseconds, in which nobody else can write.  So what was counted is remembered, with the
number of the last change then.  Whatever comes or goes is a change of its own, so since then no more can have come, and no
more gone, than changes were made: to anything, which costs nothing to know, or to what is asked about, which is looked up
where it matters.
"""

from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import Connection

from strongroom.keys.key import Place
from strongroom.storage import changes

_MOST_KEPT = 1_000


class _Tally(NamedTuple):
    rows: int
    number: int  # of the last change when it was counted


class Tallies:
    """Of one store, for transactions that write: there is one of these at a time."""

    def __init__(self) -> None:
        self._known: dict[Place, _Tally] = {}

    def reach(
        self, connection: Connection, what: Place, most: int, made: int, count: Callable[[], int]
    ) -> bool:
        """Whether there are `most` or more: of what hangs on a key, or of keys, if the id in `what` is empty.

        `made` are the changes of this transaction, which may yet come to nothing.
        """
        now = changes.last(connection)
        known = self._known.get(what)
        if known is not None and known.number <= now:
            if known.rows + now - known.number + made < most:
                return False
            moved = changes.of_keys(connection, known.number, now, what)
            if moved is not None:
                if known.rows + moved + made < most:
                    return False
                if known.rows - moved - made >= most:
                    return True
        found = count()
        if not made:
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            self._known[what] = _Tally(found, now)
        return found >= most
