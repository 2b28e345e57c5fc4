import pytest
from answers import (
    ACCOUNT,
    BEHIND_CIPHERTEXT,
    CONTEXT_TOO_LARGE,
    NEVER,
    OF_CIPHERTEXT,
    arn,
    denied,
    members,
    one,
    refused,
    violated,
)
from tests.flipping import flipped

WRONG_KEY = "The key ID in the request does not identify a CMK that can perform this operation."
FAILED = "failed to satisfy constraint: Member must "
CONTEXT = {"tenant": "blue", "purpose": "invoice"}


@pytest.fixture
def blob(kms, key):
    return kms.encrypt(KeyId=key["KeyId"], Plaintext=b"attack at dawn", EncryptionContext=CONTEXT)[
        "CiphertextBlob"
    ]


def test_there_and_back(kms, key):
    sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"attack at dawn")
    assert {"CiphertextBlob", "KeyId", "EncryptionAlgorithm"} == members(sealed)
    assert (key["Arn"], "SYMMETRIC_DEFAULT") == (sealed["KeyId"], sealed["EncryptionAlgorithm"])
    opened = kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"])
    assert {"KeyId", "Plaintext", "EncryptionAlgorithm", "KeyMaterialId"} == members(opened)
    assert opened["Plaintext"] == b"attack at dawn"
    assert (key["Arn"], "SYMMETRIC_DEFAULT") == (opened["KeyId"], opened["EncryptionAlgorithm"])
    assert key["CurrentKeyMaterialId"] == opened["KeyMaterialId"]


def test_no_two_ciphertexts_are_alike(kms, key_id):
    blobs = {kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"] for _ in range(5)}
    assert len(blobs) == 5
    assert all(b"attack" not in blob for blob in blobs)


@pytest.mark.parametrize("size", [1, 15, 16, 17, 4095, 4096])
def test_sizes(kms, key_id, size):
    plaintext = bytes(n % 251 for n in range(size))
    blob = kms.encrypt(KeyId=key_id, Plaintext=plaintext)["CiphertextBlob"]
    assert plaintext == kms.decrypt(CiphertextBlob=blob)["Plaintext"]


@pytest.mark.parametrize(
    ("size", "demand"),
    [
        (0, "have length greater than or equal to 1"),
        (4097, "have length less than or equal to 4096"),
    ],
)
def test_sizes_that_are_refused(unchecked, key_id, size, demand):
    with refused("ValidationException", violated(f"Value at 'plaintext' {FAILED}{demand}")):
        unchecked.encrypt(KeyId=key_id, Plaintext=b"s" * size)


@pytest.mark.parametrize(
    ("size", "demand"),
    [
        (0, "have length greater than or equal to 1"),
        (6145, "have length less than or equal to 6144"),
    ],
)
def test_ciphertexts_of_a_size_that_none_has(unchecked, size, demand):
    with refused("ValidationException", violated(f"Value at 'ciphertextBlob' {FAILED}{demand}")):
        unchecked.decrypt(CiphertextBlob=b"\x01" * size)


def test_a_plaintext_and_a_ciphertext_there_must_be(unchecked, key_id):
    with refused("ValidationException", violated(one("null", "plaintext", "not be null"))):
        unchecked.encrypt(KeyId=key_id)
    with refused("ValidationException", violated(one("null", "ciphertextBlob", "not be null"))):
        unchecked.decrypt(KeyId=key_id)


@pytest.mark.parametrize("algorithm", ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "SM2PKE"])
def test_an_algorithm_of_another_kind_of_key(kms, key_id, blob, algorithm):
    wrong = f"Algorithm {algorithm} is incompatible with key spec SYMMETRIC_DEFAULT."
    with refused("InvalidKeyUsageException", wrong):
        kms.encrypt(KeyId=key_id, Plaintext=b"x", EncryptionAlgorithm=algorithm)
    with refused("InvalidKeyUsageException", wrong):
        kms.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT, EncryptionAlgorithm=algorithm)


def test_the_algorithm_may_be_said(kms, key_id):
    sealed = kms.encrypt(KeyId=key_id, Plaintext=b"x", EncryptionAlgorithm="SYMMETRIC_DEFAULT")
    opened = kms.decrypt(
        KeyId=key_id,
        CiphertextBlob=sealed["CiphertextBlob"],
        EncryptionAlgorithm="SYMMETRIC_DEFAULT",
    )
    assert opened["Plaintext"] == b"x"


# The context


def test_the_context_in_any_order(kms, blob):
    backwards = dict(reversed(CONTEXT.items()))
    opened = kms.decrypt(CiphertextBlob=blob, EncryptionContext=backwards)
    assert opened["Plaintext"] == b"attack at dawn"


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"tenant": "blue"},
        {"purpose": "invoice"},
        CONTEXT | {"more": ""},
        CONTEXT | {"tenant": "Blue"},
        CONTEXT | {"tenant": ""},
        {"Tenant": "blue", "purpose": "invoice"},
        {"tenant": "invoice", "purpose": "blue"},
        {"tenantb": "lue", "purpose": "invoice"},
        {"tenant": "bluepurpose", "": "invoice"},
    ],
)
def test_another_context(kms, blob, context):
    with refused("InvalidCiphertextException", ""):
        kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)


