"""What a condition operator compares, and how.

Each takes a value of the policy and gives a predicate over values of the request.  Negated
operators are the same predicates with the answer turned round where they are used
(`conditions`).  A value of the policy that the operator cannot read gives no predicate: it is
refused when it is written, and when it is met after all, it fails closed.  A value of the request
that cannot be read raises Unreadable, and whoever asks decides on which side that falls.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators".
"""

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from operator import eq, ge, gt, le, lt
from typing import NamedTuple

from strongroom.policy.glob import Matcher, Pattern, arn_like, like

_LONGEST_NUMBER = 40  # characters
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?", re.ASCII)
_DATE = re.compile(
    r"(\d{4})-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?)?)?",
    re.ASCII,
)


class Unreadable(Exception):
    """A value of the request is not of the operator's type."""


class Operator(NamedTuple):
    """`read` makes a predicate of a value of the policy; ValueError if it is none of the type."""

    read: Callable[[str], Matcher]
    negated: bool = False
    pattern: Callable[[Pattern], Matcher] | None = None
    """Where variables may stand: a predicate of a pattern that they were put into."""


def _literal(pattern: Pattern) -> str:
    return "".join(each if isinstance(each, str) else each.value for each in pattern)


def _equals(pattern: Pattern) -> Matcher:
    text = _literal(pattern)
    return lambda value: value == text


def _equals_ignoring_case(pattern: Pattern) -> Matcher:
    text = _lower(_literal(pattern))
    return lambda value: _lower(value) == text


def _lower(text: str) -> str:
    """Each character in lower case where that is one character: what was two texts by more than
    case, `straße` and `STRASSE`, stays two.
    """
    if text.isascii():
        return text.lower()
    return "".join(each.lower() if len(each.lower()) == 1 else each for each in text)


def _patterned(make: Callable[[Pattern], Matcher]) -> Callable[[str], Matcher]:
    def read(text: str) -> Matcher:
        from strongroom.policy.glob import tokens

        return make(tokens(text))

    return read


def number(text: str) -> Decimal:
    """ValueError if the text is no number."""
    if len(text) > _LONGEST_NUMBER or not _NUMBER.fullmatch(text):
        raise ValueError("not a number")
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError("not a number") from None


def moment(text: str) -> Decimal:
    """Seconds since the epoch, of ISO 8601 or of a number; ValueError if the text is no time."""
    match = _DATE.fullmatch(text)
    if match is None:
        return number(text)
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    if zone is None or zone == "Z":
        offset = timedelta()
    else:
        hours, minutes = int(zone[1:3]), int(zone[-2:])
        if minutes > 59:
            raise ValueError("not a time zone")
        offset = timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)
    at = datetime(
        int(year),
        int(month),
        int(day or 1),
        int(hour or 0),
        int(minute or 0),
        int(second or 0),
        tzinfo=UTC,
    )
    whole = (at - datetime(1970, 1, 1, tzinfo=UTC)) - offset
    return Decimal(whole.days * 86_400 + whole.seconds) + Decimal(f"0.{fraction or 0}")


def _ordered(
    read: Callable[[str], Decimal], compare: Callable[[Decimal, Decimal], bool]
) -> Callable[[str], Matcher]:
    def make(text: str) -> Matcher:
        bound = read(text)

        def matches(value: str) -> bool:
            try:
                return compare(read(value), bound)
            except (ValueError, OverflowError):
                raise Unreadable from None

        return matches

    return make


def _bool(text: str) -> Matcher:
    wanted = text.lower()
    if wanted not in ("true", "false"):
        raise ValueError("neither true nor false")

    def matches(value: str) -> bool:
        given = value.lower()
        if given not in ("true", "false"):
            raise Unreadable
        return given == wanted

    return matches


def _binary(text: str) -> Matcher:
    wanted = base64.b64decode(text, validate=True)

    def matches(value: str) -> bool:
        try:
            return base64.b64decode(value, validate=True) == wanted
        except (binascii.Error, ValueError):
            raise Unreadable from None

    return matches


def _ip(text: str) -> Matcher:
    network = ipaddress.ip_network(text, strict=False)
    version, mask, prefix = network.version, int(network.netmask), int(network.network_address)

    def matches(value: str) -> bool:
        of, number = _address(value)
        return of == version and number & mask == prefix

    return matches


@lru_cache(maxsize=4_096)
def _address(text: str) -> tuple[int, int]:
    """Version and number of an address, an IPv4 one that is mapped into IPv6 as itself."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise Unreadable from None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.version, int(address)


def _text_family(name: str, make: Callable[[Pattern], Matcher]) -> dict[str, Operator]:
    read = _patterned(make)
    return {
        name: Operator(read, pattern=make),
        _not(name): Operator(read, negated=True, pattern=make),
    }


def _not(name: str) -> str:
    """`StringEquals` as `StringNotEquals`, `ArnLike` as `ArnNotLike`."""
    return re.sub(r"^(String|Arn)", r"\1Not", name)


_ORDER = {
    "LessThan": lt,
    "LessThanEquals": le,
    "GreaterThan": gt,
    "GreaterThanEquals": ge,
}


def _ordered_family(name: str, read: Callable[[str], Decimal]) -> dict[str, Operator]:
    return {
        f"{name}Equals": Operator(_ordered(read, eq)),
        f"{name}NotEquals": Operator(_ordered(read, eq), negated=True),
    } | {name + suffix: Operator(_ordered(read, compare)) for suffix, compare in _ORDER.items()}


OPERATORS: dict[str, Operator] = {
    **_text_family("StringEquals", _equals),
    **_text_family("StringEqualsIgnoreCase", _equals_ignoring_case),
    **_text_family("StringLike", like),
    **_text_family("ArnEquals", arn_like),
    **_text_family("ArnLike", arn_like),
    **_ordered_family("Numeric", number),
    **_ordered_family("Date", moment),
    "Bool": Operator(_bool),
    "BinaryEquals": Operator(_binary),
    "IpAddress": Operator(_ip),
    "NotIpAddress": Operator(_ip, negated=True),
}
