import pytest
from answers import NEVER, OF_CIPHERTEXT, arn, denied, members, one, refused, violated

OLD, NEW = {"v": "1"}, {"v": "2"}
ANSWER = {
    "CiphertextBlob",
    "SourceKeyId",
    "KeyId",
    "SourceEncryptionAlgorithm",
    "DestinationEncryptionAlgorithm",
    "SourceKeyMaterialId",
    "DestinationKeyMaterialId",
}


@pytest.fixture
def other(kms):
    return kms.create_key()["KeyMetadata"]


@pytest.fixture
def blob(kms, key):
    return kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x" * 4096, EncryptionContext=OLD)[
        "CiphertextBlob"
    ]


def test_from_one_key_and_context_to_others(kms, key, other, blob):
    answer = kms.re_encrypt(
        CiphertextBlob=blob,
        SourceEncryptionContext=OLD,
        DestinationKeyId=other["KeyId"],
        DestinationEncryptionContext=NEW,
    )
    assert members(answer) == ANSWER
    assert (key["Arn"], other["Arn"]) == (answer["SourceKeyId"], answer["KeyId"])
    assert answer["SourceEncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"
    assert answer["DestinationEncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"
    assert key["CurrentKeyMaterialId"] == answer["SourceKeyMaterialId"]
    assert other["CurrentKeyMaterialId"] == answer["DestinationKeyMaterialId"]
    opened = kms.decrypt(
        KeyId=other["KeyId"], CiphertextBlob=answer["CiphertextBlob"], EncryptionContext=NEW
    )
    assert opened["Plaintext"] == b"x" * 4096
    with refused("InvalidCiphertextException", ""):
        kms.decrypt(CiphertextBlob=answer["CiphertextBlob"], EncryptionContext=OLD)


def test_under_the_same_key_it_brings_the_newest_material(kms, key, blob):
    kms.rotate_key_on_demand(KeyId=key["KeyId"])
    current = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["CurrentKeyMaterialId"]
    answer = kms.re_encrypt(
        CiphertextBlob=blob, SourceEncryptionContext=OLD, DestinationKeyId=key["KeyId"]
    )
    assert (key["CurrentKeyMaterialId"], current) == (
        answer["SourceKeyMaterialId"],
        answer["DestinationKeyMaterialId"],
    )
    assert answer["SourceKeyMaterialId"] != answer["DestinationKeyMaterialId"]


def test_keys_in_every_form(kms, region, key, other, blob):
    kms.create_alias(AliasName="alias/old", TargetKeyId=key["KeyId"])
    kms.create_alias(AliasName="alias/new", TargetKeyId=other["KeyId"])
    for source, destination in (
        (key["KeyId"], other["KeyId"]),
        (key["Arn"], other["Arn"]),
        ("alias/old", "alias/new"),
        (arn(region, "alias/old"), arn(region, "alias/new")),
    ):
        answer = kms.re_encrypt(
            CiphertextBlob=blob,
            SourceKeyId=source,
            SourceEncryptionContext=OLD,
            DestinationKeyId=destination,
        )
        assert (key["Arn"], other["Arn"]) == (answer["SourceKeyId"], answer["KeyId"])


def test_the_source_must_be_the_right_one(kms, other, blob):
    with refused(
        "IncorrectKeyException",
        "The key ID in the request does not identify a CMK that can perform this operation.",
    ):
        kms.re_encrypt(
            CiphertextBlob=blob,
            SourceKeyId=other["KeyId"],
            SourceEncryptionContext=OLD,
            DestinationKeyId=other["KeyId"],
        )


def test_the_source_context_must_be_the_right_one(kms, other, blob):
    for context in ({}, NEW):
        with refused("InvalidCiphertextException", ""):
            kms.re_encrypt(
                CiphertextBlob=blob,
                SourceEncryptionContext=context,
                DestinationKeyId=other["KeyId"],
            )


def test_the_destination_must_be_there_and_ones_own(kms, stranger, region, blob):
    theirs = stranger.create_key()["KeyMetadata"]["Arn"]
    with refused("NotFoundException", f"Key '{arn(region, f'key/{NEVER}')}' does not exist"):
        kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=NEVER)
    with refused("AccessDeniedException", denied("ReEncryptTo")):
        kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=theirs)


def test_a_strangers_ciphertext(stranger, blob):
    hidden = denied("ReEncryptFrom", OF_CIPHERTEXT, "111122223333")
    with refused("AccessDeniedException", hidden):
        stranger.re_encrypt(
            CiphertextBlob=blob, DestinationKeyId=stranger.create_key()["KeyMetadata"]["KeyId"]
        )


def test_algorithms_of_another_kind_of_key(kms, other, blob):
    wrong = "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT."
    for side in ("SourceEncryptionAlgorithm", "DestinationEncryptionAlgorithm"):
        with refused("InvalidKeyUsageException", wrong):
            kms.re_encrypt(
                CiphertextBlob=blob,
                SourceEncryptionContext=OLD,
                DestinationKeyId=other["KeyId"],
                **{side: "RSAES_OAEP_SHA_256"},
            )


def test_what_must_be_there(unchecked, key_id, blob):
    with refused("ValidationException", violated(one("null", "destinationKeyId", "not be null"))):
        unchecked.re_encrypt(CiphertextBlob=blob)
    with refused("ValidationException", violated(one("null", "ciphertextBlob", "not be null"))):
        unchecked.re_encrypt(DestinationKeyId=key_id)


def test_no_grant_token_is_valid_yet(kms, key_id, blob):
    with refused("InvalidGrantTokenException", "The grant token is not valid."):
        kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=key_id, GrantTokens=["x"])
