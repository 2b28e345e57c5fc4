"""Managed policies, their versions, and whom they are attached to."""

import json
import re

import pytest
from answers import members, refused
from iam_answers import (
    ADMINISTRATOR,
    DOCUMENT,
    TRUST,
    conflict,
    exists,
    long_policy,
    malformed,
    no_such,
    not_allowed,
    over,
    pages,
    policy,
)

KINDS = ("user", "group", "role")
kinds = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def arn(iam):
    return iam.create_policy(PolicyName="p", PolicyDocument=DOCUMENT)["Policy"]["Arn"]


@pytest.fixture
def owners(iam):
    """A user, a group and a role, all of the name `one`."""
    iam.create_user(UserName="one")
    iam.create_group(GroupName="one")
    iam.create_role(RoleName="one", AssumeRolePolicyDocument=TRUST)


def of(kind, name="one"):
    return {f"{kind.capitalize()}Name": name}


def ask(iam, operation, kind, **further):
    return getattr(iam, operation.format(kind))(**of(kind), **further)


def test_a_policy_comes_and_goes(iam, account):
    made = iam.create_policy(
        PolicyName="Keys",
        Path="/team/",
        PolicyDocument=DOCUMENT,
        Description="all about keys",
        Tags=[{"Key": "a", "Value": "b"}],
    )["Policy"]
    assert made["Arn"] == f"arn:aws:iam::{account}:policy/team/Keys"
    assert re.fullmatch("ANPA[A-Z2-7]{17}", made["PolicyId"])
    assert made["Tags"] == [{"Key": "a", "Value": "b"}]
    assert (made["DefaultVersionId"], made["AttachmentCount"]) == ("v1", 0)
    assert (made["PermissionsBoundaryUsageCount"], made["IsAttachable"]) == (0, True)
    assert iam.get_policy(PolicyArn=made["Arn"])["Policy"] == made | {
        "Description": "all about keys"
    }
    (listed,) = iam.list_policies(Scope="Local")["Policies"]
    assert listed == {name: made[name] for name in made if name != "Tags"}
    with exists("A policy called KEYS already exists. Duplicate names are not allowed."):
        iam.create_policy(PolicyName="KEYS", PolicyDocument=DOCUMENT)
    assert members(iam.delete_policy(PolicyArn=made["Arn"])) == set()
    with no_such(f"Policy {made['Arn']} was not found."):
        iam.get_policy(PolicyArn=made["Arn"])


def test_versions(iam, arn):
    documents = {"v1": json.loads(DOCUMENT)}
    for number in range(2, 6):
        documents[f"v{number}"] = policy(f"kms:Encrypt{number}")
        made = iam.create_policy_version(
            PolicyArn=arn, PolicyDocument=json.dumps(documents[f"v{number}"])
        )["PolicyVersion"]
        assert set(made) == {"VersionId", "IsDefaultVersion", "CreateDate"}
        assert (made["VersionId"], made["IsDefaultVersion"]) == (f"v{number}", False)
    with over(
        "A managed policy can have up to 5 versions. Before you create a new version, you must "
        "delete an existing version."
    ):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=DOCUMENT)
    found, sizes = pages(iam, "list_policy_versions", "Versions", 2, PolicyArn=arn)
    assert [version["VersionId"] for version in found] == ["v5", "v4", "v3", "v2", "v1"]
    assert sizes == [2, 2, 1]
    for version_id, document in documents.items():
        version = iam.get_policy_version(PolicyArn=arn, VersionId=version_id)["PolicyVersion"]
        assert version["Document"] == document
        assert version["IsDefaultVersion"] is (version_id == "v1")
    with conflict("Cannot delete the default version of a policy."):
        iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v3")
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v3"
    iam.delete_policy_version(PolicyArn=arn, VersionId="v5")
    made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=DOCUMENT, SetAsDefault=True)
    assert made["PolicyVersion"]["VersionId"] == "v6"  # a number is not given twice
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v6"
    with conflict(
        "This policy has more than one version. Before you delete a policy, you must delete the "
        "policy's versions. The default version is deleted with the policy."
    ):
        iam.delete_policy(PolicyArn=arn)
    for version_id in ("v1", "v2", "v3", "v4"):
        iam.delete_policy_version(PolicyArn=arn, VersionId=version_id)
    iam.delete_policy(PolicyArn=arn)


@pytest.mark.parametrize(
    "operation", ["get_policy_version", "set_default_policy_version", "delete_policy_version"]
)
def test_no_version_is_told_so(iam, arn, operation):
    for version_id in ("v2", "v1.x"):
        with no_such(f"Policy {arn} version {version_id} does not exist or is not attachable."):
            getattr(iam, operation)(PolicyArn=arn, VersionId=version_id)


