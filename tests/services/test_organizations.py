"""Organizations as boto3 sees them: the tree, its accounts and invitations, and who may touch them."""

import re
import secrets
from datetime import timedelta

import boto3
import pytest
from answers import members, one, refused, violated
from botocore.config import Config
from botocore.exceptions import ClientError
from clockwork import move
from organization_tree import FULL, FULL_RCP, RCP, SCP, Clients, Tree, allow, digits, document
from tests.conftest import init, start, start_dev

NOT_IN_USE = "Your account is not a member of an organization."
NOT_MANAGER = "You don't have permissions to access this resource."
DAY = 86_400


@pytest.fixture
def clients(endpoint, region):
    made = Clients(endpoint, region)
    yield made
    made.close()


@pytest.fixture
def tree(clients):
    return Tree(clients)


@pytest.fixture
def bare(clients):
    """An organization as it is made."""
    return Tree(clients, enabled=())


def reason(code, why):
    """A refusal with AWS's reason beside its sentence."""
    return _Reason(code, why)


class _Reason:
    def __init__(self, code, why):
        self.code, self.why = code, why

    def __enter__(self):
        return self

    def __exit__(self, _, caught, __):
        assert isinstance(caught, ClientError), caught
        assert caught.response["Error"]["Code"] == self.code
        assert caught.response["Reason"] == self.why
        assert caught.response["Message"] == caught.response["Error"]["Message"] != ""
        return True


def address():
    """An e-mail address that no account has."""
    return f"{secrets.token_hex(6)}@example.com"


def pages(operation, key, size, **asked):
    """The entries of all pages, and how many each page had."""
    found, sizes, token = [], [], {}
    while True:
        answer = operation(MaxResults=size, **asked, **token)
        found += answer[key]
        sizes.append(len(answer[key]))
        if "NextToken" not in answer:
            return found, sizes
        token = {"NextToken": answer["NextToken"]}


# The organization


def test_an_organization_comes_and_goes(clients):
    account = digits()
    ask = clients.of("organizations", account)
    with refused("AWSOrganizationsNotInUseException", NOT_IN_USE):
        ask.describe_organization()
    made = ask.create_organization()["Organization"]
    assert re.fullmatch("o-[a-z0-9]{10}", made["Id"])
    assert made == {
        "Id": made["Id"],
        "Arn": f"arn:aws:organizations::{account}:organization/{made['Id']}",
        "FeatureSet": "ALL",
        "MasterAccountArn": f"arn:aws:organizations::{account}:account/{made['Id']}/{account}",
        "MasterAccountId": account,
        "AvailablePolicyTypes": [{"Type": SCP, "Status": "ENABLED"}],
    }
    assert ask.describe_organization()["Organization"] == made
    with refused(
        "AlreadyInOrganizationException",
        "The provided account is already a member of an organization.",
    ):
        ask.create_organization()
    (root,) = ask.list_roots()["Roots"]
    assert re.fullmatch("r-[a-z0-9]{4}", root["Id"])
    assert root == {
        "Id": root["Id"],
        "Arn": f"arn:aws:organizations::{account}:root/{made['Id']}/{root['Id']}",
        "Name": "Root",
        "PolicyTypes": [],
    }
    (own,) = ask.list_accounts()["Accounts"]
    joined = own.pop("JoinedTimestamp")
    assert joined.timestamp() > 1_700_000_000
    assert own == {
        "Id": account,
        "Arn": made["MasterAccountArn"],
        "Name": account,
        "Status": "ACTIVE",
        "State": "ACTIVE",
        "Paths": [f"{made['Id']}/{root['Id']}/{account}/"],
        "JoinedMethod": "INVITED",
    }
    ask.create_organizational_unit(ParentId=root["Id"], Name="unit")
    assert members(ask.delete_organization()) == set()
    with refused("AWSOrganizationsNotInUseException", NOT_IN_USE):
        ask.list_roots()
    assert ask.create_organization()["Organization"]["Id"] != made["Id"]
    (root,) = ask.list_roots()["Roots"]
    children = ask.list_children(ParentId=root["Id"], ChildType="ORGANIZATIONAL_UNIT")["Children"]
    assert children == []  # the one before left nothing


def test_an_organization_of_consolidated_billing_has_no_policies(clients):
    ask = clients.of("organizations", digits())
    made = ask.create_organization(FeatureSet="CONSOLIDATED_BILLING")["Organization"]
    assert (made["FeatureSet"], made["AvailablePolicyTypes"]) == ("CONSOLIDATED_BILLING", [])
    (root,) = ask.list_roots()["Roots"]
    words = "An organization for consolidated billing alone has no policies."
    with refused("PolicyTypeNotAvailableForOrganizationException", words):
        ask.enable_policy_type(RootId=root["Id"], PolicyType=SCP)
    with refused("PolicyTypeNotAvailableForOrganizationException", words):
        ask.create_policy(Name="p", Description="", Type=SCP, Content=document(allow()))
    assert ask.list_policies(Filter=SCP)["Policies"] == []


