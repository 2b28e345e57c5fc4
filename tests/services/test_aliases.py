import time

import pytest
from answers import arn, denied, members, one, refused, violated

PREFIX = (
    'Alias must start with the prefix "alias/". Please see '
    "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
)
PATTERN = "satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$"
NAMING = {
    "create_alias": {"TargetKeyId": "00000000-0000-4000-8000-000000000000"},
    "update_alias": {"TargetKeyId": "00000000-0000-4000-8000-000000000000"},
    "delete_alias": {},
}
naming = pytest.mark.parametrize("method", NAMING)


def test_an_alias_comes_moves_and_goes(kms, region, key):
    other = kms.create_key()["KeyMetadata"]
    assert members(kms.create_alias(AliasName="alias/a/B_1-x", TargetKeyId=key["KeyId"])) == set()
    (made,) = kms.list_aliases()["Aliases"]
    assert set(made) == {"AliasName", "AliasArn", "TargetKeyId", "CreationDate", "LastUpdatedDate"}
    assert made["AliasName"] == "alias/a/B_1-x"
    assert made["AliasArn"] == arn(region, "alias/a/B_1-x")
    assert made["TargetKeyId"] == key["KeyId"]
    assert made["CreationDate"] == made["LastUpdatedDate"]
    assert abs(made["CreationDate"].timestamp() - time.time()) < 60
    assert members(kms.update_alias(AliasName="alias/a/B_1-x", TargetKeyId=other["Arn"])) == set()
    (moved,) = kms.list_aliases()["Aliases"]
    assert moved["TargetKeyId"] == other["KeyId"]
    assert moved["CreationDate"] == made["CreationDate"]
    assert moved["LastUpdatedDate"] > made["LastUpdatedDate"]
    assert members(kms.delete_alias(AliasName="alias/a/B_1-x")) == set()
    assert kms.list_aliases()["Aliases"] == []


def test_what_an_alias_points_to_is_used_at_once(kms, key):
    other = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/a", TargetKeyId=key["KeyId"])
    first = kms.encrypt(KeyId="alias/a", Plaintext=b"1")
    kms.update_alias(AliasName="alias/a", TargetKeyId=other["KeyId"])
    second = kms.encrypt(KeyId="alias/a", Plaintext=b"2")
    assert (key["Arn"], other["Arn"]) == (first["KeyId"], second["KeyId"])
    kms.delete_alias(AliasName="alias/a")
    for blob, plaintext in ((first, b"1"), (second, b"2")):
        assert plaintext == kms.decrypt(CiphertextBlob=blob["CiphertextBlob"])["Plaintext"]


def test_a_name_is_taken_once_in_each_region_and_account(kms, stranger, endpoint, region, key):
    kms.create_alias(AliasName="alias/a", TargetKeyId=key["KeyId"])
    for target in (key, kms.create_key()["KeyMetadata"]):
        with refused(
            "AlreadyExistsException",
            f"An alias with the name {arn(region, 'alias/a')} already exists",
        ):
            kms.create_alias(AliasName="alias/a", TargetKeyId=target["KeyId"])
    for client in (stranger, endpoint.client("kms", region + "-b")):
        client.create_alias(
            AliasName="alias/a", TargetKeyId=client.create_key()["KeyMetadata"]["KeyId"]
        )
    kms.create_alias(AliasName="alias/A", TargetKeyId=key["KeyId"])  # case counts


@naming
def test_a_name_without_the_prefix(kms, method):
    for name in ("a", "Alias/a", "alias", "x/alias/a"):
        with refused("ValidationException", PREFIX):
            getattr(kms, method)(AliasName=name, **NAMING[method])


@naming
def test_a_name_that_is_nothing_but_the_prefix(kms, method):
    with refused("ValidationException", "Invalid identifier"):
        getattr(kms, method)(AliasName="alias/", **NAMING[method])


@naming
def test_names_of_aws(kms, method):
    for name in ("alias/aws/s3", "alias/aws/mine", "alias/aws/"):
        with refused("NotAuthorizedException", ""):
            getattr(kms, method)(AliasName=name, **NAMING[method])


@naming
def test_a_colon_passes_the_pattern_and_is_refused_all_the_same(kms, method):
    with refused("ValidationException", "alias/my:alias contains invalid characters for an alias"):
        getattr(kms, method)(AliasName="alias/my:alias", **NAMING[method])


