"""Users, roles and policies at work, end to end: who may do what with a key, and with a role."""

import contextlib
import datetime
import json
import secrets

import pytest
from answers import refused
from botocore.exceptions import ClientError
from clockwork import move
from tests.conftest import start_dev

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
DAY = 86_400


def digits():
    return f"{secrets.randbelow(9 * 10**11) + 10**11}"


class Account:
    """An account of its own, with its root user's clients."""

    def __init__(self, endpoint, region):
        self.id = digits()
        self.endpoint, self.region = endpoint, region
        self.root = f"arn:aws:iam::{self.id}:root"
        self.iam = endpoint.client("iam", region, self.id)
        self.kms = endpoint.client("kms", region, self.id)
        self.clients = [self.iam, self.kms]

    def client(self, service, credentials):
        made = self.endpoint.client_of(credentials, service, self.region)
        self.clients.append(made)
        return made

    def close(self):
        for client in self.clients:
            client.close()

    def user(self, name, *statements):
        """A new user's credentials."""
        self.iam.create_user(UserName=name)
        if statements:
            self.iam.put_user_policy(
                UserName=name, PolicyName="own", PolicyDocument=policy(*statements)
            )
        return self.iam.create_access_key(UserName=name)["AccessKey"]

    def role(self, name, trusted, *statements, **more):
        trust = {"Effect": "Allow", "Principal": {"AWS": trusted}, "Action": "sts:AssumeRole"}
        self.iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=policy(trust | more.pop("trust", {})), **more
        )
        if statements:
            self.iam.put_role_policy(
                RoleName=name, PolicyName="own", PolicyDocument=policy(*statements)
            )
        return f"arn:aws:iam::{self.id}:role/{name}"


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def to(principal, action="kms:*", **more):
    return allow(action, Principal={"AWS": principal}, **more)


@pytest.fixture
def own(endpoint, region):
    with contextlib.closing(Account(endpoint, region)) as account:
        yield account


@pytest.fixture
def other(endpoint, region):
    with contextlib.closing(Account(endpoint, region)) as account:
        yield account


@pytest.fixture
def key(own):
    return own.kms.create_key()["KeyMetadata"]["Arn"]


def denial(ask):
    with pytest.raises(ClientError) as caught:
        ask()
    error = caught.value.response["Error"]
    assert error["Code"] in ("AccessDeniedException", "AccessDenied"), error
    return error["Message"]


def assumed(account, credentials, role, name="session", **more):
    sts = account.client("sts", credentials)
    return sts.assume_role(RoleArn=role, RoleSessionName=name, **more)["Credentials"]


# The exam's questions


def test_question_4_the_root_statement_leaves_it_to_iam(own, key):
    """A key policy with the root statement alone, a user without IAM policy: no."""
    alice = own.user("alice")
    kms = own.client("kms", alice)
    arn = f"arn:aws:iam::{own.id}:user/alice"
    assert denial(lambda: kms.encrypt(KeyId=key, Plaintext=b"x")) == (
        f"User: {arn} is not authorized to perform: kms:Encrypt on resource: {key} because no "
        "identity-based policy allows the kms:Encrypt action"
    )
    own.iam.put_user_policy(
        UserName="alice", PolicyName="p", PolicyDocument=policy(allow("kms:Encrypt", key))
    )
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert denial(lambda: kms.decrypt(CiphertextBlob=blob)) == (
        f"User: {arn} is not authorized to perform: kms:Decrypt on the resource associated with "
        "this ciphertext because no identity-based policy allows the kms:Decrypt action"
    )
    # Without the root statement an IAM allow changes nothing.
    own.kms.put_key_policy(
        KeyId=key,
        Policy=policy(to(own.root, ["kms:PutKeyPolicy", "kms:GetKeyPolicy"])),
    )
    assert denial(lambda: kms.encrypt(KeyId=key, Plaintext=b"x")) == (
        f"User: {arn} is not authorized to perform: kms:Encrypt on resource: {key} because no "
        "resource-based policy allows the kms:Encrypt action"
    )
    # A key policy that names the user needs no IAM policy.
    own.iam.delete_user_policy(UserName="alice", PolicyName="p")
    own.kms.put_key_policy(
        KeyId=key, Policy=policy(to(own.root, "kms:Put*"), to(arn, "kms:Encrypt"))
    )
    kms.encrypt(KeyId=key, Plaintext=b"x")


def test_question_5_two_steps_for_another_account(own, other, key):
    bob = other.user("bob")
    kms = other.client("kms", bob)
    arn = f"arn:aws:iam::{other.id}:user/bob"

    def use():
        return kms.encrypt(KeyId=key, Plaintext=b"x")

    hidden = (
        f"User: {arn} is not authorized to perform: kms:Encrypt on this resource because the "
        "resource does not exist in this Region, no resource-based policies allow access, or a "
        "resource-based policy explicitly denies access"
    )
    assert denial(use) == hidden
    missing = key[:-12] + "000000000000"
    assert denial(lambda: kms.encrypt(KeyId=missing, Plaintext=b"x")) == hidden
    other.iam.put_user_policy(
        UserName="bob", PolicyName="p", PolicyDocument=policy(allow("kms:Encrypt", key))
    )
    assert denial(use) == hidden  # the IAM policy alone
    for named in (arn, other.id, other.root):
        own.kms.put_key_policy(
            KeyId=key, Policy=policy(to(own.root), to(named, ["kms:Encrypt", "kms:DescribeKey"]))
        )
        assert use()["KeyId"] == key
    other.iam.delete_user_policy(UserName="bob", PolicyName="p")
    assert "because no identity-based policy allows the kms:Encrypt action" in denial(use)


def test_question_14_a_task_role_and_the_key_of_another_account(own, other, key):
    """The half of KMS: each of the permissions that is missing is named by the denial."""
    runner = other.user("runner", allow("sts:AssumeRole"))
    role = other.role("task", other.root, allow("kms:Decrypt", key))
    blob = own.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    lets_in = policy(to(own.root), to(role, "kms:Decrypt"))
    own.kms.put_key_policy(KeyId=key, Policy=lets_in)
    kms = other.client("kms", assumed(other, runner, role, "task-1"))
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    session = f"arn:aws:sts::{other.id}:assumed-role/task/task-1"

    other.iam.delete_role_policy(RoleName="task", PolicyName="own")
    assert denial(lambda: kms.decrypt(CiphertextBlob=blob)) == (
        f"User: {session} is not authorized to perform: kms:Decrypt on the resource associated "
        "with this ciphertext because no identity-based policy allows the kms:Decrypt action"
    )
    other.iam.put_role_policy(
        RoleName="task", PolicyName="own", PolicyDocument=policy(allow("kms:Decrypt", key))
    )
    own.kms.put_key_policy(KeyId=key, Policy=policy(to(own.root)))
    assert "the resource associated with this ciphertext because the resource does not exist" in (
        denial(lambda: kms.decrypt(CiphertextBlob=blob))
    )
    own.kms.put_key_policy(KeyId=key, Policy=lets_in)
    kms.decrypt(CiphertextBlob=blob)


# Users


def test_who_a_user_is(own):
    alice = own.user("alice")
    answer = own.client("sts", alice).get_caller_identity()
    assert answer["Arn"] == f"arn:aws:iam::{own.id}:user/alice"
    assert answer["UserId"].startswith("AIDA")
    assert answer["Account"] == own.id


