"""Keys on NIST's curves and secp256k1: ECDSA, and key agreement.

A signature is the DER of its two numbers; a shared secret is the x coordinate, as long as the field.

Source: KMS Developer Guide, "Elliptic curve key specs"; SEC 1.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from strongroom.keys.encoding import (
    NotAKey,
    foreign_key,
    private_der,
    private_key,
    public_der,
    public_key,
)

CURVES: dict[str, ec.EllipticCurve] = {
    "ECC_NIST_P256": ec.SECP256R1(),
    "ECC_NIST_P384": ec.SECP384R1(),
    "ECC_NIST_P521": ec.SECP521R1(),
    "ECC_SECG_P256K1": ec.SECP256K1(),
}
SLOW = frozenset(CURVES) - {"ECC_NIST_P256"}
"""Curves for which OpenSSL has no code of their own on most machines: ten times slower."""

_ECDSA = {
    f"ECDSA_SHA_{bits}": (ec.ECDSA(algorithm), ec.ECDSA(Prehashed(algorithm)))
    for bits, algorithm in ((256, hashes.SHA256()), (384, hashes.SHA384()), (512, hashes.SHA512()))
}
_ECDH = ec.ECDH()


class EcKey:
    """A private key, which stays out of `repr`."""

    __slots__ = ("_private", "_public", "public")

    def __init__(self, secret: bytes) -> None:
        self._private = private_key(secret, ec.EllipticCurvePrivateKey)
        self._public = self._private.public_key()
        self.public = public_der(self._public)

    def sign(self, algorithm: str, message: bytes, *, hashed: bool) -> bytes:
        """`hashed` says that the message is hashed already."""
        return self._private.sign(message, _ECDSA[algorithm][hashed])

    def verify(self, algorithm: str, message: bytes, signature: bytes, *, hashed: bool) -> bool:
        try:
            self._public.verify(signature, message, _ECDSA[algorithm][hashed])
        except InvalidSignature:
            return False
        return True

    def agree(self, other: bytes) -> bytes:
        """The secret shared with the owner of a public key (SPKI); NotAKey if that is not a point of
        this key's curve.
        """
        peer = public_key(other, ec.EllipticCurvePublicKey)
        if peer.curve.name != self._private.curve.name:
            raise NotAKey
        return self._private.exchange(_ECDH, peer)


def fresh(spec: str) -> bytes:
    """A new key as PKCS#8."""
    return private_der(ec.generate_private_key(CURVES[spec]))


def imported(spec: str, material: bytes) -> bytes:
    """A key from outside as `fresh` would have encoded it; NotAKey if it is none of that spec."""
    key = foreign_key(material, ec.EllipticCurvePrivateKey)
    if key.curve.name != CURVES[spec].name:
        raise NotAKey
    return private_der(key)
