"""GetKeyLastUsage, and the condition key that goes by it."""

import datetime
import json
import secrets

import pytest
from answers import members, refused
from clockwork import move
from tests.conftest import init, start

DAY = 86_400


def usage(kms, key_id):
    answer = kms.get_key_last_usage(KeyId=key_id)
    assert members(answer) == {
        "KeyId",
        "KeyLastUsage",
        "TrackingStartDate",
        "KeyCreationDate",
    }
    return answer


def test_a_key_that_was_never_used(kms, key):
    answer = usage(kms, key["KeyId"])
    assert answer["KeyId"] == key["KeyId"]
    assert answer["KeyLastUsage"] == {}
    assert answer["KeyCreationDate"] == answer["TrackingStartDate"] == key["CreationDate"]


def test_what_counts_is_the_last_use_that_succeeded(kms, key):
    done = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    found = usage(kms, key["KeyId"])["KeyLastUsage"]
    request = done["ResponseMetadata"]["RequestId"]
    assert (found["Operation"], found["KmsRequestId"]) == ("Encrypt", request)
    assert found["CloudTrailEventId"] != request
    age = datetime.datetime.now(datetime.UTC) - found["Timestamp"]
    assert abs(age.total_seconds()) < 60
    # None of these is a use.
    kms.describe_key(KeyId=key["KeyId"])
    kms.generate_random(NumberOfBytes=1)
    with refused("InvalidCiphertextException", ""):
        kms.decrypt(CiphertextBlob=done["CiphertextBlob"], EncryptionContext={"a": "b"})
    with pytest.raises(kms.exceptions.DryRunOperationException):
        kms.generate_data_key(KeyId=key["KeyId"], KeySpec="AES_256", DryRun=True)
    assert usage(kms, key["KeyId"])["KeyLastUsage"] == found
    kms.create_alias(AliasName="alias/used", TargetKeyId=key["KeyId"])
    kms.generate_data_key(KeyId="alias/used", KeySpec="AES_256")
    assert usage(kms, key["KeyId"])["KeyLastUsage"]["Operation"] == "GenerateDataKey"


def test_re_encrypt_uses_both_keys_and_signing_its_own(kms, key):
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=other)
    for key_id in (key["KeyId"], other):
        assert usage(kms, key_id)["KeyLastUsage"]["Operation"] == "ReEncrypt"
    rsa = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    asked = {"KeyId": rsa, "Message": b"m", "SigningAlgorithm": "RSASSA_PSS_SHA_256"}
    signature = kms.sign(**asked)["Signature"]
    assert usage(kms, rsa)["KeyLastUsage"]["Operation"] == "Sign"
    with refused("KMSInvalidSignatureException", ""):
        kms.verify(**asked, Signature=b"x")
    assert usage(kms, rsa)["KeyLastUsage"]["Operation"] == "Sign"
    kms.verify(**asked, Signature=signature)
    assert usage(kms, rsa)["KeyLastUsage"]["Operation"] == "Verify"


def test_whose_key_it_is_and_how_it_is_named(kms, key, stranger):
    kms.create_alias(AliasName="alias/named", TargetKeyId=key["KeyId"])
    with refused("NotFoundException", "Invalid keyId 'alias/named'"):
        kms.get_key_last_usage(KeyId="alias/named")
    with pytest.raises(stranger.exceptions.ClientError, match="AccessDenied"):
        stranger.get_key_last_usage(KeyId=key["Arn"])


def test_it_is_written_down_and_told_by_another_server(tmp_path):
    """What was noted is kept when the server stops."""
    data = tmp_path / "data"
    credential = init(data)
    server = start(data, credential)
    kms = server.client("kms", "kept-1")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    request = kms.encrypt(KeyId=key, Plaintext=b"x")["ResponseMetadata"]["RequestId"]
    assert server.stop() == 0
    server = start(data, credential)
    found = usage(server.client("kms", "kept-1"), key)["KeyLastUsage"]
    assert (found["KmsRequestId"], found["Operation"]) == (request, "Encrypt")
    assert server.stop() == 0


def test_a_key_in_use_is_not_switched_off(apart):
    kms = apart.client("kms", "trailing-1")
    iam = apart.client("iam", "us-east-1")
    name = f"keeper{secrets.token_hex(4)}"
    iam.create_user(UserName=name)
    credentials = iam.create_access_key(UserName=name)["AccessKey"]
    in_use = {"NumericLessThan": {"kms:TrailingDaysWithoutKeyUsage": "30"}}
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "kms:*", "Resource": "*"},
            {
                "Effect": "Deny",
                "Action": ["kms:DisableKey", "kms:ScheduleKeyDeletion"],
                "Resource": "*",
                "Condition": in_use,
            },
        ],
    }
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(document))
    keeper = apart.client_of(credentials, "kms", "trailing-1")
    key = kms.create_key()["KeyMetadata"]["KeyId"]

    def refuses():
        for ask in (keeper.disable_key, keeper.schedule_key_deletion):
            with pytest.raises(keeper.exceptions.ClientError, match="explicit deny"):
                ask(KeyId=key)

    refuses()  # as young as it is
    move(apart, 29 * DAY)
    kms.encrypt(KeyId=key, Plaintext=b"x")
    move(apart, 2 * DAY)
    refuses()
    move(apart, 28 * DAY + 60)
    keeper.disable_key(KeyId=key)
    keeper.schedule_key_deletion(KeyId=key)
