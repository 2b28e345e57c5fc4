"""`aws iam` as people type it: every operation that is there."""

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from botocore import xform_name

from strongroom.services.iam import OPERATIONS

OWNERS = ("user", "group", "role")
ALLOW = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}
DOCUMENT = {"Version": "2012-10-17", "Statement": [ALLOW]}
TRUSTED = {"Service": "ecs-tasks.amazonaws.com"}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": TRUSTED, "Action": "sts:AssumeRole"}],
}
POWER_USER = "arn:aws:iam::aws:policy/AWSKeyManagementServicePowerUser"


@pytest.fixture
def iam(terminal):
    """`aws iam LINE`, where `allow.json` and `trust.json` lie."""
    terminal.write("allow.json", DOCUMENT)
    terminal.write("trust.json", TRUST)
    return lambda line, **how: terminal.aws(f"iam {line}", **how)


def test_every_operation_is_typed_here():
    lines = re.findall(r'\biam\(\s*f?"([a-z{}-]+)', Path(__file__).read_text())
    typed = {line.replace("{owner}", owner) for line in lines for owner in OWNERS}
    assert typed >= {xform_name(operation, "-") for operation in OPERATIONS}


def test_users(iam, account):
    user = iam(
        "create-user --user-name alice --path /team/ --tags Key=team,Value=blue Key=a,Value="
    )
    assert user["User"]["Arn"] == f"arn:aws:iam::{account}:user/team/alice"
    tags = {tag["Key"]: tag["Value"] for tag in user["User"]["Tags"]}
    assert tags == {"team": "blue", "a": ""}
    iam("create-user --user-name Alice", refused="EntityAlreadyExists")
    assert iam("get-user --user-name alice") == user
    assert iam("get-user --query User.Arn --output text") == [f"arn:aws:iam::{account}:root"]
    said = iam("get-user --user-name bob", refused="NoSuchEntity")
    assert "when calling the GetUser operation: The user with name bob cannot be found." in said

    iam("tag-user --user-name alice --tags Key=team,Value=green Key=cost,Value=1")
    iam("untag-user --user-name alice --tag-keys a cost")
    assert iam("list-user-tags --user-name alice --query Tags[].[Key,Value] --output text") == [
        "team\tgreen"
    ]
    iam(f"put-user-permissions-boundary --user-name alice --permissions-boundary {POWER_USER}")
    boundary = iam("get-user --user-name alice --query User.PermissionsBoundary")
    assert boundary == {
        "PermissionsBoundaryType": "Policy",
        "PermissionsBoundaryArn": POWER_USER,
    }
    iam("delete-user-permissions-boundary --user-name alice")
    assert iam("get-user --user-name alice --query User.PermissionsBoundary") is None

    iam("update-user --user-name alice --new-user-name carol --new-path /moved/")
    assert iam("list-users --path-prefix /moved/ --query Users[].UserId --output text") == [
        user["User"]["UserId"]
    ]
    assert iam("list-users --path-prefix /team/") == {"Users": []}
    iam("delete-user --user-name carol")
    iam("delete-user --user-name carol", refused="NoSuchEntity")


@pytest.mark.long
def test_pages(iam):
    for name in ("a", "b", "c", "d", "e"):
        iam(f"create-user --user-name {name}")
    first = iam("list-users --max-items 2")
    assert [user["UserName"] for user in first["Users"]] == ["a", "b"]
    token = first["NextToken"]
    names = "--query Users[].UserName --output text"
    second = iam(f"list-users --max-items 2 --starting-token {token}")
    assert [user["UserName"] for user in second["Users"]] == ["c", "d"]
    third = iam(f"list-users --max-items 2 --starting-token {second['NextToken']}")
    assert [user["UserName"] for user in third["Users"]] == ["e"]
    assert "NextToken" not in third
    # Pages of two are asked for, and put together.
    assert len(iam("list-users --page-size 2")["Users"]) == 5
    # Within a page of three the CLI counts for itself.
    cut = iam("list-users --page-size 3 --max-items 4")
    assert [user["UserName"] for user in cut["Users"]] == ["a", "b", "c", "d"]
    rest = iam(f"list-users --page-size 3 --starting-token {cut['NextToken']} {names}")
    assert rest == ["e"]
    alone = iam("list-users --no-paginate --max-items 2")
    assert (len(alone["Users"]), alone["IsTruncated"]) == (2, True)
    following = iam(f"list-users --no-paginate --marker {alone['Marker']} {names}")
    assert following == ["c\td\te"]
    iam("list-users --starting-token nonsense", refused="ValidationError")