def test_a_group_and_a_boundary(own, key):
    alice = own.user("alice")
    kms = own.client("kms", alice)
    own.iam.create_group(GroupName="users")
    own.iam.put_group_policy(
        GroupName="users", PolicyName="p", PolicyDocument=policy(allow("kms:*"))
    )
    assert denial(lambda: kms.describe_key(KeyId=key))
    own.iam.add_user_to_group(GroupName="users", UserName="alice")
    kms.describe_key(KeyId=key)
    bound = own.iam.create_policy(PolicyName="b", PolicyDocument=policy(allow("s3:*")))["Policy"]
    own.iam.put_user_permissions_boundary(UserName="alice", PermissionsBoundary=bound["Arn"])
    assert "because no permissions boundary allows the kms:DescribeKey action" in (
        denial(lambda: kms.describe_key(KeyId=key))
    )
    # Named by the key itself, a user is not limited by her boundary.
    own.kms.put_key_policy(
        KeyId=key, Policy=policy(to(own.root), to(f"arn:aws:iam::{own.id}:user/alice"))
    )
    kms.describe_key(KeyId=key)
    own.iam.put_user_policy(
        UserName="alice",
        PolicyName="d",
        PolicyDocument=policy(allow("kms:DescribeKey") | {"Effect": "Deny"}),
    )
    assert "with an explicit deny in an identity-based policy" in (
        denial(lambda: kms.describe_key(KeyId=key))
    )


def test_a_key_that_is_switched_off_or_gone_signs_nothing(own):
    alice = own.user("alice")
    sts = own.client("sts", alice)
    sts.get_caller_identity()
    change = {"UserName": "alice", "AccessKeyId": alice["AccessKeyId"]}
    own.iam.update_access_key(**change, Status="Inactive")
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        sts.get_caller_identity()
    own.iam.update_access_key(**change, Status="Active")
    sts.get_caller_identity()
    own.iam.delete_access_key(**change)
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        sts.get_caller_identity()


def test_operations_without_a_key(own):
    alice = own.user("alice", allow(["kms:CreateKey", "kms:ListKeys"]))
    kms = own.client("kms", alice)
    kms.create_key()
    kms.list_keys()
    said = "is not authorized to perform: kms:{} on resource: * because no identity-based policy"
    assert said.format("GenerateRandom") in denial(lambda: kms.generate_random(NumberOfBytes=1))
    assert said.format("ListAliases") in denial(kms.list_aliases)
    tags = [{"TagKey": "a", "TagValue": "b"}]
    assert said.format("TagResource") in denial(lambda: kms.create_key(Tags=tags))


def test_retirable_grants_are_listed_by_a_permission_about_everything(own, other, key):
    alice = own.user("alice")
    arn = f"arn:aws:iam::{own.id}:user/alice"
    made = own.kms.create_grant(
        KeyId=key, GranteePrincipal=arn, RetiringPrincipal=arn, Operations=["Decrypt"]
    )
    kms = own.client("kms", alice)
    for resource in (arn, key):
        own.iam.put_user_policy(
            UserName="alice",
            PolicyName="own",
            PolicyDocument=policy(allow("kms:ListRetirableGrants", resource)),
        )
        assert denial(lambda: kms.list_retirable_grants(RetiringPrincipal=arn)) == (
            f"User: {arn} is not authorized to perform: kms:ListRetirableGrants on resource: * "
            "because no identity-based policy allows the kms:ListRetirableGrants action"
        )
    own.iam.put_user_policy(
        UserName="alice",
        PolicyName="own",
        PolicyDocument=policy(allow("kms:ListRetirableGrants", "*")),
    )
    (grant,) = kms.list_retirable_grants(RetiringPrincipal=arn)["Grants"]
    assert grant["GrantId"] == made["GrantId"]
    assert "the resource does not exist in this Region" in denial(
        lambda: kms.list_retirable_grants(RetiringPrincipal=other.root)
    )


def test_an_alias_is_a_resource_of_its_own(own, key):
    arn = f"arn:aws:kms:{own.region}:{own.id}:alias/a"
    alice = own.user("alice", allow("kms:CreateAlias", key))
    kms = own.client("kms", alice)
    create = {"AliasName": "alias/a", "TargetKeyId": key}
    assert f"kms:CreateAlias on resource: {arn}" in denial(lambda: kms.create_alias(**create))
    own.iam.put_user_policy(
        UserName="alice", PolicyName="own", PolicyDocument=policy(allow("kms:CreateAlias", arn))
    )
    assert f"kms:CreateAlias on resource: {key}" in denial(lambda: kms.create_alias(**create))
    own.iam.put_user_policy(
        UserName="alice",
        PolicyName="own",
        PolicyDocument=policy(allow("kms:CreateAlias", [arn, key])),
    )
    kms.create_alias(**create)


def test_an_alias_is_moved_by_three_permissions(own, key):
    new = own.kms.create_key()["KeyMetadata"]["Arn"]
    alias = f"arn:aws:kms:{own.region}:{own.id}:alias/a"
    own.kms.create_alias(AliasName="alias/a", TargetKeyId=key)
    kms = own.client("kms", own.user("alice"))
    needed = [alias, key, new]
    move = {"AliasName": "alias/a", "TargetKeyId": new}

    def may(*resources):
        own.iam.put_user_policy(
            UserName="alice",
            PolicyName="own",
            PolicyDocument=policy(allow("kms:UpdateAlias", list(resources))),
        )

    for missing in needed:
        may(*(resource for resource in needed if resource != missing))
        assert f"kms:UpdateAlias on resource: {missing}" in denial(lambda: kms.update_alias(**move))
        (listed,) = own.kms.list_aliases()["Aliases"]
        assert listed["TargetKeyId"] == key.rpartition("/")[2]
    may(*needed)
    kms.update_alias(**move)
    (listed,) = own.kms.list_aliases()["Aliases"]
    assert listed["TargetKeyId"] == new.rpartition("/")[2]


def test_conditions_on_aliases_and_tags(own, key):
    by_request = allow("kms:*", Condition={"StringEquals": {"kms:RequestAlias": "alias/a"}})
    by_alias = allow(
        "kms:*", Condition={"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/a"}}
    )
    by_tag = allow("kms:*", Condition={"StringEquals": {"aws:ResourceTag/Team": "blue"}})
    own.kms.create_alias(AliasName="alias/b", TargetKeyId=key)
    one, two, three = (
        own.client("kms", own.user(name, statement))
        for name, statement in (("r", by_request), ("a", by_alias), ("t", by_tag))
    )
    for kms in (one, two, three):
        denial(lambda kms=kms: kms.encrypt(KeyId=key, Plaintext=b"x"))
    own.kms.create_alias(AliasName="alias/a", TargetKeyId=key)
    own.kms.tag_resource(KeyId=key, Tags=[{"TagKey": "Team", "TagValue": "blue"}])
    denial(lambda: one.encrypt(KeyId=key, Plaintext=b"x"))
    one.encrypt(KeyId="alias/a", Plaintext=b"x")
    one.encrypt(KeyId=key.replace(key.split(":", 5)[5], "alias/a"), Plaintext=b"x")
    denial(lambda: one.encrypt(KeyId="alias/b", Plaintext=b"x"))
    two.encrypt(KeyId=key, Plaintext=b"x")
    three.encrypt(KeyId=key, Plaintext=b"x")
    own.kms.delete_alias(AliasName="alias/a")
    own.kms.untag_resource(KeyId=key, TagKeys=["Team"])
    for kms in (two, three):
        denial(lambda kms=kms: kms.encrypt(KeyId=key, Plaintext=b"x"))


def test_a_key_policy_cannot_ask_for_aliases(own, key):
    own.kms.create_alias(AliasName="alias/a", TargetKeyId=key)
    alice = own.user("alice")
    by_alias = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/a"}}
    own.kms.put_key_policy(
        KeyId=key,
        Policy=policy(to(own.root), to(f"arn:aws:iam::{own.id}:user/alice", Condition=by_alias)),
    )
    assert denial(lambda: own.client("kms", alice).encrypt(KeyId=key, Plaintext=b"x"))


