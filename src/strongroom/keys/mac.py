"""HMAC keys: tags of full length, compared in constant time.

Source: KMS Developer Guide, "HMAC KMS key specs"; RFC 2104; key lengths of imports as AWS lists them.
"""

import hmac
import os
from typing import NamedTuple

from strongroom.keys.encoding import NotAKey


class _Kind(NamedTuple):
    hash: str
    fresh: int  # bytes of a key that is made here
    shortest: int  # of one that comes from outside
    longest: int


_KINDS = {
    "HMAC_224": _Kind("sha224", 28, 28, 64),
    "HMAC_256": _Kind("sha256", 32, 32, 64),
    "HMAC_384": _Kind("sha384", 48, 48, 128),
    "HMAC_512": _Kind("sha512", 64, 64, 128),
}


SPECS = frozenset(_KINDS)


class MacKey:
    """A secret, which stays out of `repr`."""

    __slots__ = ("_hash", "_secret")

    def __init__(self, spec: str, secret: bytes) -> None:
        self._hash = _KINDS[spec].hash
        self._secret = secret

    def mac(self, message: bytes) -> bytes:
        return hmac.digest(self._secret, message, self._hash)

    def verify(self, message: bytes, tag: bytes) -> bool:
        return hmac.compare_digest(self.mac(message), tag)


def fresh(spec: str) -> bytes:
    return os.urandom(_KINDS[spec].fresh)


def imported(spec: str, material: bytes) -> bytes:
    """A secret from outside, as it is; NotAKey if it is too short or too long."""
    kind = _KINDS[spec]
    if not kind.shortest <= len(material) <= kind.longest:
        raise NotAKey
    return material
