import re
import time

import pytest
from answers import RESERVED_TAGS, members, one, refused, violated

METADATA = {
    "AWSAccountId",
    "Arn",
    "CreationDate",
    "CurrentKeyMaterialId",
    "CustomerMasterKeySpec",
    "Description",
    "Enabled",
    "EncryptionAlgorithms",
    "KeyId",
    "KeyManager",
    "KeySpec",
    "KeyState",
    "KeyUsage",
    "MultiRegion",
    "Origin",
}


def test_a_key_of_no_wishes(kms, region):
    answer = kms.create_key()
    assert {"KeyMetadata"} == members(answer)
    key = answer["KeyMetadata"]
    assert set(key) == METADATA
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", key["KeyId"]
    )
    assert key["Arn"] == f"arn:aws:kms:{region}:000000000000:key/{key['KeyId']}"
    assert re.fullmatch(r"[0-9a-f]{64}", key["CurrentKeyMaterialId"])
    assert abs(key["CreationDate"].timestamp() - time.time()) < 60
    rest = {
        name: key[name]
        for name in METADATA - {"Arn", "KeyId", "CreationDate", "CurrentKeyMaterialId"}
    }
    assert rest == {
        "AWSAccountId": "000000000000",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "Description": "",
        "Enabled": True,
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "KeyManager": "CUSTOMER",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "KeyState": "Enabled",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "MultiRegion": False,
        "Origin": "AWS_KMS",
    }


def test_a_key_of_every_wish(kms):
    policy = kms.get_key_policy(KeyId=kms.create_key()["KeyMetadata"]["KeyId"])["Policy"]
    tags = [{"TagKey": "b", "TagValue": ""}, {"TagKey": "a", "TagValue": "1"}]
    key = kms.create_key(
        Policy=policy,
        Description="für Rechnungen",
        KeyUsage="ENCRYPT_DECRYPT",
        KeySpec="SYMMETRIC_DEFAULT",
        Origin="AWS_KMS",
        BypassPolicyLockoutSafetyCheck=True,
        Tags=tags,
        MultiRegion=False,
    )["KeyMetadata"]
    assert key["Description"] == "für Rechnungen"
    assert tags == kms.list_resource_tags(KeyId=key["KeyId"])["Tags"]
    assert policy == kms.get_key_policy(KeyId=key["KeyId"])["Policy"]


def test_the_deprecated_name_of_the_spec_serves_alone(kms):
    key = kms.create_key(CustomerMasterKeySpec="SYMMETRIC_DEFAULT")["KeyMetadata"]
    assert key["KeySpec"] == key["CustomerMasterKeySpec"] == "SYMMETRIC_DEFAULT"
    with refused(
        "ValidationException",
        "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. "
        "CustomerMasterKeySpec is deprecated.",
    ):
        kms.create_key(KeySpec="SYMMETRIC_DEFAULT", CustomerMasterKeySpec="SYMMETRIC_DEFAULT")


def test_creating_twice_makes_two(kms):
    first, second = (kms.create_key(Description="x")["KeyMetadata"] for _ in range(2))
    assert first["KeyId"] != second["KeyId"]
    assert first["CurrentKeyMaterialId"] != second["CurrentKeyMaterialId"]


def test_a_multi_region_key_is_a_primary_without_replicas(kms, region):
    key = kms.create_key(MultiRegion=True)["KeyMetadata"]
    assert re.fullmatch(r"mrk-[0-9a-f]{32}", key["KeyId"])
    assert set(key) == METADATA | {"MultiRegionConfiguration"}
    assert key["MultiRegion"] is True
    assert key["MultiRegionConfiguration"] == {
        "MultiRegionKeyType": "PRIMARY",
        "PrimaryKey": {"Arn": key["Arn"], "Region": region},
        "ReplicaKeys": [],
    }
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_the_partition_goes_by_the_region(endpoint):
    for region, partition in (("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")):
        key = endpoint.client("kms", region).create_key()["KeyMetadata"]
        assert key["Arn"].startswith(f"arn:{partition}:kms:{region}:000000000000:key/")


@pytest.mark.parametrize(
    ("usage", "spec"),
    [
        ("KEY_AGREEMENT", "RSA_2048"),
        ("SIGN_VERIFY", "SYMMETRIC_DEFAULT"),
        ("ENCRYPT_DECRYPT", "HMAC_256"),
        ("KEY_AGREEMENT", "ECC_SECG_P256K1"),
        ("SIGN_VERIFY", "ML_KEM_768"),
    ],
)
def test_a_usage_that_the_spec_has_not(kms, usage, spec):
    with refused("ValidationException", f"KeyUsage {usage} is not compatible with KeySpec {spec}"):
        kms.create_key(KeyUsage=usage, KeySpec=spec)


