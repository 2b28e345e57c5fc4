"""`aws kms` as people type it: every operation that is there."""

import base64
import json
import shlex

import pytest


@pytest.fixture
def aws(terminal):
    """`aws kms ...`; its JSON, or its refusal if one is expected."""
    return lambda *arguments, **how: terminal.aws(f"kms {shlex.join(arguments)}", **how)


def test_a_keys_life(aws, tmp_path):
    key = aws("create-key", "--description", "one", "--tags", "TagKey=team,TagValue=blue")
    key_id = key["KeyMetadata"]["KeyId"]
    at = ("--key-id", key_id)
    assert aws("describe-key", *at)["KeyMetadata"]["KeyState"] == "Enabled"
    assert key_id in [each["KeyId"] for each in aws("list-keys")["Keys"]]

    aws("update-key-description", *at, "--description", "two")
    assert aws("describe-key", *at)["KeyMetadata"]["Description"] == "two"

    aws("disable-key", *at)
    aws("encrypt", *at, "--plaintext", "aGk=", refused="DisabledException")
    aws("enable-key", *at)

    aws("tag-resource", *at, "--tags", "TagKey=cost,TagValue=1")
    aws("untag-resource", *at, "--tag-keys", "team")
    assert aws("list-resource-tags", *at)["Tags"] == [{"TagKey": "cost", "TagValue": "1"}]

    assert aws("list-key-policies", *at)["PolicyNames"] == ["default"]
    policy = aws("get-key-policy", *at)["Policy"]
    (tmp_path / "policy.json").write_text(policy.replace("key-default-1", "mine"))
    aws("put-key-policy", *at, "--policy", "file://policy.json")
    assert json.loads(aws("get-key-policy", *at)["Policy"])["Id"] == "mine"

    scheduled = aws("schedule-key-deletion", *at, "--pending-window-in-days", "7")
    assert scheduled["KeyState"] == "PendingDeletion"
    aws("schedule-key-deletion", *at, refused="KMSInvalidStateException")
    aws("cancel-key-deletion", *at)
    assert aws("describe-key", *at)["KeyMetadata"]["KeyState"] == "Disabled"


def test_aliases(aws):
    first, second = (aws("create-key")["KeyMetadata"]["KeyId"] for _ in range(2))
    aws("create-alias", "--alias-name", "alias/cli", "--target-key-id", first)
    aws("update-alias", "--alias-name", "alias/cli", "--target-key-id", second)
    (alias,) = aws("list-aliases")["Aliases"]
    assert alias["TargetKeyId"] == second
    aws("delete-alias", "--alias-name", "alias/cli")
    aws("describe-key", "--key-id", "alias/cli", refused="NotFoundException")


def test_encryption(aws, tmp_path):
    key_id, other = (aws("create-key")["KeyMetadata"]["KeyId"] for _ in range(2))
    (tmp_path / "plain").write_bytes(b"attack at dawn")
    context = ("--encryption-context", "tenant=blue")
    sealed = aws("encrypt", "--key-id", key_id, "--plaintext", "fileb://plain", *context)
    (tmp_path / "sealed").write_bytes(base64.b64decode(sealed["CiphertextBlob"]))

    opened = aws("decrypt", "--ciphertext-blob", "fileb://sealed", *context)
    assert base64.b64decode(opened["Plaintext"]) == b"attack at dawn"
    aws("decrypt", "--ciphertext-blob", "fileb://sealed", refused="InvalidCiphertextException")

    again = aws(
        "re-encrypt",
        "--ciphertext-blob",
        "fileb://sealed",
        "--source-encryption-context",
        "tenant=blue",
        "--destination-key-id",
        other,
    )
    (tmp_path / "again").write_bytes(base64.b64decode(again["CiphertextBlob"]))
    opened = aws("decrypt", "--ciphertext-blob", "fileb://again", "--key-id", other)
    assert base64.b64decode(opened["Plaintext"]) == b"attack at dawn"


def test_data_keys_and_randomness(aws, tmp_path):
    key_id = aws("create-key")["KeyMetadata"]["KeyId"]
    made = aws("generate-data-key", "--key-id", key_id, "--key-spec", "AES_256")
    (tmp_path / "sealed").write_bytes(base64.b64decode(made["CiphertextBlob"]))
    opened = aws("decrypt", "--ciphertext-blob", "fileb://sealed")
    assert opened["Plaintext"] == made["Plaintext"]
    blind = aws(
        "generate-data-key-without-plaintext", "--key-id", key_id, "--number-of-bytes", "64"
    )
    assert "Plaintext" not in blind
    drawn = aws("generate-random", "--number-of-bytes", "24")
    assert len(base64.b64decode(drawn["Plaintext"])) == 24


def test_rotation(aws):
    at = ("--key-id", aws("create-key")["KeyMetadata"]["KeyId"])
    aws("enable-key-rotation", *at, "--rotation-period-in-days", "90")
    assert aws("get-key-rotation-status", *at)["RotationPeriodInDays"] == 90
    aws("rotate-key-on-demand", *at)
    (rotation,) = aws("list-key-rotations", *at)["Rotations"]
    assert rotation["RotationType"] == "ON_DEMAND"
    aws("disable-key-rotation", *at)
    assert aws("get-key-rotation-status", *at)["KeyRotationEnabled"] is False


def test_what_is_not_there_says_so(aws):
    said = aws("describe-custom-key-stores", refused="NotImplementedException")
    assert "DescribeCustomKeyStores is not implemented yet." in said