def test_a_member_sees_its_organization_and_manages_nothing(clients, tree):
    account = tree.join()
    theirs = clients.of("organizations", account)
    assert theirs.describe_organization()["Organization"]["Id"] == tree.id
    for ask in (
        theirs.list_roots,
        theirs.list_accounts,
        theirs.delete_organization,
        lambda: theirs.describe_account(AccountId=account),
        lambda: theirs.create_organizational_unit(ParentId=tree.root, Name="x"),
        lambda: theirs.detach_policy(PolicyId=FULL, TargetId=account),
        lambda: theirs.create_account(Email="a@example.com", AccountName="a"),
    ):
        with refused("AccessDeniedException", NOT_MANAGER):
            ask()
    with refused(
        "AlreadyInOrganizationException",
        "The provided account is already a member of an organization.",
    ):
        theirs.create_organization()


def test_nobody_reaches_into_another_organization(clients, tree):
    other = Tree(clients)
    unit, account, policy = tree.unit("u"), tree.join(), tree.policy(allow())
    for code, ask in (
        ("AccountNotFoundException", lambda: other.ask.describe_account(AccountId=account)),
        (
            "AccountNotFoundException",
            lambda: other.ask.remove_account_from_organization(AccountId=account),
        ),
        ("PolicyNotFoundException", lambda: other.ask.describe_policy(PolicyId=policy)),
        ("TargetNotFoundException", lambda: other.attach(other.policy(allow()), account)),
        ("TargetNotFoundException", lambda: other.attach(other.policy(allow()), unit)),
        ("RootNotFoundException", lambda: _enable(other.ask, tree.root)),
        ("ParentNotFoundException", lambda: other.unit("x", unit)),
        ("ChildNotFoundException", lambda: other.ask.list_parents(ChildId=account)),
        (
            "TargetNotFoundException",
            lambda: other.ask.tag_resource(ResourceId=unit, Tags=[{"Key": "k", "Value": "v"}]),
        ),
    ):
        with pytest.raises(ClientError) as caught:
            ask()
        assert caught.value.response["Error"]["Code"] == code


def _enable(ask, root):
    ask.enable_policy_type(RootId=root, PolicyType=SCP)


# Who may


def test_users_need_to_be_allowed_and_to_each_resource(clients, tree):
    iam = clients.of("iam", tree.manager)
    iam.create_user(UserName="alice")
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    alice = clients.by("organizations", key)
    unit, policy = tree.unit("u"), tree.policy(allow())
    user = f"arn:aws:iam::{tree.manager}:user/alice"

    def not_allowed(action, resource):
        return refused(
            "AccessDeniedException",
            f"User: {user} is not authorized to perform: organizations:{action} on resource: "
            f"{resource} because no identity-based policy allows the organizations:{action} action",
        )

    with not_allowed("ListAccounts", "*"):
        alice.list_accounts()
    policy_arn = tree.arn("policy", "service_control_policy", policy)
    ou = tree.arn("ou", unit)
    for actions, resource in (([], ou), (["organizations:AttachPolicy"], ou)):
        if actions:
            iam.put_user_policy(
                UserName="alice",
                PolicyName="p",
                PolicyDocument=document(allow(actions, policy_arn)),
            )
        with not_allowed("AttachPolicy", policy_arn if not actions else resource):
            alice.attach_policy(PolicyId=policy, TargetId=unit)
    for kind, allowed in ((RCP, False), (SCP, True)):
        condition = {"StringEquals": {"organizations:PolicyType": kind}}
        iam.put_user_policy(
            UserName="alice",
            PolicyName="p",
            PolicyDocument=document(
                allow("organizations:AttachPolicy", [policy_arn, ou], Condition=condition)
            ),
        )
        if allowed:
            alice.attach_policy(PolicyId=policy, TargetId=unit)
        else:
            with not_allowed("AttachPolicy", policy_arn):
                alice.attach_policy(PolicyId=policy, TargetId=unit)
    # What does not exist is told to nobody who may not ask.
    with not_allowed("DescribeOrganizationalUnit", tree.arn("ou", "ou-abcd-12345678")):
        alice.describe_organizational_unit(OrganizationalUnitId="ou-abcd-12345678")
    with not_allowed("DescribePolicy", tree.arn("policy", "*", "p-12345678")):
        alice.describe_policy(PolicyId="p-12345678")


# Units


