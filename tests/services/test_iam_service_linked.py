"""The roles that KMS has for itself."""

import contextlib
import json
import uuid

import boto3
import pytest
from answers import refused
from botocore.config import Config
from clockwork import folder_of, rows
from iam_answers import ADMINISTRATOR, DOCUMENT, TRUST, no_such

MULTI_REGION = "mrk.kms.amazonaws.com"
STORES = "cks.kms.amazonaws.com"
ROLES = {
    MULTI_REGION: "AWSServiceRoleForKeyManagementServiceMultiRegionKeys",
    STORES: "AWSServiceRoleForKeyManagementServiceCustomKeyStores",
}
POLICIES = {
    MULTI_REGION: "AWSKeyManagementServiceMultiRegionKeysServiceRolePolicy",
    STORES: "AWSKeyManagementServiceCustomKeyStoresServiceRolePolicy",
}
NAME = ROLES[MULTI_REGION]


def arn(account, service=MULTI_REGION):
    return f"arn:aws:iam::{account}:role/aws-service-role/{service}/{ROLES[service]}"


def policy_arn(service=MULTI_REGION):
    return f"arn:aws:iam::aws:policy/aws-service-role/{POLICIES[service]}"


@pytest.fixture
def linked(iam):
    return iam.create_service_linked_role(AWSServiceName=MULTI_REGION)["Role"]


