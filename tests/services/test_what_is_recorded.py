"""One record for each request, refusals included, and it is there before the answer is."""

import base64
import datetime
import json
import secrets
import urllib.error
import urllib.request

import pytest
from answers import ACCOUNT
from botocore.exceptions import ClientError
from clockwork import DAY, lines, move, record_of, recorded
from tests.conftest import start_dev
from wrapped import bring

pytestmark = pytest.mark.xdist_group("what-is-recorded")


@pytest.fixture(scope="module")
def endpoint():
    server = start_dev("--workers", "2")
    yield server
    server.stop()


def post(server, headers, body=b"{}"):
    """Status and request id of a request that nobody signed."""
    headers = {"Content-Type": "application/x-amz-json-1.1"} | headers
    request = urllib.request.Request(server.url + "/", body, headers, method="POST")
    try:
        answer = urllib.request.urlopen(request, timeout=10)
    except urllib.error.HTTPError as refused:
        answer = refused
    with answer:
        return answer.status, answer.headers["x-amzn-RequestId"]


def refused(server, ask):
    """The record of a request that a client was refused."""
    with pytest.raises(ClientError) as caught:
        ask()
    return record_of(server, caught.value.response)


def test_a_use_of_a_key(endpoint, kms, region):
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/a", TargetKeyId=key["KeyId"])
    event = record_of(
        endpoint,
        kms.encrypt(KeyId="alias/a", Plaintext=b"never to be seen", EncryptionContext={"a": "b"}),
    )
    identity = event.pop("userIdentity")
    assert identity["arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    assert (identity["type"], identity["accountId"]) == ("Root", ACCOUNT)
    for made in ("eventTime", "requestID", "eventID", "userAgent"):
        assert event.pop(made)
    assert event == {
        "eventVersion": "1.11",
        "eventSource": "kms.amazonaws.com",
        "eventName": "Encrypt",
        "awsRegion": region,
        "sourceIPAddress": "127.0.0.1",
        "requestParameters": {"keyId": "alias/a", "encryptionContext": {"a": "b"}},
        "responseElements": None,
        "additionalEventData": {"keyMaterialId": key["CurrentKeyMaterialId"]},
        "readOnly": True,
        "resources": [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": key["Arn"]}],
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
    }


def test_a_change_has_what_was_answered(endpoint, kms):
    answer = kms.create_key(Description="d", Tags=[{"TagKey": "k", "TagValue": "v"}])
    event = record_of(endpoint, answer)
    assert event["readOnly"] is False
    assert event["requestParameters"] == {
        "description": "d",
        "tags": [{"tagKey": "k", "tagValue": "v"}],
    }
    shown = event["responseElements"]["keyMetadata"]
    assert shown["aWSAccountId"] == ACCOUNT
    assert shown["keyId"] == answer["KeyMetadata"]["KeyId"]


@pytest.fixture
def key(kms):
    return kms.create_key()["KeyMetadata"]


@pytest.mark.parametrize(
    "change",
    [
        lambda kms, key: kms.disable_key(KeyId=key),
        lambda kms, key: kms.enable_key(KeyId=key),
        lambda kms, key: kms.enable_key_rotation(KeyId=key),
        lambda kms, key: kms.untag_resource(KeyId=key, TagKeys=["a"]),
        lambda kms, key: kms.create_alias(AliasName="alias/b", TargetKeyId=key),
        lambda kms, key: kms.update_alias(AliasName="alias/a", TargetKeyId=key),
        lambda kms, key: kms.delete_alias(AliasName="alias/a"),
    ],
    ids="DisableKey EnableKey EnableKeyRotation UntagResource CreateAlias UpdateAlias "
    "DeleteAlias".split(),
)
def test_changes_that_answer_nothing_and_name_their_key(endpoint, kms, key, change):
    kms.create_alias(AliasName="alias/a", TargetKeyId=key["KeyId"])
    event = record_of(endpoint, change(kms, key["KeyId"]))
    assert event["responseElements"] == {"keyId": key["Arn"]}
    assert "additionalEventData" not in event


@pytest.mark.parametrize(
    "change",
    [
        lambda kms, key: kms.disable_key_rotation(KeyId=key),
        lambda kms, key: kms.put_key_policy(
            KeyId=key, Policy=kms.get_key_policy(KeyId=key)["Policy"]
        ),
        lambda kms, key: kms.tag_resource(KeyId=key, Tags=[{"TagKey": "a", "TagValue": "b"}]),
        lambda kms, key: kms.update_key_description(KeyId=key, Description="d"),
    ],
    ids="DisableKeyRotation PutKeyPolicy TagResource UpdateKeyDescription".split(),
)
def test_changes_that_answer_nothing(endpoint, kms, key, change):
    event = record_of(endpoint, change(kms, key["KeyId"]))
    assert event["responseElements"] is None
    assert [resource["ARN"] for resource in event["resources"]] == [key["Arn"]]


def test_an_alias_and_its_keys(endpoint, kms, region, key):
    other = kms.create_key()["KeyMetadata"]
    alias = f"arn:aws:kms:{region}:{ACCOUNT}:alias/a"
    asked = {"aliasName": "alias/a", "targetKeyId": key["KeyId"]}

    def recorded_of(answer):
        event = record_of(endpoint, answer)
        assert {resource["type"] for resource in event["resources"]} == {"AWS::KMS::Key"}
        about = [resource["ARN"] for resource in event["resources"]]
        return event["requestParameters"], about, event["responseElements"]["keyId"]

    made = kms.create_alias(AliasName="alias/a", TargetKeyId=key["KeyId"])
    assert recorded_of(made) == (asked, [alias, key["Arn"]], key["Arn"])
    moved = kms.update_alias(AliasName="alias/a", TargetKeyId=other["Arn"])
    assert recorded_of(moved) == (
        asked | {"targetKeyId": other["Arn"]},
        [alias, other["Arn"], key["Arn"]],
        other["Arn"],
    )
    gone = kms.delete_alias(AliasName="alias/a")
    assert recorded_of(gone) == ({"aliasName": "alias/a"}, [alias, other["Arn"]], other["Arn"])
    event = refused(endpoint, lambda: kms.delete_alias(AliasName="alias/a"))
    assert event["responseElements"] is None
    assert [resource["ARN"] for resource in event["resources"]] == [alias]


def test_a_refused_change_answers_nothing(endpoint, kms, key):
    kms.schedule_key_deletion(KeyId=key["KeyId"])
    event = refused(endpoint, lambda: kms.enable_key(KeyId=key["KeyId"]))
    assert event["errorCode"] == "KMSInvalidStateException"
    assert event["responseElements"] is None
    assert [resource["ARN"] for resource in event["resources"]] == [key["Arn"]]


def test_a_grants_life(endpoint, kms, key):
    grantee = f"arn:aws:iam::{ACCOUNT}:root"

    def made():
        return kms.create_grant(
            KeyId=key["KeyId"], GranteePrincipal=grantee, Operations=["Decrypt"], Name="n"
        )

    grant = made()
    event = record_of(endpoint, grant)
    assert event["responseElements"] == {"grantId": grant["GrantId"], "keyId": key["Arn"]}
    assert event["requestParameters"]["name"] == "n"
    by_id = {"KeyId": key["Arn"], "GrantId": grant["GrantId"]}
    named = {"keyId": key["Arn"], "grantId": grant["GrantId"]}
    event = record_of(endpoint, kms.retire_grant(**by_id))
    assert event["additionalEventData"] == {"grantId": grant["GrantId"]}
    assert (event["requestParameters"], event["responseElements"]) == (named, None)
    event = refused(endpoint, lambda: kms.retire_grant(**by_id))
    assert "additionalEventData" not in event
    by_id["GrantId"] = named["grantId"] = made()["GrantId"]
    event = record_of(endpoint, kms.revoke_grant(**by_id))
    assert (event["requestParameters"], event["responseElements"]) == (named, None)
    assert "additionalEventData" not in event


def test_deletion_and_rotation_record_what_they_answer(endpoint, kms, key):
    answer = kms.rotate_key_on_demand(KeyId=key["KeyId"])
    event = record_of(endpoint, answer)
    assert event["responseElements"] == {"keyId": answer["KeyId"]}
    answer = kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=20)
    event = record_of(endpoint, answer)
    assert event["requestParameters"] == {"keyId": key["KeyId"], "pendingWindowInDays": 20}
    shown = event["responseElements"]
    assert (shown["keyId"], shown["keyState"]) == (key["Arn"], "PendingDeletion")
    assert shown["deletionDate"] == f"{answer['DeletionDate']:%b %-d, %Y, %-I:%M:%S %p}"
    event = record_of(endpoint, kms.cancel_key_deletion(KeyId=key["KeyId"]))
    assert event["responseElements"] == {"keyId": key["Arn"]}


def test_both_keys_of_a_re_encryption(endpoint, kms):
    one, other = (kms.create_key()["KeyMetadata"] for _ in range(2))
    blob = kms.encrypt(KeyId=one["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    event = record_of(
        endpoint, kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=other["KeyId"])
    )
    assert [resource["ARN"] for resource in event["resources"]] == [one["Arn"], other["Arn"]]


def test_who_asks_who_she_is(endpoint, region):
    sts = endpoint.client("sts", region)
    event = record_of(endpoint, sts.get_caller_identity())
    assert (event["eventSource"], event["eventName"]) == ("sts.amazonaws.com", "GetCallerIdentity")


def test_refusals_of_somebody_known(endpoint, kms, region):
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.disable_key(KeyId=key_id)
    stranger = endpoint.client("kms", region, "111122223333")
    arn = kms.describe_key(KeyId=key_id)["KeyMetadata"]["Arn"]
    for ask, code, message in (
        (
            lambda: kms.encrypt(KeyId=key_id, Plaintext=b"x"),
            "DisabledException",
            f"{arn} is disabled.",
        ),
        (
            lambda: kms.describe_key(KeyId="fake"),
            "NotFoundException",
            "Invalid keyId 'fake'",
        ),
        (
            kms.describe_custom_key_stores,
            "NotImplementedException",
            "DescribeCustomKeyStores is not implemented yet.",
        ),
        (
            lambda: kms.decrypt(CiphertextBlob=b"x" * 200),
            "InvalidCiphertextException",
            None,
        ),
    ):
        event = refused(endpoint, ask)
        assert (event["errorCode"], event.get("errorMessage")) == (code, message)
        assert event["userIdentity"]["accountId"] == ACCOUNT
    event = refused(endpoint, lambda: stranger.describe_key(KeyId=arn))
    assert event["errorCode"] == "AccessDeniedException"
    assert event["userIdentity"]["accountId"] == "111122223333"


def test_refusals_of_nobody(endpoint, region):
    for headers, body, name, code in (
        ({}, b"{}", "Unknown", "MissingAuthenticationTokenException"),
        (
            {"X-Amz-Target": "TrentService.Encrypt"},
            b"{",
            "Encrypt",
            "MissingAuthenticationTokenException",
        ),
        (
            {"X-Amz-Target": "TrentService.Brew", "Authorization": "AWS4-HMAC-SHA256 x"},
            b"{}",
            "Unknown",
            "UnknownOperationException",
        ),
    ):
        status, request_id = post(endpoint, headers, body)
        event = recorded(endpoint, request_id)
        assert (status, event["eventName"], event["errorCode"]) == (400, name, code)
        assert event["userIdentity"]["accountId"] == "ANONYMOUS_PRINCIPAL"
        assert "recipientAccountId" not in event
    wrong = endpoint.client("kms", region, "222233334444")
    wrong._request_signer._credentials.secret_key = "wrong"
    event = refused(endpoint, wrong.list_keys)
    assert event["errorCode"] == "InvalidSignatureException"
    assert event["userIdentity"]["accountId"] == "ANONYMOUS_PRINCIPAL"


def test_what_happens_by_itself(endpoint, kms):
    dies, rotates = (kms.create_key()["KeyMetadata"] for _ in range(2))
    empties = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]
    until = kms.describe_key(KeyId=dies["KeyId"])["KeyMetadata"]["CreationDate"]
    until += datetime.timedelta(days=90)
    material = bring(kms, empties["KeyId"], secrets.token_bytes(32), ValidTo=until)["KeyMaterialId"]
    kms.schedule_key_deletion(KeyId=dies["KeyId"], PendingWindowInDays=7)
    kms.enable_key_rotation(KeyId=rotates["KeyId"], RotationPeriodInDays=90)
    move(endpoint, 91 * DAY)
    current = kms.describe_key(KeyId=rotates["KeyId"])["KeyMetadata"]["CurrentKeyMaterialId"]
    own = [event for event in map(json.loads, lines(endpoint)) if "serviceEventDetails" in event]
    found = {(event["eventName"], event["resources"][0]["ARN"]): event for event in own}
    assert len(found) == len(own)
    deleted = found["DeleteKey", dies["Arn"]]
    assert deleted["serviceEventDetails"] == {"keyId": dies["KeyId"]}
    rotated = found["RotateKey", rotates["Arn"]]
    assert rotated["serviceEventDetails"] == {
        "keyId": rotates["KeyId"],
        "rotationType": "AUTOMATIC",
        "keyOrigin": "AWS_KMS",
        "previousKeyMaterialId": rotates["CurrentKeyMaterialId"],
        "currentKeyMaterialId": current,
    }
    emptied = found["DeleteExpiredKeyMaterial", empties["Arn"]]
    assert emptied["serviceEventDetails"] == {
        "keyId": empties["KeyId"],
        "keyMaterialId": material,
    }
    for event in (deleted, rotated, emptied):
        assert event["eventType"] == "AwsServiceEvent"
        assert event["userIdentity"] == {"accountId": ACCOUNT, "invokedBy": "AWS Internal"}
        assert (event["requestParameters"], event["responseElements"]) == (None, None)