def test_waiters_find_what_is_there(iam, account):
    iam("create-user --user-name alice")
    iam("wait user-exists --user-name alice")
    iam("create-role --role-name r --assume-role-policy-document file://trust.json")
    iam("wait role-exists --role-name r")
    iam("create-policy --policy-name p --policy-document file://allow.json")
    iam(f"wait policy-exists --policy-arn arn:aws:iam::{account}:policy/p")


def test_a_waiter_waits_for_what_comes(iam, terminal):
    with terminal.start("iam wait user-exists --user-name alice --debug") as waiting:
        for line in waiting.stderr:
            if "The user with name alice cannot be found." in line:
                break
        iam("create-user --user-name alice")
        waiting.communicate()
    assert waiting.returncode == 0


@pytest.mark.long
def test_groups(iam, account):
    group = iam("create-group --group-name g --path /team/")["Group"]
    assert group["Arn"] == f"arn:aws:iam::{account}:group/team/g"
    for name in ("alice", "bob"):
        iam(f"create-user --user-name {name}")
        iam(f"add-user-to-group --group-name g --user-name {name}")
    whole = iam("get-group --group-name g")
    assert whole["Group"] == group
    assert [user["UserName"] for user in whole["Users"]] == ["alice", "bob"]
    paged = iam("get-group --group-name g --max-items 1")
    assert [user["UserName"] for user in paged["Users"]] == ["alice"]
    iam("update-group --group-name g --new-group-name h --new-path /")
    assert iam("list-groups --query Groups[].Arn") == [f"arn:aws:iam::{account}:group/h"]
    assert iam("list-groups-for-user --user-name bob --query Groups[].GroupId") == [
        group["GroupId"]
    ]
    iam("delete-group --group-name h", refused="DeleteConflict")
    for name in ("alice", "bob"):
        iam(f"remove-user-from-group --group-name h --user-name {name}")
    iam("add-user-to-group --group-name h --user-name carol", refused="NoSuchEntity")
    iam("delete-group --group-name h")
    assert iam("list-groups") == {"Groups": []}


@pytest.mark.long
def test_roles(iam, terminal, account):
    role = iam(
        "create-role --role-name r --path /team/ --description reads --max-session-duration 7200 "
        f"--assume-role-policy-document file://trust.json --permissions-boundary {POWER_USER} "
        "--tags Key=team,Value=blue"
    )["Role"]
    assert role["Arn"] == f"arn:aws:iam::{account}:role/team/r"
    assert role["AssumeRolePolicyDocument"] == TRUST
    assert (role["MaxSessionDuration"], role["Description"]) == (7200, "reads")
    assert iam("get-role --role-name r --query Role.Tags") == role["Tags"]
    listed = iam("list-roles --path-prefix /team/ --query Roles[].[RoleName,MaxSessionDuration]")
    assert listed == [["r", 7200]]

    iam("update-role --role-name r --max-session-duration 3600")
    changed = iam("update-role-description --role-name r --description writes")["Role"]
    assert (changed["MaxSessionDuration"], changed["Description"]) == (3600, "writes")
    root = f"arn:aws:iam::{account}:root"
    trusted = [TRUST["Statement"][0] | {"Principal": {"AWS": root}}]
    terminal.write("mine.json", TRUST | {"Statement": trusted})
    iam("update-assume-role-policy --role-name r --policy-document file://mine.json")
    principal = "--query Role.AssumeRolePolicyDocument.Statement[0].Principal.AWS --output text"
    assert iam(f"get-role --role-name r {principal}") == [root]
    said = iam(
        "update-assume-role-policy --role-name r --policy-document file://allow.json",
        refused="MalformedPolicyDocument",
    )
    assert "UpdateAssumeRolePolicy" in said

    iam("tag-role --role-name r --tags Key=cost,Value=1")
    iam("untag-role --role-name r --tag-keys team")
    assert iam("list-role-tags --role-name r")["Tags"] == [{"Key": "cost", "Value": "1"}]
    iam("delete-role-permissions-boundary --role-name r")
    assert iam("get-role --role-name r --query Role.PermissionsBoundary") is None
    iam(f"put-role-permissions-boundary --role-name r --permissions-boundary {POWER_USER}")
    nowhere = f"--permissions-boundary {POWER_USER}Nowhere"
    iam(f"put-role-permissions-boundary --role-name r {nowhere}", refused="NoSuchEntity")
    assert iam("list-instance-profiles-for-role --role-name r") == {"InstanceProfiles": []}
    iam("delete-role --role-name r")
    assert iam("list-roles") == {"Roles": []}


