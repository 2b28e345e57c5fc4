"""What happens when its time has come: deletion and rotation, by a clock that is moved.

The clock of a server is one for all its Regions and accounts, so these tests have a server of
their own, and each begins wherever the one before has left the time.
"""

import time

import pytest
from answers import ACCOUNT, BEHIND_CIPHERTEXT, arn, refused
from clockwork import DAY, ask_to_move, everything_kept, folder_of, move, rows
from tests.conftest import init, start, start_dev

pytestmark = pytest.mark.xdist_group("moved-clock")


@pytest.fixture(scope="module")
def endpoint():
    server = start_dev("--workers", "2")
    yield server
    server.stop()


def now(server):
    return move(server, 0)["Now"]


def shown(kms, key_id):
    return kms.describe_key(KeyId=key_id)["KeyMetadata"]


def next_rotation(kms, key_id):
    return kms.get_key_rotation_status(KeyId=key_id)["NextRotationDate"].timestamp()


# Deletion


def test_a_key_goes_when_its_waiting_period_is_over_and_not_before(endpoint, kms, region, key):
    key_id = key["KeyId"]
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    kms.create_alias(AliasName="alias/a", TargetKeyId=key_id)
    kms.tag_resource(KeyId=key_id, Tags=[{"TagKey": "a", "TagValue": "b"}])
    kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)

    assert key["Arn"] not in move(endpoint, 7 * DAY - 60)["Deleted"]
    assert shown(kms, key_id)["KeyState"] == "PendingDeletion"
    assert [alias["AliasName"] for alias in kms.list_aliases()["Aliases"]] == ["alias/a"]

    assert move(endpoint, 61)["Deleted"].count(key["Arn"]) == 1
    with refused("NotFoundException", f"Key '{key['Arn']}' does not exist"):
        kms.describe_key(KeyId=key_id)
    with refused("NotFoundException", f"Key '{key['Arn']}' does not exist"):
        kms.cancel_key_deletion(KeyId=key_id)
    with refused("NotFoundException", f"Alias {arn(region, 'alias/a')} is not found."):
        kms.describe_key(KeyId="alias/a")
    with refused("AccessDeniedException", BEHIND_CIPHERTEXT):
        kms.decrypt(CiphertextBlob=blob)
    assert (kms.list_keys()["Keys"], kms.list_aliases()["Aliases"]) == ([], [])


def test_its_name_is_free_again(endpoint, kms, key):
    kms.create_alias(AliasName="alias/a", TargetKeyId=key["KeyId"])
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    move(endpoint, 8 * DAY)
    heir = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/a", TargetKeyId=heir["KeyId"])
    assert heir["Arn"] == shown(kms, "alias/a")["Arn"]


def test_nothing_of_its_material_is_left_in_the_files(endpoint, kms, key):
    folder = folder_of(endpoint)
    kms.rotate_key_on_demand(KeyId=key["KeyId"])
    sealed = [
        box
        for (box,) in rows(folder, "SELECT sealed FROM materials WHERE key_id = ?", key["KeyId"])
    ]
    assert len(sealed) == 2
    assert all(box in everything_kept(folder) for box in sealed)
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    move(endpoint, 8 * DAY)
    kept = everything_kept(folder)
    # Not the boxes, nor any piece of them that would help.
    for box in sealed:
        assert not any(box[at : at + 16] in kept for at in range(len(box) - 16))
    for table in ("keys", "materials", "tags"):
        assert rows(folder, f"SELECT 1 FROM {table} WHERE key_id = ?", key["KeyId"]) == []
    assert rows(folder, "SELECT 1 FROM aliases WHERE target = ?", key["KeyId"]) == []


def test_a_cancelled_deletion_does_not_happen(endpoint, kms, key):
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    move(endpoint, 6 * DAY)
    kms.cancel_key_deletion(KeyId=key["KeyId"])
    assert key["Arn"] not in move(endpoint, 400 * DAY)["Deleted"]
    kms.enable_key(KeyId=key["KeyId"])
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_many_keys_go_at_once(endpoint, kms, region):
    doomed = {kms.create_key()["KeyMetadata"]["Arn"] for _ in range(101)}  # more than one batch
    spared = kms.create_key()["KeyMetadata"]["Arn"]
    for each in doomed:
        kms.schedule_key_deletion(KeyId=each, PendingWindowInDays=7)
    gone = [each for each in move(endpoint, 8 * DAY)["Deleted"] if region in each]
    assert (doomed, 101) == (set(gone), len(gone))
    assert [spared] == [key["KeyArn"] for key in kms.list_keys()["Keys"]]