def test_iam_itself_is_guarded(own, other):
    alice = own.user("alice", allow("iam:GetUser", "arn:aws:iam::*:user/alice"))
    iam = own.client("iam", alice)
    assert iam.get_user(UserName="alice")["User"]["UserName"] == "alice"
    assert "iam:CreateUser on resource:" in denial(lambda: iam.create_user(UserName="eve"))
    assert denial(lambda: iam.get_user(UserName="bob"))
    own.iam.put_user_policy(
        UserName="alice", PolicyName="own", PolicyDocument=policy(allow("iam:*"))
    )
    iam.create_user(UserName="eve")
    assert [user["UserName"] for user in iam.list_users()["Users"]] == ["alice", "eve"]
    assert other.iam.list_users()["Users"] == []


# Roles and sessions


def test_a_session_of_a_role(own, key):
    alice = own.user("alice", allow("sts:AssumeRole"))
    role = own.role("worker", own.root, allow("kms:Encrypt", key))
    answer = own.client("sts", alice).assume_role(RoleArn=role, RoleSessionName="s1")
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{own.id}:assumed-role/worker/s1"
    credentials = answer["Credentials"]
    assert credentials["AccessKeyId"].startswith("ASIA")
    left = credentials["Expiration"] - datetime.datetime.now(datetime.UTC)
    assert abs(left.total_seconds() - 3_600) < 60
    who = own.client("sts", credentials).get_caller_identity()
    assert who["Arn"] == answer["AssumedRoleUser"]["Arn"]
    assert who["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]
    kms = own.client("kms", credentials)
    kms.encrypt(KeyId=key, Plaintext=b"x")
    assert "because no identity-based policy allows" in denial(lambda: kms.describe_key(KeyId=key))


@pytest.mark.parametrize("change", ["token", "no token", "key id", "secret", "another's token"])
def test_credentials_that_do_not_belong_together(own, change):
    alice = own.user("alice")
    sts = own.client("sts", alice)
    one, other = sts.get_session_token()["Credentials"], sts.get_session_token()["Credentials"]
    changed = dict(one)
    match change:
        case "token":
            token = one["SessionToken"]
            changed["SessionToken"] = token[:40] + ("A" if token[40] != "A" else "B") + token[41:]
        case "no token":
            del changed["SessionToken"]
        case "key id":
            changed["AccessKeyId"] = other["AccessKeyId"]
        case "secret":
            changed["SecretAccessKey"] = other["SecretAccessKey"]
        case "another's token":
            changed["SessionToken"] = other["SessionToken"]
    own.client("sts", one).get_caller_identity()
    with pytest.raises(ClientError, match=r"InvalidClientTokenId|SignatureDoesNotMatch"):
        own.client("sts", changed).get_caller_identity()
    long_term = dict(alice) | {"SessionToken": one["SessionToken"]}
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        own.client("sts", long_term).get_caller_identity()


def test_whom_a_role_trusts(own, other):
    alice, bob = own.user("alice"), own.user("bob", allow("sts:AssumeRole"))
    trusts_alice = own.role("for-alice", f"arn:aws:iam::{own.id}:user/alice")
    trusts_all = own.role("for-all", own.root)
    assumed(own, alice, trusts_alice)
    assumed(own, bob, trusts_all)
    assert "because no identity-based policy allows the sts:AssumeRole action" in denial(
        lambda: assumed(own, alice, trusts_all)
    )
    assert "because no role trust policy allows the sts:AssumeRole action" in denial(
        lambda: assumed(own, bob, trusts_alice)
    )
    eve = other.user("eve", allow("sts:AssumeRole"))
    there = denial(lambda: assumed(other, eve, trusts_all))
    not_there = denial(lambda: assumed(other, eve, trusts_all + "x"))
    assert there + "x" == not_there


@pytest.mark.parametrize(
    "wrong",
    [
        {"TransitiveTagKeys": ["team"]},
        {"Tags": [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]},
        {"Tags": [{"Key": "aws:a", "Value": "1"}]},
        {"DurationSeconds": 43_200},
        {"Policy": "{"},
        {"PolicyArns": [{"arn": "arn:aws:iam::aws:policy/Never"}]},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_no_mistake_tells_whether_a_role_is_there(own, other, wrong):
    role = own.role("worker", own.root)
    eve = other.user("eve", allow("sts:*"))
    there, not_there = [], []
    for arn, told in ((role, there), (role + "x", not_there)):
        with pytest.raises(ClientError) as caught:
            assumed(other, eve, arn, **wrong)
        error = caught.value.response["Error"]
        told += [error["Code"], error["Message"].replace(arn, "")]
    assert there == not_there


def test_a_root_user_assumes_no_role(own, other):
    """Whether a role names her or not, of her account or of another; nor does a session of hers."""
    root = own.endpoint.client("sts", own.region, own.id)
    own.clients.append(root)
    session = own.client("sts", root.get_session_token()["Credentials"])
    roles = own.role("for-all", own.root), other.role("shared", own.root)
    for sts in (root, session):
        for role in (*roles, roles[0] + "x"):
            said = denial(lambda: sts.assume_role(RoleArn=role, RoleSessionName="xx"))  # noqa: B023
            assert said == "Roles may not be assumed by root accounts."


def test_an_external_id(own, other):
    wants = {"Condition": {"StringEquals": {"sts:ExternalId": "secret"}}}
    role = own.role("shared", other.root, trust=wants)
    bob = other.user("bob", allow("sts:AssumeRole", role))
    denial(lambda: assumed(other, bob, role))
    denial(lambda: assumed(other, bob, role, ExternalId="guess"))
    assumed(other, bob, role, ExternalId="secret")


def test_a_session_policy_only_narrows(own, key):
    alice = own.user("alice", allow("sts:AssumeRole"))
    role = own.role("worker", own.root, allow(["kms:Encrypt", "kms:DescribeKey"], key))
    narrow = policy(allow(["kms:Encrypt", "kms:Decrypt"]))
    kms = own.client("kms", assumed(own, alice, role, Policy=narrow))
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert "because no session policy allows the kms:DescribeKey action" in (
        denial(lambda: kms.describe_key(KeyId=key))
    )
    assert "because no identity-based policy allows" in (
        denial(lambda: kms.decrypt(CiphertextBlob=blob))
    )
    managed = own.iam.create_policy(
        PolicyName="m", PolicyDocument=policy(allow("kms:DescribeKey"))
    )["Policy"]["Arn"]
    both = assumed(own, alice, role, Policy=narrow, PolicyArns=[{"arn": managed}])
    own.client("kms", both).describe_key(KeyId=key)
    for bad in ("{", policy(to(own.root))):
        with pytest.raises(ClientError, match="MalformedPolicyDocument"):
            assumed(own, alice, role, Policy=bad)
    with pytest.raises(ClientError, match="MalformedPolicyDocument"):
        assumed(own, alice, role, PolicyArns=[{"arn": managed + "x"}])


def test_session_tags_and_source_identity(own, key):
    alice = own.user("alice", allow(["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]))
    by_tag = allow("kms:*", Condition={"StringEquals": {"aws:PrincipalTag/team": "blue"}})
    trust = {"Action": ["sts:AssumeRole"]}
    role = own.role("worker", own.root, by_tag, trust=trust)
    blue = {"Tags": [{"Key": "Team", "Value": "blue"}]}
    assert "sts:TagSession" in denial(lambda: assumed(own, alice, role, **blue))
    own.iam.update_assume_role_policy(
        RoleName="worker",
        PolicyDocument=policy(
            {
                "Effect": "Allow",
                "Principal": {"AWS": own.root},
                "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
            }
        ),
    )
    own.client("kms", assumed(own, alice, role, **blue)).describe_key(KeyId=key)
    red = {"Tags": [{"Key": "Team", "Value": "red"}]}
    denial(lambda: own.client("kms", assumed(own, alice, role, **red)).describe_key(KeyId=key))
    denial(lambda: own.client("kms", assumed(own, alice, role)).describe_key(KeyId=key))

    chained = own.role("chained", own.root, by_tag, trust={"Action": "sts:*"})
    own.iam.put_role_policy(
        RoleName="worker", PolicyName="assume", PolicyDocument=policy(allow("sts:*"))
    )
    first = assumed(own, alice, role, SourceIdentity="alice", TransitiveTagKeys=["Team"], **blue)
    second = assumed(own, first, chained)
    own.client("kms", second).describe_key(KeyId=key)  # the tag came along
    denial(lambda: assumed(own, first, chained, SourceIdentity="eve"))
    with pytest.raises(ClientError, match="conflicts with a transitive tag key"):
        assumed(own, first, chained, **red)
    with pytest.raises(ClientError, match="role chaining"):
        assumed(own, first, chained, DurationSeconds=3_601)


@pytest.mark.parametrize("name", ["aws:ResourceTag/Team", "iam:ResourceTag/team"])
def test_the_tags_of_a_role_are_there_for_conditions(own, name):
    blue = {"Condition": {"StringEquals": {name: "blue"}}}
    alice = own.user("alice", allow("sts:AssumeRole", **blue))
    own.role("blue", own.root, Tags=[{"Key": "team", "Value": "blue"}])
    own.role("red", own.root, Tags=[{"Key": "team", "Value": "red"}])
    role = f"arn:aws:iam::{own.id}:role"
    assumed(own, alice, f"{role}/blue")
    denial(lambda: assumed(own, alice, f"{role}/red"))
    bob = own.user("bob", allow("sts:AssumeRole"), allow("*", **blue) | {"Effect": "Deny"})
    assumed(own, bob, f"{role}/red")
    assert "with an explicit deny" in denial(lambda: assumed(own, bob, f"{role}/blue"))


def test_tags_that_differ_by_case_alone_are_no_ground_to_allow(own):
    arn = own.iam.create_policy(PolicyName="p", PolicyDocument=policy(allow("*")))["Policy"]["Arn"]
    one = {"Condition": {"StringEquals": {"iam:ResourceTag/team": "1"}}}
    alice = own.user("alice", allow("iam:GetPolicy", **one))
    bob = own.user("bob", allow("iam:GetPolicy"), allow("*", **one) | {"Effect": "Deny"})
    alice, bob = (own.client("iam", each) for each in (alice, bob))
    own.iam.tag_policy(PolicyArn=arn, Tags=[{"Key": "Team", "Value": "1"}])
    alice.get_policy(PolicyArn=arn)
    own.iam.tag_policy(PolicyArn=arn, Tags=[{"Key": "team", "Value": "2"}])
    denial(lambda: alice.get_policy(PolicyArn=arn))
    denial(lambda: bob.get_policy(PolicyArn=arn))
    own.iam.untag_policy(PolicyArn=arn, TagKeys=["Team"])
    bob.get_policy(PolicyArn=arn)


def test_a_role_s_own_trust_policy_may_ask_for_its_tags(own):
    alice = own.user("alice")
    wants = {"Condition": {"StringEquals": {"aws:ResourceTag/open": "yes"}}}
    role = own.role("worker", f"arn:aws:iam::{own.id}:user/alice", trust=wants)
    denial(lambda: assumed(own, alice, role))
    own.iam.tag_role(RoleName="worker", Tags=[{"Key": "Open", "Value": "yes"}])
    assumed(own, alice, role)


class Chain:
    """A role `first`, of which alice has a session with a transitive tag and a source identity, and
    a role `next` that trusts it as it is told to.
    """

    def __init__(self, own):
        self.own = own
        may = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
        self.alice = own.user("alice", allow(may))
        self.first = own.role("first", own.root, allow(may), trust={"Action": may})
        self.next = own.role("next", own.root)
        self.tagged = {
            "Tags": [{"Key": "Team", "Value": "blue"}, {"Key": "cost", "Value": "1"}],
            "TransitiveTagKeys": ["team"],
        }

    def trust(self, *actions, condition=None):
        own = self.own
        given = {"Effect": "Allow", "Principal": {"AWS": own.root}, "Action": list(actions)}
        given |= {"Condition": condition} if condition else {}
        own.iam.update_assume_role_policy(RoleName="next", PolicyDocument=policy(given))

    def session(self, **more):
        return assumed(self.own, self.alice, self.first, **more)


@pytest.fixture
def chain(own):
    return Chain(own)


def test_tags_that_are_passed_on_are_asked_about_again(own, chain):
    session = chain.session(**chain.tagged)
    chain.trust("sts:AssumeRole")
    assert "sts:TagSession" in denial(lambda: assumed(own, session, chain.next))
    chain.trust("sts:AssumeRole", "sts:TagSession")
    assumed(own, session, chain.next)
    # Those that are not transitive stay behind, and nothing is asked about them.
    alone = chain.session(Tags=chain.tagged["Tags"])
    chain.trust("sts:AssumeRole")
    assumed(own, alone, chain.next)
    # The role that asks needs the permission as well.
    chain.trust("sts:AssumeRole", "sts:TagSession")
    own.iam.put_role_policy(
        RoleName="first", PolicyName="own", PolicyDocument=policy(allow("sts:AssumeRole"))
    )
    assert "sts:TagSession" in denial(lambda: assumed(own, session, chain.next))
    assumed(own, alone, chain.next)


@pytest.mark.parametrize(
    ("condition", "allows"),
    [
        ({"StringEquals": {"aws:RequestTag/team": "blue"}}, True),
        ({"StringEquals": {"aws:RequestTag/team": "red"}}, False),
        ({"Null": {"aws:RequestTag/cost": "false"}}, False),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": "Team"}}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": "cost"}}, False),
        ({"ForAnyValue:StringEquals": {"sts:TransitiveTagKeys": "Team"}}, True),
        ({"ForAnyValue:StringEquals": {"sts:TransitiveTagKeys": "cost"}}, False),
        ({"StringEquals": {"sts:SourceIdentity": "alice"}}, True),
        ({"StringEquals": {"sts:SourceIdentity": "eve"}}, False),
    ],
    ids=json.dumps,
)
def test_a_trust_policy_sees_what_is_passed_on(own, chain, condition, allows):
    session = chain.session(SourceIdentity="alice", **chain.tagged)
    may = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
    chain.trust(*may, condition=condition)
    if allows:
        assumed(own, session, chain.next)
    else:
        assert "no role trust policy allows the sts:AssumeRole action" in denial(
            lambda: assumed(own, session, chain.next)
        )


def test_a_source_identity_that_is_passed_on_is_asked_about_again(own, chain):
    session = chain.session(SourceIdentity="alice")
    chain.trust("sts:AssumeRole", "sts:TagSession")
    for more in ({}, {"SourceIdentity": "alice"}):
        assert "sts:SetSourceIdentity" in denial(
            lambda more=more: assumed(own, session, chain.next, **more)
        )
    assumed(own, chain.session(), chain.next)
    chain.trust("sts:AssumeRole", "sts:SetSourceIdentity")
    sts = own.client("sts", session)
    answer = sts.assume_role(RoleArn=chain.next, RoleSessionName="session")
    assert answer["SourceIdentity"] == "alice"


def test_a_transitive_tag_is_one_of_the_requests(own, chain):
    missing = "The specified transitive tag key must be included in the requested tags."
    for more in ({}, {"Tags": [{"Key": "cost", "Value": "1"}]}):
        with refused("InvalidParameterValue", missing):
            chain.session(TransitiveTagKeys=["team"], **more)
    chain.session(**chain.tagged)  # however it is spelled


def test_how_long_a_session_may_last(own):
    alice = own.user("alice", allow("sts:AssumeRole"))
    role = own.role("worker", own.root, MaxSessionDuration=7_200)
    assumed(own, alice, role, DurationSeconds=7_200)
    with pytest.raises(ClientError, match="exceeds the MaxSessionDuration"):
        assumed(own, alice, role, DurationSeconds=7_201)


def test_what_becomes_of_sessions_when_their_role_goes_and_comes_back(own, key):
    alice = own.user("alice", allow("sts:AssumeRole"))
    role = own.role("worker", own.root, allow("kms:*"))
    kms = own.client("kms", assumed(own, alice, role))
    kms.describe_key(KeyId=key)
    own.iam.delete_role_policy(RoleName="worker", PolicyName="own")
    denial(lambda: kms.describe_key(KeyId=key))
    own.iam.delete_role(RoleName="worker")
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        kms.describe_key(KeyId=key)
    own.role("worker", own.root, allow("kms:*"))  # a namesake, and somebody else
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        kms.describe_key(KeyId=key)


def test_sessions_are_revoked_by_the_time_of_their_tokens(own, key):
    alice = own.user("alice", allow("sts:AssumeRole"))
    role = own.role("worker", own.root, allow("kms:*"))
    kms = own.client("kms", assumed(own, alice, role))
    kms.describe_key(KeyId=key)
    later = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)).isoformat()
    revoke = allow("*", Condition={"DateLessThan": {"aws:TokenIssueTime": later}})
    own.iam.put_role_policy(
        RoleName="worker", PolicyName="r", PolicyDocument=policy(revoke | {"Effect": "Deny"})
    )
    assert "explicit deny in an identity-based policy" in denial(
        lambda: kms.describe_key(KeyId=key)
    )


def test_a_users_own_session(own, key):
    alice = own.user("alice", allow(["kms:DescribeKey"]))
    credentials = own.client("sts", alice).get_session_token(DurationSeconds=900)["Credentials"]
    sts = own.client("sts", credentials)
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{own.id}:user/alice"
    own.client("kms", credentials).describe_key(KeyId=key)
    assert denial(sts.get_session_token)
    own.iam.attach_user_policy(UserName="alice", PolicyArn=ADMINISTRATOR)
    own.client("iam", alice).list_users()
    keeps_out_of_iam(own, credentials)
    own.iam.detach_user_policy(UserName="alice", PolicyArn=ADMINISTRATOR)
    only_sessions = allow("kms:*", Condition={"Null": {"aws:TokenIssueTime": "true"}})
    own.iam.put_user_policy(
        UserName="alice",
        PolicyName="own",
        PolicyDocument=policy(allow("kms:*"), only_sessions | {"Effect": "Deny"}),
    )
    own.client("kms", credentials).describe_key(KeyId=key)
    denial(lambda: own.client("kms", alice).describe_key(KeyId=key))


def keeps_out_of_iam(own, credentials):
    iam = own.client("iam", credentials)
    for ask in (iam.list_users, iam.get_user, lambda: iam.get_user(UserName="nobody")):
        with refused(
            "InvalidClientTokenId", "The security token included in the request is invalid", 403
        ):
            ask()


def test_a_session_of_the_root_user_has_nothing_of_iam(own, key):
    sts = own.endpoint.client("sts", own.region, own.id)
    own.clients.append(sts)
    credentials = sts.get_session_token()["Credentials"]
    own.client("kms", credentials).describe_key(KeyId=key)
    keeps_out_of_iam(own, credentials)


def test_somebody_whom_a_user_vouches_for_has_nothing_of_iam(own):
    alice = own.user("alice", allow("*"))
    everything = policy(allow("*"))
    fred = own.client("sts", alice).get_federation_token(Name="fred", Policy=everything)
    keeps_out_of_iam(own, fred["Credentials"])


def has_of_sts(own, credentials, role, *allowed):
    """Of everything in STS the session may ask `allowed`, and who it is."""
    sts = own.client("sts", credentials)
    arn = sts.get_caller_identity()["Arn"]
    ways = {
        "AssumeRole": lambda: sts.assume_role(RoleArn=role, RoleSessionName="session"),
        "GetAccessKeyInfo": lambda: sts.get_access_key_info(AccessKeyId=credentials["AccessKeyId"]),
        "DecodeAuthorizationMessage": lambda: sts.decode_authorization_message(EncodedMessage="x"),
    }
    for action, ask in ways.items():
        if action in allowed:
            ask()
        else:
            resource = role if action == "AssumeRole" else "*"
            assert denial(ask) == (
                f"User: {arn} is not authorized to perform: sts:{action} on resource: {resource}"
            )
    for action in ("GetSessionToken", "GetFederationToken"):
        named = {"Name": "fred"} if action == "GetFederationToken" else {}
        ask = sts.get_session_token if not named else sts.get_federation_token
        said = denial(lambda ask=ask, named=named: ask(**named))
        assert said == f"Cannot call {action} with session credentials"


def test_sessions_that_have_little_of_sts(own):
    alice = own.user("alice", allow("*"))
    sts = own.client("sts", alice)
    federated = f"arn:aws:sts::{own.id}:federated-user/fred"
    trusted = [own.root, f"arn:aws:iam::{own.id}:user/alice", federated]
    role = own.role("worker", trusted, allow("*"))
    fred = sts.get_federation_token(Name="fred", Policy=policy(allow("*")))["Credentials"]
    has_of_sts(own, fred, role)
    has_of_sts(own, sts.get_session_token()["Credentials"], role, "AssumeRole")
    root = own.endpoint.client("sts", own.region, own.id)
    own.clients.append(root)
    has_nothing = denial(
        lambda: own.client("sts", root.get_session_token()["Credentials"]).get_access_key_info(
            AccessKeyId="AKIA0000000000000000"
        )
    )
    assert has_nothing.startswith(f"User: {own.root} is not authorized to perform")
    # A session of a role, and the user herself, may ask.
    for credentials in (alice, assumed(own, alice, role)):
        key = credentials["AccessKeyId"]
        own.client("sts", credentials).get_access_key_info(AccessKeyId=key)


def test_somebody_whom_a_user_vouches_for(own, key):
    alice = own.user("alice", allow(["sts:GetFederationToken", "kms:DescribeKey", "kms:Encrypt"]))
    sts = own.client("sts", alice)

    def federated(**more):
        answer = sts.get_federation_token(Name="fred", **more)
        assert answer["FederatedUser"]["Arn"] == f"arn:aws:sts::{own.id}:federated-user/fred"
        return own.client("kms", answer["Credentials"])

    assert denial(lambda: federated().describe_key(KeyId=key))
    narrow = federated(Policy=policy(allow(["kms:DescribeKey", "kms:Decrypt"])))
    narrow.describe_key(KeyId=key)
    denial(lambda: narrow.encrypt(KeyId=key, Plaintext=b"x"))
    root = own.endpoint.client("sts", own.region, own.id)
    own.clients.append(root)
    assert denial(lambda: root.get_federation_token(Name="fred"))


def test_a_session_expires():
    server = start_dev()
    try:
        own = Account(server, "test-1")
        alice = own.user("alice")
        credentials = own.client("sts", alice).get_session_token(DurationSeconds=900)["Credentials"]
        sts = own.client("sts", credentials)
        move(server, 890)
        sts.get_caller_identity()
        move(server, 11)
        with pytest.raises(ClientError, match="ExpiredToken"):
            sts.get_caller_identity()
        with pytest.raises(ClientError, match="ExpiredTokenException"):
            own.client("kms", credentials).list_keys()
    finally:
        server.stop()


# Whom a key policy names


def test_a_key_policy_names_people_and_not_names(own, key):
    """Who comes later under the same name is somebody else."""
    arn = f"arn:aws:iam::{own.id}:user/alice"
    names_alice = policy(to(own.root), to(arn, "kms:DescribeKey"))
    with pytest.raises(ClientError, match="one or more invalid principals"):
        own.kms.put_key_policy(KeyId=key, Policy=names_alice)
    with pytest.raises(ClientError, match="one or more invalid principals"):
        own.kms.create_key(Policy=names_alice)
    alice = own.user("alice")
    own.kms.put_key_policy(KeyId=key, Policy=names_alice)
    assert own.kms.get_key_policy(KeyId=key)["Policy"] == names_alice
    own.client("kms", alice).describe_key(KeyId=key)

    own.iam.update_user(UserName="alice", NewUserName="alicia")  # the same person
    own.client("kms", alice).describe_key(KeyId=key)
    renamed = arn.replace("alice", "alicia")
    assert own.kms.get_key_policy(KeyId=key)["Policy"] == names_alice.replace(arn, renamed)

    own.iam.delete_access_key(UserName="alicia", AccessKeyId=alice["AccessKeyId"])
    own.iam.delete_user(UserName="alicia")
    shown = own.kms.get_key_policy(KeyId=key)["Policy"]
    assert arn not in shown
    assert '"AIDA' in shown
    namesake = own.user("alice")
    assert denial(lambda: own.client("kms", namesake).describe_key(KeyId=key))
    assert '"AIDA' in own.kms.get_key_policy(KeyId=key)["Policy"]


INVALID = "Policy contains a statement with one or more invalid principals."


def test_a_key_policy_names_nobody_who_cannot_be(own, other, key):
    own.role("worker", own.root)
    other.role("worker", other.root)
    session = f"arn:aws:sts::{own.id}:assumed-role/{{}}/s"
    for valid in (
        {"AWS": session.format("worker")},
        {"AWS": "arn:aws:sts::210987654321:assumed-role/anybody/s"},  # of an account not here
        {"Service": "logs.us-east-1.amazonaws.com"},
    ):
        own.kms.put_key_policy(
            KeyId=key, Policy=policy(to(own.root), allow("kms:Get*", Principal=valid))
        )
    for invalid in (
        {"AWS": session.format("nobody")},
        {"AWS": session.format("Worker")},
        {"AWS": f"arn:aws:sts::{other.id}:assumed-role/nobody/s"},
        {"AWS": "AROAQQQQQQQQQQQQQQQQQ"},
        {"AWS": "AIDAQQQQQQQQQQQQQQQQQ"},
        {"AWS": f"arn:aws-cn:iam::{own.id}:root"},
        {"AWS": f"arn:aws-cn:iam::{own.id}:role/worker"},
        {"AWS": f"arn:aws-cn:sts::{own.id}:assumed-role/worker/s"},
        {"AWS": "arn:aws-us-gov:iam::210987654321:user/anybody"},
        {"Federated": f"arn:aws-cn:iam::{own.id}:saml-provider/idp"},
        {"Federated": "x"},
        {"Service": "nonsense"},
        {"CanonicalUser": "x"},
    ):
        for element in ("Principal", "NotPrincipal"):
            named = policy(to(own.root), allow("kms:Get*", **{element: invalid}))
            for write in (
                lambda named=named: own.kms.put_key_policy(KeyId=key, Policy=named),
                lambda named=named: own.kms.create_key(Policy=named),
            ):
                with refused("MalformedPolicyDocumentException", INVALID):
                    write()


def test_a_unique_id_in_a_key_policy_is_whoever_has_it(own, other, key):
    alice, bob = own.user("alice"), other.user("bob", allow("kms:DescribeKey"))
    own.role("worker", own.root)
    ids = {
        f"arn:aws:iam::{own.id}:user/alice": own.iam.get_user(UserName="alice")["User"]["UserId"],
        f"arn:aws:iam::{own.id}:role/worker": own.iam.get_role(RoleName="worker")["Role"]["RoleId"],
        f"arn:aws:iam::{other.id}:user/bob": other.iam.get_user(UserName="bob")["User"]["UserId"],
    }
    written = policy(to(own.root), to(list(ids.values()), "kms:DescribeKey"))
    own.kms.put_key_policy(KeyId=key, Policy=written)
    shown = own.kms.get_key_policy(KeyId=key)["Policy"]
    assert shown == policy(to(own.root), to(list(ids), "kms:DescribeKey"))
    for account, credentials in ((own, alice), (other, bob)):
        account.client("kms", credentials).describe_key(KeyId=key)
    own.kms.put_key_policy(KeyId=key, Policy=shown)

    own.iam.delete_role(RoleName="worker")
    shown = own.kms.get_key_policy(KeyId=key)["Policy"]
    assert shown == policy(
        to(own.root),
        to(
            [
                f"arn:aws:iam::{own.id}:user/alice",
                ids[f"arn:aws:iam::{own.id}:role/worker"],
                f"arn:aws:iam::{other.id}:user/bob",
            ],
            "kms:DescribeKey",
        ),
    )
    # Whose id nobody has any more cannot be written again.
    with refused("MalformedPolicyDocumentException", INVALID):
        own.kms.put_key_policy(KeyId=key, Policy=shown)


def test_a_session_in_a_key_policy_is_meant_by_its_name(own, key):
    runner = own.user("runner", allow("sts:AssumeRole"))
    role = own.role("worker", own.root)
    session = f"arn:aws:sts::{own.id}:assumed-role/worker/s1"
    named = policy(to(own.root), to(session, "kms:DescribeKey"))
    own.kms.put_key_policy(KeyId=key, Policy=named)
    own.client("kms", assumed(own, runner, role, "s1")).describe_key(KeyId=key)
    assert denial(
        lambda: own.client("kms", assumed(own, runner, role, "s2")).describe_key(KeyId=key)
    )
    own.iam.delete_role(RoleName="worker")
    own.role("worker", own.root)
    own.client("kms", assumed(own, runner, role, "s1")).describe_key(KeyId=key)
    assert own.kms.get_key_policy(KeyId=key)["Policy"] == named


def test_a_key_of_another_partition(endpoint, region, own):
    with contextlib.closing(endpoint.client("kms", f"cn-{region}", own.id)) as kms:
        root = f"arn:aws-cn:iam::{own.id}:root"
        key = kms.create_key(Policy=policy(to(root)))["KeyMetadata"]["Arn"]
        with refused("MalformedPolicyDocumentException", INVALID):
            kms.put_key_policy(KeyId=key, Policy=policy(to(root), to(own.root)))


def test_a_role_in_a_key_policy_is_limited_by_its_boundary(own, key):
    runner = own.user("runner", allow("sts:AssumeRole"))
    role = own.role("worker", own.root)
    own.kms.put_key_policy(KeyId=key, Policy=policy(to(own.root), to(role)))
    kms = own.client("kms", assumed(own, runner, role))
    kms.describe_key(KeyId=key)
    bound = own.iam.create_policy(PolicyName="b", PolicyDocument=policy(allow("s3:*")))["Policy"]
    own.iam.put_role_permissions_boundary(RoleName="worker", PermissionsBoundary=bound["Arn"])
    assert "because no permissions boundary allows" in denial(lambda: kms.describe_key(KeyId=key))


def test_the_lockout_check_knows_the_session_that_asks(own):
    runner = own.user("runner", allow("sts:AssumeRole"))
    role = own.role("admin", own.root, allow("kms:*"))
    kms = own.client("kms", assumed(own, runner, role))
    only_role = policy(to(role))
    key = kms.create_key(Policy=only_role)["KeyMetadata"]["Arn"]
    with pytest.raises(ClientError, match="will not allow you to update the key policy"):
        kms.put_key_policy(KeyId=key, Policy=policy(to(f"arn:aws:iam::{own.id}:user/runner")))
    assert denial(lambda: own.kms.get_key_policy(KeyId=key))  # the root user is not in it
    kms.put_key_policy(KeyId=key, Policy=policy(to(role), to(own.root)))
    own.kms.get_key_policy(KeyId=key)


# Grants


def granted(own, key, to_whom, *operations, **more):
    return own.kms.create_grant(
        KeyId=key, GranteePrincipal=to_whom, Operations=list(operations), **more
    )


def test_a_grant_allows_what_no_policy_does(own, key):
    alice = own.user("alice")
    kms = own.client("kms", alice)
    arn = f"arn:aws:iam::{own.id}:user/alice"
    denial(lambda: kms.encrypt(KeyId=key, Plaintext=b"x"))
    made = granted(own, key, arn, "Encrypt")
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    denial(lambda: kms.decrypt(CiphertextBlob=blob))
    own.kms.put_key_policy(
        KeyId=key,
        Policy=policy(to(own.root), to(arn, "kms:Encrypt") | {"Effect": "Deny"}),
    )
    assert "explicit deny in a resource-based policy" in (
        denial(lambda: kms.encrypt(KeyId=key, Plaintext=b"x"))
    )
    own.kms.put_key_policy(KeyId=key, Policy=policy(to(own.root)))
    kms.encrypt(KeyId=key, Plaintext=b"x")
    own.kms.revoke_grant(KeyId=key, GrantId=made["GrantId"])
    assert "no identity-based policy allows" in (
        denial(lambda: kms.encrypt(KeyId=key, Plaintext=b"x"))
    )


def test_the_constraint_of_a_grant(own, key):
    alice = own.user("alice")
    kms = own.client("kms", alice)
    arn = f"arn:aws:iam::{own.id}:user/alice"
    subset = {"EncryptionContextSubset": {"Tenant": "blue"}}
    granted(own, key, arn, "Encrypt", "DescribeKey", Constraints=subset)
    for context, allowed in (
        ({"tenant": "blue"}, True),
        ({"Tenant": "blue", "more": "x"}, True),
        ({"Tenant": "Blue"}, False),
        ({"more": "x"}, False),
        ({}, False),
    ):
        ask = {"KeyId": key, "Plaintext": b"x", "EncryptionContext": context}
        if allowed:
            kms.encrypt(**ask)
        else:
            denial(lambda ask=ask: kms.encrypt(**ask))
    kms.describe_key(KeyId=key)


def test_grants_to_roles_sessions_accounts_and_outsiders(own, other, key):
    runner = own.user("runner", allow("sts:AssumeRole"))
    role = own.role("worker", own.root)
    session = own.client("kms", assumed(own, runner, role, "s1"))
    denial(lambda: session.describe_key(KeyId=key))
    made = granted(own, key, role, "DescribeKey")
    session.describe_key(KeyId=key)
    own.kms.revoke_grant(KeyId=key, GrantId=made["GrantId"])
    granted(own, key, f"arn:aws:sts::{own.id}:assumed-role/worker/s1", "DescribeKey")
    session.describe_key(KeyId=key)
    denial(lambda: own.client("kms", assumed(own, runner, role, "s2")).describe_key(KeyId=key))

    bob = other.user("bob")
    foreign = other.client("kms", bob)
    hidden = denial(lambda: foreign.describe_key(KeyId=key))
    assert "because the resource does not exist in this Region" in hidden
    made = granted(own, key, f"arn:aws:iam::{other.id}:user/bob", "DescribeKey")
    foreign.describe_key(KeyId=key)
    own.kms.revoke_grant(KeyId=key, GrantId=made["GrantId"])
    granted(own, key, other.root, "DescribeKey")
    denial(lambda: foreign.describe_key(KeyId=key))
    other.iam.put_user_policy(
        UserName="bob", PolicyName="p", PolicyDocument=policy(allow("kms:DescribeKey", key))
    )
    foreign.describe_key(KeyId=key)


def test_a_grant_of_a_grant_is_no_wider(own, key):
    alice, bob = own.user("alice"), own.user("bob")
    by_alice, by_bob = own.client("kms", alice), own.client("kms", bob)
    users = f"arn:aws:iam::{own.id}:user/"
    blue = {"EncryptionContextSubset": {"tenant": "blue"}}
    granted(own, key, users + "alice", "Encrypt", "CreateGrant", Constraints=blue)
    child = {"KeyId": key, "GranteePrincipal": users + "bob"}
    for operations, constraints in (
        (["Decrypt"], blue),
        (["Encrypt"], None),
        (["Encrypt"], {"EncryptionContextSubset": {"tenant": "red"}}),
    ):
        more = {} if constraints is None else {"Constraints": constraints}
        denial(
            lambda operations=operations, more=more: by_alice.create_grant(
                **child, Operations=operations, **more
            )
        )
    by_alice.create_grant(**child, Operations=["Encrypt"], Constraints=blue)
    by_bob.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"tenant": "blue"})
    denial(lambda: by_bob.encrypt(KeyId=key, Plaintext=b"x"))


