"""`aws sts` as people type it, and profiles that assume roles."""

import base64
import json
from dataclasses import replace

import pytest

SECRETS = "[AccessKeyId,SecretAccessKey,SessionToken]"


def statement(action, **more):
    return {"Effect": "Allow", "Action": action} | more


def document(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


@pytest.fixture
def aws(terminal):
    return terminal.aws


@pytest.fixture
def alice(terminal, aws):
    """A user who may assume roles, make a session, and read metadata of keys."""
    may = ["sts:AssumeRole", "sts:GetFederationToken", "sts:TagSession", "kms:DescribeKey", "iam:*"]
    terminal.write("alice.json", document(statement(may, Resource="*")))
    aws("iam create-user --user-name alice")
    aws("iam put-user-policy --user-name alice --policy-name p --policy-document file://alice.json")
    (key,) = aws(
        "iam create-access-key --user-name alice --output text "
        "--query AccessKey.[AccessKeyId,SecretAccessKey]"
    )
    return as_somebody(terminal, key)


@pytest.fixture
def reader(terminal, aws, account):
    """The ARN of a role that alice may assume with an external id, and that may decrypt."""
    alice = f"arn:aws:iam::{account}:user/alice"
    wants = {"StringEquals": {"sts:ExternalId": "blue"}}
    trust = statement("sts:AssumeRole", Principal={"AWS": alice}, Condition=wants)
    terminal.write("trust.json", document(trust))
    terminal.write("reader.json", document(statement("kms:Decrypt", Resource="*")))
    arn = aws(
        "iam create-role --role-name reader --assume-role-policy-document file://trust.json "
        "--query Role.Arn --output text"
    )
    aws(
        "iam put-role-policy --role-name reader --policy-name p --policy-document file://reader.json"
    )
    return arn[0]


def as_somebody(terminal, words):
    """The terminal with the credentials of a line that `--output text` printed."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    own = dict(zip(names, words.split("\t"), strict=False))
    return replace(terminal, environment=terminal.environment | own)


def arn_of(somebody, profile=""):
    (arn,) = somebody.aws(f"sts get-caller-identity --query Arn --output text {profile}")
    return arn


@pytest.fixture
def sealed(aws, terminal):
    """The id of a key, under which a file `sealed` is a ciphertext."""
    key_id = aws("kms create-key")["KeyMetadata"]["KeyId"]
    made = aws(f"kms encrypt --key-id {key_id} --plaintext hi")
    (terminal.folder / "sealed").write_bytes(base64.b64decode(made["CiphertextBlob"]))
    return key_id


def test_who_am_i(aws, account):
    assert aws("sts get-caller-identity") == {
        "UserId": account,
        "Account": account,
        "Arn": f"arn:aws:iam::{account}:root",
    }


def test_a_session_of_a_user(alice, account, sealed):
    made = alice.aws(
        f"sts get-session-token --duration-seconds 900 --query Credentials.{SECRETS} --output text"
    )
    session = as_somebody(alice, made[0])
    assert arn_of(session) == f"arn:aws:iam::{account}:user/alice"
    session.aws(f"kms describe-key --key-id {sealed}")
    session.aws("kms decrypt --ciphertext-blob fileb://sealed", refused="AccessDeniedException")
    alice.aws("iam list-users")
    session.aws("iam list-users", refused="InvalidClientTokenId")
    alice.aws("sts get-session-token --duration-seconds 129601", refused="ValidationError")


def test_a_federated_user(alice, account, sealed):
    alice.write("session.json", document(statement("kms:DescribeKey", Resource="*")))
    made = alice.aws(
        "sts get-federation-token --name bob --policy file://session.json "
        "--duration-seconds 900 --tags Key=team,Value=blue"
    )
    assert made["FederatedUser"]["Arn"] == f"arn:aws:sts::{account}:federated-user/bob"
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    bob = as_somebody(alice, "\t".join(made["Credentials"][name] for name in names))
    assert arn_of(bob) == f"arn:aws:sts::{account}:federated-user/bob"
    bob.aws(f"kms describe-key --key-id {sealed}")
    bob.aws("kms decrypt --ciphertext-blob fileb://sealed", refused="AccessDeniedException")
    bob.aws(
        "sts get-federation-token --name carol --policy file://session.json", refused="AccessDenied"
    )


def test_assuming_a_role(alice, reader, account, sealed):
    asked = f"sts assume-role --role-arn {reader} --role-session-name cli"
    alice.aws(asked, refused="AccessDenied")
    alice.write("session.json", document(statement("kms:DescribeKey", Resource="*")))
    text = f"--query Credentials.{SECRETS} --output text"
    made = alice.aws(f"{asked} --external-id blue --duration-seconds 900 {text}")
    role = as_somebody(alice, made[0])
    assert arn_of(role) == f"arn:aws:sts::{account}:assumed-role/reader/cli"
    opened = role.aws("kms decrypt --ciphertext-blob fileb://sealed")
    assert base64.b64decode(opened["Plaintext"]) == b"hi"
    role.aws(f"kms encrypt --key-id {sealed} --plaintext hi", refused="AccessDeniedException")
    bounded = alice.aws(f"{asked} --external-id blue --policy file://session.json {text}")
    as_somebody(alice, bounded[0]).aws(
        "kms decrypt --ciphertext-blob fileb://sealed", refused="AccessDeniedException"
    )


def test_profiles_that_assume_roles(alice, reader, account, sealed):
    """One role out of a user's key, and a second one out of the first."""
    trust = statement("sts:AssumeRole", Principal={"AWS": reader})
    alice.write("second.json", document(trust))
    root = {"AWS_ACCESS_KEY_ID": account, "AWS_SECRET_ACCESS_KEY": "test"}
    owner = replace(alice, environment=alice.environment | root)
    owner.aws("iam create-role --role-name second --assume-role-policy-document file://second.json")
    owner.write("onward.json", document(statement("sts:AssumeRole", Resource="*")))
    owner.aws(
        "iam put-role-policy --role-name reader --policy-name on --policy-document file://onward.json"
    )
    keys = alice.environment
    (alice.folder / "config").write_text(
        f"""
[profile alice]
aws_access_key_id = {keys["AWS_ACCESS_KEY_ID"]}
aws_secret_access_key = {keys["AWS_SECRET_ACCESS_KEY"]}

[profile reader]
role_arn = {reader}
source_profile = alice
external_id = blue
role_session_name = from-a-profile
duration_seconds = 900

[profile second]
role_arn = arn:aws:iam::{account}:role/second
source_profile = reader

[profile stranger]
role_arn = {reader}
source_profile = alice
"""
    )
    own = {
        name: value
        for name, value in keys.items()
        if name not in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    }
    somebody = replace(alice, environment=own | {"AWS_CONFIG_FILE": str(alice.folder / "config")})
    roles = f"arn:aws:sts::{account}:assumed-role"
    assert arn_of(somebody, "--profile alice") == f"arn:aws:iam::{account}:user/alice"
    assert arn_of(somebody, "--profile reader") == f"{roles}/reader/from-a-profile"
    opened = somebody.aws("kms decrypt --ciphertext-blob fileb://sealed --profile reader")
    assert base64.b64decode(opened["Plaintext"]) == b"hi"
    # The CLI keeps the session; both calls were made in one.
    (kept,) = (alice.folder / ".aws" / "cli" / "cache").glob("*.json")
    assert (
        json.loads(kept.read_text())["AssumedRoleUser"]["Arn"] == f"{roles}/reader/from-a-profile"
    )
    encrypt = f"kms encrypt --key-id {sealed} --plaintext hi"
    somebody.aws(f"{encrypt} --profile reader", refused="AccessDeniedException")
    assert arn_of(somebody, "--profile second").startswith(f"{roles}/second/botocore-session-")
    somebody.aws(f"{encrypt} --profile second", refused="AccessDeniedException")
    said = somebody.aws("sts get-caller-identity --profile stranger", refused="AccessDenied")
    assert "when calling the AssumeRole operation" in said
