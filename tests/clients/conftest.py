"""Somebody at a terminal with the AWS CLI, what clients find around them, and a user of IAM."""

import json
import secrets
import shlex
import string
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

AWS = Path(sys.executable).with_name("aws")


@dataclass(frozen=True)
class Terminal:
    """A folder, which is home too, and the environment of a shell there."""

    folder: Path
    environment: dict[str, str]

    def aws(self, line: str, *, refused: str | None = None) -> Any:
        """What `aws LINE` prints: of JSON what it says, of text its lines.

        Where it is to be `refused` with this code, what is said instead.
        """
        with self.start(line) as process:
            printed, complaint = process.communicate()
        if refused is not None:
            assert process.returncode != 0
            assert f"({refused})" in complaint, complaint
            return complaint
        assert process.returncode == 0, complaint
        if "--output text" in line:
            return printed.splitlines()
        return json.loads(printed) if printed.strip() else None

    def start(self, line: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [AWS, *shlex.split(line)],
            env=self.environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def write(self, name: str, document: Any) -> None:
        """A file that a line may name as `file://NAME`."""
        (self.folder / name).write_text(json.dumps(document))


@pytest.fixture
def account() -> str:
    """An account of the test's own: IAM has no Regions that would tell tests apart."""
    return f"{secrets.randbelow(9 * 10**11) + 10**11}"


@pytest.fixture
def three_regions() -> tuple[str, str, str]:
    """Regions of the test's own, of names that AWS's could have, as those of replicas must."""
    name = "".join(secrets.choice(string.ascii_lowercase) for _ in range(8))
    return f"r-{name}-1", f"r-{name}-2", f"r-{name}-3"


@pytest.fixture
def terminal(endpoint, region, account, tmp_path) -> Terminal:
    """Where the root user of an account of the test's own types."""
    own = {"AWS_ACCESS_KEY_ID": account, "HOME": str(tmp_path)}
    return Terminal(tmp_path, endpoint.environment(region) | own)


@pytest.fixture
def ambient(endpoint, region, monkeypatch) -> None:
    """What clients find in their environment, and nothing of this machine's."""
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint.url,
        "AWS_ACCESS_KEY_ID": endpoint.access_key_id,
        "AWS_SECRET_ACCESS_KEY": endpoint.secret_access_key,
        "AWS_DEFAULT_REGION": region,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


@dataclass(frozen=True)
class User:
    """A user of IAM and an access key of hers."""

    arn: str
    key: dict[str, str]

    def may_open(self, where: dict[str, str]) -> str:
        """A policy by which a key lets her decrypt where these hold, and do nothing else."""
        root = f"arn:aws:iam::{self.arn.split(':')[4]}:root"
        statements: tuple[tuple[str, str, dict[str, Any]], ...] = (
            (root, "kms:*", {}),
            (self.arn, "kms:Decrypt", {"Condition": {"StringEquals": where}}),
        )
        allowed = [
            {"Effect": "Allow", "Principal": {"AWS": who}, "Action": what, "Resource": "*"} | more
            for who, what, more in statements
        ]
        return json.dumps({"Version": "2012-10-17", "Statement": allowed})


@pytest.fixture
def user(endpoint, region, account) -> User:
    """A user of the test's account, who may do what key policies let her."""
    iam = endpoint.client("iam", region, account)
    arn = iam.create_user(UserName="alice")["User"]["Arn"]
    made = iam.create_access_key(UserName="alice")["AccessKey"]
    return User(arn, {name: made[name] for name in ("AccessKeyId", "SecretAccessKey")})