def test_any_of_several_grants_may_cover_another(own, key):
    alice = own.client("kms", own.user("alice"))
    own.user("bob")
    users = f"arn:aws:iam::{own.id}:user/"
    child = {"KeyId": key, "GranteePrincipal": users + "bob", "Operations": ["Encrypt"]}
    for _ in range(8):
        granted(own, key, users + "alice", "Decrypt", "CreateGrant")
    denial(lambda: alice.create_grant(**child))
    granted(own, key, users + "alice", "Encrypt", "CreateGrant")
    alice.create_grant(**child)
    # Two together are not one that covers it.
    child["Operations"] = ["Encrypt", "Decrypt"]
    denial(lambda: alice.create_grant(**child))


def test_who_may_retire_a_grant(own, other, key):
    alice, bob, eve = (own.user(name) for name in ("alice", "bob", "eve"))
    users = f"arn:aws:iam::{own.id}:user/"

    def made(*operations):
        return granted(
            own, key, users + "alice", "Encrypt", *operations, RetiringPrincipal=users + "bob"
        )["GrantId"]

    def retire(who, grant):
        own.client("kms", who).retire_grant(KeyId=key, GrantId=grant)

    retire(bob, made())
    grant = made()
    for who in (alice, eve):
        denial(lambda who=who: retire(who, grant))
    own.kms.retire_grant(KeyId=key, GrantId=grant)
    retire(alice, made("RetireGrant"))
    token = granted(own, key, users + "alice", "Encrypt", RetiringPrincipal=users + "bob")
    own.client("kms", bob).retire_grant(GrantToken=token["GrantToken"])
    own.iam.put_user_policy(
        UserName="bob",
        PolicyName="d",
        PolicyDocument=policy(allow("kms:RetireGrant") | {"Effect": "Deny"}),
    )
    assert "explicit deny" in denial(lambda: retire(bob, made()))


