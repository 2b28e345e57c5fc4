"""Grants made, listed, retired and revoked; who is let, and who is not."""

import json
import string
import time

import pytest
from answers import ACCOUNT, DRY, NEVER, arn, denied, members, not_allowed, one, refused, violated
from clockwork import folder_of
from worlds import InProcess, Refusal

from strongroom.policy.caller import Caller, Kind, Named
from strongroom.policy.compiled import Use, compile_policy
from strongroom.services.principal import Principal

OTHER_ACCOUNT = "111122223333"
READER = "arn:aws:iam::444455556666:role/reader"
ME, THEM = f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:iam::{OTHER_ACCOUNT}:root"
SERVICE = "workspaces.amazonaws.com"
SOURCE = f"arn:aws:workspaces:eu-west-1:{ACCOUNT}:workspace/ws-1"
LEAST = {"GranteePrincipal": READER, "Operations": ["Decrypt"]}
NO_TOKEN = "The grant token is not valid."
EITHER = "Grant token OR (grant ID, key ID) must be specified"


def missing(grant_id, key):
    return f"Grant {grant_id} of key {key['Arn']} does not exist"


def ids(answer):
    return [grant["GrantId"] for grant in answer["Grants"]]


@pytest.fixture
def grant(kms, key):
    """What CreateGrant answered for a grant that the other account may retire."""
    return kms.create_grant(KeyId=key["KeyId"], RetiringPrincipal=THEM, **LEAST)


@pytest.fixture
def world(tmp_path):
    world = InProcess(tmp_path)
    yield world
    world.close()


# Made and listed


def test_a_grant_with_everything(kms, key):
    answer = kms.create_grant(
        KeyId=key["Arn"],
        GranteePrincipal=READER,
        RetiringPrincipal=THEM,
        Operations=["Encrypt", "Decrypt", "RetireGrant", "Encrypt"],
        Constraints={"EncryptionContextSubset": {"Tenant": "Blue", "a": ""}, "SourceArn": SOURCE},
        Name="for/the:reader_1",
    )
    assert members(answer) == {"GrantId", "GrantToken"}
    assert len(bytes.fromhex(answer["GrantId"])) == 32
    (entry,) = kms.list_grants(KeyId=key["KeyId"])["Grants"]
    made = entry.pop("CreationDate").timestamp()
    assert abs(made - time.time()) < 60
    assert entry == {
        "KeyId": key["Arn"],
        "GrantId": answer["GrantId"],
        "Name": "for/the:reader_1",
        "GranteePrincipal": READER,
        "RetiringPrincipal": THEM,
        "IssuingAccount": ME,
        "Operations": ["Encrypt", "Decrypt", "RetireGrant"],
        "Constraints": {
            "EncryptionContextSubset": {"Tenant": "Blue", "a": ""},
            "SourceArn": SOURCE,
        },
    }


def test_a_grant_with_the_least(kms, key):
    grant_id = kms.create_grant(KeyId=key["KeyId"], **LEAST)["GrantId"]
    answer = kms.list_grants(KeyId=key["Arn"])
    assert members(answer) == {"Grants", "Truncated"}
    (entry,) = answer["Grants"]
    del entry["CreationDate"]
    assert entry == {
        "KeyId": key["Arn"],
        "GrantId": grant_id,
        "Name": "",
        "GranteePrincipal": READER,
        "IssuingAccount": ME,
        "Operations": ["Decrypt"],
    }


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"EncryptionContextEquals": {"a": "b"}}, {"EncryptionContextEquals": {"a": "b"}}),
        ({"EncryptionContextEquals": {}}, {"EncryptionContextEquals": {}}),
        ({"EncryptionContextSubset": {}}, None),
        (
            {"EncryptionContextEquals": {}, "EncryptionContextSubset": {"a": "b"}},
            {"EncryptionContextSubset": {"a": "b"}},
        ),
        (
            {"EncryptionContextEquals": {"a": "b"}, "EncryptionContextSubset": {}},
            {"EncryptionContextEquals": {"a": "b"}},
        ),
        ({}, None),
    ],
)
def test_constraints_are_shown_as_they_hold(kms, key, given, shown):
    kms.create_grant(KeyId=key["KeyId"], Constraints=given, **LEAST)
    (entry,) = kms.list_grants(KeyId=key["KeyId"])["Grants"]
    assert entry.get("Constraints") == shown