@pytest.mark.parametrize("origin", ["AWS_KMS", "EXTERNAL"])
def test_a_rotation_on_demand_is_recorded_as_the_service_does_it(endpoint, kms, origin):
    key = kms.create_key(Origin=origin)["KeyMetadata"]["KeyId"]
    if origin == "EXTERNAL":
        bring(kms, key, secrets.token_bytes(32))
        bring(kms, key, secrets.token_bytes(32), ImportType="NEW_KEY_MATERIAL")
    before = kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]
    kms.rotate_key_on_demand(KeyId=key)
    with pytest.raises(ClientError):
        kms.rotate_key_on_demand(KeyId=f"{key[:-1]}-")
    after = kms.describe_key(KeyId=key)["KeyMetadata"]
    found = [event for event in map(json.loads, lines(endpoint)) if after["Arn"] in str(event)]
    (asked,) = [event for event in found if event["eventName"] == "RotateKeyOnDemand"]
    (done,) = [event for event in found if event["eventName"] == "RotateKey"]
    assert found.index(asked) < found.index(done)
    assert done["serviceEventDetails"] == {
        "keyId": key,
        "rotationType": "ON_DEMAND",
        "keyOrigin": origin,
        "previousKeyMaterialId": before,
        "currentKeyMaterialId": after["CurrentKeyMaterialId"],
    }
    assert before != after["CurrentKeyMaterialId"]


