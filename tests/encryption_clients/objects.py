"""The Amazon S3 Encryption Client for Python; run by tests in an environment of its own.

`objects.py JSON`, of `keys` (ARNs by name), `there` (the replica's Region) and `alice` (a user's
access key).  The endpoints of KMS and of S3 are the environment's.  Prints as JSON what it saw:
texts, who refused and how, and what lies in the bucket.
"""

import contextlib
import io
import json
import sys

import boto3
from s3_encryption import S3EncryptionClient, S3EncryptionClientConfig
from s3_encryption.exceptions import S3EncryptionClientError, S3EncryptionClientSecurityError
from s3_encryption.materials.kms_keyring import KmsKeyring
from s3_encryption.materials.materials import AlgorithmSuite, CommitmentPolicy

GIVEN = json.loads(sys.argv[1])
KEYS, THERE, ALICE = GIVEN["keys"], GIVEN["there"], GIVEN["alice"]
BLUE, RED = {"tenant": "blue"}, {"tenant": "red"}
BUCKET = "objects"

s3 = boto3.client("s3")
s3.create_bucket(
    Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name}
)
kms = boto3.client("kms")
hers = boto3.client(
    "kms",
    aws_access_key_id=ALICE["AccessKeyId"],
    aws_secret_access_key=ALICE["SecretAccessKey"],
)


def client(key, by=kms, **settings):
    keyring = KmsKeyring(by, key)
    return S3EncryptionClient(boto3.client("s3"), S3EncryptionClientConfig(keyring, **settings))


def put(name, text, to, context=BLUE):
    return _tried(lambda: to.put_object(**_at(name, context), Body=text.encode()) and "put")


def get(name, by, context=BLUE):
    return _tried(lambda: by.get_object(**_at(name, context))["Body"].read().decode())


def _at(name, context):
    return {"Bucket": BUCKET, "Key": name} | ({"EncryptionContext": context} if context else {})


def _tried(act):
    """What was done, or who refused it."""
    try:
        return act()
    except (S3EncryptionClientError, S3EncryptionClientSecurityError) as refusal:
        return {"refused": str(refusal)}


def replaced(name, change):
    """Another object in the place of `name`: what `change` makes of the body and the metadata."""
    lies = s3.get_object(Bucket=BUCKET, Key=name)
    body, metadata = change(lies["Body"].read(), lies["Metadata"])
    s3.put_object(Bucket=BUCKET, Key=f"{name}, changed", Body=body, Metadata=metadata)
    return f"{name}, changed"


@contextlib.contextmanager
def without(key):
    kms.disable_key(KeyId=key)
    yield
    kms.enable_key(KeyId=key)


def main():
    mine, seen = client(KEYS["mine"]), {}
    seen["put"] = put("blue", "attack at dawn", mine)
    lies = s3.get_object(Bucket=BUCKET, Key="blue")
    seen["metadata"] = lies["Metadata"]
    seen["sealed"] = b"attack" not in lies["Body"].read()
    seen["got"] = get("blue", mine)
    put("red", "retreat at noon", mine, RED)
    put("none", "stay", mine, {})
    seen["gotRed"] = get("red", mine, RED)
    seen["gotWithout"] = get("none", mine, {})

    # The context is compared with the object's by the client, and the object's by KMS.
    seen["otherContext"] = get("blue", mine, RED)
    seen["noContext"] = get("blue", mine, {})
    relabelled = replaced(
        "blue", lambda body, of: (body, of | {"x-amz-t": of["x-amz-t"].replace("blue", "red")})
    )
    seen["relabelled"] = get(relabelled, mine, RED)

    # The object itself.
    flip = replaced("blue", lambda body, of: (body[:-1] + bytes([body[-1] ^ 1]), of))
    seen["flipped"] = get(flip, mine)
    cut = replaced("blue", lambda body, of: (body[:-1], of))
    seen["cut"] = get(cut, mine)
    uncommitted = replaced("blue", lambda body, of: (body, of | {"x-amz-d": "A" * 38 + "=="}))
    seen["otherCommitment"] = get(uncommitted, mine)
    put("blue 2", "another", mine)
    other = s3.head_object(Bucket=BUCKET, Key="blue 2")["Metadata"]
    seen["otherDataKey"] = get(replaced("blue", lambda body, of: (body, other)), mine)

    # An object of the older format, without key commitment, and one in parts.
    older = {
        "encryption_algorithm": AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_NO_KDF,
        "commitment_policy": CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT,
    }
    put("older", "of 2022", client(KEYS["mine"], **older))
    seen["olderMetadata"] = s3.head_object(Bucket=BUCKET, Key="older")["Metadata"]
    seen["older"] = get("older", client(KEYS["mine"], **older))
    seen["olderUncommitted"] = get("older", mine)
    large = "0123456789abcdef" * (6 << 16)
    mine.upload_fileobj(io.BytesIO(large.encode()), BUCKET, "large", EncryptionContext=BLUE)
    seen["large"] = get("large", mine) == large
    seen["largeOtherContext"] = get("large", mine, RED)

    # Keys: by alias, another, rotated, disabled, in another Region.
    alias = client(KEYS["alias"])
    put("alias", "by alias", alias)
    seen["alias"] = get("alias", mine)
    seen["byAlias"] = get("alias", alias)
    seen["otherKey"] = get("blue", client(KEYS["other"]))
    kms.update_alias(AliasName=KEYS["alias"].rpartition(":")[2], TargetKeyId=KEYS["other"])
    seen["aliasOfOtherKey"] = get("alias", alias)
    kms.rotate_key_on_demand(KeyId=KEYS["mine"])
    seen["rotated"] = get("blue", mine)
    with without(KEYS["mine"]):
        seen["disabled"] = get("blue", mine)
        seen["disabledToPut"] = put("never", "x", mine)
    seen["enabled"] = get("blue", mine)
    put("primary", "far away", client(KEYS["primary"]))
    far = boto3.client("kms", region_name=THERE)
    seen["replica"] = get("primary", client(KEYS["replica"], far))
    seen["noReplica"] = get("blue", client(KEYS["mine"], far))

    # A user who may open what is blue.
    alices = client(KEYS["mine"], hers)
    seen["alice"] = get("blue", alices)
    seen["aliceRed"] = get("red", alices, RED)
    seen["alicePuts"] = put("never", "x", alices)
    seen["neverPut"] = "Contents" not in s3.list_objects_v2(Bucket=BUCKET, Prefix="never")
    sys.stdout.write(json.dumps(seen))


main()
