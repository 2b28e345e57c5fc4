"""What is particular to KMS: which actions work across accounts.

Source: KMS Developer Guide, "AWS KMS permissions", column "Cross-account use".
"""

ACROSS_ACCOUNTS = frozenset(
    f"kms:{name}".lower()
    for name in (
        "CreateGrant Decapsulate Decrypt DeriveSharedSecret DescribeKey Encapsulate Encrypt "
        "GenerateDataKey GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext "
        "GenerateDataKeyWithoutPlaintext GenerateMac GetKeyRotationStatus GetPublicKey ListGrants "
        "ReEncryptFrom ReEncryptTo RetireGrant RevokeGrant Sign Verify VerifyMac"
    ).split()
)
