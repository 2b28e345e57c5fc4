"""The AWS CLI, as people type it: every operation that is there."""

import base64
import json
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

AWS = Path(sys.executable).with_name("aws")


@pytest.fixture
def aws(endpoint, region, tmp_path):
    """`aws kms ...` in a process of its own; its JSON, or its refusal if one is expected.

    `iam` asks for an account of the test's own: it has no Regions.
    """
    account = str(secrets.randbelow(9 * 10**11) + 10**11)

    def run(*arguments: str, service: str = "kms", refused: str | None = None):
        own = {"AWS_ACCESS_KEY_ID": account} if service == "iam" else {}
        done = subprocess.run(
            [AWS, service, *arguments],
            env=endpoint.environment(region) | own,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        if refused is not None:
            assert done.returncode != 0
            assert f"({refused})" in done.stderr, done.stderr
            return done.stderr
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    return run


def test_who_am_i(aws):
    assert aws("get-caller-identity", service="sts") == {
        "UserId": "000000000000",
        "Account": "000000000000",
        "Arn": "arn:aws:iam::000000000000:root",
    }


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


def test_users_and_roles(aws, tmp_path):
    def iam(*arguments: str, **how):
        return aws(*arguments, service="iam", **how)

    allow = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}
    (tmp_path / "allow.json").write_text(json.dumps({"Version": "2012-10-17", "Statement": allow}))
    user = iam("create-user", "--user-name", "alice", "--tags", "Key=team,Value=blue")["User"]
    assert iam("get-user", "--user-name", "alice")["User"] == user
    trust = {"Effect": "Allow", "Principal": {"AWS": user["Arn"]}, "Action": "sts:AssumeRole"}
    (tmp_path / "trust.json").write_text(json.dumps({"Version": "2012-10-17", "Statement": trust}))
    iam("create-role", "--role-name", "r", "--assume-role-policy-document", "file://trust.json")
    (role,) = iam("list-roles")["Roles"]
    assert role["AssumeRolePolicyDocument"]["Statement"] == trust

    made = iam("create-policy", "--policy-name", "p", "--policy-document", "file://allow.json")
    at = ("--policy-arn", made["Policy"]["Arn"])
    iam("attach-role-policy", "--role-name", "r", *at)
    (attached,) = iam("list-attached-role-policies", "--role-name", "r")["AttachedPolicies"]
    assert attached["PolicyName"] == "p"
    inline = ("--user-name", "alice", "--policy-name", "i")
    iam("put-user-policy", *inline, "--policy-document", "file://allow.json")
    assert iam("get-user-policy", *inline)["PolicyDocument"]["Statement"] == allow
    iam("delete-policy", *at, refused="DeleteConflict")

    iam("create-group", "--group-name", "g")
    iam("add-user-to-group", "--group-name", "g", "--user-name", "alice")
    assert len(iam("get-group", "--group-name", "g")["Users"]) == 1
    key = iam("create-access-key", "--user-name", "alice")["AccessKey"]
    assert len(key["SecretAccessKey"]) == 40
    assert iam("get-account-summary")["SummaryMap"]["Users"] == 1
    said = iam("get-user", "--user-name", "bob", refused="NoSuchEntity")
    assert "The user with name bob cannot be found." in said


def test_what_policies_would_allow(aws):
    def iam(*arguments: str, **how):
        return aws(*arguments, service="iam", **how)

    statement = {
        "Effect": "Allow",
        "Action": "kms:Encrypt",
        "Resource": "*",
        "Condition": {"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}},
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    written = json.dumps(document, indent=2)
    given = ("--policy-input-list", written, "--action-names", "kms:Encrypt")
    (result,) = iam("simulate-custom-policy", *given)["EvaluationResults"]
    assert (result["EvalDecision"], result["MissingContextValues"]) == (
        "implicitDeny",
        ["aws:CurrentTime"],
    )
    at = (
        "--context-entries",
        "ContextKeyName=aws:CurrentTime,ContextKeyValues=2026-11-23T10:00:00Z,ContextKeyType=date",
    )
    (result,) = iam("simulate-custom-policy", *given, *at)["EvaluationResults"]
    assert result["EvalDecision"] == "allowed"
    assert result["MatchedStatements"] == [
        {
            "SourcePolicyId": "PolicyInputList.1",
            "SourcePolicyType": "IAM Policy",
            "StartPosition": {"Line": 3, "Column": 17},
            "EndPosition": {"Line": 13, "Column": 6},
        }
    ]
    looked_at = iam("get-context-keys-for-custom-policy", *given[:2])
    assert looked_at == {"ContextKeyNames": ["aws:CurrentTime"]}

    arn = iam("create-user", "--user-name", "alice")["User"]["Arn"]
    iam(
        "put-user-policy",
        *("--user-name", "alice"),
        *("--policy-name", "own"),
        *("--policy-document", written),
    )
    of = ("--policy-source-arn", arn)
    asked = ("--action-names", "kms:Encrypt", "kms:Decrypt")
    results = iam("simulate-principal-policy", *of, *asked, *at)["EvaluationResults"]
    assert [
        (each["EvalDecision"], [one["SourcePolicyId"] for one in each["MatchedStatements"]])
        for each in results
    ] == [("allowed", ["user_alice_own"]), ("implicitDeny", [])]
    assert iam("get-context-keys-for-principal-policy", *of) == looked_at
    iam("simulate-principal-policy", of[0], arn + "2", *asked, refused="NoSuchEntity")


def test_what_is_not_there_says_so(aws):
    said = aws("describe-custom-key-stores", refused="NotImplementedException")
    assert "DescribeCustomKeyStores is not implemented yet." in said