MALFORMED = [
    ("x", "Syntax errors in policy."),
    ("[]", "Syntax errors in policy."),
    ('{"Version": "2012-10-17"}', "Syntax errors in policy."),
    (
        DOCUMENT.replace("2012-10-17", "2015-01-01"),
        "Policy document must be version 2012-10-17 or greater.",
    ),
    (
        DOCUMENT.replace("kms:*", "Encrypt"),
        "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
    ),
    (
        DOCUMENT.replace('"Resource": "*"', '"Resource": "mine"'),
        'Resource mine must be in ARN format or "*".',
    ),
    (DOCUMENT.replace('"Allow"', '"allow"'), "Syntax errors in policy."),
    (DOCUMENT.replace('"Effect"', '"effect"'), "Syntax errors in policy."),
    (DOCUMENT[:-1] + ', "Version": "2012-10-17"}', "Syntax errors in policy."),
    (
        DOCUMENT.replace('"Effect"', '"Principal": "*", "Effect"'),
        "Policy document should not specify a principal.",
    ),
    (DOCUMENT.replace(', "Resource": "*"', ""), "Policy statement must contain resources."),
    (
        DOCUMENT.replace('"Action": ["kms:*"], ', ""),
        "Policy statement must contain actions.",
    ),
]


@pytest.mark.parametrize(("document", "message"), MALFORMED)
def test_what_is_no_policy(iam, arn, owners, document, message):
    with malformed(message):
        iam.create_policy(PolicyName="other", PolicyDocument=document)
    with malformed(message):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=document)
    for kind in KINDS:
        with malformed(message):
            ask(iam, "put_{}_policy", kind, PolicyName="x", PolicyDocument=document)
        assert ask(iam, "list_{}_policies", kind)["PolicyNames"] == []
    assert len(iam.list_policies(Scope="Local")["Policies"]) == 1
    assert len(iam.list_policy_versions(PolicyArn=arn)["Versions"]) == 1


def test_the_size_of_a_policy_without_its_white_space(iam):
    iam.create_policy(PolicyName="fits", PolicyDocument=long_policy(6144))
    with over("Cannot exceed quota for PolicySize: 6144"):
        iam.create_policy(PolicyName="large", PolicyDocument=long_policy(6145))


@kinds
def test_attached_and_detached(iam, arn, owners, kind, account):
    list_attached = "list_attached_{}_policies"
    for _ in range(2):  # the second time changes nothing
        assert members(ask(iam, "attach_{}_policy", kind, PolicyArn=arn)) == set()
    ask(iam, "attach_{}_policy", kind, PolicyArn=ADMINISTRATOR)
    assert ask(iam, list_attached, kind)["AttachedPolicies"] == [
        {"PolicyName": "AdministratorAccess", "PolicyArn": ADMINISTRATOR},
        {"PolicyName": "p", "PolicyArn": arn},
    ]
    found, sizes = pages(iam, list_attached.format(kind), "AttachedPolicies", 1, **of(kind))
    assert ([each["PolicyName"] for each in found], sizes) == (
        ["AdministratorAccess", "p"],
        [1, 1],
    )
    assert ask(iam, list_attached, kind, PathPrefix="/none/")["AttachedPolicies"] == []
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    with conflict("Cannot delete a policy attached to entities."):
        iam.delete_policy(PolicyArn=arn)
    ask(iam, "detach_{}_policy", kind, PolicyArn=arn)
    with no_such(f"Policy {arn} was not found."):
        ask(iam, "detach_{}_policy", kind, PolicyArn=arn)
    iam.delete_policy(PolicyArn=arn)
    for missing in (arn, "arn:aws:iam::aws:policy/NoSuchAccess"):
        with no_such(f"Policy {missing} does not exist or is not attachable."):
            ask(iam, "attach_{}_policy", kind, PolicyArn=missing)
    for wrong in (f"arn:aws:iam::{account}:user/one", "x" * 20):
        with refused("InvalidInput", f"ARN {wrong} is not valid."):
            ask(iam, "attach_{}_policy", kind, PolicyArn=wrong)


@kinds
@pytest.mark.parametrize("operation", ["attach_{}_policy", "detach_{}_policy"])
def test_nobody_to_attach_to(iam, arn, kind, operation):
    with no_such(f"The {kind} with name one cannot be found."):
        ask(iam, operation, kind, PolicyArn=arn)