def test_units_come_are_renamed_and_go(tree):
    made = tree.ask.create_organizational_unit(ParentId=tree.root, Name="one")["OrganizationalUnit"]
    assert re.fullmatch(f"ou-{tree.root[2:]}-[a-z0-9]{{8}}", made["Id"])
    assert made == {
        "Id": made["Id"],
        "Arn": tree.arn("ou", made["Id"]),
        "Name": "one",
        "Path": f"{tree.id}/{tree.root}/{made['Id']}/",
    }
    inner = tree.unit("one", made["Id"])  # names are told apart by place
    described = tree.ask.describe_organizational_unit(OrganizationalUnitId=inner)
    assert described["OrganizationalUnit"]["Path"] == f"{tree.id}/{tree.root}/{made['Id']}/{inner}/"
    taken = "An OU with the same name already exists."
    with refused("DuplicateOrganizationalUnitException", taken):
        tree.unit("one")
    other = tree.unit("two")
    with refused("DuplicateOrganizationalUnitException", taken):
        tree.ask.update_organizational_unit(OrganizationalUnitId=other, Name="one")
    renamed = tree.ask.update_organizational_unit(OrganizationalUnitId=other, Name="three")
    assert renamed["OrganizationalUnit"]["Name"] == "three"
    tree.ask.update_organizational_unit(OrganizationalUnitId=other)  # which changes nothing
    found, sizes = pages(
        tree.ask.list_organizational_units_for_parent, "OrganizationalUnits", 1, ParentId=tree.root
    )
    assert {unit["Name"] for unit in found} == {"one", "three"}
    assert sizes == [1, 1]
    (above,) = tree.ask.list_parents(ChildId=inner)["Parents"]
    assert above == {"Id": made["Id"], "Type": "ORGANIZATIONAL_UNIT"}
    (above,) = tree.ask.list_parents(ChildId=other)["Parents"]
    assert above == {"Id": tree.root, "Type": "ROOT"}
    with refused(
        "OrganizationalUnitNotEmptyException",
        "The organizational unit still has accounts or organizational units in it.",
    ):
        tree.ask.delete_organizational_unit(OrganizationalUnitId=made["Id"])
    tree.ask.delete_organizational_unit(OrganizationalUnitId=inner)
    account = tree.join(unit=made["Id"])
    with pytest.raises(tree.ask.exceptions.OrganizationalUnitNotEmptyException):
        tree.ask.delete_organizational_unit(OrganizationalUnitId=made["Id"])
    tree.move(account, tree.root, made["Id"])
    tree.ask.delete_organizational_unit(OrganizationalUnitId=made["Id"])
    with refused(
        "OrganizationalUnitNotFoundException",
        "You specified an organizational unit that doesn't exist.",
    ):
        tree.ask.describe_organizational_unit(OrganizationalUnitId=made["Id"])
    with refused("ParentNotFoundException", "You specified parent that doesn't exist."):
        tree.unit("x", made["Id"])
    with refused("ChildNotFoundException", "You specified a child that doesn't exist."):
        tree.ask.list_parents(ChildId=made["Id"])


def test_five_units_deep_and_no_deeper(tree):
    above = tree.root
    for depth in range(1, 6):
        above = tree.unit(f"level {depth}", above)
    with reason("ConstraintViolationException", "OU_DEPTH_LIMIT_EXCEEDED"):
        tree.unit("level 6", above)


# Accounts


def test_accounts_move_about_the_tree(tree):
    one, two = tree.unit("one"), tree.unit("two")
    account = tree.join()
    tree.move(account, one, tree.root)
    shown = tree.ask.describe_account(AccountId=account)["Account"]
    assert shown["Paths"] == [f"{tree.id}/{tree.root}/{one}/{account}/"]
    assert shown["JoinedMethod"] == "INVITED"
    (only,) = tree.ask.list_accounts_for_parent(ParentId=one)["Accounts"]
    assert only == shown
    (child,) = tree.ask.list_children(ParentId=one, ChildType="ACCOUNT")["Children"]
    assert child == {"Id": account, "Type": "ACCOUNT"}
    for to, source, code in (
        (one, tree.root, "DuplicateAccountException"),
        (two, tree.root, "SourceParentNotFoundException"),
        (two, "ou-abcd-12345678", "SourceParentNotFoundException"),
        ("ou-abcd-12345678", one, "DestinationParentNotFoundException"),
    ):
        with pytest.raises(ClientError) as caught:
            tree.move(account, to, source)
        assert caught.value.response["Error"]["Code"] == code
    tree.move(account, two, one)
    assert tree.ask.list_accounts_for_parent(ParentId=one)["Accounts"] == []
    with refused("AccountNotFoundException", "You specified an account that doesn't exist."):
        tree.move(digits(), two, one)


def test_all_accounts_in_pages(tree):
    accounts = sorted([tree.manager, *(tree.join() for _ in range(4))])
    found, sizes = pages(tree.ask.list_accounts, "Accounts", 2)
    assert [account["Id"] for account in found] == accounts
    assert sizes == [2, 2, 1]
    found, sizes = pages(tree.ask.list_accounts_for_parent, "Accounts", 3, ParentId=tree.root)
    assert [account["Id"] for account in found] == accounts
    assert sizes == [3, 2]
    for token in ("%", "ww=="):
        with reason("InvalidInputException", "INVALID_PAGINATION_TOKEN"):
            tree.ask.list_accounts(NextToken=token)