@naming
@pytest.mark.parametrize("name", ["alias/a b", "alias/ä", "alias/a.b", "alias/a\n"])
def test_characters_that_no_alias_has(unchecked, method, name):
    with refused("ValidationException", violated(one(f"'{name}'", "aliasName", PATTERN))):
        getattr(unchecked, method)(AliasName=name, **NAMING[method])


def test_the_longest_name(kms, unchecked, key):
    longest = "alias/" + "a" * 250
    kms.create_alias(AliasName=longest, TargetKeyId=key["KeyId"])
    assert key["Arn"] == kms.describe_key(KeyId=longest)["KeyMetadata"]["Arn"]
    with refused(
        "ValidationException",
        violated(one(f"'{longest}a'", "aliasName", "have length less than or equal to 256")),
    ):
        unchecked.create_alias(AliasName=longest + "a", TargetKeyId=key["KeyId"])


@pytest.mark.parametrize("method", ["update_alias", "delete_alias"])
def test_an_alias_that_is_not_there(kms, region, method):
    with refused("NotFoundException", f"Alias {arn(region, 'alias/never')} is not found."):
        getattr(kms, method)(AliasName="alias/never", **NAMING[method])


def test_another_accounts_key_gets_no_alias(kms, stranger, key):
    theirs = stranger.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/a", TargetKeyId=key["KeyId"])
    with refused("AccessDeniedException", denied("CreateAlias")):
        kms.create_alias(AliasName="alias/b", TargetKeyId=theirs)
    with refused("AccessDeniedException", denied("UpdateAlias")):
        kms.update_alias(AliasName="alias/a", TargetKeyId=theirs)
    assert [key["KeyId"]] == [alias["TargetKeyId"] for alias in kms.list_aliases()["Aliases"]]


def test_a_key_has_fifty_aliases_at_most(kms, key):
    other = kms.create_key()["KeyMetadata"]
    full = f"The key {key['Arn']} has 50 aliases, the most it can have."
    for number in range(50):
        kms.create_alias(AliasName=f"alias/{number:02}", TargetKeyId=key["KeyId"])
    with refused("LimitExceededException", full):
        kms.create_alias(AliasName="alias/50", TargetKeyId=key["KeyId"])
    kms.create_alias(AliasName="alias/50", TargetKeyId=other["KeyId"])
    with refused("LimitExceededException", full):
        kms.update_alias(AliasName="alias/50", TargetKeyId=key["KeyId"])
    kms.update_alias(AliasName="alias/49", TargetKeyId=key["KeyId"])  # where it is already
    kms.update_alias(AliasName="alias/49", TargetKeyId=other["KeyId"])
    kms.update_alias(AliasName="alias/50", TargetKeyId=key["KeyId"])

    page = kms.list_aliases()
    assert {"Aliases", "Truncated", "NextMarker"} == members(page)
    assert (len(page["Aliases"]), page["Truncated"]) == (50, True)
    rest = kms.list_aliases(Marker=page["NextMarker"])
    assert {"Aliases", "Truncated"} == members(rest)
    names = [alias["AliasName"] for alias in page["Aliases"] + rest["Aliases"]]
    assert sorted(names) == names == [f"alias/{number:02}" for number in range(51)]


def test_the_aliases_of_one_key(kms, key):
    other = kms.create_key()["KeyMetadata"]
    for name, target in (("alias/a", key), ("alias/b", other), ("alias/c", key)):
        kms.create_alias(AliasName=name, TargetKeyId=target["KeyId"])
    for form in (key["KeyId"], key["Arn"]):
        pages = kms.get_paginator("list_aliases").paginate(
            KeyId=form, PaginationConfig={"PageSize": 1}
        )
        names = [alias["AliasName"] for page in pages for alias in page["Aliases"]]
        assert names == ["alias/a", "alias/c"]


@pytest.mark.parametrize(
    ("limit", "demand"),
    [
        (0, "have value greater than or equal to 1"),
        (101, "have value less than or equal to 100"),
        (1001, "have value less than or equal to 1000"),
    ],
)
def test_the_limit_has_limits(unchecked, limit, demand):
    with refused("ValidationException", violated(one(f"'{limit}'", "limit", demand))):
        unchecked.list_aliases(Limit=limit)
