"""The keys behind `alias/aws/SERVICE`: seen by the account, used by its services alone."""

import json

import pytest
from answers import not_allowed, refused
from requests_of import ANY_FORM, ask


@pytest.fixture
def managed(kms):
    return kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]


def test_it_comes_into_being_when_first_asked_for(kms, managed):
    assert managed["KeyManager"] == "AWS"
    assert (
        managed["Description"]
        == "Default key that protects my s3 data when no other key is defined"
    )
    assert (managed["KeyState"], managed["Origin"]) == ("Enabled", "AWS_KMS")
    assert managed["MultiRegion"] is False
    assert managed == kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]
    assert managed == kms.describe_key(KeyId=managed["KeyId"])["KeyMetadata"]
    assert [managed["KeyId"]] == [key["KeyId"] for key in kms.list_keys()["Keys"]]
    (alias,) = kms.list_aliases()["Aliases"]
    assert ("alias/aws/s3", managed["KeyId"]) == (alias["AliasName"], alias["TargetKeyId"])


def test_each_service_account_and_region_has_its_own(kms, stranger, endpoint, region, managed):
    keys = [
        managed["KeyId"],
        kms.describe_key(KeyId="alias/aws/sqs")["KeyMetadata"]["KeyId"],
        stranger.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["KeyId"],
        endpoint.client("kms", region + "-b").describe_key(KeyId="alias/aws/s3")["KeyMetadata"][
            "KeyId"
        ],
    ]
    assert len(set(keys)) == 4


def test_a_service_without_a_key_of_its_own(kms, region):
    for name in ("alias/aws/moon", "alias/aws/S3"):
        with refused(
            "NotFoundException", f"Alias arn:aws:kms:{region}:000000000000:{name} is not found."
        ):
            kms.describe_key(KeyId=name)
    assert kms.list_keys()["Keys"] == []


@pytest.mark.parametrize("operation", sorted(set(ANY_FORM) - {"DescribeKey"}))
def test_direct_use_by_alias_is_refused_the_first_time_too(kms, operation):
    with pytest.raises(kms.exceptions.ClientError) as caught:
        ask(kms, *ANY_FORM[operation], "alias/aws/ebs")
    made = kms.describe_key(KeyId="alias/aws/ebs")["KeyMetadata"]["Arn"]
    error = caught.value.response["Error"]
    assert ("AccessDeniedException", not_allowed(operation, made)) == (
        error["Code"],
        error["Message"],
    )


def test_it_gets_no_alias_of_the_customers(kms, managed):
    with refused("AccessDeniedException", not_allowed("CreateAlias", managed["Arn"])):
        kms.create_alias(AliasName="alias/mine", TargetKeyId=managed["KeyId"])
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/mine", TargetKeyId=key_id)
    with refused("AccessDeniedException", not_allowed("UpdateAlias", managed["Arn"])):
        kms.update_alias(AliasName="alias/mine", TargetKeyId=managed["KeyId"])


def test_nothing_is_sealed_for_it_from_outside(kms, key_id, managed):
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    with refused("AccessDeniedException", not_allowed("ReEncryptTo", managed["Arn"])):
        kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId="alias/aws/s3")


def test_its_policy_names_its_service(kms, region, managed):
    policy = json.loads(kms.get_key_policy(KeyId=managed["KeyId"])["Policy"])
    assert policy["Id"] == "auto-s3-1"
    conditions = policy["Statement"][0]["Condition"]["StringEquals"]
    assert conditions == {
        "kms:CallerAccount": "000000000000",
        "kms:ViaService": f"s3.{region}.amazonaws.com",
    }


def test_its_policy_in_china(endpoint, region):
    kms = endpoint.client("kms", f"cn-{region}")
    managed = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]
    first, second = json.loads(kms.get_key_policy(KeyId=managed["KeyId"])["Policy"])["Statement"]
    assert first["Condition"]["StringEquals"]["kms:ViaService"] == (
        f"s3.cn-{region}.amazonaws.com.cn"
    )
    assert second["Principal"] == {"AWS": "arn:aws-cn:iam::000000000000:root"}


def test_it_rotates_every_year(kms, managed):
    status = kms.get_key_rotation_status(KeyId=managed["KeyId"])
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 365)
    due = status["NextRotationDate"] - managed["CreationDate"]
    assert abs(due.total_seconds() - 365 * 86_400) < 1