def test_a_grant_to_a_service(kms, key):
    service = {"GranteeServicePrincipal": SERVICE, "Operations": ["Decrypt"]}
    sourced = {"Constraints": {"SourceArn": SOURCE}}
    kms.create_grant(KeyId=key["KeyId"], RetiringServicePrincipal=SERVICE, **service, **sourced)
    (entry,) = kms.list_grants(KeyId=key["KeyId"])["Grants"]
    assert (entry["GranteeServicePrincipal"], entry["RetiringServicePrincipal"]) == (
        SERVICE,
        SERVICE,
    )
    assert not {"GranteePrincipal", "RetiringPrincipal"} & set(entry)
    said = (
        "When you specify a GranteeServicePrincipal, you must also specify a SourceArn grant "
        "constraint and either a RetiringPrincipal or a RetiringServicePrincipal."
    )
    for lacking in (sourced, {"RetiringPrincipal": ME}, {}):
        with refused("ValidationException", said):
            kms.create_grant(KeyId=key["KeyId"], **service, **lacking)


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (
            {"GranteePrincipal": None},
            "ValidationException",
            "You must specify either GranteePrincipal or GranteeServicePrincipal, but not both.",
        ),
        (
            {"GranteeServicePrincipal": SERVICE},
            "ValidationException",
            "You must specify either GranteePrincipal or GranteeServicePrincipal, but not both.",
        ),
        (
            {"RetiringPrincipal": ME, "RetiringServicePrincipal": SERVICE},
            "ValidationException",
            "You can specify either RetiringPrincipal or RetiringServicePrincipal, but not both.",
        ),
        (
            {"GranteePrincipal": SERVICE},
            "InvalidArnException",
            f"ARN does not refer to a valid principal: {SERVICE}",
        ),
        (
            {"RetiringPrincipal": "arn:aws:iam::444455556666:group/g"},
            "InvalidArnException",
            "ARN does not refer to a valid principal: arn:aws:iam::444455556666:group/g",
        ),
        (
            {"Operations": []},
            "ValidationException",
            "Grants must contain at least one operation.",
        ),
        (
            {"Operations": ["CreateGrant"]},
            "ValidationException",
            "Grants must not contain only the CreateGrant operation.",
        ),
        (
            {"Operations": ["Decrypt", "Sign"]},
            "ValidationException",
            "Operation Sign is not valid for a grant on a key with key spec SYMMETRIC_DEFAULT and "
            "key usage ENCRYPT_DECRYPT.",
        ),
        (
            {"Constraints": {"EncryptionContextEquals": {str(n): "" for n in range(9)}}},
            "ValidationException",
            "A grant constraint can have at most 8 pairs.",
        ),
        (
            {"Constraints": {"EncryptionContextSubset": {"a": "x" * 385}}},
            "ValidationException",
            "A value in a grant constraint can have at most 384 characters.",
        ),
        (
            {"Constraints": {"EncryptionContextSubset": {"a": "1", "A": "1"}}},
            "ValidationException",
            "The keys in a grant constraint must differ by more than case.",
        ),
        (
            {
                "Constraints": {
                    "EncryptionContextSubset": {"a": "1"},
                    "EncryptionContextEquals": {"a": "1"},
                }
            },
            "ValidationException",
            "More than one constraint supplied",
        ),
        (
            {"Name": "a b"},
            "ValidationException",
            violated(
                one("'a b'", "name", "satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$")
            ),
        ),
        (
            {"Constraints": {"SourceArn": "arn:aws:s3:::a-bucket-of-mine"}},
            "ValidationException",
            violated(
                one(
                    "'arn:aws:s3:::a-bucket-of-mine'",
                    "constraints.sourceArn",
                    "satisfy regular expression pattern: "
                    "^arn:aws[a-z0-9-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:.+$",
                )
            ),
        ),
    ],
)
def test_what_no_grant_may_be(kms, unchecked, key, change, code, message):
    asked = {
        name: value
        for name, value in ({"KeyId": key["KeyId"]} | LEAST | change).items()
        if value is not None
    }
    for dry in ({}, {"DryRun": True}):
        with refused(code, message):
            unchecked.create_grant(**asked, **dry)
    assert kms.list_grants(KeyId=key["KeyId"])["Grants"] == []


def test_another_accounts_key(stranger, key):
    for ask, action in (
        (lambda **rest: stranger.create_grant(**LEAST, **rest), "CreateGrant"),
        (stranger.list_grants, "ListGrants"),
        (lambda **rest: stranger.revoke_grant(GrantId="x", **rest), "RevokeGrant"),
    ):
        with refused("AccessDeniedException", denied(action, account=OTHER_ACCOUNT)):
            ask(KeyId=key["Arn"])


def test_states(kms, key, grant):
    key_id, said = key["KeyId"], key["Arn"]
    kms.disable_key(KeyId=key_id)
    with refused("DisabledException", f"{said} is disabled."):
        kms.create_grant(KeyId=key_id, **LEAST)
    kms.schedule_key_deletion(KeyId=key_id)
    with refused("KMSInvalidStateException", f"{said} is pending deletion."):
        kms.create_grant(KeyId=key_id, **LEAST)
    assert ids(kms.list_grants(KeyId=key_id)) == [grant["GrantId"]]
    kms.revoke_grant(KeyId=key_id, GrantId=grant["GrantId"])
    assert kms.list_grants(KeyId=key_id)["Grants"] == []


def test_an_aws_managed_keys_grants_can_be_seen_and_not_made(kms, region):
    key = kms.describe_key(KeyId="alias/aws/ebs")["KeyMetadata"]
    assert kms.list_grants(KeyId=key["KeyId"])["Grants"] == []
    with refused("AccessDeniedException", not_allowed("CreateGrant", key["Arn"])):
        kms.create_grant(KeyId=key["KeyId"], **LEAST)


# Asked again


def test_without_a_name_each_is_another(kms, key):
    first, second = (kms.create_grant(KeyId=key["KeyId"], **LEAST) for _ in range(2))
    assert first["GrantId"] != second["GrantId"]
    assert sorted([first["GrantId"], second["GrantId"]]) == ids(kms.list_grants(KeyId=key["KeyId"]))


