"""The XML of the query protocol: answers of IAM and STS, and the elements that errors are made of.

Text is escaped so that a parser gives back what was put in; a carriage return is a reference, or
it would come back as a line feed.  What XML 1.0 cannot say at all becomes U+FFFD.

Source: AWS Query protocol; XML 1.0, section 2.2 (Char) and 2.11 (line ends).
"""

import base64
import re
from collections.abc import Iterator

from strongroom.wire.model import Kind, Member, Node, item_of, members
from strongroom.wire.moments import iso8601
from strongroom.wire.shape import Shape

_UNSPEAKABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#xD;"})


def element(name: str, content: str, *, xmlns: str = "") -> str:
    """An element around content that is markup already."""
    namespace = f' xmlns="{text(xmlns)}"' if xmlns else ""
    return f"<{name}{namespace}>{content}</{name}>"


def text(value: str) -> str:
    """`value` as the content of an element or an attribute."""
    return _UNSPEAKABLE.sub("\ufffd", value).translate(_ESCAPES)


def answer(operation: str, result: Shape | None, xmlns: str, request_id: str) -> bytes:
    """The body of a success; an operation without an output has no result element."""
    content = "" if result is None else element(f"{operation}Result", structure(result))
    metadata = element("ResponseMetadata", element("RequestId", text(request_id)))
    return element(f"{operation}Response", content + metadata, xmlns=xmlns).encode()


def structure(shape: Shape) -> str:
    """The members that are set, as elements."""
    given = ((member, getattr(shape, member.name)) for member in members(type(shape)))
    return "".join(_member(member, value) for member, value in given if value is not None)


def _member(member: Member, value: object) -> str:
    if member.node.kind in (Kind.LIST, Kind.MAP):
        items = list(_items(member.node, value))
        if member.node.flattened:
            return "".join(element(member.name, item) for item in items)
        tag = "entry" if member.node.kind is Kind.MAP else "member"
        return element(member.name, "".join(element(tag, item) for item in items))
    return element(member.name, _content(member.node, value))


def _items(node: Node, value: object) -> Iterator[str]:
    match value:
        case list():
            for item in value:
                yield _content(item_of(node), item)
        case dict():
            for key, item in value.items():
                yield element("key", text(key)) + element("value", _content(item_of(node), item))


def _content(node: Node, value: object) -> str:
    match value:
        case Shape():
            return structure(value)
        case list() | dict():
            tag = "entry" if node.kind is Kind.MAP else "member"
            return "".join(element(tag, item) for item in _items(node, value))
        case bool():
            return "true" if value else "false"
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case int() | float() if node.kind is Kind.TIMESTAMP:
            return iso8601(value)
    return text(str(value))
