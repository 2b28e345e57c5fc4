import time

import pytest
from answers import members, one, refused, violated

NOT_ROTATING = {"KeyId", "KeyRotationEnabled"}
ROTATING = NOT_ROTATING | {"RotationPeriodInDays", "NextRotationDate"}


def current(kms, key_id):
    return kms.describe_key(KeyId=key_id)["KeyMetadata"]["CurrentKeyMaterialId"]


def status(kms, key_id):
    return {
        name: value
        for name, value in kms.get_key_rotation_status(KeyId=key_id).items()
        if name != "ResponseMetadata"
    }


@pytest.mark.parametrize("days", [None, 90, 91, 365, 2560])
def test_automatic_rotation_on_and_off(kms, key_id, days):
    assert status(kms, key_id) == {"KeyId": key_id, "KeyRotationEnabled": False}
    period = {} if days is None else {"RotationPeriodInDays": days}
    assert members(kms.enable_key_rotation(KeyId=key_id, **period)) == set()
    on = status(kms, key_id)
    assert set(on) == ROTATING
    assert (key_id, True, days or 365) == (
        on["KeyId"],
        on["KeyRotationEnabled"],
        on["RotationPeriodInDays"],
    )
    assert abs(on["NextRotationDate"].timestamp() - time.time() - (days or 365) * 86_400) < 60
    assert members(kms.disable_key_rotation(KeyId=key_id)) == set()
    assert set(status(kms, key_id)) == NOT_ROTATING
    kms.disable_key_rotation(KeyId=key_id)  # off already, and no error


def test_enabling_again_changes_the_period(kms, key_id):
    kms.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=2560)
    kms.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=90)
    now = status(kms, key_id)
    assert now["RotationPeriodInDays"] == 90
    assert abs(now["NextRotationDate"].timestamp() - time.time() - 90 * 86_400) < 60


@pytest.mark.parametrize(
    ("days", "demand"),
    [
        (0, "have value greater than or equal to 90"),
        (89, "have value greater than or equal to 90"),
        (2561, "have value less than or equal to 2560"),
    ],
)
def test_periods_that_are_none(unchecked, key_id, days, demand):
    with refused("ValidationException", violated(one(f"'{days}'", "rotationPeriodInDays", demand))):
        unchecked.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=days)
    assert status(unchecked, key_id)["KeyRotationEnabled"] is False


def test_rotation_adds_material_and_all_before_still_opens(kms, key):
    blobs = {}
    for plaintext in (b"0", b"1", b"2"):
        sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=plaintext)["CiphertextBlob"]
        blobs[plaintext] = sealed, current(kms, key["KeyId"])
        answer = kms.rotate_key_on_demand(KeyId=key["KeyId"])
        assert {"KeyId"} == members(answer)
        assert key["Arn"] == answer["KeyId"]
    assert len({material for _, material in blobs.values()}) == 3
    for plaintext, (sealed, material) in blobs.items():
        opened = kms.decrypt(CiphertextBlob=sealed)
        assert (plaintext, material) == (opened["Plaintext"], opened["KeyMaterialId"])
        assert key["Arn"] == opened["KeyId"]
    shown = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
    assert key | {"CurrentKeyMaterialId": shown["CurrentKeyMaterialId"]} == shown
    made = kms.generate_data_key(KeyId=key["KeyId"], KeySpec="AES_256")
    assert shown["CurrentKeyMaterialId"] == made["KeyMaterialId"]


def test_listing_the_rotations(kms, key):
    key_id = key["KeyId"]
    answer = kms.list_key_rotations(KeyId=key_id)
    assert {"Rotations", "Truncated"} == members(answer)
    assert (answer["Rotations"], answer["Truncated"]) == ([], False)
    materials = [key["CurrentKeyMaterialId"]]
    for _ in range(2):
        kms.rotate_key_on_demand(KeyId=key_id)
        materials.append(current(kms, key_id))

    rotations = kms.list_key_rotations(KeyId=key_id)["Rotations"]
    assert (
        rotations
        == kms.list_key_rotations(KeyId=key_id, IncludeKeyMaterial="ROTATIONS_ONLY")["Rotations"]
    )
    for entry in rotations:
        assert abs(entry.pop("RotationDate").timestamp() - time.time()) < 60
    rotated = {"KeyId": key_id, "RotationType": "ON_DEMAND"}
    assert [
        rotated | {"KeyMaterialId": materials[1], "KeyMaterialState": "NON_CURRENT"},
        rotated | {"KeyMaterialId": materials[2], "KeyMaterialState": "CURRENT"},
    ] == rotations

    everything = kms.list_key_rotations(KeyId=key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL")
    first, *rest = everything["Rotations"]
    assert first == {
        "KeyId": key_id,
        "KeyMaterialId": materials[0],
        "KeyMaterialState": "NON_CURRENT",
    }
    assert materials[1:] == [entry["KeyMaterialId"] for entry in rest]


def test_listing_the_rotations_page_by_page(kms, key_id):
    for _ in range(3):
        kms.rotate_key_on_demand(KeyId=key_id)
    whole = kms.list_key_rotations(KeyId=key_id)["Rotations"]
    page = kms.list_key_rotations(KeyId=key_id, Limit=2)
    assert {"Rotations", "Truncated", "NextMarker"} == members(page)
    rest = kms.list_key_rotations(KeyId=key_id, Limit=2, Marker=page["NextMarker"])
    assert (page["Truncated"], rest["Truncated"]) == (True, False)
    assert whole == page["Rotations"] + rest["Rotations"]


def test_a_key_rotates_on_demand_twenty_five_times(kms, key):
    for _ in range(25):
        kms.rotate_key_on_demand(KeyId=key["KeyId"])
    with refused(
        "LimitExceededException",
        "The on-demand rotations limit has been reached for the given keyId. No more on-demand "
        f"rotations can be performed for this key: {key['Arn']}",
    ):
        kms.rotate_key_on_demand(KeyId=key["KeyId"])
    assert len(kms.list_key_rotations(KeyId=key["KeyId"])["Rotations"]) == 25


def test_rotation_on_demand_leaves_the_schedule_alone(kms, key_id):
    kms.enable_key_rotation(KeyId=key_id)
    before = status(kms, key_id)
    kms.rotate_key_on_demand(KeyId=key_id)
    assert before == status(kms, key_id)


@pytest.mark.parametrize(
    ("spec", "usage"),
    [
        ("ECC_NIST_P256", "SIGN_VERIFY"),
        ("HMAC_256", "GENERATE_VERIFY_MAC"),
        ("ML_KEM_768", "ENCAPSULATE_DECAPSULATE"),
    ],
)
def test_only_symmetric_keys_rotate(kms, spec, usage):
    key_id = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["KeyId"]
    for ask in (
        kms.enable_key_rotation,
        kms.disable_key_rotation,
        kms.rotate_key_on_demand,
        kms.list_key_rotations,
    ):
        with refused("UnsupportedOperationException", ""):
            ask(KeyId=key_id)
    assert status(kms, key_id) == {"KeyId": key_id, "KeyRotationEnabled": False}