def test_accounts_leave_and_are_removed_but_the_manager_stays(clients, tree):
    left, removed = tree.join(), tree.join()
    with refused(
        "OrganizationNotEmptyException",
        "To delete the organization you must first remove all member accounts.",
    ):
        tree.ask.delete_organization()
    theirs = clients.of("organizations", left)
    theirs.leave_organization()
    with refused("AWSOrganizationsNotInUseException", NOT_IN_USE):
        theirs.leave_organization()
    tree.ask.remove_account_from_organization(AccountId=removed)
    (only,) = tree.ask.list_accounts()["Accounts"]
    assert only["Id"] == tree.manager
    for ask in (
        tree.ask.leave_organization,
        lambda: tree.ask.remove_account_from_organization(AccountId=tree.manager),
    ):
        with pytest.raises(tree.ask.exceptions.MasterCannotLeaveOrganizationException):
            ask()
    # What was attached to an account is not, once it is back.
    policy = tree.policy(allow())
    tree.join(left)
    tree.attach(policy, left)
    theirs.leave_organization()
    tree.join(left)
    attached = tree.ask.list_policies_for_target(TargetId=left, Filter=SCP)["Policies"]
    assert [each["Id"] for each in attached] == [FULL]


def test_an_account_is_made_and_entered_by_its_role(clients, tree):
    answer = tree.ask.create_account(
        Email=(email := address()), AccountName="New one", Tags=[{"Key": "team", "Value": "x"}]
    )
    status = answer["CreateAccountStatus"]
    assert (status["State"], status["AccountName"]) == ("SUCCEEDED", "New one")
    account = status["AccountId"]
    again = tree.ask.describe_create_account_status(CreateAccountRequestId=status["Id"])
    assert again["CreateAccountStatus"] == status
    shown = tree.ask.describe_account(AccountId=account)["Account"]
    assert (shown["Email"], shown["Name"]) == (email, "New one")
    assert shown["JoinedMethod"] == "CREATED"
    tags = tree.ask.list_tags_for_resource(ResourceId=account)["Tags"]
    assert tags == [{"Key": "team", "Value": "x"}]
    role = f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole"
    iam = clients.of("iam", tree.manager)
    iam.create_user(UserName="admin")
    iam.put_user_policy(
        UserName="admin", PolicyName="p", PolicyDocument=document(allow("sts:AssumeRole", role))
    )
    sts = clients.by("sts", iam.create_access_key(UserName="admin")["AccessKey"])
    session = sts.assume_role(RoleArn=role, RoleSessionName="enter")["Credentials"]
    inside = clients.by("iam", session)
    (attached,) = inside.list_attached_role_policies(RoleName="OrganizationAccountAccessRole")[
        "AttachedPolicies"
    ]
    assert attached["PolicyName"] == "AdministratorAccess"
    assert clients.by("kms", session).create_key()["KeyMetadata"]["AWSAccountId"] == account
    with pytest.raises(ClientError):  # nobody else's user may
        stranger = clients.of("iam", digits())
        stranger.create_user(UserName="eve")
        eve = stranger.create_access_key(UserName="eve")["AccessKey"]
        clients.by("sts", eve).assume_role(RoleArn=role, RoleSessionName="enter")


def test_an_account_that_cannot_be_made(tree):
    email = address()
    first = tree.ask.create_account(Email=email, AccountName="a", RoleName="Other")
    status = tree.ask.create_account(Email=email.upper(), AccountName="b")["CreateAccountStatus"]
    assert (status["State"], status["FailureReason"]) == ("FAILED", "EMAIL_ALREADY_EXISTS")
    assert "AccountId" not in status
    assert len(tree.ask.list_accounts()["Accounts"]) == 2
    found, sizes = pages(tree.ask.list_create_account_status, "CreateAccountStatuses", 1)
    assert found == [first["CreateAccountStatus"], status]
    assert sizes == [1, 1]
    failed = tree.ask.list_create_account_status(States=["FAILED"])["CreateAccountStatuses"]
    assert failed == [status]
    with refused(
        "CreateAccountStatusNotFoundException",
        "You specified a create account request that doesn't exist.",
    ):
        tree.ask.describe_create_account_status(CreateAccountRequestId="car-12345678")
    with reason("InvalidInputException", "INVALID_ROLE_NAME"):
        tree.ask.create_account(Email=address(), AccountName="c", RoleName="AWSServiceRoleForMe")


# Invitations


def invite(tree, account, **more):
    asked = {"Target": {"Id": account, "Type": "ACCOUNT"}, **more}
    return tree.ask.invite_account_to_organization(**asked)["Handshake"]


