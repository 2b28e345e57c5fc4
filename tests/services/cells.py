"""A key of every kind, brought into every state, and a request to it for each operation."""

import functools
import os
from typing import NamedTuple

from asymmetric import ALGORITHMS, CURVES, ECDSA, EDWARDS, HMAC, ML_DSA, ML_KEM, RSA, USAGES, digest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from wrapped import LASTS, parameters, wrap

SYMMETRIC = "SYMMETRIC_DEFAULT"
IMPORTABLE = {SYMMETRIC, *RSA, *ECDSA, EDWARDS, *HMAC}
SMALLEST = (SYMMETRIC, RSA[0], ECDSA[0], EDWARDS, ML_DSA[0], ML_KEM[0], HMAC[0])
BYTES = {"HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64}
DELETING = ("PendingDeletion", "PendingReplicaDeletion")


class Kind(NamedTuple):
    spec: str
    usage: str
    origin: str
    role: str  # of a multi-Region key: PRIMARY or REPLICA; "" of any other

    @property
    def external(self):
        return self.origin == "EXTERNAL"

    @property
    def wrapping(self):
        raw = self.spec in (SYMMETRIC, *HMAC)
        return "RSAES_OAEP_SHA_256" if raw else "RSA_AES_KEY_WRAP_SHA_256"

    @property
    def sealing(self):
        return self.spec == SYMMETRIC

    @property
    def public(self):
        return self.spec not in (SYMMETRIC, *HMAC)

    @property
    def short(self):
        """Whether every run of the tests asks it; the others are asked by the long one."""
        many = self.spec == SYMMETRIC or self[:2] == (ECDSA[0], "SIGN_VERIFY")
        return self.spec in SMALLEST and (not self.role or many)

    @property
    def states(self):
        """In such an order that what one has left is in no other's way."""
        yield "Disabled"
        if self.external:
            yield "PendingImport"
        yield "PendingDeletion"
        yield "Enabled"
        if self.role == "PRIMARY":
            yield "PendingReplicaDeletion"

    def __str__(self):
        return "-".join(part for part in self if part)


KINDS = [
    Kind(spec, usage, origin, role)
    for spec, usages in {SYMMETRIC: ("ENCRYPT_DECRYPT",), **USAGES}.items()
    for usage in usages
    for origin in ("AWS_KMS", "EXTERNAL")
    if origin == "AWS_KMS" or spec in IMPORTABLE
    for role in ("", "PRIMARY", "REPLICA")
]


@functools.cache
def private_key(spec):
    """PKCS#8 of one key of a spec that all tests of this process import."""
    match spec:
        case "ECC_NIST_EDWARDS25519":
            made = ed25519.Ed25519PrivateKey.generate()
        case _ if spec in RSA:
            made = rsa.generate_private_key(65537, int(spec[4:]))
        case _:
            made = ec.generate_private_key(CURVES[spec])
    return made.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def material_of(spec):
    if spec == SYMMETRIC:
        return os.urandom(32)
    return os.urandom(BYTES[spec]) if spec in BYTES else private_key(spec)


@functools.cache
def point_of(spec):
    """The public key of somebody else on the key's curve."""
    public = ec.generate_private_key(CURVES.get(spec, ec.SECP256R1())).public_key()
    return public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def beside(region, number):
    """Another Region, of one whose name ends with 1."""
    return f"{region[:-1]}{number}"


class Cell:
    """A key, and what there is for requests to name: aliases, grants, ciphertexts."""

    def __init__(self, client, region, kind, grantee):
        """`client` gives one of a Region; `grantee` is the ARN of who gets a grant."""
        self.kms, self.region, self.kind = client(region), region, kind
        self.usage, self.state = kind.usage, "Enabled"
        members = {"KeySpec": kind.spec, "KeyUsage": kind.usage, "Origin": kind.origin}
        home = client(beside(region, 2)) if kind.role == "REPLICA" else self.kms
        made = home.create_key(MultiRegion=bool(kind.role), **members)["KeyMetadata"]
        self.id = made["KeyId"]
        self.arn = made["Arn"].replace(home.meta.region_name, region)
        self.token = self.wrapped = None
        if kind.external:
            self.material = material_of(kind.spec)
            self.bring(home)
        if home is not self.kms:
            home.replicate_key(KeyId=self.id, ReplicaRegion=region)
            if kind.external:
                self.bring(self.kms)
        self.companion = self.kms.create_key()["KeyMetadata"]["Arn"]
        blob = self.kms.encrypt(KeyId=self.companion, Plaintext=b"x")["CiphertextBlob"]
        self.sealed, self.signature, self.tag, self.carrier = blob, b"x", b"x", b"x" * 1088
        self.companions = blob
        like = {**members, "Origin": "EXTERNAL" if kind.spec in IMPORTABLE else "AWS_KMS"}
        self.alike = self.kms.create_key(**like)["KeyMetadata"]["KeyId"]
        self.kms.create_alias(AliasName="alias/it", TargetKeyId=self.id)
        self.kms.create_alias(AliasName="alias/moves", TargetKeyId=self.alike)
        self.granted = sorted(OF_GRANTS[kind.spec == SYMMETRIC, kind.usage])
        given = self.kms.create_grant(
            KeyId=self.id, GranteePrincipal=grantee, Operations=self.granted
        )
        from_companion = self.kms.create_grant(
            KeyId=self.companion, GranteePrincipal=grantee, Operations=["ReEncryptFrom"]
        )
        self.tokens = [given["GrantToken"], from_companion["GrantToken"]]
        self._use()

    def bring(self, kms):
        """Import the material."""
        self.token = parameters(kms, self.id, self.kind.wrapping)
        self.wrapped = wrap(self.kind.wrapping, self.token["PublicKey"], self.material)
        kms.import_key_material(**self.request("ImportKeyMaterial"))

    def _use(self):
        if self.usage == "ENCRYPT_DECRYPT":
            self.sealed = self.kms.encrypt(**self.request("Encrypt"))["CiphertextBlob"]
        if self.usage == "SIGN_VERIFY":
            self.signature = self.kms.sign(**self.request("Sign"))["Signature"]
        if self.usage == "GENERATE_VERIFY_MAC":
            self.tag = self.kms.generate_mac(**self.request("GenerateMac"))["Mac"]
        if self.usage == "ENCAPSULATE_DECAPSULATE":
            given = self.kms.encapsulate(**self.request("Encapsulate"))
            self.carrier = given["SharedSecretCiphertextBlob"]

    def bring_to(self, state):
        """Whatever state it is in."""
        self.state = state
        now = self.described()["KeyState"]
        if now == state:
            return
        if now in DELETING:
            self.kms.cancel_key_deletion(KeyId=self.id)
            now = self.described()["KeyState"]
        if now == "PendingImport":
            self.kms.import_key_material(**self.request("ImportKeyMaterial"))
        self.kms.enable_key(KeyId=self.id)
        match state:
            case "PendingImport":
                self.kms.delete_imported_key_material(KeyId=self.id)
            case "Disabled":
                self.kms.disable_key(KeyId=self.id)
            case "PendingDeletion" | "PendingReplicaDeletion":
                self.kms.schedule_key_deletion(KeyId=self.id)
        assert self.described()["KeyState"] == state

    def described(self):
        return self.kms.describe_key(KeyId=self.id)["KeyMetadata"]

    def looked_at(self):
        """Everything that is told of it."""
        ask = self.kms
        answers = (
            ask.describe_key(KeyId=self.id),
            ask.get_key_policy(KeyId=self.id),
            ask.get_key_rotation_status(KeyId=self.id),
            ask.list_aliases(),
            ask.list_grants(KeyId=self.id),
            ask.list_resource_tags(KeyId=self.id),
        )
        if self.kind.sealing:
            answers += (
                ask.list_key_rotations(KeyId=self.id, IncludeKeyMaterial="ALL_KEY_MATERIAL"),
            )
        for each in answers:
            del each["ResponseMetadata"]
        return answers

    def request(self, operation, name=None):
        """The least members; the key goes by `name`, which is its id unless it is said."""
        name = name or self.id
        match operation:
            case "ReEncrypt":
                to = self._algorithm("DestinationEncryptionAlgorithm")
                return {"CiphertextBlob": self.companions, "DestinationKeyId": name, **to}
            case "ReEncrypt, from it":
                by = self._algorithm("SourceEncryptionAlgorithm")
                whole = {"CiphertextBlob": self.sealed, "SourceKeyId": name, **by}
                return {**whole, "DestinationKeyId": self.companion}
            case "CreateAlias":
                return {"TargetKeyId": name, "AliasName": "alias/new"}
            case "UpdateAlias":
                return {"TargetKeyId": name, "AliasName": "alias/moves"}
        return {"KeyId": name, **self._beside(operation)}

    def _algorithm(self, member="EncryptionAlgorithm"):
        rsa = self.kind.spec in RSA and self.usage == "ENCRYPT_DECRYPT"
        return {member: "RSAES_OAEP_SHA_256"} if rsa else {}

    def _beside(self, operation):
        signing = ALGORITHMS.get(self.kind.spec, ["ECDSA_SHA_256"])[0]
        sign = {"SigningAlgorithm": signing}
        if self.kind.spec in (*RSA, *ECDSA):
            sign |= {"Message": digest(signing, b"m"), "MessageType": "DIGEST"}
        else:
            sign |= {"Message": b"m"}
        bits = self.kind.spec.removeprefix("HMAC_") if self.kind.spec in HMAC else "256"
        mac = {"Message": b"m", "MacAlgorithm": f"HMAC_SHA_{bits}"}
        match operation:
            case "CreateGrant":
                to = "arn:aws:iam::444455556666:root"
                return {"GranteePrincipal": to, "Operations": ["DescribeKey"]}
            case "Decapsulate":
                kem = {"EncapsulationAlgorithm": "ML_KEM"}
                return {"SharedSecretCiphertextBlob": self.carrier, **kem}
            case "Encapsulate":
                return {"EncapsulationAlgorithm": "ML_KEM"}
            case "Decrypt":
                return {"CiphertextBlob": self.sealed, **self._algorithm()}
            case "Encrypt":
                return {"Plaintext": b"x", **self._algorithm()}
            case "DeriveSharedSecret":
                point = point_of(self.kind.spec)
                return {"PublicKey": point, "KeyAgreementAlgorithm": "ECDH"}
            case "GenerateDataKey" | "GenerateDataKeyWithoutPlaintext":
                return {"KeySpec": "AES_256"}
            case "GenerateDataKeyPair" | "GenerateDataKeyPairWithoutPlaintext":
                return {"KeyPairSpec": "ECC_NIST_P256"}
            case "GenerateMac":
                return mac
            case "VerifyMac":
                return {**mac, "Mac": self.tag}
            case "GetParametersForImport":
                return {"WrappingAlgorithm": self.kind.wrapping, "WrappingKeySpec": "RSA_2048"}
            case "ImportKeyMaterial" if self.token is None:
                return {"ImportToken": b"x", "EncryptedKeyMaterial": b"x", **LASTS}
            case "ImportKeyMaterial":
                token = self.token["ImportToken"]
                return {"ImportToken": token, "EncryptedKeyMaterial": self.wrapped, **LASTS}
            case "PutKeyPolicy":
                return {"Policy": POLICY}
            case "ReplicateKey":
                return {"ReplicaRegion": beside(self.region, 3)}
            case "Sign":
                return sign
            case "Verify":
                return {**sign, "Signature": self.signature}
            case "TagResource":
                return {"Tags": [{"TagKey": "a", "TagValue": "b"}]}
            case "UntagResource":
                return {"TagKeys": ["a"]}
            case "UpdateKeyDescription":
                return {"Description": "x"}
            case "UpdatePrimaryRegion":
                return {"PrimaryRegion": beside(self.region, 4)}
        return {}


class OfAWS(Cell):
    """The key behind an alias of an AWS service, of which there is no other state or kind."""

    def __init__(self, kms, region):
        self.kms, self.region = kms, region
        self.kind = Kind(SYMMETRIC, "ENCRYPT_DECRYPT", "AWS_KMS", "")
        self.usage, self.state, self.token = self.kind.usage, "Enabled", None
        made = self.kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]
        self.id, self.arn = made["KeyId"], made["Arn"]
        self.alike = self.companion = self.kms.create_key()["KeyMetadata"]["Arn"]
        self.kms.create_alias(AliasName="alias/moves", TargetKeyId=self.alike)
        blob = self.kms.encrypt(KeyId=self.companion, Plaintext=b"x")["CiphertextBlob"]
        self.sealed = self.companions = blob
        self.signature = self.tag = self.carrier = b"x"


