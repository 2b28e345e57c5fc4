"""Every operation on a key x every kind of key x every state that it can be brought into.

What a state refuses is the KMS Developer Guide's table (`vectors/states`); what a kind of key refuses
stands below, with which of the two AWS asks first.
"""

import csv
import os
import secrets
import string
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from wrapped import LASTS, bring, parameters, wrap

TABLE = Path(__file__).parents[2] / "vectors" / "states" / "states.tsv"
with TABLE.open(newline="") as file:
    STATES = {row.pop("operation"): row for row in csv.DictReader(file, delimiter="\t")}
CODES = {"D1": "DisabledException", **dict.fromkeys(("S3", "S4", "S5"), "KMSInvalidStateException")}

KINDS = {
    "symmetric": {},
    "imported": {"Origin": "EXTERNAL"},
    "multi-Region": {"MultiRegion": True},
    "replica": {"MultiRegion": True},
    "RSA, encryption": {"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"},
    "RSA, signing": {"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"},
    "curve, signing": {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"},
    "curve, agreement": {"KeySpec": "ECC_NIST_P256", "KeyUsage": "KEY_AGREEMENT"},
    "Ed25519": {"KeySpec": "ECC_NIST_EDWARDS25519", "KeyUsage": "SIGN_VERIFY"},
    "ML-DSA": {"KeySpec": "ML_DSA_44", "KeyUsage": "SIGN_VERIFY"},
    "ML-KEM": {"KeySpec": "ML_KEM_768", "KeyUsage": "ENCAPSULATE_DECAPSULATE"},
    "HMAC": {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
    "imported HMAC": {
        "KeySpec": "HMAC_256",
        "KeyUsage": "GENERATE_VERIFY_MAC",
        "Origin": "EXTERNAL",
    },
    "imported curve": {
        "KeySpec": "ECC_NIST_P256",
        "KeyUsage": "SIGN_VERIFY",
        "Origin": "EXTERNAL",
    },
}
SEALING = {"symmetric", "imported", "multi-Region", "replica"}
RSA = {"RSA, encryption"}
SIGNING = {"RSA, signing", "curve, signing", "imported curve", "Ed25519", "ML-DSA"}
AGREEING, KEM, MAC = {"curve, agreement"}, {"ML-KEM"}, {"HMAC", "imported HMAC"}
PUBLIC = RSA | SIGNING | AGREEING | KEM
EXTERNAL = {"imported", "imported HMAC", "imported curve"}
WRONG_USE, UNSUPPORTED = "InvalidKeyUsageException", "UnsupportedOperationException"
PRIVATE = ec.generate_private_key(ec.SECP256R1()).private_bytes(
    serialization.Encoding.DER,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
)
ANOTHER = (
    ec.generate_private_key(ec.SECP256R1())
    .public_key()
    .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
)

FITS = {
    # operation: kinds that it is for, what others are told, whether that comes before the state
    **dict.fromkeys(("Encrypt", "ReEncrypt"), (SEALING | RSA, WRONG_USE, False)),
    "Decrypt": (SEALING | RSA, "IncorrectKeyException", True),
    **dict.fromkeys(
        (
            "GenerateDataKey",
            "GenerateDataKeyWithoutPlaintext",
            "GenerateDataKeyPair",
            "GenerateDataKeyPairWithoutPlaintext",
        ),
        (SEALING, WRONG_USE, False),
    ),
    **dict.fromkeys(("Sign", "Verify"), (SIGNING, WRONG_USE, False)),
    **dict.fromkeys(("GenerateMac", "VerifyMac"), (MAC, WRONG_USE, False)),
    "DeriveSharedSecret": (AGREEING, WRONG_USE, False),
    **dict.fromkeys(("Encapsulate", "Decapsulate"), (KEM, WRONG_USE, False)),
    "GetPublicKey": (PUBLIC, UNSUPPORTED, True),
    **dict.fromkeys(
        ("EnableKeyRotation", "DisableKeyRotation"),
        (SEALING - EXTERNAL - {"replica"}, UNSUPPORTED, True),
    ),
    "RotateKeyOnDemand": (SEALING - {"replica"}, UNSUPPORTED, True),
    **dict.fromkeys(("GetKeyRotationStatus", "ListKeyRotations"), (SEALING, UNSUPPORTED, True)),
    **dict.fromkeys(
        ("GetParametersForImport", "ImportKeyMaterial", "DeleteImportedKeyMaterial"),
        (EXTERNAL, UNSUPPORTED, True),
    ),
    **dict.fromkeys(("ReplicateKey", "UpdatePrimaryRegion"), ({"multi-Region"}, UNSUPPORTED, True)),
}
CHANGING = {
    *("CancelKeyDeletion", "CreateAlias", "CreateGrant", "DeleteAlias"),
    *("DeleteImportedKeyMaterial", "DisableKey", "DisableKeyRotation", "EnableKey"),
    *("EnableKeyRotation", "ImportKeyMaterial", "ReplicateKey", "RotateKeyOnDemand"),
    *("ScheduleKeyDeletion", "UpdateAlias", "UpdatePrimaryRegion"),
}
OF_GRANTS_AND_ALIASES = {"RetireGrant", "RevokeGrant", "DeleteAlias"}
"""Not asked here: they name a grant or an alias, and no state of the key refuses them."""
OPERATIONS = sorted(set(STATES) - OF_GRANTS_AND_ALIASES)


class Cell:
    """A key of a kind, brought into a state, and a request for each operation."""

    def __init__(self, kms, region, kind, state):
        self.kms, self.region, self.kind = kms, region, kind
        made = kms.create_key(**KINDS[kind])["KeyMetadata"]
        self.id = made["KeyId"]
        self.material = PRIVATE if kind == "imported curve" else os.urandom(32)
        if kind in EXTERNAL:
            bring(kms, self.id, self.material)
        self.token = parameters(kms, self.id) if kind in EXTERNAL else None
        if kind == "replica":  # a primary that another Region has become instead
            kms.replicate_key(KeyId=self.id, ReplicaRegion=f"{region[:-1]}6")
            kms.update_primary_region(KeyId=self.id, PrimaryRegion=f"{region[:-1]}6")
        self.algorithm = next(
            iter(made.get("SigningAlgorithms", made.get("EncryptionAlgorithms", ["ECDSA_SHA_256"])))
        )
        self.message = b"m" * 64
        self.sealed, self.signature, self.tag, self.carrier = b"x" * 96, b"x", b"x", b"x" * 1088
        self._use()
        match state:
            case "PendingImport":
                kms.delete_imported_key_material(KeyId=self.id)
            case "Disabled":
                kms.disable_key(KeyId=self.id)
            case "PendingReplicaDeletion":
                kms.replicate_key(KeyId=self.id, ReplicaRegion=f"{region[:-1]}7")
                kms.schedule_key_deletion(KeyId=self.id)
            case "PendingDeletion":
                kms.schedule_key_deletion(KeyId=self.id)

    def _use(self):
        if self.kind in SEALING | RSA:
            self.sealed = self.kms.encrypt(**self.request("Encrypt"))["CiphertextBlob"]
        else:
            other = self.kms.create_key()["KeyMetadata"]["KeyId"]
            self.sealed = self.kms.encrypt(KeyId=other, Plaintext=b"x")["CiphertextBlob"]
        if self.kind in SIGNING:
            self.signature = self.kms.sign(**self.request("Sign"))["Signature"]
        if self.kind in MAC:
            self.tag = self.kms.generate_mac(**self.request("GenerateMac"))["Mac"]
        if self.kind in KEM:
            given = self.kms.encapsulate(**self.request("Encapsulate"))
            self.carrier = given["SharedSecretCiphertextBlob"]

    def request(self, operation):
        rsa = {"EncryptionAlgorithm": self.algorithm} if self.kind in RSA else {}
        signing = self.algorithm if self.kind in SIGNING else "ECDSA_SHA_256"
        kind = "DIGEST" if "_PH_" in signing else "RAW"
        sign = {"Message": self.message, "SigningAlgorithm": signing, "MessageType": kind}
        mac = {"Message": b"m", "MacAlgorithm": "HMAC_SHA_256"}
        more = {
            "CreateAlias": {"AliasName": "alias/new"},
            "CreateGrant": {
                "GranteePrincipal": "arn:aws:iam::444455556666:root",
                "Operations": ["DescribeKey"],
            },
            "Decapsulate": {
                "SharedSecretCiphertextBlob": self.carrier,
                "EncapsulationAlgorithm": "ML_KEM",
            },
            "Decrypt": {"CiphertextBlob": self.sealed, **rsa},
            "DeriveSharedSecret": {"PublicKey": ANOTHER, "KeyAgreementAlgorithm": "ECDH"},
            "Encapsulate": {"EncapsulationAlgorithm": "ML_KEM"},
            "Encrypt": {"Plaintext": b"x", **rsa},
            "GenerateDataKey": {"KeySpec": "AES_256"},
            "GenerateDataKeyPair": {"KeyPairSpec": "ECC_NIST_P256"},
            "GenerateDataKeyPairWithoutPlaintext": {"KeyPairSpec": "ECC_NIST_P256"},
            "GenerateDataKeyWithoutPlaintext": {"KeySpec": "AES_256"},
            "GenerateMac": mac,
            "GetParametersForImport": {
                "WrappingAlgorithm": "RSAES_OAEP_SHA_256",
                "WrappingKeySpec": "RSA_2048",
            },
            "ImportKeyMaterial": self._imported() if operation == "ImportKeyMaterial" else {},
            "PutKeyPolicy": {
                "Policy": '{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:*", '
                '"Resource": "*"}}'
            },
            "ReplicateKey": {"ReplicaRegion": f"{self.region[:-1]}8"},
            "Sign": sign,
            "TagResource": {"Tags": [{"TagKey": "a", "TagValue": "b"}]},
            "UntagResource": {"TagKeys": ["a"]},
            "UpdateKeyDescription": {"Description": "x"},
            "UpdatePrimaryRegion": {"PrimaryRegion": f"{self.region[:-1]}9"},
            "Verify": {**sign, "Signature": self.signature},
            "VerifyMac": {**mac, "Mac": self.tag},
        }.get(operation, {})
        match operation:
            case "ReEncrypt":
                to = {"DestinationEncryptionAlgorithm": self.algorithm} if self.kind in RSA else {}
                return {"CiphertextBlob": self._others(), "DestinationKeyId": self.id, **to}
            case "CreateAlias":
                return {"TargetKeyId": self.id, **more}
            case "UpdateAlias":
                return {"TargetKeyId": self.id, "AliasName": self._alias()}
        return {"KeyId": self.id, **more}

    def _imported(self):
        if self.token is None:
            return {"ImportToken": b"x", "EncryptedKeyMaterial": b"x", **LASTS}
        blob = wrap("RSAES_OAEP_SHA_256", self.token["PublicKey"], self.material)
        return {"ImportToken": self.token["ImportToken"], "EncryptedKeyMaterial": blob, **LASTS}

    def _others(self):
        """A ciphertext of another key."""
        other = self.kms.create_key()["KeyMetadata"]["KeyId"]
        return self.kms.encrypt(KeyId=other, Plaintext=b"x")["CiphertextBlob"]

    def _alias(self):
        """An alias of another key of this kind."""
        other = self.kms.create_key(**KINDS[self.kind])["KeyMetadata"]["KeyId"]
        self.kms.create_alias(AliasName="alias/moves", TargetKeyId=other)
        return "alias/moves"

    def told(self, operation):
        """The exception's code, or `ok`."""
        name = "".join(f"_{char.lower()}" if char.isupper() else char for char in operation)[1:]
        try:
            getattr(self.kms, name)(**self.request(operation))
        except ClientError as refusal:
            return refusal.response["Error"]["Code"]
        return "ok"


def expected(operation, kind, state):
    by_state = STATES[operation][state]
    if by_state == "-":
        return None
    refusal = CODES.get(by_state)
    fits = FITS.get(operation)
    if fits is None or kind in fits[0]:
        if refusal is not None:
            return refusal
        if operation == "UpdatePrimaryRegion":
            return "NotFoundException"  # there is no replica
        if operation == "RotateKeyOnDemand" and kind in EXTERNAL:
            return "KMSInvalidStateException"  # nothing waits to be rotated to
        return "ok"
    _, told, first = fits
    return told if first or refusal is None else refusal


def states_of(kind):
    yield from ("Enabled", "Disabled", "PendingDeletion")
    if kind in EXTERNAL:
        yield "PendingImport"
    if kind == "multi-Region":
        yield "PendingReplicaDeletion"


@pytest.mark.parametrize(
    ("kind", "state"), [(kind, state) for kind in KINDS for state in states_of(kind)]
)
def test_what_every_operation_says(endpoint, kind, state):
    name = "".join(secrets.choice(string.ascii_lowercase) for _ in range(10))
    kms = endpoint.client("kms", f"r-{name}-1")
    shared, seen, wanted = None, {}, {}
    for operation in OPERATIONS:
        should = expected(operation, kind, state)
        if should is None:
            continue
        if operation in CHANGING:
            cell = Cell(kms, kms.meta.region_name, kind, state)
        else:
            cell = shared = shared or Cell(kms, kms.meta.region_name, kind, state)
        wanted[operation] = should
        seen[operation] = cell.told(operation)
        for alias in ("alias/new", "alias/moves"):
            with_alias(kms, alias)
    assert seen == wanted
    assert len(seen) > 30


def with_alias(kms, name):
    """Take an alias away that a request may have made."""
    try:
        kms.delete_alias(AliasName=name)
    except ClientError as refusal:
        assert refusal.response["Error"]["Code"] == "NotFoundException"
