"""The body of a framed message: frames of one length, then a final frame that ends it.

    a regular frame                          the final frame
    offset  length  field                    offset  length  field
    0       4       sequence number          0       4       0xffffffff
    4       12      IV                       4       4       sequence number
    16      n       ciphertext               8       12      IV
    16+n    16      tag                      20      4       length l, 0 to n
                                             24      l       ciphertext
                                             24+l    16      tag

Frames are numbered from 1.  The IV is the number in 12 bytes, and we take no other: the key is one
message's alone, so a counter never repeats.  The tag covers, beside the ciphertext,

    0       32      message id
    32      s       "AWSKMSEncryptionClient Frame" or "AWSKMSEncryptionClient Final Frame"
    32+s    4       sequence number
    36+s    8       length of the frame's plaintext

so a frame cannot move, be dropped, be repeated, or pass for the last.  Every message has a final
frame; ours is empty when the plaintext is a whole number of frames, and others may fill it.

Source: AWS Encryption SDK Developer Guide, "Message format reference", framed data; "Body AAD
reference"; "Initialization vector reference".
"""

import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strongroom.client.faults import CHANGED, CUT_SHORT, Altered, MessageFault
from strongroom.client.suites import TAG

END = 0xFFFFFFFF  # in the place of a sequence number
MOST = 0xFFFFFFFF  # frames in a message

_NUMBER = struct.Struct(">I")
_REGULAR = struct.Struct(">IQI")  # the number, then the number as an IV
_FINAL = struct.Struct(">IIQII")
_IV = struct.Struct(">QI")
_AAD = struct.Struct(">IQ")
OVERHEAD = _REGULAR.size + TAG  # bytes that a regular frame adds
FINAL_OVERHEAD = _FINAL.size + TAG


def sealed_size(size: int, length: int) -> int:
    """Bytes of the body that holds a plaintext of `size` bytes in frames of `length`."""
    full, rest = divmod(size, length)
    return full * (length + OVERHEAD) + rest + FINAL_OVERHEAD


class Frames:
    """The frames of one message, `length` bytes each."""

    __slots__ = ("_cipher", "_final", "_regular", "length", "stride")

    def __init__(self, cipher: AESGCM, message_id: bytes, length: int) -> None:
        self._cipher = cipher
        self._regular = message_id + b"AWSKMSEncryptionClient Frame"
        self._final = message_id + b"AWSKMSEncryptionClient Final Frame"
        self.length = length
        self.stride = length + OVERHEAD

    def seal(self, number: int, plain: memoryview, sealed: memoryview) -> int:
        """Seal whole frames, the first of them numbered `number`; the bytes written."""
        at = 0
        for start in range(0, len(plain), self.length):
            _require_number(number)
            _REGULAR.pack_into(sealed, at, number, 0, number)
            self._cipher.encrypt_into(
                _IV.pack(0, number),
                plain[start : start + self.length],
                self._regular + _AAD.pack(number, self.length),
                sealed[at + _REGULAR.size : at + self.stride],
            )
            number += 1
            at += self.stride
        return at

    def seal_final(self, number: int, plain: memoryview, sealed: memoryview) -> int:
        """Seal the frame that ends the message, `plain` being what is left; the bytes written."""
        _require_number(number)
        size = len(plain)
        _FINAL.pack_into(sealed, 0, END, number, 0, number, size)
        self._cipher.encrypt_into(
            _IV.pack(0, number),
            plain,
            self._final + _AAD.pack(number, size),
            sealed[_FINAL.size : size + FINAL_OVERHEAD],
        )
        return size + FINAL_OVERHEAD

    def find_final(self, sealed: memoryview) -> int | None:
        """Where the final frame begins in bytes that begin with a frame, if it does in these."""
        for at in range(0, len(sealed) - _NUMBER.size + 1, self.stride):
            if _NUMBER.unpack_from(sealed, at) == (END,):
                return at
        return None

    def final_size(self, sealed: memoryview) -> int:
        """Bytes of the final frame at the start of `sealed`; Altered if they are not there."""
        if len(sealed) < _FINAL.size:
            raise Altered(CUT_SHORT)
        size: int = _FINAL.unpack_from(sealed)[4]
        if size > self.length:
            raise Altered("the final frame is longer than the header allows")
        if len(sealed) < size + FINAL_OVERHEAD:
            raise Altered(CUT_SHORT)
        return size + FINAL_OVERHEAD

    def open(self, number: int, sealed: memoryview, plain: memoryview) -> int:
        """Open whole frames, the first numbered `number`; the bytes of plaintext, all authentic."""
        at = 0
        for start in range(0, len(sealed), self.stride):
            if _REGULAR.unpack_from(sealed, start) != (number, 0, number):
                raise Altered(CHANGED)
            self._open(
                _IV.pack(0, number),
                sealed[start + _REGULAR.size : start + self.stride],
                self._regular + _AAD.pack(number, self.length),
                plain[at : at + self.length],
            )
            number += 1
            at += self.length
        return at

    def open_final(self, number: int, sealed: memoryview, plain: memoryview) -> int:
        """Open a final frame, exactly; the bytes of plaintext, all authentic."""
        size = len(sealed) - FINAL_OVERHEAD
        if _FINAL.unpack_from(sealed) != (END, number, 0, number, size):
            raise Altered(CHANGED)
        self._open(
            _IV.pack(0, number),
            sealed[_FINAL.size :],
            self._final + _AAD.pack(number, size),
            plain[:size],
        )
        return size

    def _open(self, iv: bytes, sealed: memoryview, aad: bytes, plain: memoryview) -> None:
        try:
            self._cipher.decrypt_into(iv, sealed, aad, plain)
        except InvalidTag:
            raise Altered(CHANGED) from None


def _require_number(number: int) -> None:
    if number > MOST:
        raise MessageFault("the plaintext is too long: a message has at most 2^32 - 1 frames")
