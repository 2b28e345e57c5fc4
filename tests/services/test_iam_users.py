import re
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from answers import members, refused
from botocore.config import Config
from botocore.exceptions import ClientError
from iam_answers import (
    ADMINISTRATOR,
    DOCUMENT,
    conflict,
    exists,
    no_such,
    over,
    pages,
)

UNIQUE_ID = r"[A-Z2-7]{17}"


def names(users):
    return [user["UserName"] for user in users]


def test_a_user_comes_and_goes(iam, account):
    made = iam.create_user(UserName="Alice", Path="/team/blue/")["User"]
    assert set(made) == {"Path", "UserName", "UserId", "Arn", "CreateDate"}
    assert (made["UserName"], made["Path"]) == ("Alice", "/team/blue/")
    assert made["Arn"] == f"arn:aws:iam::{account}:user/team/blue/Alice"
    assert re.fullmatch("AIDA" + UNIQUE_ID, made["UserId"])
    assert abs(made["CreateDate"].timestamp() - time.time()) < 60
    assert iam.get_user(UserName="Alice")["User"] == made
    assert iam.list_users()["Users"] == [made]
    assert members(iam.delete_user(UserName="Alice")) == set()
    with no_such("The user with name Alice cannot be found."):
        iam.get_user(UserName="Alice")
    again = iam.create_user(UserName="Alice")["User"]
    assert again["UserId"] != made["UserId"]
    assert again["Path"] == "/"


def test_names_are_one_name_however_they_are_cased(iam):
    made = iam.create_user(UserName="Alice")["User"]
    for name in ("Alice", "alice", "ALICE"):
        with exists(f"User with name {name} already exists."):
            iam.create_user(UserName=name)
        assert iam.get_user(UserName=name)["User"] == made


def test_other_accounts_have_other_users(iam, endpoint):
    iam.create_user(UserName="alice")
    other = endpoint.client("iam", "eu-west-1", "999999999999")
    with no_such("The user with name alice cannot be found."):
        other.get_user(UserName="alice")


def test_every_region_has_the_same_users(iam, endpoint, account):
    made = iam.create_user(UserName="alice")["User"]
    elsewhere = endpoint.client("iam", "eu-west-1", account)
    assert elsewhere.get_user(UserName="alice")["User"] == made


def test_a_partitions_users_are_named_by_it(endpoint, account):
    china = endpoint.client("iam", "cn-north-1", account)
    arn = china.create_user(UserName="alice")["User"]["Arn"]
    assert arn == f"arn:aws-cn:iam::{account}:user/alice"


def test_the_root_user_is_told_of_itself(iam, account):
    user = iam.get_user()["User"]
    assert set(user) == {"UserId", "Arn", "CreateDate"}
    assert (user["UserId"], user["Arn"]) == (account, f"arn:aws:iam::{account}:root")


def test_a_new_name_changes_nothing_else(iam, account):
    before = iam.create_user(UserName="alice", Tags=[{"Key": "a", "Value": "b"}])["User"]
    iam.create_group(GroupName="g")
    iam.add_user_to_group(GroupName="g", UserName="alice")
    iam.attach_user_policy(UserName="alice", PolicyArn=ADMINISTRATOR)
    iam.put_user_policy(UserName="alice", PolicyName="p", PolicyDocument=DOCUMENT)
    iam.create_access_key(UserName="alice")
    iam.create_user(UserName="bob")
    with exists("User with name BOB already exists."):
        iam.update_user(UserName="alice", NewUserName="BOB")
    iam.update_user(UserName="alice", NewUserName="Carol", NewPath="/new/")
    after = iam.get_user(UserName="carol")["User"]
    assert after["Arn"] == f"arn:aws:iam::{account}:user/new/Carol"
    for what in ("UserId", "CreateDate", "Tags"):
        assert after[what] == before[what]
    assert names(iam.get_group(GroupName="g")["Users"]) == ["Carol"]
    assert len(iam.list_attached_user_policies(UserName="Carol")["AttachedPolicies"]) == 1
    assert iam.list_user_policies(UserName="Carol")["PolicyNames"] == ["p"]
    (key,) = iam.list_access_keys(UserName="Carol")["AccessKeyMetadata"]
    assert key["UserName"] == "Carol"
    with no_such("The user with name alice cannot be found."):
        iam.get_user(UserName="alice")
    iam.update_user(UserName="carol", NewUserName="CAROL")  # its own name, cased otherwise
    assert iam.get_user(UserName="carol")["User"]["UserName"] == "CAROL"


