"""The ciphertext format of symmetric keys: what Encrypt returns and Decrypt reads.

    offset  length  field
    0       1       version, 0x01
    1       1       suite: how the body is made; 0x01 is the one drawn here
    2       1       form of the key id: 0x00 a UUID, 0x01 `mrk-` and 32 hex digits
    3       16      key id
    19      32      key material id
    51      16      salt
    67      12      nonce
    79      n       AES-256-GCM ciphertext, as long as the plaintext
    79+n    16      tag

Each message has its own AES key, derived from the material and the salt (`keys.derive`, label
`strongroom/v1/message`).  The tag covers the 79-byte header and the canonical encryption
context.  The account and the Region are not in it, so that a multi-Region key's replicas open
each other's ciphertext; key ids are unique without them.

Suites 0x02 (PKCS#11 token) and 0x03 (external key store) are kept for bodies made outside this
process; docs/adr/0002 says how each will bound its nonces.  Any other suite, version or form is
refused.  Grammar and vectors: docs/formats/ciphertext.md.
"""

import os
from functools import lru_cache
from typing import NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strongroom.errors import InvalidCiphertext
from strongroom.keys.derive import SALT_BYTES, Kdf, derive

_NONCE_BYTES = 12
KEY_ID_BYTES = 17  # of `key_id_bytes`
RANDOM_BYTES = SALT_BYTES + _NONCE_BYTES

_FORM_AT = 2
_MATERIAL_AT = 19
_SALT_AT = 51
_NONCE_AT = 67
_BODY_AT = 79
_TAG_BYTES = 16
_PREFIX = b"\x01\x01"  # version and suite
_LABEL = b"strongroom/v1/message"
_FORMS = (0, 1)


class Material(msgspec.Struct, gc=False, eq=False):
    """One generation of a key's secret, which stays out of `repr`, so out of logs."""

    id: bytes  # 32 bytes
    secret: bytes  # 32 bytes
    used: bool = False
    kdf: Kdf | None = None
    """Once it is used again: where very many keys are used evenly, most are let go before."""

    def message_key(self, salt: bytes) -> bytes:
        """The AES key of one message."""
        if self.kdf is None:
            if not self.used:
                self.used = True
                return derive(self.secret, _LABEL, salt)
            self.kdf = Kdf.of(self.secret)
        return self.kdf(_LABEL, salt)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Material) and (self.id, self.secret) == (other.id, other.secret)

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"Material({self.id.hex()})"


class Named(NamedTuple):
    """What a ciphertext says of itself; nothing of it has been authenticated yet."""

    key_id: str
    material_id: bytes


def parse(blob: bytes) -> Named:
    """Which key and material a ciphertext names; InvalidCiphertext if it cannot be one of ours."""
    if (
        len(blob) < _BODY_AT + _TAG_BYTES
        or blob[:_FORM_AT] != _PREFIX
        or blob[_FORM_AT] not in _FORMS
    ):
        raise InvalidCiphertext
    return Named(key_id_text(blob[_FORM_AT:_MATERIAL_AT]), blob[_MATERIAL_AT:_SALT_AT])


def seal(key_id: bytes, material: Material, plaintext: bytes, context: bytes) -> bytes:
    """Encrypt `plaintext` and bind `context` to it.  `key_id` is of `key_id_bytes`."""
    return seal_with(os.urandom(RANDOM_BYTES), key_id, material, plaintext, context)


def seal_with(
    random: bytes, key_id: bytes, material: Material, plaintext: bytes, context: bytes
) -> bytes:
    """`seal` with its 28 random bytes given: for test vectors, and for nothing else."""
    header = b"".join((_PREFIX, key_id, material.id, random))
    message = AESGCM(material.message_key(random[:SALT_BYTES]))
    return header + message.encrypt(random[SALT_BYTES:], plaintext, header + context)


def unseal(blob: bytes, material: Material, context: bytes) -> bytes:
    """The plaintext of a ciphertext that `parse` has accepted.

    InvalidCiphertext if any byte of it, or of `context`, is not what was sealed.
    """
    message = AESGCM(material.message_key(blob[_SALT_AT:_NONCE_AT]))
    try:
        return message.decrypt(blob[_NONCE_AT:_BODY_AT], blob[_BODY_AT:], blob[:_BODY_AT] + context)
    except InvalidTag:
        raise InvalidCiphertext from None


def key_id_bytes(key_id: str) -> bytes:
    """A key id as the 17 bytes of offsets 2 to 18: its form, and its 128 bits."""
    if key_id.startswith("mrk-"):
        return b"\x01" + bytes.fromhex(key_id[4:])
    return b"\x00" + bytes.fromhex(key_id.replace("-", ""))


@lru_cache(maxsize=4096)
def key_id_text(key_id: bytes) -> str:
    """What `key_id_bytes` was given."""
    digits = key_id[1:].hex()
    if key_id[0] == 1:
        return "mrk-" + digits
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
