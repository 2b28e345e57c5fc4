"""What the connections of a worker share, as they see it.  `listener.Listener` is one."""

from dataclasses import dataclass
from typing import Protocol

from strongroom.server.answers import Printer
from strongroom.server.http import App
from strongroom.server.limits import Limits
from strongroom.server.log import Log


@dataclass(slots=True)
class Counts:
    """What a listener has seen since it began."""

    connections: int = 0  # accepted and served
    turned_away: int = 0  # connections over the limit
    handshakes_failed: int = 0
    refused: int = 0  # requests that were not HTTP, too large or too slow
    dropped: int = 0  # connections whose client did not take its answers, or held too much


class Guest(Protocol):
    """A connection, as the desk sees it."""

    def sweep(self, now: float) -> None: ...
    def retire(self) -> None: ...
    def abort(self) -> None: ...


class Desk(Protocol):
    app: App
    limits: Limits
    printer: Printer
    log: Log
    counts: Counts
    now: float  # the loop's time at the last sweep
    held: int  # bytes of requests that are not run yet
    closing: bool  # no further request is to be begun
    orphans: int  # requests that the app still has and whose client has gone

    def joined(self, connection: Guest) -> None: ...
    def left(self, connection: Guest) -> None: ...
    def settled(self) -> None:
        """A request is done that nobody waits for any more."""
