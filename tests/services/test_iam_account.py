import json
import secrets

import pytest
from iam_answers import ADMINISTRATOR, DOCUMENT, TRUST, exists, no_such


def test_an_account_has_one_alias_and_an_alias_one_account(iam, endpoint):
    mine, other = (f"a-{secrets.token_hex(4)}" for _ in range(2))
    assert iam.list_account_aliases()["AccountAliases"] == []
    for alias in (mine, mine, other, mine):
        iam.create_account_alias(AccountAlias=alias)
        assert iam.list_account_aliases()["AccountAliases"] == [alias]
    theirs = endpoint.client("iam", "us-east-1", "999999999999")
    with exists(f"The account alias {mine} already exists."):
        theirs.create_account_alias(AccountAlias=mine)
    with no_such(f"The account alias with name {other} cannot be found."):
        iam.delete_account_alias(AccountAlias=other)
    iam.delete_account_alias(AccountAlias=mine)
    assert iam.list_account_aliases()["AccountAliases"] == []
    theirs.create_account_alias(AccountAlias=mine)
    theirs.delete_account_alias(AccountAlias=mine)


def test_the_summary_counts(iam):
    before = iam.get_account_summary()["SummaryMap"]
    assert (before["Users"], before["UsersQuota"]) == (0, 5000)
    iam.create_user(UserName="u")
    iam.create_group(GroupName="g")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    arn = iam.create_policy(PolicyName="p", PolicyDocument=DOCUMENT)["Policy"]["Arn"]
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=DOCUMENT)
    iam.create_open_id_connect_provider(Url="https://x.example")
    after = iam.get_account_summary()["SummaryMap"]
    assert {name: after[name] for name in after if after[name] != before[name]} == {
        "Users": 1,
        "Groups": 1,
        "Roles": 1,
        "Policies": 1,
        "PolicyVersionsInUse": 2,
        "Providers": 1,
    }


@pytest.fixture
def peopled(iam):
    iam.create_user(UserName="alice", Tags=[{"Key": "a", "Value": "b"}])
    iam.create_user(UserName="bob")
    iam.create_group(GroupName="ops")
    iam.add_user_to_group(GroupName="ops", UserName="alice")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    arn = iam.create_policy(PolicyName="p", PolicyDocument=DOCUMENT, Description="d")["Policy"][
        "Arn"
    ]
    iam.put_user_permissions_boundary(UserName="alice", PermissionsBoundary=arn)
    iam.attach_group_policy(GroupName="ops", PolicyArn=ADMINISTRATOR)
    iam.put_user_policy(UserName="alice", PolicyName="i", PolicyDocument=DOCUMENT)
    iam.put_group_policy(GroupName="ops", PolicyName="i", PolicyDocument=DOCUMENT)
    iam.put_role_policy(RoleName="r", PolicyName="i", PolicyDocument=DOCUMENT)
    return arn


def test_everything_at_once(iam, peopled):
    found = iam.get_account_authorization_details()
    document, inline = (
        json.loads(DOCUMENT),
        [{"PolicyName": "i", "PolicyDocument": json.loads(DOCUMENT)}],
    )
    alice, bob = found["UserDetailList"]
    assert (alice["UserName"], bob["UserName"]) == ("alice", "bob")
    assert alice["GroupList"] == ["ops"]
    assert alice["UserPolicyList"] == inline
    assert alice["Tags"] == [{"Key": "a", "Value": "b"}]
    assert alice["PermissionsBoundary"]["PermissionsBoundaryArn"] == peopled
    assert (bob["UserPolicyList"], bob["AttachedManagedPolicies"]) == ([], [])
    (group,) = found["GroupDetailList"]
    assert group["GroupPolicyList"] == inline
    assert group["AttachedManagedPolicies"] == [
        {"PolicyName": "AdministratorAccess", "PolicyArn": ADMINISTRATOR}
    ]
    (role,) = found["RoleDetailList"]
    assert role["RolePolicyList"] == inline
    assert role["AssumeRolePolicyDocument"] == json.loads(TRUST)
    administrator, own = found["Policies"]
    assert (administrator["Arn"], own["Arn"]) == (ADMINISTRATOR, peopled)
    assert own["Description"] == "d"
    assert (own["AttachmentCount"], own["PermissionsBoundaryUsageCount"]) == (0, 1)
    assert [version["Document"] for version in own["PolicyVersionList"]] == [document]


def test_everything_page_by_page(iam, peopled):
    pages = list(
        iam.get_paginator("get_account_authorization_details").paginate(
            PaginationConfig={"PageSize": 2}
        )
    )
    lists = ("GroupDetailList", "Policies", "RoleDetailList", "UserDetailList")
    assert [sum(len(page[name]) for name in lists) for page in pages] == [2, 2, 2]
    whole = iam.get_account_authorization_details()
    for name in lists:
        assert [each for page in pages for each in page[name]] == whole[name]


@pytest.mark.parametrize(
    ("kinds", "counts"),
    [
        (["User"], (2, 0, 0, 0)),
        (["Group", "Role"], (0, 1, 1, 0)),
        (["LocalManagedPolicy"], (0, 0, 0, 1)),
        (["AWSManagedPolicy"], (0, 0, 0, 1)),
    ],
)
def test_some_kinds_alone(iam, peopled, kinds, counts):
    found = iam.get_account_authorization_details(Filter=kinds)
    lists = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
    assert tuple(len(found[name]) for name in lists) == counts
