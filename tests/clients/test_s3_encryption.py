"""The Amazon S3 Encryption Client, its objects in a bucket of moto's and its keys here.

It wants an older cryptography than ours, so it runs in an environment of its own, as
`tests/s3/objects.py`.
"""

import json
import re
import subprocess
import time
from base64 import b64decode
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / ".cache" / "s3-encryption-client" / "bin"

DONE = {
    "put": "put",
    "sealed": True,
    "got": "attack at dawn",
    "gotRed": "retreat at noon",
    "gotWithout": "stay",
    "older": "of 2022",
    "large": True,
    "alias": "by alias",
    "byAlias": "by alias",
    "rotated": "attack at dawn",
    "enabled": "attack at dawn",
    "replica": "far away",
    "alice": "attack at dawn",
    "neverPut": True,
}
REFUSED = {
    "otherContext": "does not match information retrieved from S3",
    "noContext": "does not match information retrieved from S3",
    "largeOtherContext": "does not match information retrieved from S3",
    "relabelled": "(InvalidCiphertextException) when calling the Decrypt operation",
    "flipped": "Failed to decrypt Object",
    "cut": "Failed to decrypt Object",
    "otherCommitment": "Key commitment verification failed",
    "otherDataKey": "Failed to decrypt Object",
    "olderUncommitted": "cannot decrypt non-key-committing object",
    "otherKey": "(IncorrectKeyException) when calling the Decrypt operation",
    "aliasOfOtherKey": "(IncorrectKeyException) when calling the Decrypt operation",
    "disabled": "(DisabledException) when calling the Decrypt operation",
    "disabledToPut": "(DisabledException) when calling the GenerateDataKey operation",
    "noReplica": "(AccessDeniedException) when calling the Decrypt operation",
    "aliceRed": "user/alice is not authorized to perform: kms:Decrypt on resource",
    "alicePuts": "user/alice is not authorized to perform: kms:GenerateDataKey on resource",
}


@pytest.fixture(scope="module")
def bucket_url(tmp_path_factory):
    """Where an empty S3 is."""
    if not (PROGRAMS / "moto_server").exists():
        pytest.fail("the S3 Encryption Client is not installed: run `make setup`")
    log = tmp_path_factory.mktemp("s3") / "log"
    with log.open("w") as said:
        command = [PROGRAMS / "moto_server", "-H", "127.0.0.1", "-p", "0"]
        server = subprocess.Popen(command, stdout=said, stderr=said)
    try:
        while not (found := re.search(r"Running on (http://127\.0\.0\.1:\d+)", log.read_text())):
            assert server.poll() is None, log.read_text()
            time.sleep(0.02)
        yield found[1]
    finally:
        server.terminate()
        server.wait(30)


def test_objects(endpoint, three_regions, account, user, bucket_url):
    here, there, _ = three_regions
    kms = endpoint.client("kms", here, account)

    def made(**wishes):
        return kms.create_key(**wishes)["KeyMetadata"]["Arn"]

    tenant = {"StringEquals": {"kms:EncryptionContext:tenant": "blue"}}
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": who}, "Action": what, "Resource": "*"} | more
            for who, what, more in (
                (f"arn:aws:iam::{account}:root", "kms:*", {}),
                (user.arn, "kms:Decrypt", {"Condition": tenant}),
            )
        ],
    }
    keys = {"mine": made(Policy=json.dumps(policy)), "other": made()}
    keys["primary"] = made(MultiRegion=True)
    kms.replicate_key(KeyId=keys["primary"], ReplicaRegion=there)
    keys["replica"] = keys["primary"].replace(here, there)
    kms.create_alias(AliasName="alias/objects", TargetKeyId=keys["mine"])
    keys["alias"] = f"arn:aws:kms:{here}:{account}:alias/objects"

    given = {"keys": keys, "there": there, "alice": user.key}
    environment = endpoint.environment(here) | {
        "AWS_ENDPOINT_URL_S3": bucket_url,
        "AWS_ACCESS_KEY_ID": account,
    }
    done = subprocess.run(
        [PROGRAMS / "python", ROOT / "tests" / "s3" / "objects.py", json.dumps(given)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen.keys() == REFUSED.keys() | DONE.keys() | {"metadata", "olderMetadata"}
    assert {name: seen[name] for name in DONE} == DONE
    for name, how in REFUSED.items():
        assert isinstance(seen[name], dict), f"{name} was not refused"
        assert how in seen[name]["refused"], name

    # Beside the object lie its sealed data key and the context, which names the algorithm too.
    of, older = seen["metadata"], seen["olderMetadata"]
    for sealed, context, algorithm in (
        (of["x-amz-3"], of["x-amz-t"], "115"),
        (older["x-amz-key-v2"], older["x-amz-matdesc"], "AES/GCM/NoPadding"),
    ):
        whole = {"tenant": "blue", "aws:x-amz-cek-alg": algorithm}
        assert json.loads(context) == whole
        opened = kms.decrypt(CiphertextBlob=b64decode(sealed), EncryptionContext=whole)
        assert (len(opened["Plaintext"]), opened["KeyId"]) == (32, keys["mine"])
        with pytest.raises(ClientError, match="InvalidCiphertextException"):
            kms.decrypt(CiphertextBlob=b64decode(sealed), EncryptionContext={"tenant": "blue"})
