"""The body that is a single block, which older settings of the SDKs write and we only read.

    offset  length  field
    0       12      IV, the number 1
    12      8       length l of the plaintext, at most 2^36 - 32
    20      l       ciphertext
    20+l    16      tag

The tag covers the message id, "AWSKMSEncryptionClient Single Block", the number 1 in 4 bytes and
the length in 8.  It comes last, so plaintext is known to be authentic only at the end.

Source: AWS Encryption SDK Developer Guide, "Message format reference", non-framed data.
"""

import struct
from collections.abc import Callable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import GCM

from strongroom.client.faults import CHANGED, CUT_SHORT, Altered
from strongroom.client.streams import Source, exactly, fill
from strongroom.client.suites import TAG, MessageKey

_LONGEST = 2**36 - 32  # bytes under one IV of AES-GCM
_START = struct.Struct(">QIQ")
_CHUNK = 1024 * 1024


def unverified_plaintext(
    source: Source, key: MessageKey, message_id: bytes, seen: Callable[[bytes | memoryview], None]
) -> Iterator[memoryview]:
    """The plaintext in parts, each gone at the next; not to be believed before it is exhausted.

    `seen` is told every byte of the body, for a signature.
    """
    start = exactly(source, _START.size)
    seen(start)
    zero, one, left = _START.unpack(start)
    if (zero, one) != (0, 1) or left > _LONGEST:
        raise Altered(CHANGED)

    opener = Cipher(AES256(key.secret), GCM(start[:12])).decryptor()
    opener.authenticate_additional_data(
        message_id + b"AWSKMSEncryptionClient Single Block" + struct.pack(">IQ", 1, left)
    )
    sealed = memoryview(bytearray(_CHUNK))
    plain = memoryview(bytearray(_CHUNK + 15))  # as much room as `update_into` asks for
    while left:
        part = sealed[: min(left, _CHUNK)]
        if fill(source, part) < len(part):
            raise Altered(CUT_SHORT)
        seen(part)
        left -= len(part)
        yield plain[: opener.update_into(part, plain)]

    tag = exactly(source, TAG)
    seen(tag)
    try:
        opener.finalize_with_tag(tag)
    except InvalidTag:
        raise Altered(CHANGED) from None
