"""When a request says it was signed, and whether that is now.

The date is X-Amz-Date's or, without one, Date's.  Both may be ISO 8601 "basic format" in UTC;
Date may also be HTTP's own form.  What is signed is always the basic form.

A request is taken from five minutes before our clock to five minutes after it, both ends
included.  (S3 gives fifteen; it has a room of its own.)

Source: IAM User Guide, "Elements of an AWS API request signature", date; RFC 9110, 5.6.7.
"""

import re
from datetime import UTC, datetime
from typing import NamedTuple

from strongroom.errors import IncompleteSignature, InvalidSignature
from strongroom.sigv4.header import shown

SKEW = 300.0  # seconds

_BASIC = re.compile(rb"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z")
_HTTP = re.compile(
    rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d)"
    rb" (?:GMT|UTC|[+-]0000)"
)
_NAMES = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_MONTHS = {name: month for month, name in enumerate(_NAMES, start=1)}


class Moment(NamedTuple):
    at: float  # seconds since the epoch
    basic: str  # 20261123T193605Z
    date: str  # 20261123


def read(value: bytes) -> Moment:
    """The moment a date header names; IncompleteSignature if it names none."""
    if match := _BASIC.fullmatch(value):
        at = _calendar(*map(int, match.groups()))
        if at is not None:
            basic = value.decode()
            return Moment(at, basic, basic[:8])
    elif match := _HTTP.fullmatch(value):
        day, month, year, *clock = match.groups()
        at = _calendar(int(year), _MONTHS.get(month, 0), int(day), *map(int, clock))
        if at is not None:
            return of(at)
    raise IncompleteSignature(
        f"Date must be in ISO-8601 'basic format'. Got '{shown(value)}'. "
        "See http://en.wikipedia.org/wiki/ISO_8601"
    )


def of(at: float) -> Moment:
    """The moment `at`, to the second."""
    basic = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ").rjust(16, "0")
    return Moment(at, basic, basic[:8])


def require_current(moment: Moment, now: float) -> None:
    """Raise InvalidSignature for a moment more than five minutes from `now`."""
    if moment.at < now - SKEW:
        raise InvalidSignature(
            f"Signature expired: {moment.basic} is now earlier than "
            f"{of(now - SKEW).basic} ({of(now).basic} - 5 min.)"
        )
    if moment.at > now + SKEW:
        raise InvalidSignature(
            f"Signature not yet current: {moment.basic} is still later than "
            f"{of(now + SKEW).basic} ({of(now).basic} + 5 min.)"
        )


def _calendar(year: int, month: int, day: int, hour: int, minute: int, second: int) -> float | None:
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:
        return None  # the 30th of February, or the 61st second