@pytest.mark.parametrize("service", ROLES)
def test_a_role_as_aws_has_it(iam, account, service):
    made = iam.create_service_linked_role(AWSServiceName=service)["Role"]
    assert (made["Arn"], made["Path"]) == (arn(account, service), f"/aws-service-role/{service}/")
    assert made["RoleName"] == ROLES[service]
    assert made["Description"].startswith("Enables access to AWS services and resources required")
    (statement,) = made["AssumeRolePolicyDocument"]["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    assert iam.get_role(RoleName=ROLES[service])["Role"]["RoleId"] == made["RoleId"]
    (attached,) = iam.list_attached_role_policies(RoleName=ROLES[service])["AttachedPolicies"]
    assert attached == {"PolicyName": POLICIES[service], "PolicyArn": policy_arn(service)}
    version = iam.get_policy_version(PolicyArn=policy_arn(service), VersionId="v2")
    assert version["PolicyVersion"]["IsDefaultVersion"]


def test_what_it_may_do(iam):
    version = iam.get_policy_version(PolicyArn=policy_arn(), VersionId="v2")["PolicyVersion"]
    (statement,) = version["Document"]["Statement"]
    assert statement["Action"] == ["kms:SynchronizeMultiRegionKey"]
    version = iam.get_policy_version(PolicyArn=policy_arn(STORES), VersionId="v2")["PolicyVersion"]
    (statement,) = version["Document"]["Statement"]
    assert "cloudhsm:Describe*" in statement["Action"]
    assert len(statement["Action"]) == 10


def test_requests_that_are_refused(iam, linked):
    with refused(
        "InvalidInput",
        f"Service role name {NAME} has been taken in this account, please try a different suffix.",
    ):
        iam.create_service_linked_role(AWSServiceName=MULTI_REGION)
    with refused("InvalidInput", f"Custom suffix is not allowed for {STORES}"):
        iam.create_service_linked_role(AWSServiceName=STORES, CustomSuffix="x")
    for unknown in ("ecs.amazonaws.com", "MRK.kms.amazonaws.com", "mrk.kms.amazonaws.com.cn"):
        with refused(
            "InvalidInput", f"Service principal {unknown} has no service-linked roles here."
        ):
            iam.create_service_linked_role(AWSServiceName=unknown)


def test_a_description_of_ones_own(iam):
    made = iam.create_service_linked_role(AWSServiceName=STORES, Description="mine")["Role"]
    assert made["Description"] == "mine"


UNMODIFIABLE = (
    f"Cannot perform the operation on the protected role '{NAME}' - this role is only modifiable by "
    "AWS"
)


@pytest.mark.parametrize(
    ("operation", "further"),
    [
        ("attach_role_policy", {"PolicyArn": ADMINISTRATOR}),
        ("detach_role_policy", {"PolicyArn": policy_arn()}),
        ("put_role_policy", {"PolicyName": "p", "PolicyDocument": DOCUMENT}),
        ("delete_role_policy", {"PolicyName": "p"}),
        ("put_role_permissions_boundary", {"PermissionsBoundary": ADMINISTRATOR}),
        ("delete_role_permissions_boundary", {}),
        ("update_assume_role_policy", {"PolicyDocument": TRUST}),
        ("update_role", {"MaxSessionDuration": 7200}),
        ("delete_role", {}),
    ],
)
def test_nobody_changes_it(iam, linked, operation, further):
    before = iam.get_role(RoleName=NAME)["Role"]
    with refused("UnmodifiableEntity", UNMODIFIABLE):
        getattr(iam, operation)(RoleName=NAME, **further)
    after = iam.get_role(RoleName=NAME)["Role"]
    assert before == after
    assert len(iam.list_attached_role_policies(RoleName=NAME)["AttachedPolicies"]) == 1


def test_its_description_and_tags_may_change(iam, linked):
    iam.update_role(RoleName=NAME, Description="one")
    assert iam.get_role(RoleName=NAME)["Role"]["Description"] == "one"
    iam.update_role_description(RoleName=NAME, Description="two")
    iam.tag_role(RoleName=NAME, Tags=[{"Key": "a", "Value": "b"}])
    found = iam.get_role(RoleName=NAME)["Role"]
    assert (found["Description"], found["Tags"]) == ("two", [{"Key": "a", "Value": "b"}])


def test_nobody_assumes_it(endpoint, iam, account, linked):
    iam.create_user(UserName="u")
    iam.attach_user_policy(UserName="u", PolicyArn=ADMINISTRATOR)
    with (
        as_user(endpoint, iam, "sts") as sts,
        refused(
            "AccessDenied",
            f"User: arn:aws:iam::{account}:user/u is not authorized to perform: sts:AssumeRole on "
            f"resource: {arn(account)} because no role trust policy allows the sts:AssumeRole action",
            403,
        ),
    ):
        sts.assume_role(RoleArn=arn(account), RoleSessionName="s1")


def test_its_policy_is_for_it_alone(iam):
    iam.create_user(UserName="u")
    for ask in (
        lambda: iam.attach_user_policy(UserName="u", PolicyArn=policy_arn()),
        lambda: iam.put_user_permissions_boundary(UserName="u", PermissionsBoundary=policy_arn()),
        lambda: iam.create_user(UserName="v", PermissionsBoundary=policy_arn()),
    ):
        with refused(
            "PolicyNotAttachable", "Cannot attach a Service Role Policy to a Customer Role."
        ):
            ask()


# Deletion


def deleted(iam, name=NAME):
    """What comes of a request to delete a role."""
    task = iam.delete_service_linked_role(RoleName=name)["DeletionTaskId"]
    return task, iam.get_service_linked_role_deletion_status(DeletionTaskId=task)


@pytest.mark.parametrize("service", ROLES)
def test_a_role_that_nothing_uses(endpoint, iam, service):
    name = ROLES[service]
    first = iam.create_service_linked_role(AWSServiceName=service)["Role"]["RoleId"]
    iam.tag_role(RoleName=name, Tags=[{"Key": "a", "Value": "b"}])
    task, status = deleted(iam, name)
    start, _, end = task.rpartition("/")
    assert start == f"task/aws-service-role/{service}/{name}"
    assert str(uuid.UUID(end)) == end
    assert status["Status"] == "SUCCEEDED"
    assert "Reason" not in status
    with no_such(f"The role with name {name} cannot be found."):
        iam.get_role(RoleName=name)
    again = iam.create_service_linked_role(AWSServiceName=service)["Role"]
    assert again["RoleId"] != first
    for what in ("iam_tags", "iam_attachments"):
        left = f"SELECT count(*) FROM {what} WHERE owner = ?"
        assert rows(folder_of(endpoint), left, first) == [(0,)]
    # What came of a task stays so.
    found = iam.get_service_linked_role_deletion_status(DeletionTaskId=task)
    assert found["Status"] == "SUCCEEDED"


def test_a_role_that_keys_use(endpoint, iam, account, linked):
    here, there = (endpoint.client("kms", region, account) for region in ("slr-1", "slr-2"))
    keys = [here.create_key(MultiRegion=True), here.create_key(MultiRegion=True)]
    here.create_key()
    keys.append(there.create_key(MultiRegion=True))
    _, status = deleted(iam)
    assert status["Status"] == "FAILED"
    assert status["Reason"]["Reason"] == "Account owns one or more multi-Region keys"
    usage = {each["Region"]: set(each["Resources"]) for each in status["Reason"]["RoleUsageList"]}
    arns = [key["KeyMetadata"]["Arn"] for key in keys]
    assert usage == {"slr-1": set(arns[:2]), "slr-2": {arns[2]}}
    iam.get_role(RoleName=NAME)
    # The role for key stores is not concerned.
    iam.create_service_linked_role(AWSServiceName=STORES)
    assert deleted(iam, ROLES[STORES])[1]["Status"] == "SUCCEEDED"


def test_deletions_that_are_refused(iam, account, linked):
    iam.create_role(RoleName="mine", AssumeRolePolicyDocument=TRUST)
    with no_such("The service-linked role with name mine cannot be found."):
        iam.delete_service_linked_role(RoleName="mine")
    with no_such("The role with name none cannot be found."):
        iam.delete_service_linked_role(RoleName="none")


def test_tasks_that_do_not_exist(iam, endpoint, account, linked):
    task, _ = deleted(iam)
    for wrong in ("x", task[:-1], task + "0", task.replace("task/", "job/"), task.upper()):
        with refused("InvalidInput", f"Deletion task id {wrong} is not valid."):
            iam.get_service_linked_role_deletion_status(DeletionTaskId=wrong)
    for none in (
        task[:-36] + str(uuid.uuid4()),
        task.replace("MultiRegionKeys", "CustomKeyStores"),
    ):
        with no_such(f"Deletion task {none} cannot be found."):
            iam.get_service_linked_role_deletion_status(DeletionTaskId=none)
    other = endpoint.client("iam", "us-east-1", "999999999999")
    with no_such(f"Deletion task {task} cannot be found."):
        other.get_service_linked_role_deletion_status(DeletionTaskId=task)


def test_the_newest_hundred_tasks_are_kept(endpoint, iam, account, linked):
    endpoint.client("kms", "us-east-1", account).create_key(MultiRegion=True)
    tasks = [deleted(iam)[0] for _ in range(103)]
    counted = "SELECT count(*) FROM iam_role_deletions WHERE account = ?"
    assert rows(folder_of(endpoint), counted, account) == [(100,)]
    with no_such(f"Deletion task {tasks[0]} cannot be found."):
        iam.get_service_linked_role_deletion_status(DeletionTaskId=tasks[0])
    iam.get_service_linked_role_deletion_status(DeletionTaskId=tasks[3])


# Who may


@contextlib.contextmanager
def as_user(endpoint, iam, service, *statements):
    """A client of the user `u` with these statements."""
    if statements:
        iam.create_user(UserName="u")
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=document)
    key = iam.create_access_key(UserName="u")["AccessKey"]
    client = boto3.client(
        service,
        endpoint_url=endpoint.url,
        region_name="us-east-1",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        config=Config(retries={"total_max_attempts": 1}),
    )
    try:
        yield client
    finally:
        client.close()