def test_an_account_is_invited_and_joins(clients, tree):
    account = digits()
    made = invite(tree, account, Notes="come in")
    assert re.fullmatch("h-[a-z0-9]{12}", made["Id"])
    assert made["Arn"] == tree.arn("handshake", "invite", made["Id"])
    assert (made["State"], made["Action"]) == ("OPEN", "INVITE")
    assert made["ExpirationTimestamp"] - made["RequestedTimestamp"] == timedelta(days=15)
    assert {"Id": account, "Type": "ACCOUNT"} in made["Parties"]
    assert {"Type": "NOTES", "Value": "come in"} in made["Resources"]
    theirs = clients.of("organizations", account)
    for ask in (tree.ask, theirs):
        assert ask.describe_handshake(HandshakeId=made["Id"])["Handshake"] == made
    assert theirs.list_handshakes_for_account()["Handshakes"] == [made]
    assert tree.ask.list_handshakes_for_organization()["Handshakes"] == [made]
    with pytest.raises(tree.ask.exceptions.DuplicateHandshakeException):
        invite(tree, account)
    accepted = theirs.accept_handshake(HandshakeId=made["Id"])["Handshake"]
    assert accepted == made | {"State": "ACCEPTED"}
    assert theirs.describe_organization()["Organization"]["Id"] == tree.id
    with pytest.raises(theirs.exceptions.HandshakeAlreadyInStateException):
        theirs.accept_handshake(HandshakeId=made["Id"])
    with pytest.raises(theirs.exceptions.InvalidHandshakeTransitionException):
        theirs.decline_handshake(HandshakeId=made["Id"])
    with reason("HandshakeConstraintViolationException", "ALREADY_IN_AN_ORGANIZATION"):
        invite(tree, account)
    assert theirs.list_handshakes_for_account(Filter={"ActionType": "INVITE"})["Handshakes"]
    other = theirs.list_handshakes_for_account(Filter={"ActionType": "ENABLE_ALL_FEATURES"})
    assert other["Handshakes"] == []


def test_an_invitation_is_its_parties_alone(clients, tree):
    account, stranger = digits(), clients.of("organizations", digits())
    made = invite(tree, account)["Id"]
    theirs = clients.of("organizations", account)
    missing = "You specified a handshake that doesn't exist."
    for ask in (
        stranger.describe_handshake,
        stranger.accept_handshake,
        stranger.decline_handshake,
        stranger.cancel_handshake,
        tree.ask.accept_handshake,  # whoever invites does not accept
        tree.ask.decline_handshake,
        theirs.cancel_handshake,
    ):
        with refused("HandshakeNotFoundException", missing):
            ask(HandshakeId=made)
    assert theirs.decline_handshake(HandshakeId=made)["Handshake"]["State"] == "DECLINED"
    again = invite(tree, account)["Id"]
    assert tree.ask.cancel_handshake(HandshakeId=again)["Handshake"]["State"] == "CANCELED"
    with pytest.raises(theirs.exceptions.InvalidHandshakeTransitionException):
        theirs.accept_handshake(HandshakeId=again)
    found, sizes = pages(theirs.list_handshakes_for_account, "Handshakes", 1)
    assert [each["State"] for each in found] == ["DECLINED", "CANCELED"]
    assert sizes == [1, 1]


def test_of_two_invitations_one_is_accepted(clients, tree):
    other, account = Tree(clients), digits()
    first, second = invite(tree, account)["Id"], invite(other, account)["Id"]
    theirs = clients.of("organizations", account)
    theirs.accept_handshake(HandshakeId=first)
    with reason("HandshakeConstraintViolationException", "ALREADY_IN_AN_ORGANIZATION"):
        theirs.accept_handshake(HandshakeId=second)
    assert theirs.describe_organization()["Organization"]["Id"] == tree.id


def test_who_cannot_be_invited(tree):
    def target(kind, name):
        return {"Target": {"Type": kind, "Id": name}}

    ask = tree.ask.invite_account_to_organization
    for word in ("12", "1234567890ab", "१२३४५६७८९०१२"):
        with reason("InvalidInputException", "INVALID_PATTERN"):
            ask(**target("ACCOUNT", word))
    with reason("InvalidInputException", "INVALID_PARTY_TYPE_TARGET"):
        ask(**target("ORGANIZATION", tree.id))
    with refused(
        "NotImplementedException", "Invitations by e-mail address are not implemented yet.", 501
    ):
        ask(**target("EMAIL", "a@example.com"))


def test_an_invitation_ends_with_its_time_and_is_forgotten():
    server = start_dev("--workers", "1")
    clients = Clients(server, "us-east-1")
    try:
        tree, account = Tree(clients), digits()
        theirs = clients.of("organizations", account)
        made = invite(tree, account)["Id"]
        move(server, 15 * DAY)
        (shown,) = theirs.list_handshakes_for_account()["Handshakes"]
        assert shown["State"] == "EXPIRED"
        with pytest.raises(theirs.exceptions.InvalidHandshakeTransitionException):
            theirs.accept_handshake(HandshakeId=made)
        invite(tree, account)  # the one before does not stand in the way
        move(server, 30 * DAY)
        (shown,) = theirs.list_handshakes_for_account()["Handshakes"]
        assert shown["Id"] != made
        with pytest.raises(theirs.exceptions.HandshakeNotFoundException):
            theirs.describe_handshake(HandshakeId=made)
    finally:
        clients.close()
        server.stop()