def test_a_grant_means_a_user_by_its_unique_id(own, key):
    arn = f"arn:aws:iam::{own.id}:user/"
    own.user("keeper")

    def listed():
        entry = own.kms.list_grants(KeyId=key)["Grants"][0]
        return entry["GranteePrincipal"], entry["RetiringPrincipal"]

    def found(name):
        to = own.kms.list_grants(KeyId=key, GranteePrincipal=arn + name)
        by = own.kms.list_retirable_grants(RetiringPrincipal=arn + name)
        return len(to["Grants"]), len(by["Grants"])

    for nobody in (
        arn + "alice",
        f"arn:aws:sts::{own.id}:assumed-role/nobody/s",
        f"arn:aws-cn:iam::{own.id}:user/keeper",
        f"arn:aws-cn:iam::{own.id}:root",
    ):
        said = f"ARN does not refer to a valid principal: {nobody}"
        for member in ("GranteePrincipal", "RetiringPrincipal"):
            ask = {"Operations": ["Encrypt"], "GranteePrincipal": arn + "keeper"} | {member: nobody}
            with refused("InvalidArnException", said):
                own.kms.create_grant(KeyId=key, **ask)

    alice = own.user("alice")
    kms = own.client("kms", alice)
    unique_id = own.iam.get_user(UserName="alice")["User"]["UserId"]
    granted(own, key, arn + "alice", "DescribeKey", RetiringPrincipal=arn + "alice")
    assert listed() == (arn + "alice",) * 2
    kms.describe_key(KeyId=key)

    own.iam.update_user(UserName="alice", NewUserName="alicia")
    kms.describe_key(KeyId=key)
    assert listed() == (arn + "alicia",) * 2
    assert (found("alicia"), found("alice")) == ((1, 1), (0, 0))
    own.iam.update_user(UserName="alicia", NewUserName="alice")

    for access_key in own.iam.list_access_keys(UserName="alice")["AccessKeyMetadata"]:
        own.iam.delete_access_key(UserName="alice", AccessKeyId=access_key["AccessKeyId"])
    own.iam.delete_user(UserName="alice")
    assert listed() == (unique_id,) * 2
    again = own.client("kms", own.user("alice"))
    denial(lambda: again.describe_key(KeyId=key))
    grant = own.kms.list_grants(KeyId=key)["Grants"][0]["GrantId"]
    denial(lambda: again.retire_grant(KeyId=key, GrantId=grant))
    assert found("alice") == (0, 0)