def test_by_its_name_it_is_the_same_and_the_token_another(kms, key):
    asked = LEAST | {"KeyId": key["KeyId"], "Name": "n"}
    asked["Constraints"] = {"EncryptionContextSubset": {"a": "1", "b": "2"}}
    first, second = kms.create_grant(**asked), kms.create_grant(**asked)
    assert first["GrantId"] == second["GrantId"]
    assert first["GrantToken"] != second["GrantToken"]
    assert ids(kms.list_grants(KeyId=key["KeyId"])) == [first["GrantId"]]
    # Tokens are interchangeable.
    kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", GrantTokens=[second["GrantToken"]])
    kms.retire_grant(GrantToken=first["GrantToken"])
    with refused("InvalidGrantTokenException", NO_TOKEN):
        kms.retire_grant(GrantToken=second["GrantToken"])
    assert kms.create_grant(**asked)["GrantId"] != first["GrantId"]


def test_the_same_name_for_something_else_is_another_grant(kms, key):
    asked = LEAST | {"Name": "n"}
    other_key = kms.create_key()["KeyMetadata"]["KeyId"]
    made = {kms.create_grant(KeyId=key["KeyId"], **asked)["GrantId"]}
    for change in (
        {"KeyId": other_key},
        {"GranteePrincipal": ME},
        {"RetiringPrincipal": ME},
        {"Operations": ["Encrypt"]},
        {"Constraints": {"EncryptionContextEquals": {"a": "b"}}},
        {"Constraints": {"EncryptionContextSubset": {"a": "b"}}},
        {"Constraints": {"SourceArn": SOURCE}},
    ):
        made.add(kms.create_grant(**({"KeyId": key["KeyId"]} | asked | change))["GrantId"])
    assert len(made) == 8


# Listed


def test_pages(kms, key):
    for number in range(51):
        kms.create_grant(
            KeyId=key["KeyId"], GranteePrincipal=READER, Operations=["Decrypt"], Name=f"{number}"
        )
    page = kms.list_grants(KeyId=key["KeyId"])
    assert members(page) == {"Grants", "Truncated", "NextMarker"}
    assert (len(page["Grants"]), page["Truncated"]) == (50, True)
    rest = kms.list_grants(KeyId=key["KeyId"], Marker=page["NextMarker"])
    assert (members(rest), rest["Truncated"]) == ({"Grants", "Truncated"}, False)
    found = ids(page) + ids(rest)
    assert found == sorted(set(found))
    assert len(found) == 51
    assert len(kms.list_grants(KeyId=key["KeyId"], Limit=100)["Grants"]) == 51
    pages = kms.get_paginator("list_grants").paginate(
        KeyId=key["KeyId"], GranteePrincipal=READER, PaginationConfig={"PageSize": 7}
    )
    assert [grant_id for each in pages for grant_id in ids(each)] == found


def test_filters(kms, key):
    to_reader, to_me = (
        kms.create_grant(KeyId=key["KeyId"], GranteePrincipal=who, Operations=["Decrypt"])
        for who in (READER, ME)
    )
    key_id = key["KeyId"]
    assert ids(kms.list_grants(KeyId=key_id, GranteePrincipal=ME)) == [to_me["GrantId"]]
    assert ids(kms.list_grants(KeyId=key_id, GranteePrincipal=THEM)) == []
    for who, found in (
        ({}, True),
        ({"GranteePrincipal": READER}, True),
        ({"GranteePrincipal": ME}, False),
    ):
        answer = kms.list_grants(KeyId=key_id, GrantId=to_reader["GrantId"], **who)
        assert ids(answer) == ([to_reader["GrantId"]] if found else [])
    first, second = ids(kms.list_grants(KeyId=key_id))
    marker = kms.list_grants(KeyId=key_id, Limit=1)["NextMarker"]
    assert ids(kms.list_grants(KeyId=key_id, GrantId=first, Marker=marker)) == []
    assert ids(kms.list_grants(KeyId=key_id, GrantId=second, Marker=marker)) == [second]
    other = kms.create_key()["KeyMetadata"]
    with refused("InvalidGrantIdException", missing(to_me["GrantId"], other)):
        kms.list_grants(KeyId=other["KeyId"], GrantId=to_me["GrantId"])
    with refused("AccessDeniedException", not_allowed("ListGrants", key["Arn"])):
        kms.list_grants(KeyId=key_id, GranteeServicePrincipal=SERVICE)
    with refused(
        "ValidationException",
        "You can specify either GranteePrincipal or GranteeServicePrincipal, but not both.",
    ):
        kms.list_grants(KeyId=key_id, GranteePrincipal=ME, GranteeServicePrincipal=SERVICE)


def test_what_one_may_retire_is_listed_across_accounts(kms, stranger, endpoint, region, key):
    theirs = stranger.create_key()["KeyMetadata"]
    elsewhere = endpoint.client("kms", region + "-b")
    made = []
    for client, key_id in ((kms, key["KeyId"]), (stranger, theirs["KeyId"])):
        made.append(client.create_grant(KeyId=key_id, RetiringPrincipal=ME, **LEAST)["GrantId"])
        client.create_grant(KeyId=key_id, RetiringPrincipal=THEM, **LEAST)
        client.create_grant(KeyId=key_id, **LEAST)
    elsewhere.create_grant(
        KeyId=elsewhere.create_key()["KeyMetadata"]["KeyId"], RetiringPrincipal=ME, **LEAST
    )
    answer = kms.list_retirable_grants(RetiringPrincipal=ME)
    assert ids(answer) == sorted(made)
    assert {grant["KeyId"] for grant in answer["Grants"]} == {key["Arn"], theirs["Arn"]}
    assert {grant["IssuingAccount"] for grant in answer["Grants"]} == {ME, THEM}
    first = kms.list_retirable_grants(RetiringPrincipal=ME, Limit=1)
    assert (ids(first), first["Truncated"]) == (sorted(made)[:1], True)
    second = kms.list_retirable_grants(RetiringPrincipal=ME, Marker=first["NextMarker"])
    assert (ids(second), second["Truncated"]) == (sorted(made)[1:], False)


