"""Ed25519: signatures of messages, and of digests (Ed25519ph).

ED25519_PH_SHA_512 takes a digest and hashes it once more, as KMS does: what is signed is
Ed25519ph of the 64 bytes as a message.  `cryptography` has no Ed25519ph; that is
PyCryptodome's (docs/adr/0005).

Source: KMS Developer Guide, "Elliptic curve key specs"; RFC 8032.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519

from strongroom.keys.encoding import foreign_key, private_der, private_key, public_der

SPEC = "ECC_NIST_EDWARDS25519"
PREHASHED = "ED25519_PH_SHA_512"


class EdwardsKey:
    """A private key, which stays out of `repr`."""

    __slots__ = ("_private", "_public", "public")

    def __init__(self, secret: bytes) -> None:
        self._private = private_key(secret, ed25519.Ed25519PrivateKey)
        self._public = self._private.public_key()
        self.public = public_der(self._public)

    def sign(self, algorithm: str, message: bytes, *, hashed: bool) -> bytes:  # noqa: ARG002
        """The algorithm says whether the message is a digest."""
        if algorithm != PREHASHED:
            return self._private.sign(message)
        from Crypto.Hash import SHA512
        from Crypto.Signature import eddsa

        own = eddsa.import_private_key(self._private.private_bytes_raw())
        return eddsa.new(own, "rfc8032").sign(SHA512.new(message))

    def verify(
        self,
        algorithm: str,
        message: bytes,
        signature: bytes,
        *,
        hashed: bool,  # noqa: ARG002
    ) -> bool:
        try:
            if algorithm != PREHASHED:
                self._public.verify(signature, message)
                return True
            from Crypto.Hash import SHA512
            from Crypto.Signature import eddsa

            known = eddsa.import_public_key(self._public.public_bytes_raw())
            eddsa.new(known, "rfc8032").verify(SHA512.new(message), signature)
        except (InvalidSignature, ValueError):
            return False
        return True


def fresh() -> bytes:
    """A new key as PKCS#8."""
    return private_der(ed25519.Ed25519PrivateKey.generate())


def imported(material: bytes) -> bytes:
    """A key from outside as `fresh` would have encoded it; NotAKey if it is none."""
    return private_der(foreign_key(material, ed25519.Ed25519PrivateKey))
