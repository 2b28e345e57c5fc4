"""Times as text: ISO 8601 in XML and in forms, CloudTrail's way in records.

Seconds since the epoch in and out, always UTC, and no clock.  The names of the months are
CloudTrail's, whatever the locale.
"""

import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_CLOUDTRAIL = re.compile(
    rf"({'|'.join(_MONTHS)}) (\d\d?), (\d{{1,4}}), (\d\d?):(\d\d):(\d\d) ([AP]M)", re.ASCII
)


def iso8601(at: float) -> str:
    """`2011-07-15T23:28:33Z`, with milliseconds where there are any."""
    when = _EPOCH + timedelta(seconds=at)
    fraction = f".{when.microsecond // 1000:03}" if when.microsecond >= 1000 else ""
    return f"{when.replace(microsecond=0, tzinfo=None).isoformat()}{fraction}Z"


def from_iso8601(text: str) -> float:
    """The time that `text` says; ValueError if it says none."""
    if not _ISO.fullmatch(text):
        raise ValueError("not a time of the form 2011-07-15T23:28:33Z")
    return (datetime.fromisoformat(text) - _EPOCH).total_seconds()


def cloudtrail(at: float) -> str:
    """`Aug 10, 2022, 10:38:27 PM`, as CloudTrail writes dates inside parameters."""
    when = _EPOCH + timedelta(seconds=at)
    hour = when.hour % 12 or 12
    half = "AM" if when.hour < 12 else "PM"
    day = f"{_MONTHS[when.month - 1]} {when.day}, {when.year}"
    return f"{day}, {hour}:{when.minute:02}:{when.second:02} {half}"


def of_cloudtrail(text: str) -> float:
    """What `cloudtrail` wrote, to the second; ValueError if it did not."""
    match = _CLOUDTRAIL.fullmatch(text)
    if match is None:
        raise ValueError("not a time as CloudTrail writes it")
    month, day, year, hour, minute, second, half = match.groups()
    hours = int(hour) % 12 + (12 if half == "PM" else 0)
    when = datetime(
        int(year), _MONTHS.index(month) + 1, int(day), hours, int(minute), int(second), tzinfo=UTC
    )
    return (when - _EPOCH).total_seconds()