def test_whose_retirable_grants_one_may_list(kms):
    either = "You must specify either RetiringPrincipal or RetiringServicePrincipal, but not both."
    for asked in ({}, {"RetiringPrincipal": ME, "RetiringServicePrincipal": SERVICE}):
        with refused("ValidationException", either):
            kms.list_retirable_grants(**asked)
    with refused("AccessDeniedException", denied("ListRetirableGrants")):
        kms.list_retirable_grants(RetiringPrincipal=THEM)
    said = (
        f"User: {ME} is not authorized to perform: kms:ListRetirableGrants on resource: * because "
        "no identity-based policy allows the kms:ListRetirableGrants action"
    )
    with refused("AccessDeniedException", said):
        kms.list_retirable_grants(RetiringServicePrincipal=SERVICE)
    with refused("InvalidArnException", f"ARN does not refer to a valid principal: {SERVICE}"):
        kms.list_retirable_grants(RetiringPrincipal=SERVICE)
    mine = f"arn:aws:iam::{ACCOUNT}:user/nobody"
    assert kms.list_retirable_grants(RetiringPrincipal=mine)["Grants"] == []


@pytest.mark.parametrize("limit", [0, 101, 1001])
@pytest.mark.parametrize("listing", ["list_grants", "list_retirable_grants"])
def test_the_limit_has_limits(unchecked, key, listing, limit):
    demand = {
        0: "have value greater than or equal to 1",
        101: "have value less than or equal to 100",
        1001: "have value less than or equal to 1000",
    }[limit]
    asked = {"KeyId": key["KeyId"]} if listing == "list_grants" else {"RetiringPrincipal": ME}
    with refused("ValidationException", violated(one(f"'{limit}'", "limit", demand))):
        getattr(unchecked, listing)(Limit=limit, **asked)


def test_a_marker_that_is_none(kms, key):
    with refused("InvalidMarkerException", "Invalid marker"):
        kms.list_grants(KeyId=key["KeyId"], Marker="x")
    with refused("InvalidMarkerException", "Invalid marker"):
        kms.list_retirable_grants(RetiringPrincipal=ME, Marker="x")


# Ended


def test_revoking(kms, key, grant):
    other = kms.create_key()["KeyMetadata"]
    grant_id = grant["GrantId"]
    for asked, where in ((NEVER, key), (grant_id.upper(), key), (grant_id, other)):
        with refused("InvalidGrantIdException", missing(asked, where)):
            kms.revoke_grant(KeyId=where["KeyId"], GrantId=asked)
    assert members(kms.revoke_grant(KeyId=key["Arn"], GrantId=grant_id)) == set()
    assert kms.list_grants(KeyId=key["KeyId"])["Grants"] == []
    with refused("InvalidGrantIdException", missing(grant_id, key)):
        kms.revoke_grant(KeyId=key["KeyId"], GrantId=grant_id)


