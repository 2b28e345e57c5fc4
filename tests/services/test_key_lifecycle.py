"""EnableKey, DisableKey, ScheduleKeyDeletion, CancelKeyDeletion; and what each state refuses."""

import time

import pytest
from answers import members, one, refused, violated
from requests_of import ALIAS_TARGET, ANY_FORM, ID_OR_ARN, ask

EVERY = ANY_FORM | ID_OR_ARN
USE = {"CreateGrant", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"}
ROTATION = {"EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand"}
SWITCHES = {"EnableKey", "DisableKey", "ScheduleKeyDeletion"}
CHANGES = {"TagResource", "UntagResource", "UpdateKeyDescription"}


def state(kms, key_id):
    return kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"]


def test_switching_off_and_on_again(kms, key):
    key_id = key["KeyId"]
    for _ in range(2):  # asked again, it stays so and is no error
        assert members(kms.disable_key(KeyId=key_id)) == set()
        assert state(kms, key_id) == "Disabled"
    for _ in range(2):
        assert members(kms.enable_key(KeyId=key_id)) == set()
        assert state(kms, key_id) == "Enabled"
    assert key == kms.describe_key(KeyId=key_id)["KeyMetadata"]


@pytest.mark.parametrize("operation", EVERY)
def test_what_a_disabled_key_refuses(kms, key, operation):
    kms.disable_key(KeyId=key["KeyId"])
    if operation in USE | ROTATION:
        with refused("DisabledException", f"{key['Arn']} is disabled."):
            ask(kms, *EVERY[operation], key["KeyId"])
    elif operation == "CancelKeyDeletion":
        with refused("KMSInvalidStateException", f"{key['Arn']} is not pending deletion."):
            ask(kms, *EVERY[operation], key["KeyId"])
    else:
        ask(kms, *EVERY[operation], key["KeyId"])


@pytest.mark.parametrize("operation", EVERY)
def test_what_a_key_pending_deletion_refuses(kms, pending, operation):
    if operation in USE | ROTATION | SWITCHES | CHANGES:
        with refused("KMSInvalidStateException", f"{pending['Arn']} is pending deletion."):
            ask(kms, *EVERY[operation], pending["KeyId"])
    else:
        ask(kms, *EVERY[operation], pending["KeyId"])


def test_ciphertexts_of_a_key_that_is_not_enabled(kms, key):
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    other = kms.create_key()["KeyMetadata"]
    kms.disable_key(KeyId=key["KeyId"])
    with refused("DisabledException", f"{key['Arn']} is disabled."):
        kms.decrypt(CiphertextBlob=blob)
    with refused("DisabledException", f"{key['Arn']} is disabled."):
        kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=other["KeyId"])
    kms.schedule_key_deletion(KeyId=key["KeyId"])
    with refused("KMSInvalidStateException", f"{key['Arn']} is pending deletion."):
        kms.decrypt(CiphertextBlob=blob)
    kms.cancel_key_deletion(KeyId=key["KeyId"])
    kms.enable_key(KeyId=key["KeyId"])
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_nothing_is_sealed_for_a_key_that_is_not_enabled(kms, key):
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    other = kms.create_key()["KeyMetadata"]
    kms.disable_key(KeyId=other["KeyId"])
    with refused("DisabledException", f"{other['Arn']} is disabled."):
        kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=other["KeyId"])


@pytest.mark.parametrize("operation", ALIAS_TARGET)
def test_an_alias_must_not_come_to_point_to_a_key_pending_deletion(kms, key, pending, operation):
    kms.create_alias(AliasName="alias/there", TargetKeyId=key["KeyId"])
    with refused("KMSInvalidStateException", f"{pending['Arn']} is pending deletion."):
        ask(kms, *ALIAS_TARGET[operation], pending["KeyId"])


def test_an_alias_may_leave_a_key_pending_deletion(kms, key):
    leaving = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/moves", TargetKeyId=leaving["KeyId"])
    kms.schedule_key_deletion(KeyId=leaving["KeyId"])
    kms.update_alias(AliasName="alias/moves", TargetKeyId=key["KeyId"])
    assert key["Arn"] == kms.describe_key(KeyId="alias/moves")["KeyMetadata"]["Arn"]


@pytest.mark.parametrize("days", [7, 8, 30, None])
def test_scheduling_the_deletion(kms, key, days):
    window = {} if days is None else {"PendingWindowInDays": days}
    answer = kms.schedule_key_deletion(KeyId=key["KeyId"], **window)
    assert {"KeyId", "DeletionDate", "KeyState", "PendingWindowInDays"} == members(answer)
    assert key["Arn"] == answer["KeyId"]
    assert answer["KeyState"] == "PendingDeletion"
    assert (days or 30) == answer["PendingWindowInDays"]
    assert abs(answer["DeletionDate"].timestamp() - time.time() - (days or 30) * 86_400) < 60


@pytest.mark.parametrize(
    ("days", "demand"),
    [
        (-1, "have value greater than or equal to 1"),
        (0, "have value greater than or equal to 1"),
        (1, "have value greater than or equal to 7"),
        (6, "have value greater than or equal to 7"),
        (31, "have value less than or equal to 30"),
        (365, "have value less than or equal to 30"),
        (366, "have value less than or equal to 365"),
    ],
)
def test_a_waiting_period_that_is_none(unchecked, key, days, demand):
    with refused("ValidationException", violated(one(f"'{days}'", "pendingWindowInDays", demand))):
        unchecked.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=days)
    assert state(unchecked, key["KeyId"]) == "Enabled"


@pytest.mark.parametrize("before", ["Enabled", "Disabled"])
def test_a_cancelled_deletion_leaves_the_key_disabled(kms, key, before):
    if before == "Disabled":
        kms.disable_key(KeyId=key["KeyId"])
    kms.schedule_key_deletion(KeyId=key["KeyId"])
    answer = kms.cancel_key_deletion(KeyId=key["KeyId"])
    assert {"KeyId"} == members(answer)
    assert key["Arn"] == answer["KeyId"]
    shown = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
    assert shown["KeyState"] == "Disabled"
    assert "DeletionDate" not in shown


def test_there_must_be_a_deletion_to_cancel(kms, key):
    with refused("KMSInvalidStateException", f"{key['Arn']} is not pending deletion."):
        kms.cancel_key_deletion(KeyId=key["KeyId"])


def test_a_key_pending_deletion_keeps_its_rotation_for_later(kms, key):
    key_id = key["KeyId"]
    kms.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=100)
    before = kms.get_key_rotation_status(KeyId=key_id)
    kms.schedule_key_deletion(KeyId=key_id)
    assert kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"] is False
    kms.cancel_key_deletion(KeyId=key_id)
    after = kms.get_key_rotation_status(KeyId=key_id)
    assert after["KeyRotationEnabled"] is True
    assert (before["NextRotationDate"], 100) == (
        after["NextRotationDate"],
        after["RotationPeriodInDays"],
    )
