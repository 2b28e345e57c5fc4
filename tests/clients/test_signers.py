"""Clients that others wrote for KMS's signatures and multi-Region keys, unchanged."""

import secrets
import string

import pytest
from botocore.exceptions import ClientError
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import AWSSigner, Signer


@pytest.mark.parametrize(
    ("spec", "scheme"),
    [
        ("ECC_NIST_P256", "ecdsa-sha2-nistp256"),
        ("ECC_NIST_P384", "ecdsa-sha2-nistp384"),
        ("RSA_2048", "rsassa-pss-sha256"),
        ("RSA_2048", "rsassa-pss-sha512"),
        ("RSA_2048", "rsa-pkcs1v15-sha384"),
    ],
)
def test_securesystemslib_signs_digests_and_verifies_by_itself(kms, ambient, spec, scheme):
    key = kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    uri, public = AWSSigner.import_(key, scheme)
    signer = Signer.from_priv_key_uri(uri, public)
    signature = signer.sign(b"a payload")
    public.verify_signature(signature, b"a payload")
    with pytest.raises(UnverifiedSignatureError):
        public.verify_signature(signature, b"another")
    kms.disable_key(KeyId=key)
    with pytest.raises(ClientError, match="DisabledException"):
        signer.sign(b"a payload")


def test_the_encryption_sdk_opens_with_any_replica(endpoint):
    """What one Region's key sealed, another's opens: the SDK's provider for multi-Region keys."""
    import aws_encryption_sdk
    from aws_encryption_sdk import CommitmentPolicy
    from aws_encryption_sdk.key_providers.kms import MRKAwareStrictAwsKmsMasterKeyProvider

    name = "".join(secrets.choice(string.ascii_lowercase) for _ in range(8))
    here, there = f"r-{name}-1", f"r-{name}-2"
    kms = endpoint.client("kms", here)
    key = kms.create_key(MultiRegion=True)["KeyMetadata"]
    kms.replicate_key(KeyId=key["KeyId"], ReplicaRegion=there)
    policy = CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT
    client = aws_encryption_sdk.EncryptionSDKClient(commitment_policy=policy)

    class Here(MRKAwareStrictAwsKmsMasterKeyProvider):
        """It finds clients by Region, and would ask AWS."""

        def add_regional_client(self, region_name):
            self._regional_clients[region_name] = endpoint.client("kms", region_name)

    sealed, _ = client.encrypt(source=b"x", key_provider=Here(key_ids=[key["Arn"]]))
    replica = key["Arn"].replace(here, there)
    opened, _ = client.decrypt(source=sealed, key_provider=Here(key_ids=[replica]))
    assert opened == b"x"
    other = endpoint.client("kms", there).create_key()["KeyMetadata"]["Arn"]
    with pytest.raises(Exception, match="data key"):
        client.decrypt(source=sealed, key_provider=Here(key_ids=[other]))
