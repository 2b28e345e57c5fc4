"""When a key rotates.

Automatic rotation adds material every so many days; the first comes one period after it was
enabled.  A key that is not enabled is not rotated and its schedule stands still: a date that
passes meanwhile is made up for as soon as the key is enabled again.  Rotation on demand leaves
the schedule alone.  AWS managed keys rotate every 365 days, always.

Source: KMS Developer Guide, "Rotating AWS KMS keys".
"""

from dataclasses import dataclass
from enum import StrEnum

DAY = 86_400.0  # seconds
DEFAULT_PERIOD_DAYS = 365
MOST_ON_DEMAND = 25  # rotations on demand in a key's life
QUIET_SECONDS = 20 * 60.0  # no rotation on demand this close before an automatic one


class RotationType(StrEnum):
    AUTOMATIC = "AUTOMATIC"
    ON_DEMAND = "ON_DEMAND"


@dataclass(frozen=True, slots=True)
class Schedule:
    """Automatic rotation that is switched on."""

    period_days: int
    next: float  # seconds since the epoch

    def after(self, now: float) -> "Schedule":
        """The schedule once the rotation that was due has been done at `now`.

        A rotation done late starts the next period from when it was done, so that a clock moved
        far ahead, or a key disabled for years, yields one rotation and not one per period missed.
        """
        on_time = self.next + self.period_days * DAY
        return Schedule(
            self.period_days, on_time if on_time > now else now + self.period_days * DAY
        )


def schedule(period_days: int, now: float) -> Schedule:
    """The schedule of a key whose rotation is enabled at `now`."""
    return Schedule(period_days, now + period_days * DAY)


@dataclass(frozen=True, slots=True)
class Generation:
    """One material of a key, without its secret."""

    material_id: bytes
    created: float  # when the key rotated to it; of the first: when the key was created
    rotation_type: RotationType | None  # None for the first