@pytest.mark.long
def test_managed_policies(iam, terminal, account):
    made = iam(
        "create-policy --policy-name p --path /team/ --description reads "
        "--policy-document file://allow.json --tags Key=team,Value=blue"
    )["Policy"]
    arn = made["Arn"]
    assert arn == f"arn:aws:iam::{account}:policy/team/p"
    at = f"--policy-arn {arn}"
    shown = iam(f"get-policy {at}")["Policy"]
    assert (shown["Description"], shown["DefaultVersionId"]) == ("reads", "v1")

    terminal.write("deny.json", DOCUMENT | {"Statement": [ALLOW | {"Effect": "Deny"}]})
    second = iam(f"create-policy-version {at} --policy-document file://deny.json")
    assert second["PolicyVersion"]["IsDefaultVersion"] is False
    iam(f"set-default-policy-version {at} --version-id v2")
    effect = "--query PolicyVersion.Document.Statement[0].Effect --output text"
    assert iam(f"get-policy-version {at} --version-id v2 {effect}") == ["Deny"]
    iam(f"delete-policy-version {at} --version-id v2", refused="DeleteConflict")
    iam(f"create-policy-version {at} --policy-document file://allow.json --set-as-default")
    iam(f"delete-policy-version {at} --version-id v2")
    versions = iam(f"list-policy-versions {at} --query Versions[].[VersionId,IsDefaultVersion]")
    assert versions == [["v3", True], ["v1", False]]

    iam(f"tag-policy {at} --tags Key=cost,Value=1")
    iam(f"untag-policy {at} --tag-keys team")
    assert iam(f"list-policy-tags {at}")["Tags"] == [{"Key": "cost", "Value": "1"}]

    local = iam("list-policies --scope Local --query Policies[].PolicyName --output text")
    assert local == ["p"]
    aws = iam("list-policies --scope AWS --query Policies[].Arn --output text")
    assert POWER_USER in aws[0].split("\t")
    assert iam("list-policies --scope Local --only-attached") == {"Policies": []}
    assert len(iam("list-policies --max-items 3")["Policies"]) == 3
    iam(f"delete-policy {at}", refused="DeleteConflict")
    iam(f"delete-policy-version {at} --version-id v1")
    iam(f"delete-policy {at}")
    iam(f"get-policy {at}", refused="NoSuchEntity")


@pytest.mark.parametrize(
    "owner", [OWNERS[0], *(pytest.param(owner, marks=pytest.mark.long) for owner in OWNERS[1:])]
)
def test_policies_of(owner, iam, account):
    trust = "--assume-role-policy-document file://trust.json" if owner == "role" else ""
    iam(f"create-{owner} --{owner}-name it {trust}")
    at = f"--{owner}-name it"
    arn = iam("create-policy --policy-name p --policy-document file://allow.json")["Policy"]["Arn"]
    iam(f"attach-{owner}-policy {at} --policy-arn {arn}")
    iam(f"attach-{owner}-policy {at} --policy-arn {POWER_USER}")
    attached = iam(f"list-attached-{owner}-policies {at}")["AttachedPolicies"]
    assert {policy["PolicyArn"] for policy in attached} == {arn, POWER_USER}
    using = iam(f"list-entities-for-policy --policy-arn {arn}")
    (own,) = using.pop(f"Policy{owner.capitalize()}s")
    assert own[f"{owner.capitalize()}Name"] == "it"
    assert not any(using.values())
    counted = f"get-policy --policy-arn {arn} --query Policy.AttachmentCount"
    assert iam(counted) == 1
    iam(f"delete-policy --policy-arn {arn}", refused="DeleteConflict")
    iam(f"delete-{owner} {at}", refused="DeleteConflict")
    for each in (arn, POWER_USER):
        iam(f"detach-{owner}-policy {at} --policy-arn {each}")
    iam(f"detach-{owner}-policy {at} --policy-arn {arn}", refused="NoSuchEntity")

    iam(f"put-{owner}-policy {at} --policy-name inline --policy-document file://allow.json")
    assert iam(f"list-{owner}-policies {at}")["PolicyNames"] == ["inline"]
    shown = iam(f"get-{owner}-policy {at} --policy-name inline")
    assert shown["PolicyDocument"] == DOCUMENT
    iam(
        f"put-{owner}-policy {at} --policy-name inline --policy-document '{{}}'",
        refused="MalformedPolicyDocument",
    )
    iam(f"delete-{owner}-policy {at} --policy-name inline")
    iam(f"get-{owner}-policy {at} --policy-name inline", refused="NoSuchEntity")
    iam(f"delete-{owner} {at}")


