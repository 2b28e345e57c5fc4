import re

import pytest
from answers import CONTEXT_TOO_LARGE, DRY, members, one, refused, violated
from cryptography.hazmat.primitives import serialization

NEITHER_NOR_BOTH = "Please specify either number of bytes or key spec."
BOTH_WAYS = pytest.mark.parametrize(
    "method", ["generate_data_key", "generate_data_key_without_plaintext"]
)


@pytest.mark.parametrize(
    ("size", "length"),
    [
        ({"KeySpec": "AES_128"}, 16),
        ({"KeySpec": "AES_256"}, 32),
        ({"NumberOfBytes": 1}, 1),
        ({"NumberOfBytes": 1024}, 1024),
    ],
)
def test_a_data_key_in_the_clear_and_sealed(kms, key, size, length):
    context = {"file": "a"}
    made = kms.generate_data_key(KeyId=key["KeyId"], EncryptionContext=context, **size)
    assert {"CiphertextBlob", "Plaintext", "KeyId", "KeyMaterialId"} == members(made)
    assert (key["Arn"], key["CurrentKeyMaterialId"]) == (made["KeyId"], made["KeyMaterialId"])
    assert length == len(made["Plaintext"])
    opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context)
    assert made["Plaintext"] == opened["Plaintext"]
    sealed = kms.generate_data_key_without_plaintext(
        KeyId=key["KeyId"], EncryptionContext=context, **size
    )
    assert {"CiphertextBlob", "KeyId", "KeyMaterialId"} == members(sealed)
    opened = kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=context)
    assert length == len(opened["Plaintext"])
    assert length == 1 or made["Plaintext"] != opened["Plaintext"]
    for blob in (made, sealed):
        with refused("InvalidCiphertextException", ""):
            kms.decrypt(CiphertextBlob=blob["CiphertextBlob"])


def test_no_two_data_keys_are_alike(kms, key_id):
    made = {kms.generate_data_key(KeyId=key_id, KeySpec="AES_128")["Plaintext"] for _ in range(9)}
    assert len(made) == 9


@BOTH_WAYS
def test_one_size_and_only_one(kms, key_id, method):
    for size in ({}, {"NumberOfBytes": 32, "KeySpec": "AES_256"}):
        with refused("ValidationException", NEITHER_NOR_BOTH):
            getattr(kms, method)(KeyId=key_id, **size)


@BOTH_WAYS
@pytest.mark.parametrize(
    ("size", "demand"),
    [
        (-1, "have value greater than or equal to 1"),
        (0, "have value greater than or equal to 1"),
        (1025, "have value less than or equal to 1024"),
    ],
)
def test_sizes_that_no_data_key_has(unchecked, key_id, method, size, demand):
    with refused("ValidationException", violated(one(f"'{size}'", "numberOfBytes", demand))):
        getattr(unchecked, method)(KeyId=key_id, NumberOfBytes=size)


@BOTH_WAYS
def test_a_spec_that_no_data_key_has(unchecked, key_id, method):
    with pytest.raises(unchecked.exceptions.ClientError) as caught:
        getattr(unchecked, method)(KeyId=key_id, KeySpec="AES_512")
    told = re.fullmatch(
        r"1 validation error detected: Value 'AES_512' at 'keySpec' failed to satisfy constraint: "
        r"Member must satisfy enum value set: \[(.*)\]",
        caught.value.response["Error"]["Message"],
    )
    assert told
    assert {"AES_128", "AES_256"} == set(told[1].split(", "))


@BOTH_WAYS
def test_a_context_too_large_and_a_grant_token(kms, key_id, method):
    with refused("ValidationException", CONTEXT_TOO_LARGE):
        getattr(kms, method)(KeyId=key_id, NumberOfBytes=1, EncryptionContext={"k": "v" * 8192})
    with refused("InvalidGrantTokenException", "The grant token is not valid."):
        getattr(kms, method)(KeyId=key_id, NumberOfBytes=1, GrantTokens=["x"])


def test_custom_key_stores_are_not_there_yet(kms):
    said = "GenerateRandom in a custom key store is not implemented yet."
    with refused("NotImplementedException", said, 501):
        kms.generate_random(NumberOfBytes=1, CustomKeyStoreId="cks-1")


