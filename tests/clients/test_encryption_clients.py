"""The Amazon S3 Encryption Client and the AWS Encryption SDK's keyrings, both for Python.

They run in an environment of their own, as the programs of `tests/encryption_clients`.  Objects and
branch keys lie in moto's S3 and DynamoDB; their keys are here.
"""

import json
import os
import re
import subprocess
import time
from base64 import b64decode
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "tests" / "encryption_clients"
BIN = ROOT / ".cache" / "encryption-clients" / "bin"


@pytest.fixture(scope="module")
def aws_url(tmp_path_factory):
    """Where an empty S3 and an empty DynamoDB are, in any Region."""
    if not (BIN / "moto_server").exists():
        pytest.fail("its clients are not installed: run `make setup`")
    log = tmp_path_factory.mktemp("moto") / "log"
    with log.open("w") as said:
        command = [BIN / "moto_server", "-H", "127.0.0.1", "-p", "0"]
        any_region = os.environ | {"MOTO_ALLOW_NONEXISTENT_REGION": "true"}
        server = subprocess.Popen(command, env=any_region, stdout=said, stderr=said)
    try:
        while not (found := re.search(r"Running on (http://127\.0\.0\.1:\d+)", log.read_text())):
            assert server.poll() is None, log.read_text()
            time.sleep(0.02)
        yield found[1]
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture
def run(endpoint, three_regions, account, aws_url):
    """A program, as the root user of the test's account: what it says that it saw."""

    def run(name, given):
        own = {"AWS_ENDPOINT_URL_S3": aws_url, "AWS_ENDPOINT_URL_DYNAMODB": aws_url}
        done = subprocess.run(
            [BIN / "python", PROGRAMS / name, json.dumps(given)],
            env=endpoint.environment(three_regions[0]) | own | {"AWS_ACCESS_KEY_ID": account},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def compare(seen, done, refused):
    """Everything that was seen was foreseen: what was done, and how the rest was refused."""
    assert seen.keys() == done.keys() | refused.keys()
    assert {name: seen[name] for name in done} == done
    for name, how in refused.items():
        assert isinstance(seen[name], dict), f"{name} was not refused"
        assert how in seen[name]["refused"], name


OBJECTS = {
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
OBJECTS_REFUSED = {
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


def test_objects(endpoint, three_regions, account, user, run):
    here, there, _ = three_regions
    kms = endpoint.client("kms", here, account)

    def made(**wishes):
        return kms.create_key(**wishes)["KeyMetadata"]["Arn"]

    policy = user.may_open({"kms:EncryptionContext:tenant": "blue"})
    keys = {"mine": made(Policy=policy), "other": made()}
    keys["primary"] = made(MultiRegion=True)
    kms.replicate_key(KeyId=keys["primary"], ReplicaRegion=there)
    keys["replica"] = keys["primary"].replace(here, there)
    kms.create_alias(AliasName="alias/objects", TargetKeyId=keys["mine"])
    keys["alias"] = f"arn:aws:kms:{here}:{account}:alias/objects"

    seen = run("objects.py", {"keys": keys, "there": there, "alice": user.key})
    of, older = seen.pop("metadata"), seen.pop("olderMetadata")
    compare(seen, OBJECTS, OBJECTS_REFUSED)

    # Beside the object lie its sealed data key and the context, which names the algorithm too.
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


KEYRINGS = {
    "single": "by a key",
    "signed": "signed",
    "replica": "far away",
    "found": "far away",
    "rsa": "by a public key",
    "bySender": "agreed",
    "byRecipient": "agreed",
    "branch": "by a branch key",
    "newVersion": "by its new version",
    "oldVersion": "by a branch key",
    "held": "by a branch key",
    "alice": "by a branch key",
}
INVALID_CIPHERTEXT = "ComAmazonawsKms('')"  # they keep KMS's message alone, and this one is empty
KEYRINGS_REFUSED = {
    "otherKey": "No Encrypted Data Keys found to match",
    "otherContext": "Encryption context does not match reproduced encryption context",
    "relabelled": INVALID_CIPHERTEXT,
    "disabled": " is disabled.",
    "disabledToSeal": " is disabled.",
    "noReplica": "AccessDeniedException",
    "otherAccount": "No Encrypted Data Keys found to match",
    "rsaDisabled": " is disabled.",
    "rsaOtherAlgorithm": INVALID_CIPHERTEXT,
    "rsaOtherKey": "No Encrypted Data Keys found to match",
    "byThird": "AwsCryptographicMaterialProvidersException",
    "recipientDisabled": " is disabled.",
    "otherBranch": "No Encrypted Data Keys found to match",
    "otherStore": "AWS KMS Key ARN does not match configured value",
    "branchDisabled": " is disabled.",
    "noNewBranch": " is disabled.",
    "moved": INVALID_CIPHERTEXT,
    "aliceElsewhere": "user/alice is not authorized to perform: kms:Decrypt on resource",
    "aliceMakesNone": "not authorized to perform: kms:GenerateDataKeyWithoutPlaintext on resource",
}


def test_keyrings(endpoint, three_regions, account, user, run):
    here, there, nowhere = three_regions
    kms = endpoint.client("kms", here, account)
    policy = user.may_open({"kms:EncryptionContext:tablename": "branch-keys"})
    rsa = {"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"}
    agreement = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "KEY_AGREEMENT"}
    keys = {
        name: kms.create_key(**wishes)["KeyMetadata"]["Arn"]
        for name, wishes in (
            ("mine", {"Policy": policy}),
            ("other", {}),
            ("primary", {"MultiRegion": True}),
            ("rsa", rsa),
            ("otherRsa", rsa),
            ("sender", agreement),
            ("recipient", agreement),
            ("third", agreement),
        )
    }
    kms.replicate_key(KeyId=keys["primary"], ReplicaRegion=there)
    keys["replica"] = keys["primary"].replace(here, there)
    given = {"keys": keys, "account": account, "alice": user.key}
    given |= {"here": here, "there": there, "nowhere": nowhere}
    seen = run("keyrings.py", given)
    compare(seen, KEYRINGS, KEYRINGS_REFUSED)