@kinds
def test_ten_policies_and_no_more(iam, owners, kind):
    arns = [
        iam.create_policy(PolicyName=f"p{number}", PolicyDocument=DOCUMENT)["Policy"]["Arn"]
        for number in range(11)
    ]
    for arn in arns[:10]:
        ask(iam, "attach_{}_policy", kind, PolicyArn=arn)
    with over(f"Cannot exceed quota for PoliciesPer{kind.capitalize()}: 10"):
        ask(iam, "attach_{}_policy", kind, PolicyArn=arns[10])
    ask(iam, "attach_{}_policy", kind, PolicyArn=arns[0])


def test_a_policy_made_anew_is_attached_to_nobody(iam, arn, owners):
    iam.attach_user_policy(UserName="one", PolicyArn=arn)
    iam.detach_user_policy(UserName="one", PolicyArn=arn)
    iam.delete_policy(PolicyArn=arn)
    iam.create_policy(PolicyName="p", PolicyDocument=DOCUMENT)
    assert iam.list_attached_user_policies(UserName="one")["AttachedPolicies"] == []


def test_who_uses_a_policy(iam, arn, owners):
    for kind in KINDS:
        ask(iam, "attach_{}_policy", kind, PolicyArn=arn)
    iam.create_user(UserName="two", Path="/b/", PermissionsBoundary=arn)

    def used(**asked):
        answer = iam.list_entities_for_policy(PolicyArn=arn, **asked)
        return tuple(
            [each[f"{kind.capitalize()}Name"] for each in answer[f"Policy{kind.capitalize()}s"]]
            for kind in KINDS
        )

    assert used() == (["one", "two"], ["one"], ["one"])
    assert used(EntityFilter="User") == (["one", "two"], [], [])
    assert used(EntityFilter="Group") == ([], ["one"], [])
    assert used(PolicyUsageFilter="PermissionsPolicy") == (["one"], ["one"], ["one"])
    assert used(PolicyUsageFilter="PermissionsBoundary") == (["two"], [], [])
    assert used(PathPrefix="/b/") == (["two"], [], [])
    first = iam.list_entities_for_policy(PolicyArn=arn, MaxItems=3)
    assert first["IsTruncated"]
    rest = iam.list_entities_for_policy(PolicyArn=arn, MaxItems=3, Marker=first["Marker"])
    assert [user["UserName"] for user in rest["PolicyUsers"]] == ["two"]


def test_which_policies_are_listed(iam, owners):
    for name in ("b", "Zeta", "a"):
        iam.create_policy(PolicyName=name, Path=f"/{name}/", PolicyDocument=DOCUMENT)

    def listed(**asked):
        found, _ = pages(iam, "list_policies", "Policies", 2, **asked)
        return [each["PolicyName"] for each in found]

    aws = [
        "AdministratorAccess",
        "AWSKeyManagementServiceCustomKeyStoresServiceRolePolicy",
        "AWSKeyManagementServiceMultiRegionKeysServiceRolePolicy",
        "AWSKeyManagementServicePowerUser",
        "IAMFullAccess",
        "PowerUserAccess",
    ]
    assert listed(Scope="Local") == ["a", "b", "Zeta"]
    assert listed(Scope="AWS") == aws
    assert listed() == ["a", *aws[:4], "b", *aws[4:], "Zeta"]
    assert listed(PathPrefix="/b/") == ["b"]
    assert listed(OnlyAttached=True) == []
    iam.attach_role_policy(RoleName="one", PolicyArn=ADMINISTRATOR)
    assert listed(OnlyAttached=True) == ["AdministratorAccess"]
    assert listed(PolicyUsageFilter="PermissionsBoundary") == []


def test_awss_own_policies(iam, endpoint, account):
    found = iam.get_policy(PolicyArn=ADMINISTRATOR)["Policy"]
    assert found["PolicyId"] == "ANPAIWMBCKSKIEE64ZLYK"
    version = iam.get_policy_version(PolicyArn=ADMINISTRATOR, VersionId="v1")["PolicyVersion"]
    assert version["Document"] == policy("*") | {
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    }
    china = endpoint.client("iam", "cn-north-1", account)
    arns = [each["Arn"] for each in china.list_policies(Scope="AWS")["Policies"]]
    assert arns[0] == "arn:aws-cn:iam::aws:policy/AdministratorAccess"


