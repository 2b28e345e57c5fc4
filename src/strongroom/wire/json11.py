"""AWS JSON 1.1: bodies to requests and answers to bodies.

Rules:
* The fast decoder says yes or no; only after a no is `validation` asked why.
* An empty body is `{}`.  Members that the model does not have are ignored, whatever they hold.
  `null` is absence.
* Of a member given twice the last counts, and every one must be valid.
* Strict where JSON and base64 are: UTF-8, no NaN, no lone surrogates, no control characters, no
  white space in base64, padding complete.  Numbers keep their kind: 30.0 is no integer.
* Nesting is bounded by the decoder, which gives up at about a thousand; whoever reads the body
  bounds its length.

INVARIANT: `decode` raises Serialization or Validation, and nothing else, for any bytes.
"""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from strongroom.errors import Fault, Serialization
from strongroom.wire import validation
from strongroom.wire.shape import Shape

S = TypeVar("S", bound=Shape)

MALFORMED = "the body of the request is not valid JSON"


def decoder(struct: type[S]) -> Callable[[bytes], S]:
    """A function from a body to a `struct`; made once per operation and kept."""
    fast = msgspec.json.Decoder(struct).decode

    def decode(body: bytes) -> S:
        try:
            return fast(body or b"{}")
        except (ValueError, RecursionError):  # of msgspec: malformed, refused, not UTF-8, too deep
            raise _refusal(body, struct) from None

    return decode


def _refusal(body: bytes, struct: type[Shape]) -> Fault:
    try:
        document = msgspec.json.decode(body or b"{}")
    except (ValueError, RecursionError):
        return Serialization(MALFORMED)
    return validation.refusal(document, struct, blobs=str)


_encode = msgspec.json.Encoder().encode


def encode(answer: Shape | None) -> bytes:
    """The body of an answer; empty for an operation whose model names no output."""
    return b"" if answer is None else _encode(answer)
