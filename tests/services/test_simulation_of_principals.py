"""SimulatePrincipalPolicy and GetContextKeysFor...: whose policies count, and who may ask."""

import json

import pytest
from answers import refused
from iam_answers import ADMINISTRATOR, TRUST, no_such
from organization_tree import FULL, Clients, Tree
from simulated import (
    ALLOWED,
    EXPLICIT,
    GETS,
    IMPLICIT,
    OBJECT,
    allow,
    custom,
    decided,
    deny,
    document,
    entry,
    invalid,
    of_user,
    principal,
    sources,
    to,
)

from strongroom.errors import PolicyEvaluation
from strongroom.policy.entities import User
from strongroom.services.call import Call
from strongroom.services.iam import simulation
from strongroom.services.iam.world import Iam
from strongroom.services.principal import root
from strongroom.storage.database import Database
from strongroom.storage.migrations import migrate
from strongroom.storage.page import Page
from strongroom.storage.rootkey import new_root_key
from strongroom.storage.store import Store
from strongroom.wire.faults import named
from strongroom.wire.protocol import Protocol
from strongroom.wire.shapes import iam as shapes

A = "111122223333"


@pytest.fixture
def alice(iam):
    """A user with an inline policy, a managed one, and a group that has both too."""
    own = iam.create_policy(PolicyName="lists", PolicyDocument=document(allow("s3:List*")))
    user = iam.create_user(UserName="alice", Path="/team/", Tags=[{"Key": "Team", "Value": "blue"}])
    iam.put_user_policy(UserName="alice", PolicyName="gets", PolicyDocument=GETS)
    iam.create_group(GroupName="ops")
    iam.put_group_policy(
        GroupName="ops", PolicyName="puts", PolicyDocument=document(allow("s3:Put*"))
    )
    for kind in ("user", "group"):
        getattr(iam, f"attach_{kind}_policy")(
            **{f"{kind.title()}Name": {"user": "alice", "group": "ops"}[kind]},
            PolicyArn=own["Policy"]["Arn"],
        )
    iam.add_user_to_group(UserName="alice", GroupName="ops")
    return user["User"]["Arn"]


def test_a_users_policies_and_those_of_her_groups(iam, alice):
    for action, source in (
        ("s3:GetObject", "user_alice_gets"),
        ("s3:PutObject", "group_ops_puts"),
        ("s3:ListBucket", "lists"),
    ):
        result = principal(iam, alice, action)
        assert (result["EvalDecision"], sources(result)) == (ALLOWED, [source])
    assert principal(iam, alice, "s3:DeleteObject")["EvalDecision"] == IMPLICIT
    more = document(allow("s3:Delete*"), deny("s3:Get*"))
    result = principal(iam, alice, "s3:DeleteObject", PolicyInputList=[more])
    assert (result["EvalDecision"], sources(result)) == (ALLOWED, ["PolicyInputList.1"])
    assert principal(iam, alice, PolicyInputList=[more])["EvalDecision"] == EXPLICIT


def test_a_group_and_a_role(iam, account, alice):
    group = alice.replace("user/team/alice", "group/ops")
    assert sources(principal(iam, group, "s3:PutObject")) == ["group_ops_puts"]
    assert principal(iam, group)["EvalDecision"] == IMPLICIT
    iam.create_role(RoleName="worker", AssumeRolePolicyDocument=TRUST)
    iam.attach_role_policy(RoleName="worker", PolicyArn=ADMINISTRATOR)
    iam.put_role_policy(RoleName="worker", PolicyName="own", PolicyDocument=GETS)
    result = principal(iam, f"arn:aws:iam::{account}:role/worker")
    assert sources(result) == ["role_worker_own", "AdministratorAccess"]


def test_the_version_that_counts(iam, alice, account):
    arn = f"arn:aws:iam::{account}:policy/lists"
    iam.create_policy_version(
        PolicyArn=arn, PolicyDocument=document(deny("s3:List*")), SetAsDefault=True
    )
    assert principal(iam, alice, "s3:ListBucket")["EvalDecision"] == EXPLICIT
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    assert principal(iam, alice, "s3:ListBucket")["EvalDecision"] == ALLOWED