# Policies


def test_policies_come_change_and_go(tree):
    text = document(allow("kms:*"))
    tags = [{"Key": "team", "Value": "x"}]
    made = tree.ask.create_policy(
        Name="one", Description="what it is", Type=SCP, Content=text, Tags=tags
    )["Policy"]
    policy = made["PolicySummary"]["Id"]
    assert re.fullmatch("p-[a-z0-9]{8}", policy)
    assert made == {
        "PolicySummary": {
            "Id": policy,
            "Arn": tree.arn("policy", "service_control_policy", policy),
            "Name": "one",
            "Description": "what it is",
            "Type": SCP,
            "AwsManaged": False,
        },
        "Content": text,
    }
    assert tree.ask.describe_policy(PolicyId=policy)["Policy"] == made
    assert tree.ask.list_tags_for_resource(ResourceId=policy)["Tags"] == tags
    taken = "A policy with the specified name and type already exists."
    for name in ("one", "FullAWSAccess"):
        with refused("DuplicatePolicyException", taken):
            tree.policy(allow(), name=name)
    tree.ask.create_policy(
        Name="one",
        Description="",
        Type=RCP,
        Content=document(allow("kms:*", Principal="*") | {"Effect": "Deny"}),
    )
    other = tree.policy(allow(), name="two")
    with refused("DuplicatePolicyException", taken):
        tree.ask.update_policy(PolicyId=other, Name="one")
    changed = tree.ask.update_policy(PolicyId=policy, Name="three", Description="")["Policy"]
    assert (changed["PolicySummary"]["Name"], changed["Content"]) == ("three", text)
    found, sizes = pages(tree.ask.list_policies, "Policies", 2, Filter=SCP)
    assert sorted(each["Name"] for each in found) == ["FullAWSAccess", "three", "two"]
    assert sizes == [2, 1]
    tree.attach(policy, tree.root)
    with pytest.raises(tree.ask.exceptions.PolicyInUseException):
        tree.ask.delete_policy(PolicyId=policy)
    tree.detach(policy, tree.root)
    tree.ask.delete_policy(PolicyId=policy)
    with refused("PolicyNotFoundException", "You specified a policy that doesn't exist."):
        tree.ask.describe_policy(PolicyId=policy)


def test_aws_policies_are_nobodys_to_change(tree):
    shown = tree.ask.describe_policy(PolicyId=FULL)["Policy"]["PolicySummary"]
    arn = f"arn:aws:organizations::aws:policy/service_control_policy/{FULL}"
    assert (shown["Arn"], shown["AwsManaged"]) == (arn, True)
    for policy in (FULL, FULL_RCP):
        with reason("InvalidInputException", "IMMUTABLE_POLICY"):
            tree.ask.update_policy(PolicyId=policy, Description="mine")
        with reason("InvalidInputException", "IMMUTABLE_POLICY"):
            tree.ask.delete_policy(PolicyId=policy)
        with reason("InvalidInputException", "IMMUTABLE_POLICY"):
            tree.ask.tag_resource(ResourceId=policy, Tags=[{"Key": "k", "Value": "v"}])


@pytest.mark.parametrize(("kind", "most"), [(SCP, 10_240), (RCP, 5_120)])
def test_documents_have_a_size_and_a_form(tree, kind, most):
    empty = document(allow("kms:*", Principal="*") | {"Effect": "Deny"} if kind == RCP else allow())
    whole = empty + " " * (most - len(empty))

    def make(content):
        name = secrets.token_hex(6)
        return tree.ask.create_policy(Name=name, Description="", Type=kind, Content=content)

    policy = make(whole)["Policy"]["PolicySummary"]["Id"]
    too_large = "You have exceeded the maximum policy size."
    with refused("ConstraintViolationException", too_large):
        make(whole + " ")
    with reason("ConstraintViolationException", "POLICY_CONTENT_LIMIT_EXCEEDED"):
        tree.ask.update_policy(PolicyId=policy, Content=whole + " ")
    malformed = (
        "The provided policy document does not meet the requirements of the specified policy type."
    )
    wrong = ["{", document({"Effect": "Allow"}), document(allow("kms:*", "nothing"))]
    if kind == SCP:
        wrong.append(document(allow(Principal="*")))
    else:
        wrong += [
            document(allow("kms:*", Principal="*")),
            document(allow("kms:*") | {"Effect": "Deny"}),
            document(allow("kms:*", Principal={"AWS": tree.manager}) | {"Effect": "Deny"}),
        ]
    for content in wrong:
        with refused("MalformedPolicyDocumentException", malformed):
            make(content)
        with refused("MalformedPolicyDocumentException", malformed):
            tree.ask.update_policy(PolicyId=policy, Content=content)