def test_deletion_comes_without_anybody_asking(endpoint, kms, key):
    """The job finds it by itself within its second, not only when the clock is moved."""
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    deletes_at = shown(kms, key["KeyId"])["DeletionDate"].timestamp()
    move(endpoint, deletes_at - now(endpoint) - 1.5)
    until = time.monotonic() + 30
    while kms.list_keys()["Keys"]:
        assert time.monotonic() < until, "the key is still there"
        time.sleep(0.1)


# Rotation


def test_a_key_rotates_when_its_period_is_over_and_not_before(endpoint, kms, key):
    key_id = key["KeyId"]
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    kms.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=90)
    assert key["Arn"] not in move(endpoint, 90 * DAY - 60)["Rotated"]
    assert shown(kms, key_id) == key

    due = next_rotation(kms, key_id)
    assert move(endpoint, 61)["Rotated"].count(key["Arn"]) == 1
    after = shown(kms, key_id)
    assert after["CurrentKeyMaterialId"] != key["CurrentKeyMaterialId"]
    assert key | {"CurrentKeyMaterialId": after["CurrentKeyMaterialId"]} == after
    opened = kms.decrypt(CiphertextBlob=blob)
    assert (b"x", key["CurrentKeyMaterialId"]) == (opened["Plaintext"], opened["KeyMaterialId"])
    (rotation,) = kms.list_key_rotations(KeyId=key_id)["Rotations"]
    assert rotation["RotationType"] == "AUTOMATIC"
    assert rotation["KeyMaterialId"] == after["CurrentKeyMaterialId"]
    assert abs(rotation["RotationDate"].timestamp() - due) < 60
    assert next_rotation(kms, key_id) == pytest.approx(due + 90 * DAY, abs=1)


def test_years_missed_at_once_are_one_rotation(endpoint, kms, key):
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=90)
    moved = move(endpoint, 4 * 365 * DAY)
    assert moved["Rotated"].count(key["Arn"]) == 1
    assert len(kms.list_key_rotations(KeyId=key["KeyId"])["Rotations"]) == 1
    assert next_rotation(kms, key["KeyId"]) == pytest.approx(moved["Now"] + 90 * DAY, abs=30)


def test_a_key_rotates_period_after_period(endpoint, kms, key):
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=100)
    blobs = []
    for _ in range(3):
        blobs.append(kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"])
        assert key["Arn"] in move(endpoint, 101 * DAY)["Rotated"]
    materials = {kms.decrypt(CiphertextBlob=blob)["KeyMaterialId"] for blob in blobs}
    assert len(materials) == 3


def test_a_disabled_key_waits_and_is_made_up_for(endpoint, kms, key):
    key_id = key["KeyId"]
    kms.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=90)
    kms.disable_key(KeyId=key_id)
    due = next_rotation(kms, key_id)
    assert key["Arn"] not in move(endpoint, 91 * DAY)["Rotated"]
    assert next_rotation(kms, key_id) == due
    kms.enable_key(KeyId=key_id)
    # Either the job was quicker or the move was: it is done, once.
    move(endpoint, 0)
    (rotation,) = kms.list_key_rotations(KeyId=key_id)["Rotations"]
    assert rotation["RotationType"] == "AUTOMATIC"


def test_a_key_pending_deletion_does_not_rotate(endpoint, kms, key):
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=90)
    move(endpoint, 85 * DAY)
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=30)
    assert key["Arn"] not in move(endpoint, 10 * DAY)["Rotated"]
    kms.cancel_key_deletion(KeyId=key["KeyId"])
    assert key["Arn"] not in move(endpoint, 0)["Rotated"]  # it came back disabled
    kms.enable_key(KeyId=key["KeyId"])
    move(endpoint, 0)
    assert len(kms.list_key_rotations(KeyId=key["KeyId"])["Rotations"]) == 1


