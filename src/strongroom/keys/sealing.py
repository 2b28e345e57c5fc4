"""How a secret is sealed under another: domain keys, key material, secret access keys.

    offset  length  field
    0       1       version, 0x01
    1       16      salt
    17      12      nonce
    29      n       AES-256-GCM ciphertext
    29+n    16      tag

The AES key is derived for this one box (`keys.derive`, label `strongroom/v1/seal`).  The tag
covers the version and `names`: what the box is and where it belongs, each part with its length,
so that a box moved to another row, account, Region or purpose does not open.
"""

import os
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strongroom.keys.derive import SALT_BYTES, derive

_VERSION = b"\x01"
_LABEL = b"strongroom/v1/seal"
_NONCE_BYTES = 12
_HEAD = 1 + SALT_BYTES + _NONCE_BYTES
_LENGTH = struct.Struct(">I").pack


class Tampered(Exception):
    """A box that does not open, or a row whose MAC is wrong.  Not a fault: callers learn nothing."""


def names(*parts: str | bytes) -> bytes:
    """What a box belongs to, injectively: each part preceded by its length."""
    framed = []
    for part in parts:
        encoded = part.encode() if isinstance(part, str) else part
        framed.append(_LENGTH(len(encoded)))
        framed.append(encoded)
    return b"".join(framed)


def seal(secret: bytes, plaintext: bytes, belongs: bytes) -> bytes:
    """Seal `plaintext` under `secret`, bound to `belongs` (of `names`)."""
    return seal_with(os.urandom(SALT_BYTES + _NONCE_BYTES), secret, plaintext, belongs)


def seal_with(random: bytes, secret: bytes, plaintext: bytes, belongs: bytes) -> bytes:
    """`seal` with its 28 random bytes given: for test vectors, and for nothing else."""
    salt, nonce = random[:SALT_BYTES], random[SALT_BYTES:]
    box = AESGCM(derive(secret, _LABEL, salt))
    return _VERSION + random + box.encrypt(nonce, plaintext, _VERSION + belongs)


def unseal(secret: bytes, box: bytes, belongs: bytes) -> bytes:
    """What was sealed; Tampered if any byte of it or of `belongs` is another."""
    if box[:1] != _VERSION:
        raise Tampered("a sealed value has an unknown version")
    salt, nonce, body = box[1 : 1 + SALT_BYTES], box[1 + SALT_BYTES : _HEAD], box[_HEAD:]
    try:
        return AESGCM(derive(secret, _LABEL, salt)).decrypt(nonce, body, _VERSION + belongs)
    except (InvalidTag, ValueError):
        raise Tampered("a sealed value does not open where it stands") from None
