"""Terraform's `aws_kms_key` and `aws_kms_alias`, where the aws provider can be had."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

CONFIGURATION = Path(__file__).parent / "main.tf"


@pytest.fixture
def terraform(endpoint, region, tmp_path):
    """`terraform ...` in a folder with the configuration; skips where it cannot be set up."""
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    shutil.copy(CONFIGURATION, tmp_path)
    environment = endpoint.environment(region) | {
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["terraform", *arguments, "-no-color"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    made = run("init", "-input=false")
    if made.returncode != 0:
        reason = next((line for line in made.stderr.splitlines() if "Error" in line), "no reason")
        pytest.skip(f"terraform has no aws provider here: {reason.strip()}")
    return run


def test_a_key_and_its_alias_come_and_go(terraform, kms):
    applied = terraform("apply", "-auto-approve", "-input=false")
    assert applied.returncode == 0, applied.stderr
    key_id = json.loads(terraform("output", "-json").stdout)["key_id"]["value"]
    assert kms.get_key_rotation_status(KeyId=key_id)["RotationPeriodInDays"] == 100
    assert kms.describe_key(KeyId="alias/terraform")["KeyMetadata"]["KeyId"] == key_id

    planned = terraform("plan", "-detailed-exitcode", "-input=false")
    assert planned.returncode == 0, planned.stdout  # 2 would be: something differs

    destroyed = terraform("destroy", "-auto-approve", "-input=false")
    assert destroyed.returncode == 0, destroyed.stderr
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "PendingDeletion"