POLICY = """{"Version": "2012-10-17", "Statement": {"Effect": "Allow",
"Principal": {"AWS": "000000000000"}, "Action": "kms:*", "Resource": "*"}}"""
_ANY_KEY = {"CreateGrant", "DescribeKey", "RetireGrant"}
_PUBLIC = {*_ANY_KEY, "GetPublicKey"}
_SEALING = {"Decrypt", "Encrypt", "ReEncryptFrom", "ReEncryptTo"}
_DATA_KEYS = {
    f"GenerateDataKey{pair}{without}"
    for pair in ("", "Pair")
    for without in ("", "WithoutPlaintext")
}
OF_GRANTS = {
    # of a symmetric encryption key?, its usage: what a grant may allow
    (True, "ENCRYPT_DECRYPT"): _ANY_KEY | _SEALING | _DATA_KEYS,
    (False, "ENCRYPT_DECRYPT"): _PUBLIC | _SEALING,
    (False, "SIGN_VERIFY"): _PUBLIC | {"Sign", "Verify"},
    (False, "GENERATE_VERIFY_MAC"): _ANY_KEY | {"GenerateMac", "VerifyMac"},
    (False, "KEY_AGREEMENT"): _PUBLIC | {"DeriveSharedSecret"},
    (False, "ENCAPSULATE_DECAPSULATE"): _PUBLIC | {"Encapsulate", "Decapsulate"},
}


def told(client, operation, **members):
    """How it was refused, or `ok`."""
    operation = operation.removesuffix(", from it")
    name = "".join(f"_{char.lower()}" if char.isupper() else char for char in operation)[1:]
    try:
        getattr(client, name)(**members)
    except ClientError as refusal:
        error = refusal.response["Error"]
        return error["Code"], error.get("Message", "")
    return OK


OK = ("ok", "")
