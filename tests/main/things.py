"""Something of each kind in a data folder, and whether it is all there and does what it did."""

import base64

import boto3
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

ACCOUNT = "000000000000"
REGION, OTHER = "us-east-1", "eu-west-1"
CONTEXT = {"what": "of long ago"}


class Things:
    """Something of each kind, and what was sealed and signed with it."""

    def __init__(self, server, name="drill"):
        self.name = name
        self.kms = kms = server.client("kms", REGION)
        iam = server.client("iam", "us-east-1")

        def new(**asked):
            return kms.create_key(**asked)["KeyMetadata"]["KeyId"]

        self.key = new(
            Description="what opens old ciphertext", Tags=[{"TagKey": "a", "TagValue": "b"}]
        )
        kms.create_alias(AliasName=f"alias/{self.name}", TargetKeyId=self.key)
        self.before = self._encrypt(self.key)
        kms.rotate_key_on_demand(KeyId=self.key)
        self.after = self._encrypt(self.key)
        self.rsa = new(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
        self.signature = kms.sign(
            KeyId=self.rsa, Message=b"m", SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256"
        )["Signature"]
        self.hmac = new(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
        self.mac = kms.generate_mac(KeyId=self.hmac, Message=b"m", MacAlgorithm="HMAC_SHA_256")[
            "Mac"
        ]
        self.imported = new(Origin="EXTERNAL")
        import_into(kms, self.imported, ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")
        self.of_imported = self._encrypt(self.imported)
        self.multi = new(MultiRegion=True)
        kms.replicate_key(KeyId=self.multi, ReplicaRegion=OTHER)
        self.of_multi = self._encrypt(self.multi)
        self.disabled = new()
        kms.disable_key(KeyId=self.disabled)
        iam.create_user(UserName=name)
        secret = iam.create_access_key(UserName=name)["AccessKey"]
        self.user = secret["AccessKeyId"], secret["SecretAccessKey"]
        kms.create_grant(
            KeyId=self.key,
            GranteePrincipal=f"arn:aws:iam::{ACCOUNT}:user/{name}",
            Operations=["Decrypt"],
        )

    def _encrypt(self, key):
        return self.kms.encrypt(KeyId=key, Plaintext=b"p", EncryptionContext=CONTEXT)[
            "CiphertextBlob"
        ]

    def require(self, server):
        """All of it is there and does what it did."""
        kms, there = server.client("kms", REGION), server.client("kms", OTHER)
        for sealed in (self.before, self.after, self.of_imported, self.of_multi):
            opened = kms.decrypt(CiphertextBlob=sealed, EncryptionContext=CONTEXT)
            assert opened["Plaintext"] == b"p"
        opened = there.decrypt(CiphertextBlob=self.of_multi, EncryptionContext=CONTEXT)
        assert opened["Plaintext"] == b"p"
        assert kms.verify(
            KeyId=self.rsa,
            Message=b"m",
            Signature=self.signature,
            SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256",
        )["SignatureValid"]
        assert kms.verify_mac(
            KeyId=self.hmac, Message=b"m", Mac=self.mac, MacAlgorithm="HMAC_SHA_256"
        )["MacValid"]
        assert kms.describe_key(KeyId=f"alias/{self.name}")["KeyMetadata"]["KeyId"] == self.key
        assert kms.list_resource_tags(KeyId=self.key)["Tags"] == [{"TagKey": "a", "TagValue": "b"}]
        assert len(kms.list_key_rotations(KeyId=self.key)["Rotations"]) == 1
        with pytest.raises(kms.exceptions.DisabledException):
            kms.encrypt(KeyId=self.disabled, Plaintext=b"x")
        # A user's access key, and a grant.
        hers = boto3.client(
            "kms",
            endpoint_url=server.url,
            region_name=REGION,
            aws_access_key_id=self.user[0],
            aws_secret_access_key=self.user[1],
        )
        opened = hers.decrypt(CiphertextBlob=self.after, EncryptionContext=CONTEXT)
        assert opened["Plaintext"] == b"p"
        with pytest.raises(ClientError, match="AccessDenied"):
            hers.encrypt(KeyId=self.key, Plaintext=b"x")

    def told(self):
        """What `of` wants, for a file of JSON."""
        return {
            name: {"bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
            for name, value in vars(self).items()
            if name != "kms"
        }

    @classmethod
    def of(cls, told):
        """The things of another server."""
        self = cls.__new__(cls)
        for name, value in told.items():
            setattr(
                self, name, base64.b64decode(value["bytes"]) if isinstance(value, dict) else value
            )
        return self


def import_into(kms, key, **expiry):
    """Import material into a symmetric key."""
    given = kms.get_parameters_for_import(
        KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"
    )
    wrapping = serialization.load_der_public_key(given["PublicKey"])
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    kms.import_key_material(
        KeyId=key,
        ImportToken=given["ImportToken"],
        EncryptedKeyMaterial=wrapping.encrypt(b"i" * 32, oaep),
        **expiry,
    )
