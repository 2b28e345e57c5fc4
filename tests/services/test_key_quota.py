"""How many keys an account may have in a Region: `--key-quota`, or AWS's 100,000."""

import secrets

import pytest
from answers import refused
from tests.conftest import start_dev

from strongroom.keys.specs import KEY_QUOTA


@pytest.fixture(scope="module")
def endpoint():
    server = start_dev("--key-quota", "3")
    yield server
    server.stop()


@pytest.fixture
def region():
    """One that can be replicated to."""
    return f"r-quota-{secrets.randbelow(10**9)}"


def full(region):
    said = f"The account has 3 KMS keys in {region}, the most it can have."
    return refused("LimitExceededException", said)


@pytest.fixture
def keys(kms):
    """The ids of as many as there may be, one of another kind, one disabled, one pending deletion."""
    made = [
        kms.create_key(**kind)["KeyMetadata"]["KeyId"]
        for kind in ({}, {"Origin": "EXTERNAL"}, {"KeySpec": "HMAC_256", "KeyUsage": HMAC})
    ]
    kms.disable_key(KeyId=made[0])
    kms.schedule_key_deletion(KeyId=made[2])
    return made


HMAC = "GENERATE_VERIFY_MAC"


def test_the_quota_is_aws_s():
    assert KEY_QUOTA == 100_000


def test_keys_count_whatever_their_kind_and_state(kms, region, keys):
    with full(region):
        kms.create_key()
    with full(region):
        kms.create_key(MultiRegion=True)
    assert len(kms.list_keys()["Keys"]) == len(keys)


def test_another_region_and_another_account_have_quotas_of_their_own(endpoint, region, keys):
    assert endpoint.client("kms", f"{region}-2").create_key()
    assert endpoint.client("kms", region, "111122223333").create_key()


def test_aws_managed_keys_do_not_count(endpoint, kms, region):
    for service in ("s3", "ebs", "rds"):
        kms.describe_key(KeyId=f"alias/aws/{service}")
    for _ in range(3):
        kms.create_key()
    with full(region):
        kms.create_key()
    assert kms.describe_key(KeyId="alias/aws/sqs"), "they are made although it is full"


def test_replicas_count_where_they_are(endpoint, kms, region, keys):
    there = f"r-elsewhere-{secrets.randbelow(10**9)}"
    elsewhere = endpoint.client("kms", there)
    made = elsewhere.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
    with full(region):
        elsewhere.replicate_key(KeyId=made, ReplicaRegion=region)
    assert len(elsewhere.list_keys()["Keys"]) == 1
    assert elsewhere.replicate_key(KeyId=made, ReplicaRegion=f"{there}2")
