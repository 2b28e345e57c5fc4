"""Smithy RPC v2 CBOR: paths, bodies to requests, answers to bodies.

Rules:
* `POST /service/<service>/operation/<operation>`; the service by the name its model gives it.
* Blobs are byte strings, timestamps are tag 1 over a number.  A number without the tag is taken
  for a timestamp too; text is taken for neither.
* What is read may be of indefinite length; what is written is definite.
* An empty body is an empty map, read or written.  Keys are text and come once.
* A body is measured (`cbor_bounds`) before it is parsed.

INVARIANT: `decode` raises Serialization or Validation, and nothing else, for any bytes.

Source: Smithy 2.0, "Smithy RPC v2 CBOR protocol".
"""

import re
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import cbor2
import msgspec

from strongroom.errors import Serialization
from strongroom.wire import validation
from strongroom.wire.cbor_bounds import require_bounded
from strongroom.wire.model import Kind, Node, item_of, members
from strongroom.wire.shape import Shape

S = TypeVar("S", bound=Shape)

MALFORMED = "the body of the request is not valid CBOR"

_EPOCH_TIME = 1
_ROUTE = re.compile(rb"/service/([A-Za-z]\w*)/operation/([A-Za-z]\w*)", re.ASCII)


class Route(NamedTuple):
    service: str  # "BaldrApiService"
    operation: str  # "DescribeClusters"


def route(path: bytes) -> Route | None:
    """Where a request's path leads; None if it is not this protocol's."""
    found = _ROUTE.fullmatch(path)
    return Route(found[1].decode("ascii"), found[2].decode("ascii")) if found else None


def decoder(struct: type[S]) -> Callable[[bytes], S]:
    """A function from a body to a `struct`."""

    def decode(body: bytes) -> S:
        document = _parse(body) if body else {}
        try:
            return msgspec.convert(document, struct, builtin_types=(bytes,))
        except (msgspec.ValidationError, RecursionError):
            raise validation.refusal(document, struct, blobs=bytes) from None

    return decode


def _parse(body: bytes) -> object:
    require_bounded(body)
    try:
        document: object = cbor2.loads(
            body,
            semantic_decoders={_EPOCH_TIME: _epoch_time},
            allow_duplicate_keys=False,
            strict_hashable_types=True,  # numbers can be chosen to collide; text cannot
        )
    except cbor2.CBORDecodeError:
        raise Serialization(MALFORMED) from None
    return document


def _epoch_time(value: object, _immutable: bool) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError("tag 1 over something that is no number")
    return float(value)


def encode(answer: Shape | None) -> bytes:
    """The body of an answer; empty for an operation whose model names no output."""
    return b"" if answer is None else cbor2.dumps(_structure(answer))


def _structure(shape: Shape) -> dict[str, object]:
    given = ((member, getattr(shape, member.name)) for member in members(type(shape)))
    return {member.name: _item(value, member.node) for member, value in given if value is not None}


def _item(value: object, node: Node) -> object:
    match value:
        case Shape():
            return _structure(value)
        case list():
            return [_item(each, item_of(node)) for each in value]
        case dict():
            return {key: _item(each, item_of(node)) for key, each in value.items()}
        case int() | float() if node.kind is Kind.TIMESTAMP:
            return cbor2.CBORTag(_EPOCH_TIME, value)
    return value
