"""Which key specs there are, what each may be used for, and with which algorithms.

Source: KMS Developer Guide, "Key spec reference"; facts on SM2 and the post-quantum specs from
the service model.  SM2 exists in AWS's China Regions only.
"""

from enum import StrEnum
from typing import NamedTuple


class Usage(StrEnum):
    ENCRYPT_DECRYPT = "ENCRYPT_DECRYPT"
    SIGN_VERIFY = "SIGN_VERIFY"
    GENERATE_VERIFY_MAC = "GENERATE_VERIFY_MAC"
    KEY_AGREEMENT = "KEY_AGREEMENT"
    ENCAPSULATE_DECAPSULATE = "ENCAPSULATE_DECAPSULATE"


class Origin(StrEnum):
    AWS_KMS = "AWS_KMS"
    EXTERNAL = "EXTERNAL"
    AWS_CLOUDHSM = "AWS_CLOUDHSM"
    EXTERNAL_KEY_STORE = "EXTERNAL_KEY_STORE"


class Manager(StrEnum):
    AWS = "AWS"
    CUSTOMER = "CUSTOMER"


KEY_QUOTA = 100_000
"""Customer managed keys of an account in a Region, unless its operator says another number."""

SYMMETRIC_DEFAULT = "SYMMETRIC_DEFAULT"


class Family(StrEnum):
    """Kinds of keys between which an alias may not move."""

    SYMMETRIC = "symmetric"
    ASYMMETRIC = "asymmetric"
    HMAC = "HMAC"


class Spec(NamedTuple):
    algorithms: dict[Usage, tuple[str, ...]]
    family: Family = Family.ASYMMETRIC

    @property
    def usages(self) -> frozenset[Usage]:
        return frozenset(self.algorithms)


_RSA = Spec(
    {
        Usage.ENCRYPT_DECRYPT: ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"),
        Usage.SIGN_VERIFY: (
            "RSASSA_PKCS1_V1_5_SHA_256",
            "RSASSA_PKCS1_V1_5_SHA_384",
            "RSASSA_PKCS1_V1_5_SHA_512",
            "RSASSA_PSS_SHA_256",
            "RSASSA_PSS_SHA_384",
            "RSASSA_PSS_SHA_512",
        ),
    }
)


def _ec(signing: str) -> Spec:
    return Spec({Usage.SIGN_VERIFY: (signing,), Usage.KEY_AGREEMENT: ("ECDH",)})


def _one(usage: Usage, *algorithms: str) -> Spec:
    return Spec({usage: algorithms})


def _hmac(algorithm: str) -> Spec:
    return Spec({Usage.GENERATE_VERIFY_MAC: (algorithm,)}, Family.HMAC)


_ML_DSA = _one(Usage.SIGN_VERIFY, "ML_DSA_SHAKE_256")
_ML_KEM = _one(Usage.ENCAPSULATE_DECAPSULATE, "ML_KEM")

SPECS: dict[str, Spec] = {
    SYMMETRIC_DEFAULT: Spec({Usage.ENCRYPT_DECRYPT: (SYMMETRIC_DEFAULT,)}, Family.SYMMETRIC),
    "RSA_2048": _RSA,
    "RSA_3072": _RSA,
    "RSA_4096": _RSA,
    "ECC_NIST_P256": _ec("ECDSA_SHA_256"),
    "ECC_NIST_P384": _ec("ECDSA_SHA_384"),
    "ECC_NIST_P521": _ec("ECDSA_SHA_512"),
    "ECC_SECG_P256K1": _one(Usage.SIGN_VERIFY, "ECDSA_SHA_256"),
    "ECC_NIST_EDWARDS25519": _one(Usage.SIGN_VERIFY, "ED25519_SHA_512", "ED25519_PH_SHA_512"),
    "HMAC_224": _hmac("HMAC_SHA_224"),
    "HMAC_256": _hmac("HMAC_SHA_256"),
    "HMAC_384": _hmac("HMAC_SHA_384"),
    "HMAC_512": _hmac("HMAC_SHA_512"),
    "SM2": Spec(
        {
            Usage.ENCRYPT_DECRYPT: ("SM2PKE",),
            Usage.SIGN_VERIFY: ("SM2DSA",),
            Usage.KEY_AGREEMENT: ("ECDH",),
        }
    ),
    "ML_DSA_44": _ML_DSA,
    "ML_DSA_65": _ML_DSA,
    "ML_DSA_87": _ML_DSA,
    "ML_KEM_512": _ML_KEM,
    "ML_KEM_768": _ML_KEM,
    "ML_KEM_1024": _ML_KEM,
}