# What the operations of asymmetric and HMAC keys bring


def test_conditions_on_asymmetric_and_hmac_keys(own):
    made = {
        name: own.kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"]
        for name, spec, usage in (
            ("rsa", "RSA_2048", "SIGN_VERIFY"),
            ("oaep", "RSA_2048", "ENCRYPT_DECRYPT"),
            ("mac", "HMAC_256", "GENERATE_VERIFY_MAC"),
            ("ecdh", "ECC_NIST_P256", "KEY_AGREEMENT"),
            ("kem", "ML_KEM_768", "ENCAPSULATE_DECAPSULATE"),
        )
    }
    own.kms.create_alias(AliasName="alias/kem", TargetKeyId=made["kem"])
    aes = own.kms.create_key()["KeyMetadata"]["Arn"]
    public = own.kms.get_public_key(KeyId=made["ecdh"])["PublicKey"]

    def when(action, **values):
        return allow(action, Condition={"StringEquals": {f"kms:{k}": v for k, v in values.items()}})

    user = own.client(
        "kms",
        own.user(
            "alice",
            when("kms:Sign", SigningAlgorithm="RSASSA_PSS_SHA_256", MessageType="RAW"),
            when("kms:Verify", SigningAlgorithm="RSASSA_PSS_SHA_256", MessageType="DIGEST"),
            when("kms:*Mac", MacAlgorithm="HMAC_SHA_256"),
            when("kms:DeriveSharedSecret", KeyAgreementAlgorithm="ECDH", KeySpec="ECC_NIST_P256"),
            when("kms:Encrypt", EncryptionAlgorithm="RSAES_OAEP_SHA_256"),
            when("kms:Decrypt", EncryptionAlgorithm="RSAES_OAEP_SHA_1"),
            when("kms:GenerateDataKeyPair", DataKeyPairSpec="ECC_NIST_P256"),
            when("kms:Encapsulate", RequestAlias="alias/kem"),
            when("kms:GetPublicKey", KeyUsage="KEY_AGREEMENT"),
        ),
    )
    sign = {"KeyId": made["rsa"], "Message": b"x" * 32}
    pss, pkcs = "RSASSA_PSS_SHA_256", "RSASSA_PKCS1_V1_5_SHA_256"
    signature = user.sign(**sign, SigningAlgorithm=pss)["Signature"]
    mac = {"KeyId": made["mac"], "Message": b"x", "MacAlgorithm": "HMAC_SHA_256"}
    tag = user.generate_mac(**mac)["Mac"]
    user.verify_mac(**mac, Mac=tag)
    user.derive_shared_secret(KeyId=made["ecdh"], PublicKey=public, KeyAgreementAlgorithm="ECDH")
    oaep = {"KeyId": made["oaep"], "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    blob = user.encrypt(**oaep, Plaintext=b"x")["CiphertextBlob"]
    user.generate_data_key_pair(KeyId=aes, KeyPairSpec="ECC_NIST_P256")
    user.encapsulate(KeyId="alias/kem", EncapsulationAlgorithm="ML_KEM")
    user.get_public_key(KeyId=made["ecdh"])

    def refuses(action, key, call):
        with refused("AccessDeniedException", denial("alice", action, key)):
            call()

    def denial(name, action, key):
        return (
            f"User: arn:aws:iam::{own.id}:user/{name} is not authorized to perform: kms:{action} on "
            f"resource: {key} because no identity-based policy allows the kms:{action} action"
        )

    rsa = made["rsa"]
    refuses("Sign", rsa, lambda: user.sign(**sign, SigningAlgorithm=pkcs))
    refuses("Sign", rsa, lambda: user.sign(**sign, SigningAlgorithm=pss, MessageType="DIGEST"))
    refuses("Verify", rsa, lambda: user.verify(**sign, SigningAlgorithm=pss, Signature=signature))
    oaep_1 = {**oaep, "EncryptionAlgorithm": "RSAES_OAEP_SHA_1"}
    refuses("Encrypt", made["oaep"], lambda: user.encrypt(**oaep_1, Plaintext=b"x"))
    refuses("Decrypt", made["oaep"], lambda: user.decrypt(**oaep, CiphertextBlob=blob))
    refuses(
        "GenerateDataKeyPair",
        aes,
        lambda: user.generate_data_key_pair(KeyId=aes, KeyPairSpec="ECC_NIST_P384"),
    )
    refuses(
        "Encapsulate",
        made["kem"],
        lambda: user.encapsulate(KeyId=made["kem"], EncapsulationAlgorithm="ML_KEM"),
    )
    refuses("GetPublicKey", rsa, lambda: user.get_public_key(KeyId=rsa))


def test_a_grant_of_asymmetric_uses(own):
    key = own.kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    user = own.client("kms", own.user("bob"))
    asked = {"KeyId": key, "Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}
    with pytest.raises(ClientError, match="not authorized to perform: kms:Sign"):
        user.sign(**asked)
    own.kms.create_grant(
        KeyId=key,
        GranteePrincipal=f"arn:aws:iam::{own.id}:user/bob",
        Operations=["Sign", "GetPublicKey"],
    )
    user.sign(**asked)
    user.get_public_key(KeyId=key)
    with pytest.raises(ClientError, match="not authorized to perform: kms:Verify"):
        user.verify(**asked, Signature=b"x")


# Many keys with the same policy


@pytest.mark.parametrize("first", [0, 1])
def test_what_holds_for_one_key_does_not_hold_for_its_like(own, first):
    """Decisions are kept for keys that nothing tells apart, and only for those."""
    arns = [own.kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2)]
    one, two = arns[first], arns[1 - first]
    some = own.client("kms", own.user("some", allow("kms:Encrypt", one)))
    some.encrypt(KeyId=one, Plaintext=b"x")
    denial(lambda: some.encrypt(KeyId=two, Plaintext=b"x"))
    some.encrypt(KeyId=one, Plaintext=b"x")
    but = own.client(
        "kms", own.user("but", allow("kms:*"), {**allow("kms:Encrypt", one), "Effect": "Deny"})
    )
    denial(lambda: but.encrypt(KeyId=one, Plaintext=b"x"))
    but.encrypt(KeyId=two, Plaintext=b"x")
    blob = but.generate_data_key(KeyId=one, KeySpec="AES_256")["CiphertextBlob"]
    assert but.decrypt(CiphertextBlob=blob)["KeyId"] == one
    every = own.client(
        "kms", own.user("every", allow("kms:Encrypt", one.rpartition("/")[0] + "/*"))
    )
    for arn in arns:
        every.encrypt(KeyId=arn, Plaintext=b"x")
    # One of them gets a policy of its own, and is another matter from then on.
    own.kms.put_key_policy(KeyId=one, Policy=policy(to(own.root, "kms:Put*")))
    denial(lambda: every.encrypt(KeyId=one, Plaintext=b"x"))
    every.encrypt(KeyId=two, Plaintext=b"x")
