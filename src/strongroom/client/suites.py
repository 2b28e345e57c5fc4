"""The algorithm suites, and the keys that a message derives from its data key.

    id      cipher       key derivation  commits to key  signature           here
    0x0478  AES-256-GCM  HKDF-SHA-512    yes             none                written, read
    0x0578  AES-256-GCM  HKDF-SHA-512    yes             ECDSA P-384, SHA-384  read
    others  AES-GCM      none, or HKDF   no              some                refused

    key         HKDF-SHA-512(data key, salt = message id, info = suite id || "DERIVEKEY"), 32 bytes
    commitment  HKDF-SHA-512(data key, salt = message id, info = "COMMITKEY"), 32 bytes

The commitment stands in the header, so a ciphertext opens under one data key only.  AES-GCM alone
does not promise that: a message without it can be made to open as two different plaintexts.  So
the suites without are refused, which is the SDKs' default (REQUIRE_ENCRYPT_REQUIRE_DECRYPT).

Source: AWS Encryption SDK Developer Guide, "Algorithms reference".
"""

from enum import IntEnum
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

DATA_KEY = 32  # bytes
MESSAGE_ID = 32  # bytes
COMMITMENT = 32  # bytes
TAG = 16  # bytes, of AES-GCM


class Suite(IntEnum):
    PLAIN = 0x0478
    SIGNED = 0x0578


class MessageKey(NamedTuple):
    """What a data key becomes for one message.  Neither field shows the data key."""

    secret: bytes
    commitment: bytes

    def cipher(self) -> AESGCM:
        return AESGCM(self.secret)

    def __repr__(self) -> str:
        return "MessageKey(...)"


def derive(data_key: bytes, suite: Suite, message_id: bytes) -> MessageKey:
    """The keys of the message `message_id` under `data_key`."""

    def expand(info: bytes) -> bytes:
        return HKDF(SHA512(), DATA_KEY, message_id, info).derive(data_key)

    return MessageKey(expand(suite.to_bytes(2) + b"DERIVEKEY"), expand(b"COMMITKEY"))
