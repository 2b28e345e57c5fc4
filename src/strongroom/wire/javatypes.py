"""What AWS says when a member has the wrong type: SerializationException, in its framework's words.

AWS's front end names the Java class that it read and the type that it wanted.  It names no member
and echoes nothing but a blob's text, which we leave out: text that failed to be base64 is most
likely a secret that somebody forgot to encode.

`require_*` raise Serialization; that a value of the right type is also within its limits is
`validation`.  Where AWS is laxer, we refuse: it cuts 30.5 down to the integer 30.

Source: answers recorded from AWS's JSON services by public test suites (dynalite, kinesalite).
"""

from typing import NoReturn, TypeVar

import msgspec

from strongroom.errors import Serialization
from strongroom.wire.model import Kind, Node, fits
from strongroom.wire.shape import FIRST_MOMENT, LAST_MOMENT

UNEXPECTED_LIST = "Start of list found where not expected"
UNEXPECTED_MAP = "Start of structure or map found where not expected."

_WANTED = {
    Kind.STRING: "an String",
    Kind.ENUM: "an String",
    Kind.BLOB: "a Blob",
    Kind.INTEGER: "an Integer",
    Kind.LONG: "an Long",
    Kind.FLOAT: "an Double",
    Kind.BOOLEAN: "an Boolean",
    Kind.TIMESTAMP: "milliseconds since epoch",
    Kind.LIST: "Expected list or null",
    Kind.MAP: "Expected map or null",
    Kind.STRUCTURE: "Expected null",
}

T = TypeVar("T")


def require_map(value: object, kind: Kind) -> dict[str, object]:
    """`value` if it can be a map or a structure."""
    if not isinstance(value, dict):
        _refuse(value, kind)
    # CBOR has byte strings for keys, and the models have not.
    if not all(isinstance(key, str) for key in value):
        raise Serialization("the key of a map is not a string")
    return value


def require_list(value: object) -> list[object]:
    return value if isinstance(value, list) else _refuse(value, Kind.LIST)


def require_scalar(value: object, node: Node, path: str, *, blobs: type) -> object:
    """`value` as the limits apply to it: blobs decoded, everything else as it is.

    `blobs` is what a blob comes as: `str` of base64 in JSON, `bytes` in CBOR.
    """
    match node.kind:
        case Kind.STRING | Kind.ENUM:
            return _of(str, value, node.kind)
        case Kind.BOOLEAN:
            return _of(bool, value, node.kind)
        case Kind.BLOB:
            if blobs is bytes:
                return _of(bytes, value, node.kind)
            return _decoded(_of(str, value, node.kind), path)
        case Kind.INTEGER | Kind.LONG:
            number = _of(int, value, node.kind)
            return number if fits(node, number) else _refuse(value, node.kind)
        case _:
            return _real(value, node.kind, path)


def _real(value: object, kind: Kind, path: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        _refuse(value, kind)
    if kind is Kind.TIMESTAMP and not FIRST_MOMENT <= value <= LAST_MOMENT:
        raise Serialization(f"`{path}` is not a time within the years 1 to 9999")
    return value


def _of(wanted: type[T], value: object, kind: Kind) -> T:
    if isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool)):
        return value
    return _refuse(value, kind)


def _decoded(text: str, path: str) -> bytes:
    """Base64 by the fast decoder's own hand, so that both take the same for valid."""
    try:
        return msgspec.convert(text, bytes)
    except msgspec.ValidationError:
        length = len(text)
    reason = (
        f"Base64 encoded length is expected a multiple of 4 bytes but found: {length}"
        if length % 4
        else "Invalid Base64 character"
    )
    raise Serialization(f"Value at '{path}' can not be converted to a Blob: {reason}") from None


def _refuse(value: object, wanted: Kind) -> NoReturn:
    match value:
        case list():
            raise Serialization(UNEXPECTED_LIST)
        case dict():
            raise Serialization(UNEXPECTED_MAP)
    if wanted in (Kind.LIST, Kind.MAP, Kind.STRUCTURE):
        raise Serialization(_WANTED[wanted])
    raise Serialization(f"class {_java(value)} can not be converted to {_WANTED[wanted]}")


def _java(value: object) -> str:
    """The Java class that AWS's reader makes of a scalar."""
    match value:
        case bool():
            return "java.lang.Boolean"
        case int():
            for bits, name in ((15, "Short"), (31, "Integer"), (63, "Long")):
                if -(2**bits) <= value < 2**bits:
                    return f"java.lang.{name}"
            return "java.math.BigInteger"
        case float():
            return "java.lang.Double"
        case str():
            return "java.lang.String"
        case bytes():
            return "java.nio.HeapByteBuffer"
    return "java.lang.Object"