def test_rotation_switched_off_does_not_come(endpoint, kms, key):
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=90)
    kms.disable_key_rotation(KeyId=key["KeyId"])
    assert key["Arn"] not in move(endpoint, 100 * DAY)["Rotated"]
    assert key == shown(kms, key["KeyId"])


def test_enabling_again_starts_the_period_anew(endpoint, kms, key):
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=90)
    move(endpoint, 80 * DAY)
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=90)
    assert key["Arn"] not in move(endpoint, 80 * DAY)["Rotated"]
    assert key["Arn"] in move(endpoint, 11 * DAY)["Rotated"]


def test_no_rotation_on_demand_close_before_an_automatic_one(endpoint, kms, key):
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=90)
    move(endpoint, 90 * DAY - 19 * 60)
    with refused(
        "ConflictException",
        f"An automatic rotation of {key['Arn']} is in progress or about to begin.",
    ):
        kms.rotate_key_on_demand(KeyId=key["KeyId"])
    move(endpoint, -2 * 60)
    kms.rotate_key_on_demand(KeyId=key["KeyId"])
    assert key["Arn"] in move(endpoint, 22 * 60)["Rotated"]
    kinds = [
        each["RotationType"] for each in kms.list_key_rotations(KeyId=key["KeyId"])["Rotations"]
    ]
    assert kinds == ["ON_DEMAND", "AUTOMATIC"]


def test_aws_managed_keys_rotate_every_year(endpoint, kms):
    key = shown(kms, "alias/aws/s3")
    assert key["Arn"] not in move(endpoint, 364 * DAY)["Rotated"]
    assert key["Arn"] in move(endpoint, 2 * DAY)["Rotated"]
    assert key["CurrentKeyMaterialId"] != shown(kms, key["KeyId"])["CurrentKeyMaterialId"]
    assert kms.get_key_rotation_status(KeyId=key["KeyId"])["RotationPeriodInDays"] == 365


# The clock itself


def test_dates_go_by_the_moved_clock_and_signatures_do_not(endpoint, kms):
    moved = move(endpoint, 1000 * DAY)["Now"]
    key = kms.create_key()["KeyMetadata"]  # whose signature is of today
    assert abs(key["CreationDate"].timestamp() - moved) < 60
    kms.create_alias(AliasName="alias/a", TargetKeyId=key["KeyId"])
    (alias,) = kms.list_aliases()["Aliases"]
    assert abs(alias["CreationDate"].timestamp() - moved) < 60


def test_all_workers_see_the_moved_clock(endpoint, region):
    moved = move(endpoint, DAY)["Now"]
    for _ in range(6):  # each client a connection of its own
        kms = endpoint.client("kms", region)
        created = kms.create_key()["KeyMetadata"]["CreationDate"].timestamp()
        assert abs(created - moved) < 60
        kms.close()


@pytest.mark.parametrize("body", [b"{}", b'{"Seconds": "x"}', b'{"Seconds": null}', b"[]", b"{"])
def test_a_move_that_is_none(endpoint, body):
    before = now(endpoint)
    status, answer = ask_to_move(endpoint, body)
    assert status == 400
    assert answer["__type"] in ("ValidationException", "SerializationException")
    assert abs(now(endpoint) - before) < 60


@pytest.mark.parametrize("seconds", ["1e300", "-1e300", "1e12"])
def test_a_move_beyond_all_calendars(endpoint, kms, seconds):
    """It is refused, and whatever is asked next is answered."""
    status, _ = ask_to_move(endpoint, f'{{"Seconds": {seconds}}}'.encode())
    assert status == 400
    kms.create_key()


def test_a_durable_server_has_no_clock_to_move(tmp_path):
    credential = init(tmp_path / "data", "--account", ACCOUNT)
    server = start(tmp_path / "data", credential, "--workers", "1")
    try:
        status, answer = ask_to_move(server, b'{"Seconds": 86400}')
        assert (status, answer["__type"]) == (400, "UnknownOperationException")
    finally:
        server.stop()
