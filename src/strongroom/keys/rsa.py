"""RSA keys: encryption by OAEP, signatures by PKCS#1 v1.5 and PSS; the exponent is 65537.

OAEP and its mask use one hash and an empty label; PSS masks with the hash of the message, and its
salt is as long as that.

Source: KMS Developer Guide, "RSA key specs"; RFC 8017.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from strongroom.errors import InvalidCiphertext
from strongroom.keys.encoding import NotAKey, foreign_key, private_der, private_key, public_der

BITS = {"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}
_EXPONENT = 65537


def _oaep(algorithm: hashes.HashAlgorithm) -> padding.OAEP:
    return padding.OAEP(padding.MGF1(algorithm), algorithm, label=None)


def _pss(algorithm: hashes.HashAlgorithm) -> padding.PSS:
    return padding.PSS(padding.MGF1(algorithm), padding.PSS.DIGEST_LENGTH)


_OAEP = {
    "RSAES_OAEP_SHA_1": _oaep(hashes.SHA1()),  # noqa: S303 - KMS has it; OAEP does not lean on it
    "RSAES_OAEP_SHA_256": _oaep(hashes.SHA256()),
}
_OAEP_OVERHEAD = {"RSAES_OAEP_SHA_1": 42, "RSAES_OAEP_SHA_256": 66}  # bytes: two hashes and two
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "SHA_256": hashes.SHA256(),
    "SHA_384": hashes.SHA384(),
    "SHA_512": hashes.SHA512(),
}
_SIGNATURES = {
    f"RSASSA_{scheme}_{name}": (made(algorithm), algorithm, Prehashed(algorithm))
    for name, algorithm in _HASHES.items()
    for scheme, made in (("PKCS1_V1_5", lambda _: padding.PKCS1v15()), ("PSS", _pss))
}


class RsaKey:
    """A private key, which stays out of `repr`."""

    __slots__ = ("_private", "_public", "public")

    def __init__(self, secret: bytes) -> None:
        # INVARIANT: the secret is one that `fresh` or `imported` gave.
        self._private = private_key(secret, rsa.RSAPrivateKey)
        self._public = self._private.public_key()
        self.public = public_der(self._public)

    @property
    def size(self) -> int:
        """Bytes of its modulus, and of everything that it encrypts or signs."""
        return self._private.key_size // 8

    def sign(self, algorithm: str, message: bytes, *, hashed: bool) -> bytes:
        """`hashed` says that the message is hashed already."""
        scheme, whole, digest = _SIGNATURES[algorithm]
        return self._private.sign(message, scheme, digest if hashed else whole)

    def verify(self, algorithm: str, message: bytes, signature: bytes, *, hashed: bool) -> bool:
        scheme, whole, digest = _SIGNATURES[algorithm]
        try:
            self._public.verify(signature, message, scheme, digest if hashed else whole)
        except InvalidSignature:
            return False
        return True

    def encrypt(self, algorithm: str, plaintext: bytes) -> bytes:
        """At most `most_plaintext` bytes."""
        return self._public.encrypt(plaintext, _OAEP[algorithm])

    def decrypt(self, algorithm: str, ciphertext: bytes) -> bytes:
        """InvalidCiphertext whatever is wrong with it."""
        try:
            return self._private.decrypt(ciphertext, _OAEP[algorithm])
        except ValueError:
            raise InvalidCiphertext from None


def most_plaintext(spec: str, algorithm: str) -> int:
    """How many bytes a key can encrypt at most."""
    return BITS[spec] // 8 - _OAEP_OVERHEAD[algorithm]


def fresh(spec: str) -> bytes:
    """A new key as PKCS#8; takes from 50 ms to seconds."""
    return private_der(rsa.generate_private_key(_EXPONENT, BITS[spec]))


def imported(spec: str, material: bytes) -> bytes:
    """A key from outside, checked in full, as `fresh` would have encoded it; NotAKey if it is none of
    that spec.
    """
    key = foreign_key(material, rsa.RSAPrivateKey)
    if key.key_size != BITS[spec]:
        raise NotAKey
    numbers = key.private_numbers()
    if numbers.public_numbers.e != _EXPONENT or not _is_sound(numbers):
        raise NotAKey
    return private_der(key)


def _is_sound(numbers: rsa.RSAPrivateNumbers) -> bool:
    """Whether the numbers of a key belong together, and its primes are primes.

    By PyCryptodome, in 0.1 s for RSA-4096: to check them takes OpenSSL up to seconds.
    """
    from Crypto.Math.Primality import PROBABLY_PRIME, test_probable_prime

    n, p, q, d = numbers.public_numbers.n, numbers.p, numbers.q, numbers.d
    return (
        p * q == n
        and p != q
        and min(p, q).bit_length() > n.bit_length() // 2 - 100
        and 1 < d < n
        and _EXPONENT * d % (p - 1) == 1
        and _EXPONENT * d % (q - 1) == 1
        and numbers.dmp1 == d % (p - 1)
        and numbers.dmq1 == d % (q - 1)
        and numbers.iqmp * q % p == 1
        and all(test_probable_prime(prime) == PROBABLY_PRIME for prime in (p, q))
    )
