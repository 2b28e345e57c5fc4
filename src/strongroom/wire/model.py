"""The shapes read back from their structs: what the walks need and Python's types do not say.

The fast paths never come here; msgspec has the types.  The slow walk, XML, CBOR and redaction go
by these nodes, so that what the generated modules say is said once.

Nodes are made when first asked for and kept: there are as many as there are shapes.
"""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

from msgspec import inspect

from strongroom.wire.shape import Shape


class Kind(Enum):
    STRING = auto()
    ENUM = auto()
    BLOB = auto()
    INTEGER = auto()
    LONG = auto()
    FLOAT = auto()
    BOOLEAN = auto()
    TIMESTAMP = auto()
    LIST = auto()
    MAP = auto()
    STRUCTURE = auto()


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A type as a member, an item or a value has it.  One is equal to itself alone, so that what
    is derived from it can be kept by it.
    """

    kind: Kind
    least: int | None = None  # a value for numbers, else a length
    most: int | None = None
    pattern: str = ""  # AWS's spelling
    matcher: re.Pattern[str] | None = None  # ours, to `search` with
    values: tuple[str, ...] = ()  # of an ENUM
    sensitive: bool = False
    flattened: bool = False
    key: "Node | None" = None  # of a MAP
    item: "Node | None" = None  # of a LIST; of a MAP, its values
    struct: type[Shape] | None = None  # of a STRUCTURE; `members` gives its parts

    @property
    def secret(self) -> bool:
        """Whether no message and no log may show the value."""
        return self.sensitive or self.kind is Kind.BLOB


@dataclass(frozen=True, slots=True)
class Member:
    name: str  # as on the wire: "AWSAccountId"
    lower: str  # as in AWS's messages and in CloudTrail: "aWSAccountId"
    node: Node
    required: bool


@functools.cache
def members(struct: type[Shape]) -> tuple[Member, ...]:
    """The members of a struct, in the model's order."""
    info = inspect.type_info(struct)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"`{struct.__name__}` is no struct")
    return tuple(
        Member(
            name=field.encode_name,
            lower=lower(field.encode_name),
            node=_node(field.type),
            required=field.required,
        )
        for field in info.fields
    )


def lower(name: str) -> str:
    """`KeyId` as `keyId`: the first letter, and only that."""
    return name[:1].lower() + name[1:]


def item_of(node: Node) -> Node:
    """What a LIST or a MAP holds."""
    if node.item is None:
        raise TypeError(f"a {node.kind.name} holds no items")
    return node.item


def struct_of(node: Node) -> type[Shape]:
    if node.struct is None:
        raise TypeError(f"a {node.kind.name} has no members")
    return node.struct


_BOUNDS = {
    Kind.INTEGER: (-(2**31), 2**31 - 1),
    Kind.LONG: (-(2**63), 2**63 - 1),
}


def _node(info: inspect.Type) -> Node:
    match info:
        case inspect.UnionType(types=types):
            # The one union there is: T | None.
            (one,) = (each for each in types if not isinstance(each, inspect.NoneType))
            return _node(one)
        case inspect.Metadata(type=inner, extra=extra):
            return _marked(_node(inner), extra or {})
        case inspect.StrType(min_length=least, max_length=most, pattern=pattern):
            matcher = re.compile(pattern) if pattern else None
            return Node(Kind.STRING, least=least, most=most, matcher=matcher)
        case inspect.LiteralType(values=values):
            return Node(Kind.ENUM, values=tuple(str(value) for value in values))
        case inspect.BytesType(min_length=least, max_length=most):
            return Node(Kind.BLOB, least=least, most=most)
        case inspect.IntType(ge=least, le=most):
            return Node(Kind.INTEGER, least=least, most=most)
        case inspect.FloatType():
            return Node(Kind.FLOAT)
        case inspect.BoolType():
            return Node(Kind.BOOLEAN)
        case inspect.ListType(item_type=item, min_length=least, max_length=most):
            return Node(Kind.LIST, least=least, most=most, item=_node(item))
        case inspect.DictType(key_type=key, value_type=value, min_length=least, max_length=most):
            return Node(Kind.MAP, least=least, most=most, key=_node(key), item=_node(value))
        case inspect.StructType(cls=cls) if issubclass(cls, Shape):
            return Node(Kind.STRUCTURE, struct=cls)
    raise TypeError(f"no shape is made of `{info}`")


def _marked(node: Node, marks: Mapping[str, Any]) -> Node:
    """`node` with what `shape.MARKS` can say of it."""
    if marks.get("timestamp"):
        return Node(Kind.TIMESTAMP)
    if marks.get("long"):
        node = replace(node, kind=Kind.LONG)
    return replace(
        node,
        pattern=marks.get("pattern", ""),
        sensitive=marks.get("sensitive", False),
        flattened=marks.get("flattened", False),
    )


def constraints(node: Node) -> tuple[int | None, int | None]:
    """The least and the most that are demanded; a bound that is only the type's own is none."""
    bottom, top = _BOUNDS.get(node.kind, (None, None))
    return (
        None if node.least == bottom else node.least,
        None if node.most == top else node.most,
    )


def fits(node: Node, number: int) -> bool:
    """Whether a whole number can be of the node's type at all, whatever is demanded beyond."""
    bottom, top = _BOUNDS[node.kind]
    return bottom <= number <= top