def events_of(endpoint, key_id, skip=0):
    """Name, Region and kind of what was recorded of a key in whatever Region, and the events."""
    found = [
        event for event in map(json.loads, lines(endpoint)) if key_id in str(event.get("resources"))
    ][skip:]
    return [(event["eventName"], event["awsRegion"]) for event in found], found


def test_what_a_multi_region_key_does_is_recorded_in_each_region(endpoint, kms, region):
    other = "eu-central-1"
    key = kms.create_key(MultiRegion=True)["KeyMetadata"]
    there = key["Arn"].replace(region, other)
    kms.enable_key_rotation(KeyId=key["KeyId"])  # nobody to synchronize with
    _, before = events_of(endpoint, key["KeyId"])
    kms.replicate_key(KeyId=key["KeyId"], ReplicaRegion=other, Description="d")
    names, found = events_of(endpoint, key["KeyId"], len(before))
    assert names == [
        ("ReplicateKey", region),
        ("CreateKey", other),
        ("SynchronizeMultiRegionKey", region),
    ]
    replicated, created, synchronized = found
    by_kms = {"invokedBy": "kms.amazonaws.com"}
    assert created["userIdentity"] == replicated["userIdentity"] | by_kms
    assert created["requestID"] == replicated["requestID"]
    assert created["requestParameters"] == {
        "description": "d",
        "keyUsage": "ENCRYPT_DECRYPT",
        "customerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "keySpec": "SYMMETRIC_DEFAULT",
        "origin": "AWS_KMS",
        "bypassPolicyLockoutSafetyCheck": False,
        "multiRegion": True,
    }
    shown = replicated["responseElements"]["replicaKeyMetadata"]
    assert created["responseElements"] == {"keyMetadata": shown}
    assert shown["arn"] == there == created["resources"][0]["ARN"]
    assert len({event["eventID"] for event in found}) == len(found)
    assert {
        made: synchronized[made]
        for made in (
            "userIdentity",
            "requestParameters",
            "responseElements",
            "eventType",
            "sourceIPAddress",
            "userAgent",
            "readOnly",
        )
    } == {
        "userIdentity": {"accountId": ACCOUNT, "invokedBy": "AWS Internal"},
        "requestParameters": None,
        "responseElements": {"keyId": key["Arn"]},
        "eventType": "AwsApiCall",
        "sourceIPAddress": "AWS Internal",
        "userAgent": "AWS Internal",
        "readOnly": False,
    }
    assert "serviceEventDetails" not in synchronized
    assert [each["ARN"] for each in synchronized["resources"]] == [key["Arn"]]

    _, before = events_of(endpoint, key["KeyId"])
    with pytest.raises(ClientError):
        kms.replicate_key(KeyId=key["KeyId"], ReplicaRegion=other)
    kms.disable_key_rotation(KeyId=key["KeyId"])
    kms.rotate_key_on_demand(KeyId=key["KeyId"])
    kms.disable_key(KeyId=key["KeyId"])  # its own alone
    kms.enable_key(KeyId=key["KeyId"])
    kms.update_primary_region(KeyId=key["KeyId"], PrimaryRegion=other)
    names, found = events_of(endpoint, key["KeyId"], len(before))
    assert names == [
        ("ReplicateKey", region),
        ("DisableKeyRotation", region),
        ("SynchronizeMultiRegionKey", region),
        ("RotateKeyOnDemand", region),
        ("RotateKey", region),
        ("SynchronizeMultiRegionKey", region),
        ("DisableKey", region),
        ("EnableKey", region),
        ("UpdatePrimaryRegion", region),
        ("UpdatePrimaryRegion", other),
    ]
    here, moved = found[-2:]
    assert (here["requestParameters"], here["responseElements"]) == (
        {"keyId": key["KeyId"], "primaryRegion": other},
        {"keyId": key["Arn"]},
    )
    assert (moved["requestParameters"], moved["responseElements"]) == (
        {"keyId": there, "primaryRegion": other},
        {"keyId": there},
    )
    assert moved["eventType"] == "AwsApiCall"
    assert [each["ARN"] for each in moved["resources"]] == [there]


