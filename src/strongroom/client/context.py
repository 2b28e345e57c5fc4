"""The encryption context as it stands in a message header.

    offset  length  field
    0       2       number of pairs, big endian
    then for each pair, in order of the keys' UTF-8 bytes:
    +0      2       length k of the key
    +2      k       key, UTF-8
    +2+k    2       length v of the value
    +4+k    v       value, UTF-8

An empty context is no bytes at all.  KMS is given the same pairs, so it authenticates them with
the data key, and the header's tag authenticates them with the message.

Keys that begin with `aws-crypto-` are the format's own: a caller may not write them, and the one
there is, the public key of a signed message, is read by `client.signature`.

Source: AWS Encryption SDK Developer Guide, "Message format reference", AAD structure.
"""

import struct
from collections.abc import Mapping

from strongroom.client.faults import Altered, ContextRefused

RESERVED = "aws-crypto-"
_LONGEST = 0xFFFF  # bytes, of the whole and of each key and value

_U16 = struct.Struct(">H")


def pack(context: Mapping[str, str]) -> bytes:
    """The bytes of a caller's context; ContextRefused if it cannot be written."""
    if not context:
        return b""
    pairs = []
    for key, value in context.items():
        if not key or not value:
            raise ContextRefused("a key or a value of the encryption context is empty")
        if key.startswith(RESERVED):
            raise ContextRefused(
                f"`{key}`: context keys that begin with `{RESERVED}` are the format's own"
            )
        pairs.append((key.encode(), value.encode()))
    packed = bytearray(_U16.pack(len(pairs)))
    for pair in sorted(pairs):
        for text in pair:
            if len(packed) + len(text) > _LONGEST:
                raise ContextRefused("the encryption context is longer than 65,535 bytes")
            packed += _U16.pack(len(text)) + text
    return bytes(packed)


def parse(packed: bytes) -> dict[str, str]:
    """The pairs; Altered if the bytes are not a context, or name a key twice."""
    if not packed:
        return {}
    pairs: dict[str, str] = {}
    try:
        (count,) = _U16.unpack_from(packed)
        at = _U16.size
        for _ in range(count):
            key, at = _text(packed, at)
            value, at = _text(packed, at)
            if key in pairs:
                raise Altered("the encryption context names a key twice")
            pairs[key] = value
    except (struct.error, UnicodeDecodeError):
        raise Altered("the encryption context in the header cannot be read") from None
    if at != len(packed):
        raise Altered("the encryption context in the header cannot be read")
    return pairs


def require(context: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Refuse a message whose context has not all of the `wanted` pairs."""
    for key, value in wanted.items():
        if context.get(key) != value:
            raise ContextRefused(
                f"the message was not sealed with `{key}={value}` in its encryption context"
            )


def _text(packed: bytes, at: int) -> tuple[str, int]:
    (length,) = _U16.unpack_from(packed, at)
    start = at + _U16.size
    end = start + length
    if end > len(packed):
        raise struct.error
    return packed[start:end].decode(), end