def attached(tree, target, kind=SCP):
    found = tree.ask.list_policies_for_target(TargetId=target, Filter=kind)["Policies"]
    return [each["Id"] for each in found]


@pytest.mark.parametrize(("kind", "full"), [(SCP, FULL), (RCP, FULL_RCP)])
def test_a_type_that_is_enabled_is_everywhere(bare, kind, full):
    unit, account = bare.unit("u"), bare.join()
    targets = [bare.root, unit, account, bare.manager]
    assert [attached(bare, each, kind) for each in targets] == [[]] * 4
    with refused(
        "PolicyTypeNotEnabledException",
        "This operation can be performed only for enabled policy types.",
    ):
        bare.attach(full, unit)
    root = bare.ask.enable_policy_type(RootId=bare.root, PolicyType=kind)["Root"]
    assert root["PolicyTypes"] == [{"Type": kind, "Status": "ENABLED"}]
    assert bare.ask.list_roots()["Roots"] == [root]
    with refused(
        "PolicyTypeAlreadyEnabledException", "The specified policy type is already enabled."
    ):
        bare.ask.enable_policy_type(RootId=bare.root, PolicyType=kind)
    targets += [bare.unit("later"), bare.join()]
    made = bare.ask.create_account(Email=address(), AccountName="a")["CreateAccountStatus"]
    targets.append(made["AccountId"])
    assert [attached(bare, each, kind) for each in targets] == [[full]] * 7
    found, _ = pages(bare.ask.list_targets_for_policy, "Targets", 3, PolicyId=full)
    assert sorted(each["TargetId"] for each in found) == sorted(targets)
    kinds = {each["TargetId"]: (each["Type"], each["Name"]) for each in found}
    assert kinds[bare.root] == ("ROOT", "Root")
    assert kinds[unit] == ("ORGANIZATIONAL_UNIT", "u")
    assert kinds[account] == ("ACCOUNT", account)
    root = bare.ask.disable_policy_type(RootId=bare.root, PolicyType=kind)["Root"]
    assert root["PolicyTypes"] == []
    assert [attached(bare, each, kind) for each in targets] == [[]] * 7
    with pytest.raises(bare.ask.exceptions.PolicyTypeNotEnabledException):
        bare.ask.disable_policy_type(RootId=bare.root, PolicyType=kind)
    with refused("RootNotFoundException", "You specified a root that doesn't exist."):
        bare.ask.enable_policy_type(RootId="r-zzzzz", PolicyType=kind)


@pytest.mark.parametrize(("kind", "most"), [(SCP, 10), (RCP, 5)])
def test_so_many_policies_on_a_target(tree, kind, most):
    statement = allow("kms:*", Principal="*") | {"Effect": "Deny"} if kind == RCP else allow()
    policies = [tree.policy(statement, kind=kind) for _ in range(most)]
    for policy in policies[1:]:
        tree.attach(policy, tree.root)
    full = "You have attached the maximum number of policies to the specified target."
    with refused("ConstraintViolationException", full):
        tree.attach(policies[0], tree.root)
    with reason("ConstraintViolationException", "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED"):
        tree.attach(policies[0], tree.root)
    with pytest.raises(tree.ask.exceptions.DuplicatePolicyAttachmentException):
        tree.attach(policies[1], tree.root)
    tree.detach(policies[1], tree.root)
    tree.attach(policies[0], tree.root)


def test_one_policy_stays(tree):
    policy = tree.policy(allow())
    last = (
        "You cannot remove the last policy attached to the specified target. You must have at "
        "least one attached at all times."
    )
    with refused("ConstraintViolationException", last):
        tree.detach(FULL, tree.root)
    with reason("ConstraintViolationException", "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED"):
        tree.detach(FULL, tree.root)
    with pytest.raises(tree.ask.exceptions.PolicyNotAttachedException):
        tree.detach(policy, tree.root)
    tree.attach(policy, tree.root)
    tree.detach(FULL, tree.root)
    assert attached(tree, tree.root) == [policy]
    with reason("InvalidInputException", "NON_DETACHABLE_POLICY"):
        tree.detach(FULL_RCP, tree.root)
    for ask in (tree.attach, tree.detach):
        with refused("TargetNotFoundException", "You specified a target that doesn't exist."):
            ask(policy, "ou-abcd-12345678")
        with refused("TargetNotFoundException", "You specified a target that doesn't exist."):
            ask(policy, digits())


def test_other_types_of_policies_are_not_here(tree):
    told = "Policies of the type TAG_POLICY are not implemented yet."
    with refused("NotImplementedException", told, 501):
        tree.ask.create_policy(Name="t", Description="", Type="TAG_POLICY", Content="{}")
    with refused("NotImplementedException", told, 501):
        tree.ask.enable_policy_type(RootId=tree.root, PolicyType="TAG_POLICY")
    assert tree.ask.list_policies(Filter="TAG_POLICY")["Policies"] == []
    assert attached(tree, tree.root, "TAG_POLICY") == []
    with refused("NotImplementedException", "CloseAccount is not implemented yet.", 501):
        tree.ask.close_account(AccountId=digits())


