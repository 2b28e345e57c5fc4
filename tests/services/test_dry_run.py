"""A dry run says yes exactly where the real call would, and else what the real call says."""

import pytest
from answers import DRY, NEVER, arn, one, refused, violated
from tests.flipping import flipped

IGNORING = {"DryRun": True, "DryRunModifiers": ["IGNORE_CIPHERTEXT"]}


@pytest.fixture
def blob(kms, key):
    return kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]


@pytest.fixture
def calls(kms, blob):
    """Each operation that has dry runs, as a call of a key."""
    return {
        "Encrypt": lambda key_id, **rest: kms.encrypt(KeyId=key_id, Plaintext=b"x", **rest),
        "Decrypt": lambda key_id, **rest: kms.decrypt(KeyId=key_id, CiphertextBlob=blob, **rest),
        "ReEncrypt": lambda key_id, **rest: kms.re_encrypt(
            CiphertextBlob=blob, DestinationKeyId=key_id, **rest
        ),
        "GenerateDataKey": lambda key_id, **rest: kms.generate_data_key(
            KeyId=key_id, KeySpec="AES_256", **rest
        ),
        "GenerateDataKeyWithoutPlaintext": lambda key_id, **rest: (
            kms.generate_data_key_without_plaintext(KeyId=key_id, KeySpec="AES_256", **rest)
        ),
    }


OPERATIONS = pytest.mark.parametrize(
    "operation",
    ["Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"],
)


@OPERATIONS
def test_yes(calls, key, operation):
    with refused("DryRunOperationException", DRY):
        calls[operation](key["KeyId"], DryRun=True)
    calls[operation](key["KeyId"], DryRun=False)


@OPERATIONS
def test_no_such_key(calls, region, operation):
    with refused("NotFoundException", f"Key '{arn(region, f'key/{NEVER}')}' does not exist"):
        calls[operation](NEVER, DryRun=True)


@OPERATIONS
def test_not_in_this_state(kms, calls, key, operation):
    kms.disable_key(KeyId=key["KeyId"])
    with refused("DisabledException", f"{key['Arn']} is disabled."):
        calls[operation](key["KeyId"], DryRun=True)


def test_a_ciphertext_that_does_not_open(kms, key_id, blob):
    for ask in (
        lambda: kms.decrypt(CiphertextBlob=blob, EncryptionContext={"a": "b"}, DryRun=True),
        lambda: kms.re_encrypt(
            CiphertextBlob=flipped(blob),
            DestinationKeyId=key_id,
            SourceEncryptionContext={"a": "b"},
            DryRun=True,
        ),
    ):
        with refused("InvalidCiphertextException", ""):
            ask()


def test_without_a_look_at_the_ciphertext(kms, key_id):
    for rest in ({}, {"CiphertextBlob": b"never one"}):
        with refused("DryRunOperationException", DRY):
            kms.decrypt(KeyId=key_id, **rest, **IGNORING)
        with refused("DryRunOperationException", DRY):
            kms.re_encrypt(SourceKeyId=key_id, DestinationKeyId=key_id, **rest, **IGNORING)


def test_without_a_look_at_the_ciphertext_the_key_must_be_named(kms, key_id):
    with refused("ValidationException", violated(one("null", "keyId", "not be null"))):
        kms.decrypt(CiphertextBlob=b"x", **IGNORING)
    with refused("ValidationException", violated(one("null", "sourceKeyId", "not be null"))):
        kms.re_encrypt(DestinationKeyId=key_id, **IGNORING)


def test_without_a_look_at_the_ciphertext_the_key_is_looked_at(kms, region, key):
    missing = f"Key '{arn(region, f'key/{NEVER}')}' does not exist"
    with refused("NotFoundException", missing):
        kms.decrypt(KeyId=NEVER, **IGNORING)
    with refused("NotFoundException", missing):
        kms.re_encrypt(SourceKeyId=NEVER, DestinationKeyId=key["KeyId"], **IGNORING)
    with refused("NotFoundException", missing):
        kms.re_encrypt(SourceKeyId=key["KeyId"], DestinationKeyId=NEVER, **IGNORING)
    kms.disable_key(KeyId=key["KeyId"])
    with refused("DisabledException", f"{key['Arn']} is disabled."):
        kms.decrypt(KeyId=key["KeyId"], **IGNORING)


def test_a_modifier_needs_a_dry_run(kms, unchecked, key_id, blob):
    alone = {"DryRunModifiers": ["IGNORE_CIPHERTEXT"]}
    said = "DryRunModifiers can be used only together with DryRun."
    for dry in ({}, {"DryRun": False}):
        with refused("ValidationException", said):
            kms.decrypt(CiphertextBlob=blob, **dry, **alone)
        with refused("ValidationException", said):
            kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=key_id, **dry, **alone)
    with pytest.raises(unchecked.exceptions.ClientError, match="IGNORE_CIPHERTEXT"):
        unchecked.decrypt(CiphertextBlob=blob, DryRun=True, DryRunModifiers=["IGNORE_ALL"])
    assert kms.decrypt(CiphertextBlob=blob, DryRunModifiers=[])["Plaintext"] == b"x"
