"""A client that others wrote for KMS's signatures, unchanged."""

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
