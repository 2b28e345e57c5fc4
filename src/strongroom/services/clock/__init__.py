"""Moving the clock of a throw-away server, so that years pass in a second.

Not an AWS service: `strongroom clock +400d` calls it, over the same wire and signature as all
others (signing name `strongroom`, target `Strongroom.MoveClock`).  Only `strongroom dev` offers
it.  What has become due is done before the answer, so whoever moved the clock sees it done.
"""

from typing import Protocol

from strongroom.errors import Validation
from strongroom.services.call import Call
from strongroom.services.operation import Operation, Way
from strongroom.wire.shape import OperationShapes, Service, Shape


class MoveClockRequest(Shape, frozen=True, kw_only=True):
    Seconds: float  # forward; back if negative


class MoveClockResponse(Shape, frozen=True, kw_only=True):
    Now: float  # seconds since the epoch, by the moved clock
    Deleted: list[str]  # ARNs of keys whose waiting period was over
    Rotated: list[str]  # ARNs of keys whose rotation was due
    Expired: list[str]  # ARNs of keys whose imported material, or some of it, was over


class World(Protocol):
    def now(self) -> float: ...

    def move(self, seconds: float) -> float:
        """Move the clock and answer what it says now."""

    def do_what_is_due(self) -> tuple[list[str], list[str], list[str]]:
        """Delete and rotate keys, and expire material; the ARNs of the keys, in this order."""


_LATEST = 32_503_680_000.0  # the year 3000: beyond any key's dates, within any calendar


def move_clock(world: World, _call: Call, rq: MoveClockRequest) -> MoveClockResponse:
    """Move the clock, anywhere between 1970 and the year 3000; Validation beyond."""
    if not 0 <= world.now() + rq.Seconds <= _LATEST:
        raise Validation("The clock can be moved to between the years 1970 and 3000.")
    now = world.move(rq.Seconds)
    deleted, rotated, expired = world.do_what_is_due()
    return MoveClockResponse(Now=now, Deleted=deleted, Rotated=rotated, Expired=expired)


OPERATIONS = {"MoveClock": Operation(move_clock, Way.APART, read_only=False)}

SERVICE = Service(signing_name="strongroom", target_prefix="Strongroom", version="", xmlns="")
SHAPES = {"MoveClock": OperationShapes(MoveClockRequest, MoveClockResponse)}
