"""How key material travels into KMS: under an RSA key made for it.

    RSAES_OAEP_SHA_1, _256         the material itself, encrypted
    RSA_AES_KEY_WRAP_SHA_1, _256   a fresh AES-256 key by OAEP, then the material under it by AES-KWP
                                   (RFC 5649), one behind the other: PKCS#11's CKM_RSA_AES_KEY_WRAP

Which of them a key may be imported by depends on how long its material is.

Source: KMS Developer Guide, "Importing key material", "Wrapping key specs and algorithms".
"""

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding

from strongroom.errors import InvalidCiphertext
from strongroom.keys.rsa import RsaKey
from strongroom.keys.specs import SYMMETRIC_DEFAULT

_OAEP = "RSAES_OAEP_"
_AES = "RSA_AES_KEY_WRAP_"
_AES_BYTES = 32


def fits(spec: str, wrapping_spec: str, algorithm: str) -> bool:
    """Whether material of a spec may be wrapped so."""
    if algorithm.startswith(_OAEP):
        too_long = spec == "ECC_NIST_P521" and wrapping_spec == "RSA_2048"
        return not spec.startswith("RSA") and not too_long
    return algorithm.startswith(_AES) and spec != SYMMETRIC_DEFAULT and not spec.startswith("HMAC")


def unwrap(private: bytes, algorithm: str, wrapped: bytes) -> bytes:
    """The material; InvalidCiphertext whatever is wrong."""
    key = RsaKey(private)
    if algorithm.startswith(_OAEP):
        return key.decrypt(algorithm, wrapped)
    length = key.size
    oaep = _OAEP + algorithm.removeprefix(_AES)
    aes = key.decrypt(oaep, wrapped[:length])
    if len(aes) != _AES_BYTES:
        raise InvalidCiphertext
    try:
        return aes_key_unwrap_with_padding(aes, wrapped[length:])
    except (InvalidUnwrap, ValueError):
        raise InvalidCiphertext from None
