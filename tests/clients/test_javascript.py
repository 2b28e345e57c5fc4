"""The AWS SDK for JavaScript: the main operations and their refusals."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "js"

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (FOLDER / "node_modules").is_dir(),
    reason="needs Node.js and the packages of tests/js",
)


def test_the_sdk_for_javascript(endpoint, region):
    done = subprocess.run(
        ["node", "kms.mjs"],
        cwd=FOLDER,
        env=endpoint.environment(region),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
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