@pytest.mark.long
def test_access_keys(iam, terminal):
    iam("create-user --user-name alice")
    made = iam(
        "create-access-key --user-name alice --query AccessKey.[AccessKeyId,SecretAccessKey] "
        "--output text"
    )
    key_id, secret = made[0].split("\t")
    of_alice = {"AWS_ACCESS_KEY_ID": key_id, "AWS_SECRET_ACCESS_KEY": secret}
    alice = replace(terminal, environment=terminal.environment | of_alice)
    arn = alice.aws("sts get-caller-identity --query Arn --output text")
    assert arn[0].endswith(":user/alice")
    said = alice.aws("iam list-users", refused="AccessDenied")
    assert "is not authorized to perform: iam:ListUsers on resource: " in said

    (shown,) = iam("list-access-keys --user-name alice")["AccessKeyMetadata"]
    assert (shown["AccessKeyId"], shown["Status"]) == (key_id, "Active")
    used = iam(f"get-access-key-last-used --access-key-id {key_id}")
    assert used["UserName"] == "alice"
    at = f"--user-name alice --access-key-id {key_id}"
    iam(f"update-access-key {at} --status Inactive")
    alice.aws("sts get-caller-identity", refused="InvalidClientTokenId")
    iam(f"delete-access-key {at}")
    iam(f"delete-access-key {at}", refused="NoSuchEntity")
    assert iam("list-access-keys --user-name alice") == {"AccessKeyMetadata": []}


@pytest.mark.long
def test_openid_connect_providers(iam, account):
    thumbprint = "0123456789abcdef0123456789abcdef01234567"
    arn = iam(
        "create-open-id-connect-provider --url https://issuer.example/path --client-id-list one "
        f"--thumbprint-list {thumbprint} --tags Key=team,Value=blue"
    )["OpenIDConnectProviderArn"]
    assert arn == f"arn:aws:iam::{account}:oidc-provider/issuer.example/path"
    at = f"--open-id-connect-provider-arn {arn}"
    iam(f"add-client-id-to-open-id-connect-provider {at} --client-id two")
    iam(f"remove-client-id-from-open-id-connect-provider {at} --client-id one")
    other = thumbprint[::-1]
    iam(f"update-open-id-connect-provider-thumbprint {at} --thumbprint-list {other}")
    shown = iam(f"get-open-id-connect-provider {at}")
    assert (shown["Url"], shown["ClientIDList"], shown["ThumbprintList"]) == (
        "issuer.example/path",
        ["two"],
        [other],
    )
    iam(f"tag-open-id-connect-provider {at} --tags Key=cost,Value=1")
    iam(f"untag-open-id-connect-provider {at} --tag-keys team")
    tags = iam(f"list-open-id-connect-provider-tags {at}")["Tags"]
    assert tags == [{"Key": "cost", "Value": "1"}]
    listed = iam("list-open-id-connect-providers --query OpenIDConnectProviderList[].Arn")
    assert listed == [arn]
    iam(f"delete-open-id-connect-provider {at}")
    iam(f"get-open-id-connect-provider {at}", refused="NoSuchEntity")


@pytest.mark.long
def test_the_account(iam, account):
    alias = f"cli-{account}"
    iam(f"create-account-alias --account-alias {alias}")
    assert iam("list-account-aliases")["AccountAliases"] == [alias]
    iam("delete-account-alias --account-alias other", refused="NoSuchEntity")
    iam(f"delete-account-alias --account-alias {alias}")

    iam("create-user --user-name alice")
    iam("put-user-policy --user-name alice --policy-name i --policy-document file://allow.json")
    iam("create-group --group-name g")
    iam("add-user-to-group --user-name alice --group-name g")
    iam("create-role --role-name r --assume-role-policy-document file://trust.json")
    arn = iam("create-policy --policy-name p --policy-document file://allow.json")["Policy"]["Arn"]
    iam(f"attach-role-policy --role-name r --policy-arn {arn}")
    assert iam("get-account-summary --query SummaryMap.[Users,Groups,Roles,Policies]") == [1] * 4

    whole = iam("get-account-authorization-details")
    (user,), (role,) = whole["UserDetailList"], whole["RoleDetailList"]
    (group,), (policy,) = whole["GroupDetailList"], whole["Policies"]
    assert (user["UserName"], user["GroupList"]) == ("alice", ["g"])
    assert user["UserPolicyList"] == [{"PolicyName": "i", "PolicyDocument": DOCUMENT}]
    assert role["AttachedManagedPolicies"] == [{"PolicyName": "p", "PolicyArn": arn}]
    assert role["AssumeRolePolicyDocument"] == TRUST
    assert (group["GroupName"], policy["PolicyVersionList"][0]["Document"]) == ("g", DOCUMENT)
    assert iam("get-account-authorization-details --page-size 1") == whole
    some = iam("get-account-authorization-details --filter Role Group")
    assert (some["RoleDetailList"], some["GroupDetailList"]) == ([role], [group])
    assert (some["UserDetailList"], some["Policies"]) == ([], [])