def test_whoever_has_something_cannot_be_deleted(iam):
    iam.create_user(UserName="alice")
    iam.create_group(GroupName="g")
    key = iam.create_access_key(UserName="alice")["AccessKey"]["AccessKeyId"]
    for make, message, undo in (
        (None, "must delete access keys first.", ("delete_access_key", {"AccessKeyId": key})),
        (
            ("add_user_to_group", {"GroupName": "g"}),
            "must remove users from group first.",
            ("remove_user_from_group", {"GroupName": "g"}),
        ),
        (
            ("attach_user_policy", {"PolicyArn": ADMINISTRATOR}),
            "must detach all policies first.",
            ("detach_user_policy", {"PolicyArn": ADMINISTRATOR}),
        ),
        (
            ("put_user_policy", {"PolicyName": "p", "PolicyDocument": DOCUMENT}),
            "must delete policies first.",
            ("delete_user_policy", {"PolicyName": "p"}),
        ),
    ):
        if make is not None:
            getattr(iam, make[0])(UserName="alice", **make[1])
        with conflict(f"Cannot delete entity, {message}"):
            iam.delete_user(UserName="alice")
        getattr(iam, undo[0])(UserName="alice", **undo[1])
    iam.delete_user(UserName="alice")


@pytest.mark.parametrize(
    ("operation", "further"),
    [
        ("get_user", {}),
        ("update_user", {"NewPath": "/a/"}),
        ("delete_user", {}),
        ("list_groups_for_user", {}),
        ("list_mfa_devices", {}),
        ("list_ssh_public_keys", {}),
        ("list_signing_certificates", {}),
        ("list_service_specific_credentials", {}),
        ("get_login_profile", {}),
    ],
)
def test_nobody_is_told_so(iam, operation, further):
    with no_such("The user with name nobody cannot be found."):
        getattr(iam, operation)(UserName="nobody", **further)


def test_what_users_have_nowhere_here(iam):
    iam.create_user(UserName="alice")
    for operation, member in (
        ("list_mfa_devices", "MFADevices"),
        ("list_ssh_public_keys", "SSHPublicKeys"),
        ("list_signing_certificates", "Certificates"),
        ("list_service_specific_credentials", "ServiceSpecificCredentials"),
    ):
        assert getattr(iam, operation)(UserName="alice")[member] == []
    assert iam.list_virtual_mfa_devices()["VirtualMFADevices"] == []
    with no_such("Login Profile for User alice cannot be found."):
        iam.get_login_profile(UserName="alice")


def test_users_page_by_page_and_by_path(iam):
    for number in range(5):
        iam.create_user(UserName=f"u{number}", Path=f"/{'ab'[number % 2]}/")
    iam.create_user(UserName="U9", Path="/A/")  # paths are told apart by case
    found, sizes = pages(iam, "list_users", "Users", 2)
    assert (names(found), sizes) == (["u0", "u1", "u2", "u3", "u4", "U9"], [2, 2, 2])
    found, sizes = pages(iam, "list_users", "Users", 2, PathPrefix="/a/")
    assert (names(found), sizes) == (["u0", "u2", "u4"], [2, 1])
    assert names(iam.list_users(PathPrefix="/a")["Users"]) == ["u0", "u2", "u4"]
    assert names(iam.list_users(PathPrefix="/%")["Users"]) == []