@pytest.mark.parametrize(
    ("operation", "action", "further"),
    [
        ("delete_policy", "DeletePolicy", {}),
        ("create_policy_version", "CreatePolicyVersion", {"PolicyDocument": DOCUMENT}),
        ("delete_policy_version", "DeletePolicyVersion", {"VersionId": "v1"}),
        ("set_default_policy_version", "SetDefaultPolicyVersion", {"VersionId": "v1"}),
        ("tag_policy", "TagPolicy", {"Tags": [{"Key": "a", "Value": "b"}]}),
    ],
)
def test_awss_policies_are_nobodys_to_change(iam, account, operation, action, further):
    with not_allowed(account, action, ADMINISTRATOR):
        getattr(iam, operation)(PolicyArn=ADMINISTRATOR, **further)


@pytest.mark.parametrize(
    "operation", ["get_policy", "delete_policy", "list_policy_versions", "list_entities_for_policy"]
)
def test_policies_of_others_and_of_nobody(iam, account, operation):
    theirs = "arn:aws:iam::999999999999:policy/theirs"
    action = "".join(word.capitalize() for word in operation.split("_"))
    with not_allowed(account, action, theirs):
        getattr(iam, operation)(PolicyArn=theirs)
    nobodys = f"arn:aws:iam::{account}:policy/none"
    with no_such(f"Policy {nobodys} was not found."):
        getattr(iam, operation)(PolicyArn=nobodys)
    with refused("InvalidInput", "ARN this is not an ARN at all is not valid."):
        getattr(iam, operation)(PolicyArn="this is not an ARN at all")


def test_an_arn_means_a_policy_by_its_path_too(iam, account):
    iam.create_policy(PolicyName="p", Path="/a/", PolicyDocument=DOCUMENT)
    for wrong in ("p", "b/p", "a/P"):
        arn = f"arn:aws:iam::{account}:policy/{wrong}"
        with no_such(f"Policy {arn} was not found."):
            iam.get_policy(PolicyArn=arn)


# Inline


@kinds
def test_inline_policies(iam, owners, kind):
    for name in ("b", "a", "C"):
        ask(iam, "put_{}_policy", kind, PolicyName=name, PolicyDocument=DOCUMENT)
    other = policy("kms:Decrypt", effect="Deny")
    ask(iam, "put_{}_policy", kind, PolicyName="a", PolicyDocument=json.dumps(other))
    answer = ask(iam, "get_{}_policy", kind, PolicyName="a")
    named = f"{kind.capitalize()}Name"
    assert members(answer) == {named, "PolicyName", "PolicyDocument"}
    assert (answer[named], answer["PolicyDocument"]) == ("one", other)
    found, sizes = pages(iam, f"list_{kind}_policies", "PolicyNames", 2, **of(kind))
    assert (found, sizes) == (["C", "a", "b"], [2, 1])
    ask(iam, "delete_{}_policy", kind, PolicyName="a")
    for operation in ("get_{}_policy", "delete_{}_policy"):
        with no_such(f"The {kind} policy with name a cannot be found."):
            ask(iam, operation, kind, PolicyName="a")
    assert ask(iam, "list_{}_policies", kind)["PolicyNames"] == ["C", "b"]


@kinds
@pytest.mark.parametrize(
    ("operation", "further"),
    [
        ("put_{}_policy", {"PolicyName": "p", "PolicyDocument": DOCUMENT}),
        ("get_{}_policy", {"PolicyName": "p"}),
        ("delete_{}_policy", {"PolicyName": "p"}),
        ("list_{}_policies", {}),
        ("list_attached_{}_policies", {}),
    ],
)
def test_nobody_to_have_policies(iam, kind, operation, further):
    with no_such(f"The {kind} with name one cannot be found."):
        ask(iam, operation, kind, **further)


@pytest.mark.parametrize(("kind", "most"), [("user", 2048), ("group", 5120), ("role", 10_240)])
def test_all_inline_policies_together_have_a_size(iam, owners, kind, most):
    half = long_policy(most // 2)
    for name in ("a", "b"):
        ask(iam, "put_{}_policy", kind, PolicyName=name, PolicyDocument=half)
    with over(f"Maximum policy size of {most} bytes exceeded for {kind} one"):
        ask(iam, "put_{}_policy", kind, PolicyName="c", PolicyDocument=DOCUMENT)
    ask(iam, "put_{}_policy", kind, PolicyName="a", PolicyDocument=DOCUMENT)  # in place of `a`
    ask(iam, "put_{}_policy", kind, PolicyName="c", PolicyDocument=DOCUMENT)


def test_a_request_that_is_larger_than_any_is_told_in_the_clients_protocol(iam):
    with refused("RequestEntityTooLarge", "the body is larger than 1048576 bytes; send less", 413):
        iam.create_policy(PolicyName="p", PolicyDocument="x" * 2**20)
