import base64
import json

import pytest
from answers import members, one, refused, violated

BAD_MARKERS = [
    "x",
    "%%%%",
    base64.b64encode(b"{").decode(),
    base64.b64encode(b"[]").decode(),
    base64.b64encode(b'{"a": 1}').decode(),
    base64.b64encode(b'{"b": "x"}').decode(),
    base64.b64encode(b'{"a": "x", "b": "y"}').decode(),
    base64.b64encode(b"[" * 700).decode(),
    base64.b64encode(b'{"a": "\\ud800"}').decode(),  # half a character, which no database takes
    base64.b64encode('{"a": "\u00e9"}'.encode()).decode(),
    "é",
]


def test_describing_shows_what_creating_showed(kms, key):
    answer = kms.describe_key(KeyId=key["KeyId"])
    assert {"KeyMetadata"} == members(answer)
    assert key == answer["KeyMetadata"]


def test_a_key_pending_deletion_shows_when(kms, key):
    scheduled = kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=9)
    shown = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
    assert set(shown) == set(key) | {"DeletionDate"}
    assert (shown["KeyState"], shown["Enabled"]) == ("PendingDeletion", False)
    assert abs((shown["DeletionDate"] - scheduled["DeletionDate"]).total_seconds()) < 1


def test_a_disabled_key_shows_so(kms, key):
    kms.disable_key(KeyId=key["KeyId"])
    shown = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
    assert (shown["KeyState"], shown["Enabled"]) == ("Disabled", False)


def test_a_grant_token_that_is_none(kms, key):
    with refused("InvalidGrantTokenException", "The grant token is not valid."):
        kms.describe_key(KeyId=key["KeyId"], GrantTokens=["x"])
    assert kms.describe_key(KeyId=key["KeyId"], GrantTokens=[])["KeyMetadata"] == key


def test_listing_keys(kms, region):
    assert {"Keys", "Truncated"} == members(kms.list_keys())
    made = {kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(3)}
    answer = kms.list_keys()
    assert {"Keys", "Truncated"} == members(answer)
    assert answer["Truncated"] is False
    assert [
        {"KeyId": key_id, "KeyArn": f"arn:aws:kms:{region}:000000000000:key/{key_id}"}
        for key_id in sorted(made)
    ] == answer["Keys"]


def test_listing_keys_page_by_page(kms):
    made = sorted(kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(5))
    seen, marker = [], {}
    for size, more in ((2, True), (2, True), (2, False)):
        page = kms.list_keys(Limit=size, **marker)
        assert more == page["Truncated"]
        assert more == ("NextMarker" in page)
        seen += [key["KeyId"] for key in page["Keys"]]
        marker = {"Marker": page.get("NextMarker")}
    assert made == seen
    paginated = kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 1})
    assert made == [key["KeyId"] for page in paginated for key in page["Keys"]]


def test_a_page_that_ends_with_the_last_key_is_the_last(kms):
    for _ in range(2):
        kms.create_key()
    assert kms.list_keys(Limit=2)["Truncated"] is False


def test_a_page_has_a_hundred_keys_unless_asked_otherwise(endpoint, region):
    kms = endpoint.client("kms", region)
    for _ in range(101):
        kms.create_key()
    page = kms.list_keys()
    assert (len(page["Keys"]), page["Truncated"]) == (100, True)
    assert len(kms.list_keys(Limit=1000)["Keys"]) == 101


def test_a_key_deleted_between_pages_moves_nothing(kms):
    made = sorted(kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(3))
    marker = base64.b64encode(json.dumps({"a": made[0][:8]}).encode()).decode()
    assert made == [key["KeyId"] for key in kms.list_keys(Marker=marker)["Keys"]]


def test_the_limit_has_limits(unchecked):
    for limit, demand in (
        (0, "have value greater than or equal to 1"),
        (1001, "have value less than or equal to 1000"),
    ):
        with refused("ValidationException", violated(one(f"'{limit}'", "limit", demand))):
            unchecked.list_keys(Limit=limit)


@pytest.mark.parametrize("marker", BAD_MARKERS)
def test_a_marker_that_was_not_given_here(kms, key, marker):
    for ask in (
        lambda: kms.list_keys(Marker=marker),
        lambda: kms.list_aliases(Marker=marker),
        lambda: kms.list_resource_tags(KeyId=key["KeyId"], Marker=marker),
        lambda: kms.list_key_policies(KeyId=key["KeyId"], Marker=marker),
        lambda: kms.list_key_rotations(KeyId=key["KeyId"], Marker=marker),
    ):
        with refused("InvalidMarkerException", "Invalid marker"):
            ask()


@pytest.mark.parametrize("place", ["x", "-1", "1e3", "1" * 11])
def test_a_marker_of_another_listing(kms, key, place):
    marker = base64.b64encode(json.dumps({"a": place}).encode()).decode()
    with refused("InvalidMarkerException", "Invalid marker"):
        kms.list_resource_tags(KeyId=key["KeyId"], Marker=marker)


def test_whose_keys_are_listed(kms, unchecked, key):
    assert [key["KeyId"]] == [k["KeyId"] for k in kms.list_keys(ResourceOwners=["SELF"])["Keys"]]
    both = ["SELF", "OTHER_ACCOUNTS_VIA_RAM"]
    assert [key["KeyId"]] == [k["KeyId"] for k in kms.list_keys(ResourceOwners=both)["Keys"]]
    others = kms.list_keys(ResourceOwners=["OTHER_ACCOUNTS_VIA_RAM"])
    assert (others["Keys"], others["Truncated"]) == ([], False)
    with pytest.raises(unchecked.exceptions.ClientError, match="Member must satisfy"):
        unchecked.list_keys(ResourceOwners=["ME"])


def test_regions_and_accounts_see_nothing_of_each_other(kms, stranger, endpoint, key):
    assert kms.list_keys()["Keys"]
    assert stranger.list_keys()["Keys"] == []
    assert endpoint.client("kms", "venus-1").list_keys()["Keys"] == []


def test_changing_the_description(kms, unchecked, key):
    key_id = key["KeyId"]
    for text in ("new", "", "d" * 8192):
        assert members(kms.update_key_description(KeyId=key_id, Description=text)) == set()
        assert text == kms.describe_key(KeyId=key_id)["KeyMetadata"]["Description"]
    with pytest.raises(unchecked.exceptions.ClientError, match="less than or equal to 8192"):
        unchecked.update_key_description(KeyId=key_id, Description="d" * 8193)
    with refused("ValidationException", violated(one("null", "description", "not be null"))):
        unchecked.update_key_description(KeyId=key_id)