# Tags


def test_tags_come_change_and_go(tree):
    unit, account = tree.unit("u"), tree.join()
    for resource in (tree.root, unit, account, tree.policy(allow())):
        tree.ask.tag_resource(
            ResourceId=resource, Tags=[{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]
        )
        tree.ask.tag_resource(ResourceId=resource, Tags=[{"Key": "a", "Value": ""}])
        tree.ask.untag_resource(ResourceId=resource, TagKeys=["A", "nothing"])
        tags = tree.ask.list_tags_for_resource(ResourceId=resource)["Tags"]
        assert tags == [{"Key": "a", "Value": ""}]
    for tags, why in (
        ([{"Key": "b", "Value": "1"}, {"Key": "b", "Value": "2"}], "DUPLICATE_TAG_KEY"),
        ([{"Key": "AWS:x", "Value": "1"}], "INVALID_SYSTEM_TAGS_PARAMETER"),
    ):
        with reason("InvalidInputException", why):
            tree.ask.tag_resource(ResourceId=unit, Tags=tags)
    many = [{"Key": f"k{at}", "Value": "v"} for at in range(50)]
    with reason("ConstraintViolationException", "MAX_TAG_LIMIT_EXCEEDED"):
        tree.ask.tag_resource(ResourceId=unit, Tags=many)
    tree.ask.tag_resource(ResourceId=unit, Tags=many[:49])
    for resource in ("ou-abcd-12345678", digits(), "rt-12345678"):
        with refused("TargetNotFoundException", "You specified a target that doesn't exist."):
            tree.ask.list_tags_for_resource(ResourceId=resource)


# The wire


def test_malformed_members_are_refused_by_the_model(clients, tree):
    ask = boto3.client(
        "organizations",
        endpoint_url=clients.endpoint.url,
        region_name="us-east-1",
        aws_access_key_id=tree.manager,
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
    )
    demand = "satisfy regular expression pattern: ^r-[0-9a-z]{4,32}$"
    with refused("ValidationException", violated(one("'x'", "rootId", demand))):
        ask.enable_policy_type(RootId="x", PolicyType=SCP)
    with refused("ValidationException", violated(one("null", "accountId", "not be null"))):
        ask.describe_account()
    ask.close()


# Durable servers


def test_a_durable_server_knows_its_accounts_and_keeps_what_it_answered(tmp_path):
    """Killed at once: what was attached is attached, by whichever worker."""
    credential = init(tmp_path / "data", "--account", "111111111111")
    server = start(tmp_path / "data", credential, "--workers", "2")
    keys = {"AccessKeyId": credential[0], "SecretAccessKey": credential[1]}
    clients = Clients(server, "us-east-1")
    try:
        ask = clients.by("organizations", keys)
        ask.create_organization()
        with reason("InvalidInputException", "TARGET_NOT_SUPPORTED"):
            ask.invite_account_to_organization(Target={"Id": digits(), "Type": "ACCOUNT"})
        (root,) = ask.list_roots()["Roots"]
        ask.enable_policy_type(RootId=root["Id"], PolicyType=SCP)
        made = ask.create_account(Email="a@example.com", AccountName="a")["CreateAccountStatus"]
        arn = f"arn:aws:iam::{made['AccountId']}:role/OrganizationAccountAccessRole"
        iam = clients.by("iam", keys)
        iam.create_user(UserName="admin")
        iam.put_user_policy(UserName="admin", PolicyName="p", PolicyDocument=document(allow()))
        admin = iam.create_access_key(UserName="admin")["AccessKey"]
        session = clients.by("sts", admin).assume_role(RoleArn=arn, RoleSessionName="enter")
        session = session["Credentials"]
        key = clients.by("kms", session).create_key()["KeyMetadata"]["KeyId"]
        policy = ask.create_policy(
            Name="no",
            Description="",
            Type=SCP,
            Content=document(allow("kms:DescribeKey") | {"Effect": "Deny"}),
        )["Policy"]["PolicySummary"]["Id"]
        ask.attach_policy(PolicyId=policy, TargetId=root["Id"])
    finally:
        clients.close()
        server.kill()
    server = start(tmp_path / "data", credential, "--workers", "2")
    clients = Clients(server, "us-east-1")
    try:
        for _ in range(6):
            kms = clients.by("kms", session)
            with pytest.raises(ClientError, match="explicit deny in a service control policy"):
                kms.describe_key(KeyId=key)
        ask = clients.by("organizations", keys)
        ask.detach_policy(PolicyId=policy, TargetId=root["Id"])
        for _ in range(6):
            assert clients.by("kms", session).describe_key(KeyId=key)
    finally:
        clients.close()
        server.stop()