def test_revoking_takes_id_and_arn_of_a_key(kms, region, grant):
    kms.create_alias(AliasName="alias/a", TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    for form, code, said in (
        ("alias/a", "NotFoundException", "Invalid keyId 'alias/a'"),
        ("x", "NotFoundException", "Invalid keyId 'x'"),
        (NEVER, "NotFoundException", f"Key '{arn(region, f'key/{NEVER}')}' does not exist"),
        (arn("mars-1", f"key/{NEVER}"), "NotFoundException", "Invalid arn mars-1"),
    ):
        with refused(code, said):
            kms.revoke_grant(KeyId=form, GrantId=grant["GrantId"])


@pytest.mark.parametrize("form", ["token", "id", "arn"])
@pytest.mark.parametrize("who", ["issuer", "retiring"])
def test_retiring(kms, stranger, key, grant, who, form):
    client = kms if who == "issuer" else stranger
    asked = {
        "token": {"GrantToken": grant["GrantToken"]},
        "id": {"KeyId": key["KeyId"], "GrantId": grant["GrantId"]},
        "arn": {"KeyId": key["Arn"], "GrantId": grant["GrantId"]},
    }[form]
    if (who, form) == ("retiring", "id"):  # a bare id is looked for in the caller's own account
        theirs = arn(client.meta.region_name, f"key/{key['KeyId']}", OTHER_ACCOUNT)
        with refused("NotFoundException", f"Key '{theirs}' does not exist"):
            client.retire_grant(**asked)
        return
    assert members(client.retire_grant(**asked)) == set()
    assert kms.list_grants(KeyId=key["KeyId"])["Grants"] == []


@pytest.mark.parametrize(
    ("parties", "may"),
    [
        ({"GranteePrincipal": THEM, "Operations": ["Decrypt"]}, False),
        ({"GranteePrincipal": THEM, "Operations": ["RetireGrant"]}, True),
        ({"GranteePrincipal": THEM, "Operations": ["Decrypt", "RetireGrant"]}, True),
        (LEAST | {"RetiringPrincipal": THEM}, True),
        (LEAST | {"RetiringPrincipal": f"arn:aws:iam::{OTHER_ACCOUNT}:user/carol"}, True),
        (LEAST | {"RetiringPrincipal": ME}, False),
        (LEAST | {"Operations": ["RetireGrant"]}, False),
        (LEAST, False),
    ],
)
def test_whom_a_grant_lets_retire_it(kms, stranger, key, parties, may):
    grant = kms.create_grant(KeyId=key["KeyId"], **parties)
    asked = {"KeyId": key["Arn"], "GrantId": grant["GrantId"]}
    if may:
        with refused("DryRunOperationException", DRY):
            stranger.retire_grant(DryRun=True, **asked)
        stranger.retire_grant(GrantToken=grant["GrantToken"])
    else:
        said = denied("RetireGrant", account=OTHER_ACCOUNT)
        for form in (asked, asked | {"DryRun": True}, {"GrantToken": grant["GrantToken"]}):
            with refused("AccessDeniedException", said):
                stranger.retire_grant(**form)
    assert ids(kms.list_grants(KeyId=key["KeyId"])) == ([] if may else [grant["GrantId"]])


def test_of_another_account_a_grant_that_is_missing_and_one_that_is_not_yours_are_the_same(
    kms, stranger, region, key, grant
):
    other = arn(region, f"key/{NEVER}")
    hidden = kms.create_grant(KeyId=key["KeyId"], **LEAST)["GrantId"]
    for where, grant_id in (
        (key["Arn"], hidden),
        (key["Arn"], NEVER),
        (other, hidden),
        (other, grant["GrantId"]),
        (arn(region, "alias/a"), grant["GrantId"]),
    ):
        with refused("AccessDeniedException", denied("RetireGrant", account=OTHER_ACCOUNT)):
            stranger.retire_grant(KeyId=where, GrantId=grant_id)


def test_of_ones_own_account_it_is_said_what_is_missing(kms, region, key, grant):
    with refused("InvalidGrantIdException", missing(NEVER, key)):
        kms.retire_grant(KeyId=key["Arn"], GrantId=NEVER)
    with refused("NotFoundException", f"Key '{arn(region, f'key/{NEVER}')}' does not exist"):
        kms.retire_grant(KeyId=NEVER, GrantId=grant["GrantId"])
    with refused("NotFoundException", "Invalid keyId 'alias/a'"):
        kms.retire_grant(KeyId="alias/a", GrantId=grant["GrantId"])
    with refused("InvalidArnException", "Invalid arn arn:aws:s3:::x"):
        kms.retire_grant(KeyId="arn:aws:s3:::x", GrantId=grant["GrantId"])


def test_a_grant_is_named_in_one_way(kms, key, grant):
    token, key_id, grant_id = (
        {"GrantToken": grant["GrantToken"]},
        {"KeyId": key["Arn"]},
        {"GrantId": grant["GrantId"]},
    )
    for asked in (
        {},
        key_id,
        grant_id,
        token | key_id,
        token | grant_id,
        token | key_id | grant_id,
    ):
        with refused("ValidationException", EITHER):
            kms.retire_grant(**asked)
    assert ids(kms.list_grants(KeyId=key["KeyId"])) == [grant["GrantId"]]


def test_dry_runs_change_nothing(kms, key, grant):
    key_id, grant_id = key["KeyId"], grant["GrantId"]
    for ask in (
        lambda: kms.create_grant(KeyId=key_id, DryRun=True, **LEAST),
        lambda: kms.create_grant(KeyId=key_id, DryRun=True, Name="n", **LEAST),
        lambda: kms.retire_grant(GrantToken=grant["GrantToken"], DryRun=True),
        lambda: kms.retire_grant(KeyId=key["Arn"], GrantId=grant_id, DryRun=True),
        lambda: kms.revoke_grant(KeyId=key_id, GrantId=grant_id, DryRun=True),
    ):
        with refused("DryRunOperationException", DRY):
            ask()
    assert ids(kms.list_grants(KeyId=key_id)) == [grant_id]
    with refused("InvalidGrantIdException", missing(NEVER, key)):
        kms.revoke_grant(KeyId=key_id, GrantId=NEVER, DryRun=True)
    kms.disable_key(KeyId=key_id)
    with refused("DisabledException", f"{key['Arn']} is disabled."):
        kms.create_grant(KeyId=key_id, DryRun=True, **LEAST)


# Tokens


def takers(kms, key_id):
    """Every operation here that takes grant tokens, and is served with good ones."""
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    return {
        "CreateGrant": lambda tokens: kms.create_grant(KeyId=key_id, GrantTokens=tokens, **LEAST),
        "Decrypt": lambda tokens: kms.decrypt(CiphertextBlob=blob, GrantTokens=tokens),
        "DescribeKey": lambda tokens: kms.describe_key(KeyId=key_id, GrantTokens=tokens),
        "Encrypt": lambda tokens: kms.encrypt(KeyId=key_id, Plaintext=b"x", GrantTokens=tokens),
        "GenerateDataKey": lambda tokens: kms.generate_data_key(
            KeyId=key_id, NumberOfBytes=1, GrantTokens=tokens
        ),
        "GenerateDataKeyWithoutPlaintext": lambda tokens: kms.generate_data_key_without_plaintext(
            KeyId=key_id, NumberOfBytes=1, GrantTokens=tokens
        ),
        "ReEncrypt": lambda tokens: kms.re_encrypt(
            CiphertextBlob=blob, DestinationKeyId=key_id, GrantTokens=tokens
        ),
    }


def test_tokens_are_looked_at_wherever_they_are_taken(kms, endpoint, region, key, grant):
    elsewhere = endpoint.client("kms", region + "-b")
    there = elsewhere.create_key()["KeyMetadata"]["KeyId"]
    good = grant["GrantToken"]
    foreign = elsewhere.create_grant(KeyId=there, **LEAST)["GrantToken"]
    altered = good[:-1] + ("A" if good[-1] != "A" else "E")
    for operation, ask in takers(kms, key["KeyId"]).items():
        ask([])
        ask([good, good])
        for bad in ("x", foreign, altered, good + "=", grant["GrantId"]):
            for tokens in ([bad], [good, bad]):
                with refused("InvalidGrantTokenException", NO_TOKEN):
                    ask(tokens)
                    pytest.fail(f"{operation} took {bad}")


def test_a_token_of_another_accounts_key_is_genuine(kms, stranger, key):
    theirs = stranger.create_key()["KeyMetadata"]["KeyId"]
    token = stranger.create_grant(KeyId=theirs, **LEAST)["GrantToken"]
    kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", GrantTokens=[token])


def test_a_token_of_an_account_that_has_nothing_here(kms, endpoint, region, key):
    """And has something the moment after: that it had nothing must not stick."""
    newcomer = endpoint.client("kms", region, "777788889999")
    made = newcomer.create_key()["KeyMetadata"]["KeyId"]
    token = newcomer.create_grant(KeyId=made, **LEAST)["GrantToken"]
    other = endpoint.client("kms", region + "-b")
    other_key = other.create_key()["KeyMetadata"]["KeyId"]
    for _ in range(3):
        with refused("InvalidGrantTokenException", NO_TOKEN):
            other.describe_key(KeyId=other_key, GrantTokens=[token])
    there = endpoint.client("kms", region + "-b", "777788889999")
    late = there.create_grant(KeyId=there.create_key()["KeyMetadata"]["KeyId"], **LEAST)
    for _ in range(5):
        other.describe_key(KeyId=other_key, GrantTokens=[late["GrantToken"]])


def test_a_token_of_a_grant_that_is_gone_is_without_effect(kms, key, grant):
    kms.revoke_grant(KeyId=key["KeyId"], GrantId=grant["GrantId"])
    for ask in takers(kms, key["KeyId"]).values():
        ask([grant["GrantToken"]])
    with refused("InvalidGrantTokenException", NO_TOKEN):
        kms.retire_grant(GrantToken=grant["GrantToken"])


def test_no_altered_token_retires(kms, key, grant):
    token = grant["GrantToken"]
    for at in range(len(token)):
        other = next(each for each in string.ascii_letters if each != token[at])
        with refused("InvalidGrantTokenException", NO_TOKEN):
            kms.retire_grant(GrantToken=token[:at] + other + token[at + 1 :])
    assert ids(kms.list_grants(KeyId=key["KeyId"])) == [grant["GrantId"]]


# Where policies have a say


def shared(stranger, **condition):
    """A key of another account, whose policy lets this one make and see grants."""
    key = stranger.create_key()["KeyMetadata"]
    allow = {"Effect": "Allow", "Resource": "*"}
    statements = [
        allow | {"Principal": {"AWS": THEM}, "Action": "kms:*"},
        allow | {"Principal": {"AWS": ME}, "Action": "kms:ListGrants"},
        allow
        | {"Principal": {"AWS": ME}, "Action": "kms:CreateGrant"}
        | ({"Condition": condition} if condition else {}),
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    stranger.put_key_policy(KeyId=key["KeyId"], Policy=policy)
    return key


def test_a_grant_on_another_accounts_key(kms, stranger, region):
    key = shared(stranger)
    asked = {"KeyId": key["Arn"], "Name": "n", "RetiringPrincipal": READER, **LEAST}
    mine = kms.create_grant(**asked)
    theirs = stranger.create_grant(**asked)
    assert mine["GrantId"] != theirs["GrantId"]
    entries = {grant["GrantId"]: grant for grant in kms.list_grants(KeyId=key["Arn"])["Grants"]}
    assert entries[mine["GrantId"]]["IssuingAccount"] == ME
    assert entries[theirs["GrantId"]]["IssuingAccount"] == THEM
    # Each account retires what it made; the key's owner revokes the other.
    with refused("AccessDeniedException", not_allowed("RetireGrant", key["Arn"], OTHER_ACCOUNT)):
        stranger.retire_grant(KeyId=key["KeyId"], GrantId=mine["GrantId"])
    with refused("AccessDeniedException", denied("RetireGrant")):
        kms.retire_grant(GrantToken=theirs["GrantToken"])
    with refused("AccessDeniedException", denied("RevokeGrant")):
        kms.revoke_grant(KeyId=key["Arn"], GrantId=mine["GrantId"])
    kms.retire_grant(KeyId=key["Arn"], GrantId=mine["GrantId"])
    again = kms.create_grant(**asked)
    stranger.revoke_grant(KeyId=key["KeyId"], GrantId=again["GrantId"])
    assert ids(stranger.list_grants(KeyId=key["KeyId"])) == [theirs["GrantId"]]


SUBSET = {"EncryptionContextSubset": {"Tenant": "blue"}}
EQUALS = {"EncryptionContextEquals": {"Tenant": "blue"}}


@pytest.mark.parametrize(
    ("condition", "may", "may_not"),
    [
        (
            {"ForAllValues:StringEquals": {"kms:GrantOperations": ["Decrypt", "Encrypt"]}},
            {"Operations": ["Encrypt", "Decrypt"]},
            {"Operations": ["Encrypt", "DescribeKey"]},
        ),
        (
            {"StringEquals": {"kms:GranteePrincipal": READER}},
            {},
            {"GranteePrincipal": READER + "2"},
        ),
        (
            {"StringEquals": {"kms:RetiringPrincipal": THEM}},
            {"RetiringPrincipal": THEM},
            {},
        ),
        (
            {"StringEquals": {"kms:GrantConstraintType": "EncryptionContextSubset"}},
            {"Constraints": SUBSET},
            {"Constraints": EQUALS},
        ),
        (
            {"StringEquals": {"kms:GrantConstraintType": "EncryptionContextEquals"}},
            {"Constraints": EQUALS},
            {},
        ),
        (
            {"StringEquals": {"kms:EncryptionContext:tenant": "blue"}},
            {"Constraints": EQUALS},
            {"Constraints": {"EncryptionContextSubset": {"tenant": "Blue"}}},
        ),
        (
            {"ArnEquals": {"kms:GrantConstraintSourceArn": SOURCE}},
            {"Constraints": {"SourceArn": SOURCE}},
            {"Constraints": {"SourceArn": SOURCE + "2"}},
        ),
        (
            {"Bool": {"kms:GrantIsForAWSResource": "false"}},
            {},
            None,
        ),
        (
            {"Bool": {"kms:GrantIsForAWSResource": "true"}},
            None,
            {},
        ),
        (
            {"StringEquals": {"kms:GranteeServicePrincipal": SERVICE}},
            None,
            {},
        ),
    ],
)
def test_what_a_key_policy_may_ask_about_a_grant(kms, stranger, condition, may, may_not):
    key = shared(stranger, **condition)
    if may is not None:
        kms.create_grant(**({"KeyId": key["Arn"]} | LEAST | may))
    if may_not is not None:
        with refused("AccessDeniedException", denied("CreateGrant")):
            kms.create_grant(**({"KeyId": key["Arn"]} | LEAST | may_not))


def test_what_a_key_policy_may_ask_about_services(kms, stranger):
    to_service = {
        "GranteeServicePrincipal": SERVICE,
        "RetiringServicePrincipal": "ecs.amazonaws.com",
        "Constraints": {"SourceArn": SOURCE},
        "Operations": ["Decrypt"],
    }
    names = {
        "kms:GranteeServicePrincipal": SERVICE,
        "kms:RetiringServicePrincipal": "ecs.amazonaws.com",
    }
    key = shared(stranger, StringEquals=names)
    kms.create_grant(KeyId=key["Arn"], **to_service)
    with refused("AccessDeniedException", denied("CreateGrant")):
        kms.create_grant(KeyId=key["Arn"], **(to_service | {"RetiringServicePrincipal": SERVICE}))


def user(account, name, *actions, deny=False):
    """A user whose own policy allows `actions`, or denies everything."""
    statement = {"Effect": "Deny" if deny else "Allow", "Action": actions or "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    identity = (compile_policy(document, Use.IDENTITY, "p"),) if actions or deny else ()
    arn = f"arn:aws:iam::{account}:user/{name}"
    return Principal(Caller.user(arn, account, f"AIDA{name.upper():A<17}"), identity)


def session(role, name):
    """A session of a role of the other account."""
    arn = f"arn:aws:sts::{OTHER_ACCOUNT}:assumed-role/{role}/{name}"
    names = {arn: Named.ALONE, f"arn:aws:iam::{OTHER_ACCOUNT}:role/{role}": Named.LIMITED}
    return Principal(Caller(Kind.SESSION, OTHER_ACCOUNT, arn, names))


@pytest.mark.parametrize(
    ("who", "retiring", "may"),
    [
        (user(ACCOUNT, "carol"), "", False),  # of the account where it was made, without its leave
        (user(ACCOUNT, "carol", "kms:RetireGrant"), "", True),
        (user(ACCOUNT, "carol", "kms:RevokeGrant"), "", False),
        (user(OTHER_ACCOUNT, "carol", "kms:*"), "", False),
        (user(OTHER_ACCOUNT, "carol"), THEM, False),
        (user(OTHER_ACCOUNT, "carol", "kms:RetireGrant"), THEM, True),
        (user(OTHER_ACCOUNT, "carol"), f"arn:aws:iam::{OTHER_ACCOUNT}:user/carol", True),
        (user(OTHER_ACCOUNT, "dave"), f"arn:aws:iam::{OTHER_ACCOUNT}:user/carol", False),
        (user(OTHER_ACCOUNT, "dave", "kms:*"), f"arn:aws:iam::{OTHER_ACCOUNT}:user/carol", True),
        (
            user(OTHER_ACCOUNT, "carol", deny=True),
            f"arn:aws:iam::{OTHER_ACCOUNT}:user/carol",
            False,
        ),
        (session("keeper", "x"), f"arn:aws:iam::{OTHER_ACCOUNT}:role/keeper", True),
        (session("reader", "x"), f"arn:aws:iam::{OTHER_ACCOUNT}:role/keeper", False),
        (session("keeper", "x"), f"arn:aws:sts::{OTHER_ACCOUNT}:assumed-role/keeper/x", True),
        (session("keeper", "x"), f"arn:aws:sts::{OTHER_ACCOUNT}:assumed-role/keeper/y", False),
    ],
)
def test_an_account_leaves_its_right_to_retire_to_whom_its_policies_let(world, who, retiring, may):
    key = world.ask("CreateKey", {})["KeyMetadata"]["Arn"]
    asked = {"RetiringPrincipal": retiring} if retiring else {}
    grant = world.ask("CreateGrant", {"KeyId": key, **asked, **LEAST})
    retire = {"GrantToken": grant["GrantToken"]}
    if may:
        world.ask("RetireGrant", retire, who)
    else:
        with pytest.raises(Refusal, match="AccessDeniedException"):
            world.ask("RetireGrant", retire, who)
    assert len(world.ask("ListGrants", {"KeyId": key})["Grants"]) == (0 if may else 1)


# Through the functions: time, and numbers


def test_grants_go_with_their_key(world):
    keys = [world.ask("CreateKey", {})["KeyMetadata"]["KeyId"] for _ in range(2)]
    tokens = [
        world.ask("CreateGrant", {"KeyId": key, "RetiringPrincipal": ME, **LEAST})["GrantToken"]
        for key in keys
    ]
    world.ask("ScheduleKeyDeletion", {"KeyId": keys[0], "PendingWindowInDays": 7})
    assert len(world.ask("ListRetirableGrants", {"RetiringPrincipal": ME})["Grants"]) == 2
    world.wait(7 * 86_400)
    (left,) = world.ask("ListRetirableGrants", {"RetiringPrincipal": ME})["Grants"]
    assert left["KeyId"].endswith(keys[1])
    with pytest.raises(Refusal, match="token"):
        world.ask("RetireGrant", {"GrantToken": tokens[0]})
    with pytest.raises(Refusal, match="does not exist"):
        world.ask("ListGrants", {"KeyId": keys[0]})


FILL = """
WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < :count)
INSERT INTO grants
SELECT account, region, printf('%064x', n), key_id, name, grantee, grantee_id,
    retiring, retiring_id, operations, context_equals, context_subset, source_arn, issuing_account, issuer, created, parent,
    NULL, mac
FROM grants, number
"""


def test_a_key_has_fifty_thousand_grants_at_most(world):
    key, other = (world.ask("CreateKey", {})["KeyMetadata"] for _ in range(2))
    asked = {"KeyId": key["KeyId"], "Name": "n", **LEAST}
    first = world.ask("CreateGrant", asked)["GrantId"]
    with world._store.writing() as books:
        books.connection.exec_driver_sql(FILL.replace(":count", str(50_000 - 2)))
        world._store._tallies._known.clear()  # these came otherwise than by changes
    last = world.ask("CreateGrant", {"KeyId": key["KeyId"], **LEAST})["GrantId"]
    for dry in ({}, {"DryRun": True}):
        with pytest.raises(Refusal) as full:
            world.ask("CreateGrant", {"KeyId": key["KeyId"], **LEAST, **dry})
        assert full.value.args == (
            "LimitExceededException",
            f"The key {key['Arn']} has 50000 grants, the most it can have.",
        )
    assert world.ask("CreateGrant", asked)["GrantId"] == first  # it is there
    world.ask("CreateGrant", asked | {"KeyId": other["KeyId"]})
    world.ask("RevokeGrant", {"KeyId": key["KeyId"], "GrantId": last})
    world.ask("CreateGrant", {"KeyId": key["KeyId"], **LEAST})


def test_what_is_recorded_has_no_token(endpoint, kms, key, grant):
    kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", GrantTokens=[grant["GrantToken"]])
    retired = kms.retire_grant(GrantToken=grant["GrantToken"])
    written = [
        line
        for path in (folder_of(endpoint) / "audit").glob("*.jsonl")
        for line in path.read_text().splitlines()
    ]
    assert not any(grant["GrantToken"] in line for line in written)
    events = {
        event["requestID"]: event
        for event in (json.loads(line) for line in written if line.startswith('{"eventVersion"'))
    }
    made = events[grant["ResponseMetadata"]["RequestId"]]
    assert made["responseElements"] == {"grantId": grant["GrantId"], "keyId": key["Arn"]}
    assert made["requestParameters"] == {
        "keyId": key["KeyId"],
        "granteePrincipal": READER,
        "retiringPrincipal": THEM,
        "operations": ["Decrypt"],
    }
    gone = events[retired["ResponseMetadata"]["RequestId"]]
    assert (gone["requestParameters"], gone["responseElements"]) == (None, None)
    assert gone["additionalEventData"] == {"grantId": grant["GrantId"]}
    for event in (made, gone):
        assert event["readOnly"] is False
        assert [resource["ARN"] for resource in event["resources"]] == [key["Arn"]]