def test_a_rotation_by_itself_is_synchronized(endpoint, kms, region):
    key = kms.create_key(MultiRegion=True)["KeyMetadata"]
    kms.replicate_key(KeyId=key["KeyId"], ReplicaRegion="eu-central-1")
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=90)
    move(endpoint, 91 * DAY)
    _, found = events_of(endpoint, key["KeyId"])
    own = [event["eventName"] for event in found if event["sourceIPAddress"] == "AWS Internal"]
    asked = ["SynchronizeMultiRegionKey"] * 2  # for the replica and the schedule
    assert sorted(own) == ["RotateKey", *asked, "SynchronizeMultiRegionKey"]


def test_no_secret_is_ever_recorded(endpoint, kms):
    plaintext = secrets.token_bytes(48)
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key_id, Plaintext=plaintext)["CiphertextBlob"]
    data_key = kms.generate_data_key(KeyId=key_id, KeySpec="AES_256")
    noise = kms.generate_random(NumberOfBytes=32)["Plaintext"]
    kms.decrypt(CiphertextBlob=blob)
    everything = b"\n".join(lines(endpoint))
    for secret in (plaintext, blob, data_key["Plaintext"], data_key["CiphertextBlob"], noise):
        for form in (secret, secret.hex().encode(), base64.b64encode(secret)):
            assert form not in everything
