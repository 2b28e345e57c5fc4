"""PKCS#8 and SPKI, the two forms in which KMS hands keys in and out, DER both.

Source: KMS API Reference, "GetPublicKey", "ImportKeyMaterial"; RFC 5208, RFC 5280.
"""

from typing import TypeVar

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

Private = TypeVar("Private", bound=PrivateKeyTypes)
Public = TypeVar("Public", bound=PublicKeyTypes)


class NotAKey(ValueError):
    """Bytes that are not the key they should be."""


_NO_KEY = (ValueError, TypeError, UnsupportedAlgorithm, InternalError)


def private_key(der: bytes, kind: type[Private]) -> Private:
    """NotAKey if it is another kind of key, or none.

    RSA's numbers are not looked at: to check them takes OpenSSL up to seconds, in which no other thread
    of this process goes on (`rsa.imported`).
    """
    try:
        key = serialization.load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    except _NO_KEY:
        raise NotAKey from None
    if not isinstance(key, kind):
        raise NotAKey
    return key


def der_of_pem(pem: bytes) -> bytes:
    """PKCS#8 of a private key in PEM that is not encrypted; NotAKey if it is none."""
    try:
        return private_der(serialization.load_pem_private_key(pem, None))
    except _NO_KEY:
        raise NotAKey from None


def foreign_key(der: bytes, kind: type[Private]) -> Private:
    """One from outside; NotAKey if it is not PKCS#8, which is the one form that KMS takes.

    OpenSSL reads older ones too (PKCS#1, SEC 1): what follows the version there is no algorithm.
    """
    begin = 2 if der[1:2] < b"\x80" else 2 + (der[1] & 0x7F)  # behind tag and length
    version, algorithm = der[begin : begin + 2], der[begin + 3 : begin + 4]
    if (version, algorithm) != (b"\x02\x01", b"\x30"):
        raise NotAKey
    return private_key(der, kind)


def public_key(der: bytes, kind: type[Public]) -> Public:
    """NotAKey if it is another kind of key, or none."""
    try:
        key = serialization.load_der_public_key(der)
    except _NO_KEY:
        raise NotAKey from None
    if not isinstance(key, kind):
        raise NotAKey
    return key


def private_der(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def public_der(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
