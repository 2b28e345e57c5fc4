"""A long text sealed piece by piece, so that neither writing nor reading holds it whole.

    piece    AES-256-GCM ciphertext of 1 MiB, of the last one 0 to 1 MiB | 16 tag
    nonce    11 number of the piece, from 0, big endian | 1 whether it is the last one, 1 or 0

The key is this one text's and is derived with a salt of its own, so that counted nonces are never the
same under one key.  Pieces that are altered, in another order, left out, doubled or of another text do not
open, and neither does a text that was cut, even between two pieces.

Source: V. T. Hoang, R. Reyhanitabar, P. Rogaway, D. Vizár, "Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance" (STREAM).
"""

from collections.abc import Callable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strongroom.keys.derive import derive
from strongroom.keys.sealing import Tampered

PIECE_BYTES = 1 << 20
_TAG_BYTES = 16
_NUMBER_BYTES = 11
_LABEL = b"strongroom/v1/stream"


class Sealing:
    """Seals one text under `secret`, bound to `belongs`.  `salt` is 16 random bytes, never used before."""

    def __init__(self, secret: bytes, salt: bytes, belongs: bytes) -> None:
        self._cipher = AESGCM(derive(secret, _LABEL, salt))
        self._belongs = belongs
        self._number = 0
        self._rest = bytearray()

    def update(self, text: bytes) -> bytes:
        """More of the text; the pieces that are whole."""
        self._rest += text
        return b"".join(self._pieces())

    def finish(self) -> bytes:
        """The last piece."""
        return self._piece(last=True)

    def _pieces(self) -> Iterator[bytes]:
        while len(self._rest) > PIECE_BYTES:  # what is left may be the last one
            yield self._piece(last=False)

    def _piece(self, *, last: bool) -> bytes:
        text = bytes(self._rest[:PIECE_BYTES])
        del self._rest[:PIECE_BYTES]
        nonce = _nonce(self._number, last=last)
        self._number += 1
        return self._cipher.encrypt(nonce, text, self._belongs)


def unsealed(
    secret: bytes, salt: bytes, belongs: bytes, read: Callable[[int], bytes]
) -> Iterator[bytes]:
    """The text, piece by piece: nothing may come of it before the last one is there.

    `read` gives as many bytes as it is asked for, fewer at the end only.  Tampered at the first piece
    that is not as it was sealed, and if the last one is missing.
    """
    cipher = AESGCM(derive(secret, _LABEL, salt))
    number = 0
    piece = read(PIECE_BYTES + _TAG_BYTES)
    while True:
        following = read(PIECE_BYTES + _TAG_BYTES)
        nonce = _nonce(number, last=not following)
        try:
            yield cipher.decrypt(nonce, piece, belongs)
        except (InvalidTag, ValueError):
            raise Tampered(f"it is damaged or incomplete, at piece {number}") from None
        if not following:
            return
        number, piece = number + 1, following


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(_NUMBER_BYTES) + bytes([last])
