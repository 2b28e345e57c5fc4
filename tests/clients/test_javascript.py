"""The AWS SDK for JavaScript: the main operations of KMS, IAM and STS, and their refusals."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "js"

THERE = shutil.which("node") is not None and (FOLDER / "node_modules").is_dir()

# CI has them, or fails.
needs_node = pytest.mark.skipif(
    not THERE and "CI" not in os.environ, reason="needs Node.js and the packages of tests/js"
)
pytestmark = needs_node


def run(environment, *arguments):
    """What a script of the folder says of what it saw."""
    done = subprocess.run(
        ["node", *arguments],
        cwd=FOLDER,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_kms(endpoint, region):
    said = run(endpoint.environment(region), "kms.mjs")
    seen = said["seen"]
    assert {name: seen[name] for name in seen if not isinstance(seen[name], dict)} == {
        "state": "Enabled",
        "isDate": True,
        "sealedUnder": True,
        "opened": "attack at dawn",
        "openedAfterRotation": "attack at dawn",
        "newMaterial": True,
        "dataKey": True,
        "keys": 5,
        "paged": 5,
        "deletionIsDate": True,
    }
    assert seen["wrongContext"]["name"] == "InvalidCiphertextException"
    assert seen["disabled"] == {
        "name": "DisabledException",
        "status": 400,
        "message": f"{said['arn']} is disabled.",
    }
    assert seen["unknown"]["name"] == "NotFoundException"
    assert seen["tooLong"]["name"] == "ValidationException"


def test_node_s_own_cryptography_and_kms_do_the_same(endpoint, region):
    """Whatever one signs the other verifies, as messages and digests; OAEP and ECDH likewise."""
    said = run(endpoint.environment(region), "asymmetric.mjs")
    assert len(said["signatures"]) == 3 * 6 + 5
    for name, seen in said["signatures"].items():
        forms = {"here", "outside"} if "ED25519" in name else {"here", "digest", "outside"}
        assert seen == dict.fromkeys(forms, True), name
    assert list(said["sealed"].values()) == [True] * 6
    assert list(said["agreed"].values()) == [True] * 3


def test_iam_sts_and_a_profile_that_assumes_a_role(terminal, account):
    said = run(terminal.environment, "iam.mjs")
    seen = said["seen"]
    roles = f"arn:aws:sts::{account}:assumed-role/reader"
    assert {name: seen[name] for name in seen if not isinstance(seen[name], dict)} == {
        "isDate": True,
        "tags": [{"Key": "team", "Value": "blue"}],
        "sameUser": True,
        "users": 4,
        "pages": [3, 1],
        "alice": True,
        "expires": True,
        "opened": "attack at dawn",
    }
    assert seen["trust"] == {"AWS": f"arn:aws:iam::{account}:user/team/alice"}
    for refused, name, status in (
        ("missing", "NoSuchEntityException", 404),
        ("twice", "EntityAlreadyExistsException", 409),
        ("stillHasKeys", "DeleteConflictException", 409),
        ("aliceMayNot", "AccessDeniedException", 400),
        ("readerMayNot", "AccessDeniedException", 400),
        ("tooLong", "ValidationError", 400),
    ):
        assert (seen[refused]["name"], seen[refused]["status"]) == (name, status)
    assert seen["missing"]["message"] == "The user with name nobody cannot be found."
    assert seen["readerMayNot"]["message"].startswith(f"User: {roles}/js is not authorized")

    config = terminal.folder / "config"
    config.write_text(
        f"[profile alice]\naws_access_key_id = {said['alice']['accessKeyId']}\n"
        f"aws_secret_access_key = {said['alice']['secretAccessKey']}\n"
        f"[profile reader]\nrole_arn = {said['role']}\nsource_profile = alice\n"
        "role_session_name = out-of-a-profile\n"
    )
    environment = {
        name: value
        for name, value in terminal.environment.items()
        if name not in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    }
    environment |= {"AWS_CONFIG_FILE": str(config), "AWS_PROFILE": "reader"}
    assert run(environment, "profile.mjs", said["key"], said["sealed"]) == {
        "arn": f"{roles}/out-of-a-profile",
        "opened": "attack at dawn",
        "refused": "AccessDeniedException",
    }
