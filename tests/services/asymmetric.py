"""Keys of every kind but the symmetric one, made once for all tests of a Region, and code outside."""

import hashlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

RSA = ("RSA_2048", "RSA_3072", "RSA_4096")
NIST = ("ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521")
ECDSA = (*NIST, "ECC_SECG_P256K1")
EDWARDS = "ECC_NIST_EDWARDS25519"
ML_DSA = ("ML_DSA_44", "ML_DSA_65", "ML_DSA_87")
ML_KEM = ("ML_KEM_768", "ML_KEM_1024")
HMAC = ("HMAC_224", "HMAC_256", "HMAC_384", "HMAC_512")
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
CURVES = {
    "ECC_NIST_P256": ec.SECP256R1(),
    "ECC_NIST_P384": ec.SECP384R1(),
    "ECC_NIST_P521": ec.SECP521R1(),
    "ECC_SECG_P256K1": ec.SECP256K1(),
}

USAGES = {
    **dict.fromkeys(RSA, ("ENCRYPT_DECRYPT", "SIGN_VERIFY")),
    **dict.fromkeys(NIST, ("SIGN_VERIFY", "KEY_AGREEMENT")),
    "ECC_SECG_P256K1": ("SIGN_VERIFY",),
    EDWARDS: ("SIGN_VERIFY",),
    **dict.fromkeys(ML_DSA, ("SIGN_VERIFY",)),
    **dict.fromkeys(ML_KEM, ("ENCAPSULATE_DECAPSULATE",)),
    **dict.fromkeys(HMAC, ("GENERATE_VERIFY_MAC",)),
}

_SCHEMES = ("RSASSA_PKCS1_V1_5_SHA_", "RSASSA_PSS_SHA_")
ALGORITHMS = {
    **{spec: [scheme + bits for scheme in _SCHEMES for bits in HASHES] for spec in RSA},
    "ECC_NIST_P256": ["ECDSA_SHA_256"],
    "ECC_NIST_P384": ["ECDSA_SHA_384"],
    "ECC_NIST_P521": ["ECDSA_SHA_512"],
    "ECC_SECG_P256K1": ["ECDSA_SHA_256"],
    EDWARDS: ["ED25519_SHA_512", "ED25519_PH_SHA_512"],
    **{spec: ["ML_DSA_SHAKE_256"] for spec in ML_DSA},
}
SIGNING = [(spec, algorithm) for spec, all_ in ALGORITHMS.items() for algorithm in all_]


def digest(algorithm: str, message: bytes) -> bytes:
    return hashlib.new(f"sha{algorithm[-3:]}", message).digest()


def mu(public_key: bytes, message: bytes) -> bytes:
    """The message representative of pure ML-DSA with an empty context (FIPS 204, algorithm 7)."""
    raw = serialization.load_der_public_key(public_key).public_bytes_raw()
    tr = hashlib.shake_256(raw).digest(64)
    return hashlib.shake_256(tr + b"\x00\x00" + message).digest(64)


def verify(public_key: bytes, algorithm: str, message: bytes, signature: bytes) -> None:
    """By a library on this side; InvalidSignature or ValueError if it is not good."""
    key = serialization.load_der_public_key(public_key)
    if algorithm == "ED25519_PH_SHA_512":
        from Crypto.Hash import SHA512
        from Crypto.Signature import eddsa

        own = eddsa.import_public_key(key.public_bytes_raw())
        eddsa.new(own, "rfc8032").verify(SHA512.new(message), signature)
    elif algorithm.startswith(("ED25519", "ML_DSA")):
        key.verify(signature, message)
    elif algorithm.startswith("ECDSA"):
        key.verify(signature, message, ec.ECDSA(HASHES[algorithm[-3:]]))
    else:
        key.verify(signature, message, scheme(algorithm), HASHES[algorithm[-3:]])


def scheme(algorithm: str) -> padding.AsymmetricPadding:
    if "PKCS1" in algorithm:
        return padding.PKCS1v15()
    hash_ = HASHES[algorithm[-3:]]
    return padding.PSS(padding.MGF1(hash_), hash_.digest_size)


def prehashed(algorithm: str) -> Prehashed:
    return Prehashed(HASHES[algorithm[-3:]])
