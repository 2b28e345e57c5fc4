"""The kinds of keys that AWS lists, and what is made outside KMS: material to import, peers to agree with.

Source: KMS Developer Guide, "Key spec reference", "Importing key material", "Grant operations".
"""

import os
from dataclasses import dataclass
from functools import cache

from asymmetric import ALGORITHMS, CURVES, EDWARDS, ML_DSA, ML_KEM, NIST
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

SEAL, RSA, SIGN, MAC, AGREE, KEM = "seal", "rsa", "sign", "mac", "agree", "kem"
"""What keys are used for."""

_USAGES = {
    SEAL: "ENCRYPT_DECRYPT",
    RSA: "ENCRYPT_DECRYPT",
    SIGN: "SIGN_VERIFY",
    MAC: "GENERATE_VERIFY_MAC",
    AGREE: "KEY_AGREEMENT",
    KEM: "ENCAPSULATE_DECAPSULATE",
}
SHOWN_AS = {
    SEAL: "EncryptionAlgorithms",
    RSA: "EncryptionAlgorithms",
    SIGN: "SigningAlgorithms",
    MAC: "MacAlgorithms",
    AGREE: "KeyAgreementAlgorithms",
    KEM: "EncapsulationAlgorithms",
}
_GRANTED = {
    SEAL: "Decrypt Encrypt GenerateDataKey GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext "
    "GenerateDataKeyWithoutPlaintext ReEncryptFrom ReEncryptTo",
    RSA: "Decrypt Encrypt GetPublicKey ReEncryptFrom ReEncryptTo",
    SIGN: "GetPublicKey Sign Verify",
    MAC: "GenerateMac VerifyMac",
    AGREE: "DeriveSharedSecret GetPublicKey",
    KEM: "Decapsulate Encapsulate GetPublicKey",
}


@dataclass(frozen=True)
class Kind:
    spec: str
    use: str

    @property
    def usage(self):
        return _USAGES[self.use]

    @property
    def symmetric(self):
        return self.use == SEAL

    @property
    def public(self):
        """Whether it has a public half."""
        return self.use not in (SEAL, MAC)

    @property
    def family(self):
        """Aliases move between keys of one."""
        return ("asymmetric" if self.public else self.use), self.usage

    @property
    def algorithms(self):
        match self.use:
            case "seal":
                return ["SYMMETRIC_DEFAULT"]
            case "rsa":
                return ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"]
            case "mac":
                return [f"HMAC_SHA_{self.spec[5:]}"]
            case "agree":
                return ["ECDH"]
            case "kem":
                return ["ML_KEM"]
        return ALGORITHMS[self.spec]

    @property
    def importable(self):
        return self.spec not in ML_DSA + ML_KEM

    @property
    def grantable(self):
        """What a grant may let somebody do."""
        return sorted([*_GRANTED[self.use].split(), "CreateGrant", "DescribeKey", "RetireGrant"])

    @property
    def wrapping(self):
        """An algorithm by which its material may come under RSA_2048, and one by which it may not."""
        oaep, aes = "RSAES_OAEP_SHA_256", "RSA_AES_KEY_WRAP_SHA_256"
        if not self.public:
            return oaep, aes
        return aes, oaep if self.spec.startswith("RSA") or self.spec.endswith("P521") else None


SYMMETRIC = Kind("SYMMETRIC_DEFAULT", SEAL)
MACS = tuple(Kind(f"HMAC_{bits}", MAC) for bits in (224, 256, 384, 512))
RSAS = Kind("RSA_2048", RSA), Kind("RSA_2048", SIGN)
CURVED = (
    *(Kind(spec, use) for spec in NIST for use in (SIGN, AGREE)),
    Kind("ECC_SECG_P256K1", SIGN),
    Kind(EDWARDS, SIGN),
)
QUANTUM = (*(Kind(spec, SIGN) for spec in ML_DSA), *(Kind(spec, KEM) for spec in ML_KEM))
ALL = (SYMMETRIC, *MACS, *RSAS, *CURVED, *QUANTUM)

_PKCS8 = (
    serialization.Encoding.DER,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
)
_SPKI = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
_BYTES = {"HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64, "SYMMETRIC_DEFAULT": 32}
MATERIALS = 3  # of each spec


@cache
def material(spec, number):
    """One made outside, the same whenever it is asked for, as it is imported."""
    if spec in _BYTES:
        return os.urandom(_BYTES[spec])
    if spec.startswith("RSA"):
        key = rsa.generate_private_key(65537, int(spec[-4:]))
    elif spec == EDWARDS:
        key = ed25519.Ed25519PrivateKey.generate()
    else:
        key = ec.generate_private_key(CURVES[spec])
    return key.private_bytes(*_PKCS8)


def unfit(spec):
    """What cannot be material of a spec."""
    if spec in _BYTES:
        return os.urandom(_BYTES[spec] - 1)
    return material("ECC_NIST_P384" if spec == "ECC_NIST_P256" else "ECC_NIST_P256", 0)


@cache
def peer(spec):
    """The private key of somebody to agree with, and its public half as SPKI."""
    private = ec.generate_private_key(CURVES[spec])
    return private, private.public_key().public_bytes(*_SPKI)


def agreed(spec, public):
    """The secret of `peer` and the key of this public half."""
    return peer(spec)[0].exchange(ec.ECDH(), serialization.load_der_public_key(public))
