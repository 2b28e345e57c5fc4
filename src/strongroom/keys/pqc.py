"""Post-quantum keys: signatures by ML-DSA (FIPS 204), key encapsulation by ML-KEM (FIPS 203).

A secret is the seed, 32 and 64 bytes.  ML-DSA is the pure one with an empty context; EXTERNAL_MU is
its message representative, made outside, which signs and verifies alike.

Source: KMS Developer Guide, "ML-DSA key specs", "ML-KEM key specs".
"""

import os

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import mldsa, mlkem

from strongroom.errors import InvalidCiphertext
from strongroom.keys.encoding import private_der, public_der

_ML_DSA: dict[
    str,
    type[mldsa.MLDSA44PrivateKey] | type[mldsa.MLDSA65PrivateKey] | type[mldsa.MLDSA87PrivateKey],
] = {
    "ML_DSA_44": mldsa.MLDSA44PrivateKey,
    "ML_DSA_65": mldsa.MLDSA65PrivateKey,
    "ML_DSA_87": mldsa.MLDSA87PrivateKey,
}
_ML_KEM: dict[str, type[mlkem.MLKEM768PrivateKey] | type[mlkem.MLKEM1024PrivateKey]] = {
    "ML_KEM_768": mlkem.MLKEM768PrivateKey,
    "ML_KEM_1024": mlkem.MLKEM1024PrivateKey,
}
SIGNING = frozenset(_ML_DSA)
SPECS = SIGNING | frozenset(_ML_KEM)


class MlDsaKey:
    """A private key, which stays out of `repr`."""

    __slots__ = ("_private", "_public", "public")

    def __init__(self, spec: str, secret: bytes) -> None:
        self._private = _ML_DSA[spec].from_seed_bytes(secret)
        self._public = self._private.public_key()
        self.public = public_der(self._public)

    def sign(self, algorithm: str, message: bytes, *, hashed: bool) -> bytes:  # noqa: ARG002
        """`hashed` says that the message is mu."""
        return self._private.sign_mu(message) if hashed else self._private.sign(message)

    def verify(
        self,
        algorithm: str,  # noqa: ARG002
        message: bytes,
        signature: bytes,
        *,
        hashed: bool,
    ) -> bool:
        try:
            if hashed:
                self._public.verify_mu(signature, message)
            else:
                self._public.verify(signature, message)
        except InvalidSignature:
            return False
        return True


class MlKemKey:
    """A private key, which stays out of `repr`."""

    __slots__ = ("_private", "_public", "public")

    def __init__(self, spec: str, secret: bytes) -> None:
        self._private = _ML_KEM[spec].from_seed_bytes(secret)
        self._public = self._private.public_key()
        self.public = public_der(self._public)

    def pkcs8(self) -> bytes:
        """With the seed, not the expanded key."""
        return private_der(self._private)

    def encapsulate(self) -> tuple[bytes, bytes]:
        """A fresh shared secret of 32 bytes, and the ciphertext that carries it."""
        return self._public.encapsulate()

    def decapsulate(self, ciphertext: bytes) -> bytes:
        """The shared secret.  InvalidCiphertext if the length is wrong; of any other bytes that
        were not made for this key a secret comes that nobody else has (implicit rejection).
        """
        try:
            return self._private.decapsulate(ciphertext)
        except ValueError:
            raise InvalidCiphertext from None


def fresh(spec: str) -> bytes:
    return os.urandom(32 if spec in _ML_DSA else 64)