def test_who_may_make_one(endpoint, iam, account):
    allow = {
        "Effect": "Allow",
        "Action": "iam:CreateServiceLinkedRole",
        "Resource": arn(account),
        "Condition": {"StringLike": {"iam:AWSServiceName": "mrk.*"}},
    }
    with as_user(endpoint, iam, "iam", allow) as user:
        user.create_service_linked_role(AWSServiceName=MULTI_REGION)
        for action, resource, ask in (
            (
                "CreateServiceLinkedRole",
                arn(account, STORES),
                lambda: user.create_service_linked_role(AWSServiceName=STORES),
            ),
            (
                "DeleteServiceLinkedRole",
                arn(account),
                lambda: user.delete_service_linked_role(RoleName=NAME),
            ),
        ):
            with refused(
                "AccessDenied",
                f"User: arn:aws:iam::{account}:user/u is not authorized to perform: iam:{action} on "
                f"resource: {resource} because no identity-based policy allows the iam:{action} "
                "action",
                403,
            ):
                ask()
        task, _ = deleted(iam)
        with refused(
            "AccessDenied",
            f"User: arn:aws:iam::{account}:user/u is not authorized to perform: "
            f"iam:GetServiceLinkedRoleDeletionStatus on resource: {arn(account)} because no "
            "identity-based policy allows the iam:GetServiceLinkedRoleDeletionStatus action",
            403,
        ):
            user.get_service_linked_role_deletion_status(DeletionTaskId=task)