def test_her_own_boundary_counts_unless_another_is_given(iam, account, alice):
    assert "PermissionsBoundaryDecisionDetail" not in principal(iam, alice)
    iam.put_user_permissions_boundary(
        UserName="alice", PermissionsBoundary=f"arn:aws:iam::{account}:policy/lists"
    )
    result = principal(iam, alice)
    assert result["EvalDecision"] == IMPLICIT
    assert result["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    assert principal(iam, alice, "s3:ListBucket")["EvalDecision"] == ALLOWED
    given = {"PermissionsBoundaryPolicyInputList": [GETS]}
    assert principal(iam, alice, **given)["EvalDecision"] == ALLOWED
    assert principal(iam, alice, "s3:ListBucket", **given)["EvalDecision"] == IMPLICIT
    left_out = {"PolicyExclusionList": [{"PolicyType": "permission-boundary"}]}
    result = principal(iam, alice, **left_out)
    assert result["EvalDecision"] == ALLOWED
    assert "PermissionsBoundaryDecisionDetail" not in result


def test_what_is_on_record_of_her_counts(iam, account, alice):
    unique_id = iam.get_user(UserName="alice")["User"]["UserId"]
    conditional = document(
        allow(
            "kms:Sign",
            Condition={
                "StringEquals": {
                    "aws:PrincipalTag/team": "blue",
                    "aws:userid": unique_id,
                    "aws:username": "alice",
                    "aws:PrincipalArn": alice,
                }
            },
        )
    )
    asked = {"PolicyInputList": [conditional]}
    result = principal(iam, alice, "kms:Sign", **asked)
    assert (result["EvalDecision"], result["MissingContextValues"]) == (ALLOWED, [])
    changed = [entry("aws:PrincipalTag/Team", "red")]
    result = principal(iam, alice, "kms:Sign", ContextEntries=changed, **asked)
    assert result["EvalDecision"] == IMPLICIT
    # Nothing is looked up of anybody whom the caller was not allowed to simulate.
    result = custom(iam, conditional, action="kms:Sign", CallerArn=alice)
    assert result["MissingContextValues"] == ["aws:PrincipalTag/team", "aws:userid"]
    by_id = document(to(unique_id, "s3:*", OBJECT))
    asked = {"ResourceArns": [OBJECT], "ResourcePolicy": by_id}
    assert principal(iam, alice, "s3:Delete", **asked)["EvalDecision"] == ALLOWED
    bob = f"arn:aws:iam::{account}:user/bob"
    assert principal(iam, alice, "s3:Delete", CallerArn=bob, **asked)["EvalDecision"] == IMPLICIT


def test_a_group_has_no_id_to_call_by_and_a_role_only_with_a_sessions_name(iam, account, alice):
    iam.create_role(
        RoleName="worker", AssumeRolePolicyDocument=TRUST, Tags=[{"Key": "T", "Value": "v"}]
    )
    looks = document(
        allow("s3:*", Condition={"StringLike": {"aws:userid": "*", "aws:PrincipalTag/T": "v"}})
    )
    role = f"arn:aws:iam::{account}:role/worker"
    missing = {
        alice: ["aws:PrincipalTag/T"],
        role: ["aws:userid"],
        f"arn:aws:iam::{account}:group/ops": ["aws:userid", "aws:PrincipalTag/T"],
    }
    for arn, keys in missing.items():
        assert principal(iam, arn, PolicyInputList=[looks])["MissingContextValues"] == keys
    # By its own id a policy may mean a group as little.
    group_id = iam.get_group(GroupName="ops")["Group"]["GroupId"]
    role_id = iam.get_role(RoleName="worker")["Role"]["RoleId"]
    for arn, unique_id, decision in ((role, role_id, ALLOWED), (role, group_id, IMPLICIT)):
        result = principal(
            iam,
            arn,
            ResourceArns=[OBJECT],
            ResourcePolicy=document(to(unique_id, "s3:*", OBJECT)),
        )
        assert result["EvalDecision"] == decision


def test_another_caller_with_her_policies(iam, account, alice):
    bob = f"arn:aws:iam::{account}:user/bob"
    result = principal(
        iam,
        alice,
        "s3:Delete",
        CallerArn=bob,
        ResourceArns=[OBJECT],
        ResourcePolicy=document(to(bob, "s3:Delete", OBJECT)),
    )
    assert result["EvalDecision"] == ALLOWED
    assert principal(iam, alice, CallerArn=bob)["EvalDecision"] == ALLOWED


def inline(name, kind, owner):
    return {
        "InlinePolicyIdentifier": {
            "PolicyName": name,
            "AttachmentType": kind,
            "AttachmentName": owner,
        }
    }


@pytest.mark.parametrize(
    ("exclusion", "gone"),
    [
        ({"PolicyType": "inline"}, {"user_alice_gets", "group_ops_puts"}),
        ({"PolicyType": "user-managed"}, {"lists"}),
        ({"PolicyType": "aws-managed"}, {"IAMFullAccess"}),
        ({"PolicyType": "scp"}, set()),
        ({"PolicyType": "rcp"}, set()),
        ({"PolicyArn": "arn:aws:iam::{}:policy/lists"}, {"lists"}),
        ({"PolicyArn": "arn:aws:iam::{}:policy/l?st*"}, {"lists"}),
        ({"PolicyArn": "arn:aws:iam::aws:policy/*"}, {"IAMFullAccess"}),
        ({"PolicyArn": "arn:aws:iam::{}:policy/other"}, set()),
        (inline("gets", "user", "al*"), {"user_alice_gets"}),
        (inline("puts", "user", "ops"), set()),
        (inline("puts", "group", "?ps"), {"group_ops_puts"}),
        (inline("puts", "group", "?s"), set()),
    ],
)
def test_policies_may_be_left_out(iam, account, alice, exclusion, gone):
    iam.attach_user_policy(UserName="alice", PolicyArn="arn:aws:iam::aws:policy/IAMFullAccess")
    exclusion = json.loads(json.dumps(exclusion).replace("{}", account))
    of = {
        "user_alice_gets": "s3:GetObject",
        "group_ops_puts": "s3:PutObject",
        "lists": "s3:ListBucket",
        "IAMFullAccess": "iam:GetUser",
    }
    for source, action in of.items():
        result = principal(iam, alice, action, PolicyExclusionList=[exclusion])
        assert sources(result) == ([] if source in gone else [source])


def test_exclusions_that_name_nothing(iam, account, alice, unchecked_iam):
    for wrong in (
        "arn:aws:iam::123456789012:role/worker",
        f"arn:aws:iam::{account}:policy/*/lists",
        "arn:aws:iam::*:policy/lists",
    ):
        with invalid(f"ARN {wrong} is not valid."):
            principal(iam, alice, PolicyExclusionList=[{"PolicyArn": wrong}])
    two = f"arn:aws:iam::{account}:policy/*a*"
    with invalid(f"{two} has more than one `*`."):
        principal(iam, alice, PolicyExclusionList=[{"PolicyArn": two}])
    both = {"PolicyType": "inline", "PolicyArn": f"arn:aws:iam::{account}:policy/lists"}
    with invalid(
        "A policy identifier has exactly one of PolicyType, PolicyArn and InlinePolicyIdentifier."
    ):
        principal(unchecked_iam, alice, PolicyExclusionList=[both])


def test_principals_that_are_not_there(iam, account, alice):
    for arn in (
        f"arn:aws:sts::{account}:assumed-role/worker/session",
        f"arn:aws:iam::{account}:root",
        f"arn:aws:iam::{account}:policy/lists",
    ):
        for operation in ("simulate_principal_policy", "get_context_keys_for_principal_policy"):
            more = {"ActionNames": ["s3:Get"]} if operation.startswith("sim") else {}
            with invalid(
                f"Invalid Entity Arn: {arn} does not clearly define entity type and name."
            ):
                getattr(iam, operation)(PolicySourceArn=arn, **more)
    with invalid(
        f"Invalid Policy Source Arn: caller's account {account} does not have access to policies in "
        "account 123456789012"
    ):
        principal(iam, "arn:aws:iam::123456789012:user/alice")
    for kind in ("user", "group", "role"):
        with no_such(f"The {kind} with name nobody cannot be found."):
            principal(iam, f"arn:aws:iam::{account}:{kind}/nobody")
    with no_such("The user with name alice cannot be found."):
        principal(iam, f"arn:aws:iam::{account}:user/alice")  # whose path is /team/


# GetContextKeysFor...

KEYS = document(
    allow("s3:*", Condition={"StringLike": {"aws:PrincipalTag/A": "${aws:username}"}}),
    allow("s3:*", "arn:aws:s3:::${s3:prefix}"),
)


def test_context_keys_of_policies(iam):
    answer = iam.get_context_keys_for_custom_policy(
        PolicyInputList=[KEYS, GETS, KEYS.replace("/A", "/a")]
    )
    assert answer["ContextKeyNames"] == ["aws:PrincipalTag/A", "aws:username", "s3:prefix"]
    assert iam.get_context_keys_for_custom_policy(PolicyInputList=[GETS])["ContextKeyNames"] == []
    with invalid("Syntax errors in policy."):
        iam.get_context_keys_for_custom_policy(PolicyInputList=[GETS, "{}}"])


def test_context_keys_of_a_principal(iam, alice):
    iam.put_group_policy(GroupName="ops", PolicyName="keys", PolicyDocument=KEYS)
    more = document(deny("*", Condition={"Null": {"aws:TokenIssueTime": "true"}}))
    answer = iam.get_context_keys_for_principal_policy(
        PolicySourceArn=alice, PolicyInputList=[more]
    )
    found = ["aws:PrincipalTag/A", "aws:username", "s3:prefix"]
    assert answer["ContextKeyNames"] == [*found, "aws:TokenIssueTime"]
    answer = iam.get_context_keys_for_principal_policy(PolicySourceArn=alice)
    assert answer["ContextKeyNames"] == found


# Who may ask


def test_permission_is_asked_before_anything_is_said(endpoint, iam, account, alice):
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    client = of_user(endpoint, "iam", "us-east-1", key)
    nobody = f"arn:aws:iam::{account}:user/nobody"
    asked = {"ActionNames": ["s3:Get"]}
    for operation, on, members in (
        ("SimulateCustomPolicy", "*", {"PolicyInputList": ["{"], **asked}),
        ("SimulatePrincipalPolicy", nobody, {"PolicySourceArn": nobody, **asked}),
        ("SimulatePrincipalPolicy", alice, {"PolicySourceArn": alice, **asked}),
        ("GetContextKeysForCustomPolicy", "*", {"PolicyInputList": ["{"]}),
        ("GetContextKeysForPrincipalPolicy", nobody, {"PolicySourceArn": nobody}),
    ):
        with refused(
            "AccessDenied",
            f"User: {alice} is not authorized to perform: iam:{operation} on resource: {on} because "
            f"no identity-based policy allows the iam:{operation} action",
            403,
        ):
            client._make_api_call(operation, members)
    iam.put_user_policy(
        UserName="alice",
        PolicyName="asks",
        PolicyDocument=document(allow(["iam:Simulate*", "iam:GetContextKeys*"], ["*"])),
    )
    assert decided(client, GETS) == ALLOWED
    assert principal(client, alice)["EvalDecision"] == ALLOWED
    client.close()


# Within an organization


@pytest.fixture
def tree(endpoint, region):
    clients = Clients(endpoint, region)
    yield Tree(clients)
    clients.close()


def test_the_organization_of_the_account_counts(tree):
    unit = tree.unit("workloads")
    account = tree.join(unit=unit)
    iam = tree.clients.of("iam", account)
    alice = iam.create_user(UserName="alice")["User"]["Arn"]
    iam.put_user_policy(
        UserName="alice", PolicyName="own", PolicyDocument=document(allow(["s3:*", "kms:*"]))
    )
    tree.attach(tree.policy(deny("s3:Get*")), unit)
    tree.attach(tree.policy(allow(["iam:*", "s3:*"])), account)
    tree.detach(FULL, account)
    for action, decision in (
        ("s3:GetObject", EXPLICIT),
        ("s3:PutObject", ALLOWED),
        ("kms:Sign", IMPLICIT),
    ):
        result = principal(iam, alice, action)
        allowed = decision == ALLOWED
        assert result["EvalDecision"] == decision
        assert result["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": allowed}
        assert sources(result) == (["user_alice_own"] if allowed else [])
        outsider = f"arn:aws:iam::{tree.manager}:user/bob"
        for more in (
            {"PolicyExclusionList": [{"PolicyType": "scp"}]},
            {"CallerArn": outsider},
        ):
            result = principal(iam, alice, action, **more)
            assert result["EvalDecision"] == ALLOWED
            assert "OrganizationsDecisionDetail" not in result


def test_whose_organization_it_is_follows_from_the_account(tree):
    account = tree.join()
    iam = tree.clients.of("iam", account)
    looks = document(allow("s3:*", Condition={"StringEquals": {"aws:PrincipalOrgID": tree.id}}))
    made = [
        iam.create_user(UserName="alice")["User"]["Arn"],
        iam.create_group(GroupName="ops")["Group"]["Arn"],
        iam.create_role(RoleName="w", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"],
    ]
    for arn in made:
        result = principal(iam, arn, PolicyInputList=[looks])
        assert (result["EvalDecision"], result["MissingContextValues"]) == (ALLOWED, [])
    outsider = f"arn:aws:iam::{tree.manager}:user/bob"
    result = principal(iam, made[0], PolicyInputList=[looks], CallerArn=outsider)
    assert result["MissingContextValues"] == ["aws:PrincipalOrgID"]


def test_service_linked_roles_are_outside_their_organization(tree):
    account = tree.join()
    iam = tree.clients.of("iam", account)
    made = iam.create_service_linked_role(AWSServiceName="mrk.kms.amazonaws.com")["Role"]["Arn"]
    tree.attach(tree.policy(deny("s3:*")), account)
    more = {"PolicyInputList": [document(allow("s3:*"))]}
    result = principal(iam, made, **more)
    assert result["EvalDecision"] == ALLOWED
    assert "OrganizationsDecisionDetail" not in result


# In process


@pytest.fixture
def store(tmp_path):
    database = Database(tmp_path / "kept.db")
    migrate(database)
    made = Store(database, new_root_key(), Page.blank())
    yield made
    made.close()


def in_process(store, who, arn, action, **more):
    rq = shapes.SimulatePrincipalPolicyRequest(PolicySourceArn=arn, ActionNames=[action], **more)
    with store.reading() as books:
        answer = simulation.simulate_principal_policy(Iam(books), Call(who, "us-east-1", 0.0), rq)
    return answer.EvaluationResults[0]


@pytest.mark.parametrize(
    "text", ["{", '{"Version": "2012-10-17", "Statement": [{"Effect": "May"}]}']
)
def test_a_kept_policy_that_cannot_be_read_is_told(store, text):
    """As one might be that an earlier release let in."""
    user = User(A, "alice", "aws", "/", "AIDAALICE", 0.0)
    with store.writing() as books:
        books.put_entity(user)
        books.put_inline_policy(user, "own", text)
    with pytest.raises(PolicyEvaluation, match="user_alice_own") as caught:
        in_process(store, root("aws", A), user.arn, "s3:Get")
    assert named(Protocol.QUERY, caught.value) == ("PolicyEvaluation", 500)