def test_service_linked_roles(iam, account):
    service = "mrk.kms.amazonaws.com"
    role = iam(f"create-service-linked-role --aws-service-name {service}")["Role"]
    assert role["Arn"].startswith(f"arn:aws:iam::{account}:role/aws-service-role/{service}/")
    named = f"--role-name {role['RoleName']}"
    iam(f"delete-role {named}", refused="UnmodifiableEntity")
    task = iam(f"delete-service-linked-role {named}")["DeletionTaskId"]
    done = iam(f"get-service-linked-role-deletion-status --deletion-task-id {task}")
    assert done["Status"] == "SUCCEEDED"
    iam(f"get-role {named}", refused="NoSuchEntity")


def test_what_policies_would_allow(iam, terminal):
    at_a_time = {"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}
    statement = ALLOW | {"Action": "kms:Encrypt", "Condition": at_a_time}
    written = json.dumps(DOCUMENT | {"Statement": [statement]}, indent=2)
    given = f"--policy-input-list {shlex.quote(written)}"
    given_and_asked = f"{given} --action-names kms:Encrypt"
    (result,) = iam(f"simulate-custom-policy {given_and_asked}")["EvaluationResults"]
    assert (result["EvalDecision"], result["MissingContextValues"]) == (
        "implicitDeny",
        ["aws:CurrentTime"],
    )
    entry = "ContextKeyName=aws:CurrentTime,ContextKeyType=date"
    at = f"--context-entries {entry},ContextKeyValues=2026-11-23T10:00:00Z"
    (result,) = iam(f"simulate-custom-policy {given_and_asked} {at}")["EvaluationResults"]
    assert result["EvalDecision"] == "allowed"
    assert result["MatchedStatements"] == [
        {
            "SourcePolicyId": "PolicyInputList.1",
            "SourcePolicyType": "IAM Policy",
            "StartPosition": {"Line": 3, "Column": 17},
            "EndPosition": {"Line": 13, "Column": 6},
        }
    ]
    looked_at = iam(f"get-context-keys-for-custom-policy {given}")
    assert looked_at == {"ContextKeyNames": ["aws:CurrentTime"]}

    arn = iam("create-user --user-name alice")["User"]["Arn"]
    (terminal.folder / "own.json").write_text(written)
    iam("put-user-policy --user-name alice --policy-name own --policy-document file://own.json")
    actions = f"--action-names kms:Encrypt kms:Decrypt {at}"
    of_alice = f"--policy-source-arn {arn}"
    results = iam(f"simulate-principal-policy {of_alice} {actions}")["EvaluationResults"]
    assert [
        (each["EvalDecision"], [one["SourcePolicyId"] for one in each["MatchedStatements"]])
        for each in results
    ] == [("allowed", ["user_alice_own"]), ("implicitDeny", [])]
    assert iam(f"get-context-keys-for-principal-policy {of_alice}") == looked_at
    iam(f"simulate-principal-policy {of_alice}2 {actions}", refused="NoSuchEntity")


def test_what_nobody_has(iam):
    iam("create-user --user-name alice")
    of_alice = "--user-name alice"
    iam(f"get-login-profile {of_alice}", refused="NoSuchEntity")
    assert iam(f"list-mfa-devices {of_alice}") == {"MFADevices": []}
    assert iam(f"list-signing-certificates {of_alice}") == {"Certificates": []}
    assert iam(f"list-ssh-public-keys {of_alice}") == {"SSHPublicKeys": []}
    assert iam(f"list-service-specific-credentials {of_alice}")["ServiceSpecificCredentials"] == []
    assert iam("list-virtual-mfa-devices") == {"VirtualMFADevices": []}
    said = iam("create-login-profile --user-name alice --password x", refused="NotImplemented")
    assert "CreateLoginProfile is not implemented yet." in said
