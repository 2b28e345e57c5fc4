"""The encryption context as bytes: what AES-GCM authenticates beside the header.

    4 bytes     number of pairs, big endian
    then for each pair, sorted by the key's UTF-8 bytes:
    4 bytes     length of the key        n bytes   the key, UTF-8
    4 bytes     length of the value      m bytes   the value, UTF-8

The lengths make it injective: no two contexts share an encoding, so moving a character from a
key to its value, or from one pair to the next, is another context.  Order is lost on purpose;
case is not.  No context and an empty one are the same, as on AWS.
"""

import struct
from collections.abc import Mapping

from strongroom.errors import Validation

MOST_BYTES = 8192  # of keys and values together

_LENGTH = struct.Struct(">I").pack
EMPTY = _LENGTH(0)


def canonical(context: Mapping[str, str] | None) -> bytes:
    """The encoding of `context`; Validation if it is larger than AWS takes."""
    if not context:
        return EMPTY
    pairs = [(key.encode(), value.encode()) for key, value in context.items()]
    if len(pairs) > 1:
        pairs.sort()
    parts = [_LENGTH(len(pairs))]
    for key, value in pairs:
        parts += (_LENGTH(len(key)), key, _LENGTH(len(value)), value)
    encoded = b"".join(parts)
    if len(encoded) - len(EMPTY) - 2 * len(EMPTY) * len(pairs) > MOST_BYTES:
        raise Validation(f"EncryptionContext must be at most {MOST_BYTES} bytes.")
    return encoded