def test_a_marker_that_is_none(iam):
    for marker in ("?", "YQ", "gA=="):
        with refused("ValidationError", "Invalid Marker."):
            iam.list_users(Marker=marker)


def test_one_name_asked_for_by_many_at_once_is_given_once(endpoint, account):
    clients = [endpoint.client("iam", "us-east-1", account) for _ in range(8)]

    def create(client):
        try:
            client.create_user(UserName="alice")
        except ClientError as refusal:
            return refusal.response["Error"]["Code"]
        return "made"

    with ThreadPoolExecutor(8) as threads:
        said = sorted(threads.map(create, clients))
    assert said == ["EntityAlreadyExists"] * 7 + ["made"]


def test_ten_groups_and_no_more(iam):
    iam.create_user(UserName="alice")
    for number in range(11):
        iam.create_group(GroupName=f"g{number}")
    for number in range(10):
        iam.add_user_to_group(GroupName=f"g{number}", UserName="alice")
    with over("Cannot exceed quota for GroupsPerUser: 10"):
        iam.add_user_to_group(GroupName="g10", UserName="alice")
    iam.add_user_to_group(GroupName="g0", UserName="alice")  # where she is already


def test_a_boundary(iam, account):
    arn = iam.create_policy(PolicyName="b", PolicyDocument=DOCUMENT)["Policy"]["Arn"]
    shown = {
        "PermissionsBoundaryType": "Policy",
        "PermissionsBoundaryArn": arn,
    }
    made = iam.create_user(UserName="alice", PermissionsBoundary=arn)["User"]
    assert made["PermissionsBoundary"] == shown
    assert iam.get_user(UserName="alice")["User"] == made
    assert iam.get_policy(PolicyArn=arn)["Policy"]["PermissionsBoundaryUsageCount"] == 1
    with conflict("Cannot delete a policy attached to entities."):
        iam.delete_policy(PolicyArn=arn)
    iam.delete_user_permissions_boundary(UserName="alice")
    assert "PermissionsBoundary" not in iam.get_user(UserName="alice")["User"]
    with no_such("The user with name alice does not have a permissions boundary."):
        iam.delete_user_permissions_boundary(UserName="alice")
    iam.put_user_permissions_boundary(UserName="alice", PermissionsBoundary=arn)
    iam.put_user_permissions_boundary(UserName="alice", PermissionsBoundary=ADMINISTRATOR)
    bounded = iam.get_user(UserName="alice")["User"]["PermissionsBoundary"]
    assert bounded["PermissionsBoundaryArn"] == ADMINISTRATOR
    iam.delete_policy(PolicyArn=arn)
    with no_such(f"Policy {arn} does not exist or is not attachable."):
        iam.put_user_permissions_boundary(UserName="alice", PermissionsBoundary=arn)
    with no_such(f"Policy {arn} does not exist or is not attachable."):
        iam.create_user(UserName="bob", PermissionsBoundary=arn)
    with no_such("The user with name bob cannot be found."):
        iam.get_user(UserName="bob")


def test_forms_of_names_and_paths(endpoint, account):
    iam = boto3.client(
        "iam",
        endpoint_url=endpoint.url,
        region_name="us-east-1",
        aws_access_key_id=account,
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
    )
    for wrong in (
        {"UserName": "a b"},
        {"UserName": "a/b"},
        {"UserName": "ä"},
        {"UserName": ""},
        {"UserName": "a" * 65},
        {"UserName": "a", "Path": "a/"},
        {"UserName": "a", "Path": "/a"},
        {"UserName": "a", "Path": "/ä/"},
        {},
    ):
        with pytest.raises(ClientError) as caught:
            iam.create_user(**wrong)
        assert caught.value.response["Error"]["Code"] == "ValidationError"
    iam.create_user(UserName="a" * 59 + "+=,.@", Path="/!~/")
    assert len(iam.list_users()["Users"]) == 1