@pytest.mark.parametrize("size", [1, 32, 1024])
def test_random_bytes(kms, size):
    answer = kms.generate_random(NumberOfBytes=size)
    assert {"Plaintext"} == members(answer)
    assert size == len(answer["Plaintext"])
    assert size == 1 or answer["Plaintext"] != kms.generate_random(NumberOfBytes=size)["Plaintext"]


def test_how_many_random_bytes(kms, unchecked):
    with refused("ValidationException", "NumberOfBytes is required."):
        kms.generate_random()
    for size, demand in (
        (0, "have value greater than or equal to 1"),
        (1025, "have value less than or equal to 1024"),
    ):
        with refused("ValidationException", violated(one(f"'{size}'", "numberOfBytes", demand))):
            unchecked.generate_random(NumberOfBytes=size)


# Pairs

PAIRS = [
    *("RSA_2048", "RSA_3072", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521"),
    *("ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519", "ML_KEM_768", "ML_KEM_1024"),
]


@pytest.mark.parametrize("spec", PAIRS)
def test_a_pair_is_a_private_key_sealed_and_its_public_key(kms, key, spec):
    context = {"EncryptionContext": {"a": "b"}}
    answer = kms.generate_data_key_pair(KeyId=key["KeyId"], KeyPairSpec=spec, **context)
    assert members(answer) == {
        "PrivateKeyCiphertextBlob",
        "PrivateKeyPlaintext",
        "PublicKey",
        "KeyId",
        "KeyPairSpec",
        "KeyMaterialId",
    }
    assert (answer["KeyId"], answer["KeyPairSpec"]) == (key["Arn"], spec)
    assert answer["KeyMaterialId"] == key["CurrentKeyMaterialId"]
    private = serialization.load_der_private_key(answer["PrivateKeyPlaintext"], None)
    spki = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    assert private.public_key().public_bytes(*spki) == answer["PublicKey"]
    blob = answer["PrivateKeyCiphertextBlob"]
    opened = kms.decrypt(CiphertextBlob=blob, **context)["Plaintext"]
    assert opened == answer["PrivateKeyPlaintext"]
    with refused("InvalidCiphertextException", ""):
        kms.decrypt(CiphertextBlob=blob)

    sealed = kms.generate_data_key_pair_without_plaintext(KeyId=key["KeyId"], KeyPairSpec=spec)
    assert members(sealed) == members(answer) - {"PrivateKeyPlaintext"}
    opened = kms.decrypt(CiphertextBlob=sealed["PrivateKeyCiphertextBlob"])["Plaintext"]
    private = serialization.load_der_private_key(opened, None)
    assert private.public_key().public_bytes(*spki) == sealed["PublicKey"]
    assert sealed["PublicKey"] != answer["PublicKey"]
    for ask in (kms.generate_data_key_pair, kms.generate_data_key_pair_without_plaintext):
        with refused("DryRunOperationException", DRY):
            ask(KeyId=key["KeyId"], KeyPairSpec=spec, DryRun=True)


def test_keys_and_pairs_that_do_not_fit(kms, key):
    hmac = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]
    for ask, operation in (
        (kms.generate_data_key_pair, "GenerateDataKeyPair"),
        (kms.generate_data_key_pair_without_plaintext, "GenerateDataKeyPairWithoutPlaintext"),
    ):
        with refused(
            "InvalidKeyUsageException",
            f"{hmac['Arn']} key usage is GENERATE_VERIFY_MAC which is not valid for {operation}.",
        ):
            ask(KeyId=hmac["KeyId"], KeyPairSpec="ECC_NIST_P256")
        with refused(
            "NotImplementedException", f"{operation} of ML_KEM_512 is not implemented yet.", 501
        ):
            ask(KeyId=key["KeyId"], KeyPairSpec="ML_KEM_512")
    with pytest.raises(kms.exceptions.ClientError) as caught:
        kms.generate_data_key_pair(KeyId=key["KeyId"], KeyPairSpec="ML_DSA_44")
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert "Value 'ML_DSA_44' at 'keyPairSpec' failed" in error["Message"]