def test_no_context_and_an_empty_one_are_the_same(kms, key_id):
    without = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    empty = kms.encrypt(KeyId=key_id, Plaintext=b"x", EncryptionContext={})["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=without, EncryptionContext={})["Plaintext"] == b"x"
    assert kms.decrypt(CiphertextBlob=empty)["Plaintext"] == b"x"


def test_a_context_of_any_characters(kms, key_id):
    context = {"ключ": "значение", "": "", "a=b&c": "\n\t\x7f", "😀": "\u00e9"}
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x", EncryptionContext=context)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == b"x"
    with refused("InvalidCiphertextException", ""):
        kms.decrypt(CiphertextBlob=blob, EncryptionContext=context | {"😀": "e\u0301"})


def test_the_largest_context(kms, key_id):
    largest = {"k": "v" * 8191}
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x", EncryptionContext=largest)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob, EncryptionContext=largest)["Plaintext"] == b"x"
    for larger in ({"k": "v" * 8192}, {"k": "ü" * 4096}):
        with refused("ValidationException", CONTEXT_TOO_LARGE):
            kms.encrypt(KeyId=key_id, Plaintext=b"x", EncryptionContext=larger)
        with refused("ValidationException", CONTEXT_TOO_LARGE):
            kms.decrypt(CiphertextBlob=blob, EncryptionContext=larger)


# The ciphertext


def test_no_byte_of_a_ciphertext_may_change(kms, blob):
    for at in range(len(blob)):
        altered = flipped(blob, at)
        with pytest.raises(kms.exceptions.ClientError) as caught:
            kms.decrypt(CiphertextBlob=altered, EncryptionContext=CONTEXT)
        error = caught.value.response["Error"]
        names_the_key = 2 <= at < 19  # its form and its id
        if names_the_key and error["Code"] == "AccessDeniedException":
            assert error["Message"] == BEHIND_CIPHERTEXT
        else:
            assert (error["Code"], error["Message"]) == ("InvalidCiphertextException", "")


@pytest.mark.parametrize("cut", [1, 16, 30, 31, 60, 90])
def test_a_ciphertext_cut_short_or_run_on(kms, blob, cut):
    for altered in (blob[:-cut], blob[cut:], blob + bytes(cut)):
        with refused("InvalidCiphertextException", ""):
            kms.decrypt(CiphertextBlob=altered, EncryptionContext=CONTEXT)


@pytest.mark.parametrize("foreign", [b"\x00", b"hello", b"\x01\x02\x02\x00" + bytes(120)])
def test_what_was_never_a_ciphertext_of_ours(kms, foreign):
    with refused("InvalidCiphertextException", ""):
        kms.decrypt(CiphertextBlob=foreign)


def test_the_key_may_be_named_and_must_be_the_right_one(kms, region, key, blob):
    kms.create_alias(AliasName="alias/right", TargetKeyId=key["KeyId"])
    for form in (key["KeyId"], key["Arn"], "alias/right", arn(region, "alias/right")):
        opened = kms.decrypt(CiphertextBlob=blob, KeyId=form, EncryptionContext=CONTEXT)
        assert key["Arn"] == opened["KeyId"]
    with refused("IncorrectKeyException", WRONG_KEY):
        kms.decrypt(
            CiphertextBlob=blob,
            KeyId=kms.create_key()["KeyMetadata"]["KeyId"],
            EncryptionContext=CONTEXT,
        )
    with refused("NotFoundException", f"Key '{arn(region, f'key/{NEVER}')}' does not exist"):
        kms.decrypt(CiphertextBlob=blob, KeyId=NEVER, EncryptionContext=CONTEXT)
    with refused("NotFoundException", "Invalid keyId 'fake'"):
        kms.decrypt(CiphertextBlob=blob, KeyId="fake", EncryptionContext=CONTEXT)


def test_a_ciphertext_of_another_account_region_or_of_a_key_that_is_not_there(
    kms, stranger, endpoint, blob
):
    nowhere = blob[:3] + bytes(16) + blob[19:]
    for client, shown, account in (
        (stranger, blob, "111122223333"),
        (endpoint.client("kms", "pluto-1"), blob, ACCOUNT),
        (kms, nowhere, ACCOUNT),
    ):
        with refused("AccessDeniedException", denied("Decrypt", OF_CIPHERTEXT, account)):
            client.decrypt(CiphertextBlob=shown, EncryptionContext=CONTEXT)


def test_no_grant_token_is_valid_yet(kms, key_id, blob):
    said = "The grant token is not valid."
    with refused("InvalidGrantTokenException", said):
        kms.encrypt(KeyId=key_id, Plaintext=b"x", GrantTokens=["x"])
    with refused("InvalidGrantTokenException", said):
        kms.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT, GrantTokens=["x"])
