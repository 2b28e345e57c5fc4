"""The header of a message, version 2.

    offset  length  field
    0       1       version, 0x02
    1       2       algorithm suite (`client.suites`)
    3       32      message id, random
    35      2       length c of the encryption context
    37      c       encryption context (`client.context`)
    37+c    2       number of encrypted data keys, 1 to 32
    39+c    e       encrypted data keys, each three fields, each after its length in 2 bytes:
                    provider id ("aws-kms"), provider information (the key's ARN), ciphertext
    39+c+e  1       content type: 2 is framed, 1 a single block
    40+c+e  4       frame length in bytes; 0 for a single block
    44+c+e  32      key commitment
    76+c+e  16      tag: AES-GCM of nothing, IV zero, over every byte of the header before it

All numbers are big endian.  A header is read by fields, each bounded before it is taken, and
keeps the bytes it was read from: the tag is over those and not over what we would have written.

Nothing here knows a key.  Whether the header is authentic is decided by `authenticate`, and until
then its fields are a stranger's.

Source: AWS Encryption SDK Developer Guide, "Message format reference", header structure.
"""

import hmac
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from cryptography.exceptions import InvalidTag

from strongroom.client import context
from strongroom.client.faults import CHANGED, Altered, NotAMessage, Unsupported
from strongroom.client.suites import COMMITMENT, MESSAGE_ID, TAG, MessageKey, Suite

MOST_DATA_KEYS = 32
LONGEST = 256 * 1024  # bytes, of a header
LONGEST_FRAME = 32 * 1024 * 1024  # bytes; a frame is held whole, twice, until its tag is checked

_VERSION = 2
_START = struct.Struct(f">H{MESSAGE_ID}sH")
_END = struct.Struct(f">BI{COMMITMENT}s")
_U16 = struct.Struct(">H")
_IV = bytes(12)  # frames count from 1, so zero is the header's alone


class Content(IntEnum):
    SINGLE_BLOCK = 1
    FRAMED = 2


class EncryptedDataKey(NamedTuple):
    provider: str
    information: bytes
    ciphertext: bytes


@dataclass(frozen=True, slots=True)
class Header:
    suite: Suite
    message_id: bytes
    context: dict[str, str]
    data_keys: tuple[EncryptedDataKey, ...]
    content: Content
    frame_length: int  # bytes
    commitment: bytes
    raw: bytes  # all of the above, as it stands in the message
    tag: bytes


def write(
    message_id: bytes,
    packed_context: bytes,
    data_keys: Sequence[EncryptedDataKey],
    frame_length: int,
    key: MessageKey,
) -> bytes:
    """The header of a framed message without signature, its tag included."""
    raw = bytearray([_VERSION])
    raw += _START.pack(Suite.PLAIN, message_id, len(packed_context)) + packed_context
    raw += _U16.pack(len(data_keys))
    for data_key in data_keys:
        for part in (data_key.provider.encode(), data_key.information, data_key.ciphertext):
            raw += _U16.pack(len(part)) + part
    raw += _END.pack(Content.FRAMED, frame_length, key.commitment)
    return bytes(raw) + key.cipher().encrypt(_IV, b"", bytes(raw))


def authenticate(header: Header, key: MessageKey) -> None:
    """Return only if the header, every byte of it, was made with this key."""
    if not hmac.compare_digest(header.commitment, key.commitment):
        raise Altered(CHANGED)
    try:
        key.cipher().decrypt(_IV, header.tag, header.raw)
    except InvalidTag:
        raise Altered(CHANGED) from None


def read(take: Callable[[int], bytes]) -> Header:
    """Read a header by `take`, which gives exactly as many bytes as it is asked for.

    Raises: NotAMessage, Unsupported, Altered; what `take` raises at the end of its bytes.
    """
    raw = bytearray()

    def next_(size: int) -> bytes:
        if len(raw) + size > LONGEST:
            raise Unsupported("the header is longer than 256 KiB")
        part = take(size)
        raw.extend(part)
        return part

    def field() -> bytes:
        return next_(int.from_bytes(next_(2)))

    _require_version(next_(1)[0])
    suite, message_id, context_length = _START.unpack(next_(_START.size))
    _require_suite(suite)
    pairs = context.parse(next_(context_length))
    count = int.from_bytes(next_(2))
    if not count:
        raise Altered("the header has no encrypted data key")
    if count > MOST_DATA_KEYS:
        raise Unsupported(f"the header has {count} encrypted data keys: at most 32 are read")
    data_keys = tuple(_data_key(field(), field(), field()) for _ in range(count))
    content, frame_length, commitment = _END.unpack(next_(_END.size))
    return Header(
        Suite(suite),
        message_id,
        pairs,
        data_keys,
        _framing(content, frame_length),
        frame_length,
        commitment,
        bytes(raw),
        take(TAG),
    )


def _require_version(version: int) -> None:
    if version == 1:
        raise Unsupported(
            "the message is of format version 1, without key commitment: it is not opened here "
            "(commitment policy REQUIRE_ENCRYPT_REQUIRE_DECRYPT); seal it again with a current "
            "AWS Encryption SDK"
        )
    if version != _VERSION:
        raise NotAMessage("this is not a message in the AWS Encryption SDK's format")


def _require_suite(suite: int) -> None:
    if suite not in tuple(Suite):
        raise NotAMessage(
            f"this is not a message in the AWS Encryption SDK's format: "
            f"no algorithm suite of version 2 has the number 0x{suite:04x}"
        )


def _data_key(provider: bytes, information: bytes, ciphertext: bytes) -> EncryptedDataKey:
    try:
        return EncryptedDataKey(provider.decode(), information, ciphertext)
    except UnicodeDecodeError:
        raise Altered("a key provider's name in the header cannot be read") from None


def _framing(content: int, frame_length: int) -> Content:
    if content == Content.SINGLE_BLOCK and frame_length == 0:
        return Content.SINGLE_BLOCK
    if content != Content.FRAMED or frame_length == 0:
        raise Altered("the header says neither frames nor a single block")
    if frame_length > LONGEST_FRAME:
        raise Unsupported(f"the frames have {frame_length} bytes: at most 32 MiB are read")
    return Content.FRAMED