@pytest.mark.parametrize("spec", ["RSA_2048", "HMAC_256", "ECC_NIST_P256", "ML_DSA_65"])
def test_only_symmetric_keys_need_no_usage(kms, spec):
    with refused(
        "ValidationException",
        "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
    ):
        kms.create_key(KeySpec=spec)


@pytest.mark.parametrize(
    ("wishes", "what"),
    [
        ({"KeySpec": "ML_KEM_512", "KeyUsage": "ENCAPSULATE_DECAPSULATE"}, "KeySpec ML_KEM_512"),
        ({"Origin": "AWS_CLOUDHSM", "CustomKeyStoreId": "cks-1"}, "Origin AWS_CLOUDHSM"),
        (
            {"Origin": "EXTERNAL_KEY_STORE", "CustomKeyStoreId": "cks-1", "XksKeyId": "x"},
            "Origin EXTERNAL_KEY_STORE",
        ),
    ],
)
def test_what_is_not_made_here_yet_is_said_to_be_so(kms, wishes, what):
    with refused(
        "NotImplementedException", f"CreateKey with {what} is not implemented yet.", status=501
    ):
        kms.create_key(**wishes)
    assert kms.list_keys()["Keys"] == []


@pytest.mark.parametrize(
    "wishes",
    [
        {"Origin": "AWS_CLOUDHSM"},
        {"CustomKeyStoreId": "cks-1"},
        {"XksKeyId": "x"},
        {"Origin": "EXTERNAL_KEY_STORE", "CustomKeyStoreId": "cks-1"},
        {"Origin": "AWS_CLOUDHSM", "CustomKeyStoreId": "cks-1", "MultiRegion": True},
    ],
)
def test_what_goes_only_with_custom_key_stores(kms, wishes):
    with pytest.raises(kms.exceptions.ClientError) as caught:
        kms.create_key(**wishes)
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_a_spec_there_is_not(unchecked):
    with pytest.raises(unchecked.exceptions.ClientError) as caught:
        unchecked.create_key(KeySpec="RSA_1024", KeyUsage="SIGN_VERIFY")
    message = caught.value.response["Error"]["Message"]
    told = re.fullmatch(
        r"1 validation error detected: Value 'RSA_1024' at 'keySpec' failed to satisfy constraint: "
        r"Member must satisfy enum value set: \[(.*)\]",
        message,
    )
    assert told
    named = set(told[1].split(", "))
    assert {"SYMMETRIC_DEFAULT", "RSA_2048", "ML_KEM_1024"} <= named
    assert "SM2" not in named


def test_every_violation_is_told(unchecked):
    with pytest.raises(unchecked.exceptions.ClientError) as caught:
        unchecked.create_key(
            Description="d" * 8193, Policy="", Origin="MOON"
        )  # a policy has a pattern too
    message = caught.value.response["Error"]["Message"]
    assert message.startswith("4 validation errors detected: ")
    for part in ("at 'policy'", "at 'description'", "Value 'MOON' at 'origin'"):
        assert part in message


def test_the_longest_description(kms, unchecked):
    longest = "d" * 8192
    key = kms.create_key(Description=longest)["KeyMetadata"]
    assert longest == kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["Description"]
    with pytest.raises(unchecked.exceptions.ClientError, match="less than or equal to 8192"):
        unchecked.create_key(Description=longest + "d")


@pytest.mark.parametrize(
    ("tags", "code", "message"),
    [
        ([("aws:x", "")], "TagException", RESERVED_TAGS),
        ([("AwS:x", "")], "TagException", RESERVED_TAGS),
        ([("a", "1"), ("a", "2")], "TagException", "Duplicate tag keys"),
        ([(f"t{n}", "") for n in range(51)], "TagException", "Too many tags"),
        (
            [("k" * 129, "v")],
            "ValidationException",
            violated(
                one(
                    f"'{'k' * 129}'",
                    "tags.1.member.tagKey",
                    "have length less than or equal to 128",
                )
            ),
        ),
        (
            [("k", "v"), ("l", "v" * 257)],
            "ValidationException",
            violated(
                one(
                    f"'{'v' * 257}'",
                    "tags.2.member.tagValue",
                    "have length less than or equal to 256",
                )
            ),
        ),
    ],
)
def test_tags_that_break_a_rule_make_no_key(unchecked, tags, code, message):
    with refused(code, message):
        unchecked.create_key(Tags=[{"TagKey": name, "TagValue": value} for name, value in tags])
    assert unchecked.list_keys()["Keys"] == []


def test_a_policy_that_is_none_makes_no_key(kms):
    with refused(
        "MalformedPolicyDocumentException",
        "The name of an element is missing here (line 1, column 2).",
    ):
        kms.create_key(Policy="{")
    assert kms.list_keys()["Keys"] == []
