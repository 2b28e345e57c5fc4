import json
import re
import secrets

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
    over,
    pages,
    trust,
)


def trusting(arn):
    return json.dumps(trust({"AWS": arn}))


def trusted(iam, role="r"):
    document = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    return document["Statement"][0]["Principal"]


def test_a_role_comes_and_goes(iam, account):
    made = iam.create_role(
        RoleName="Deploy",
        Path="/ci/",
        AssumeRolePolicyDocument=TRUST,
        Description="deploys",
        MaxSessionDuration=7200,
    )["Role"]
    assert made["Arn"] == f"arn:aws:iam::{account}:role/ci/Deploy"
    assert re.fullmatch("AROA[A-Z2-7]{17}", made["RoleId"])
    assert made["AssumeRolePolicyDocument"] == json.loads(TRUST)
    assert (made["Description"], made["MaxSessionDuration"]) == ("deploys", 7200)
    assert iam.get_role(RoleName="deploy")["Role"] == made
    (listed,) = iam.list_roles()["Roles"]
    assert listed == {name: made[name] for name in made if name != "RoleLastUsed"}
    with exists("Role with name deploy already exists."):
        iam.create_role(RoleName="deploy", AssumeRolePolicyDocument=TRUST)
    assert members(iam.delete_role(RoleName="Deploy")) == set()
    with no_such("The role with name Deploy cannot be found."):
        iam.get_role(RoleName="Deploy")


def test_an_hour_and_no_description_unless_asked(iam):
    made = iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)["Role"]
    assert made["MaxSessionDuration"] == 3600
    assert "Description" not in made


def test_what_is_not_named_stays(iam):
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST, Description="one")
    iam.update_role(RoleName="r", MaxSessionDuration=43200)
    role = iam.get_role(RoleName="r")["Role"]
    assert (role["Description"], role["MaxSessionDuration"]) == ("one", 43200)
    iam.update_role(RoleName="r", Description="two")
    role = iam.get_role(RoleName="r")["Role"]
    assert (role["Description"], role["MaxSessionDuration"]) == ("two", 43200)
    changed = iam.update_role_description(RoleName="r", Description="")["Role"]
    assert "Description" not in changed


def test_documents_travel_percent_encoded(endpoint, account):
    """As RFC 3986 has it, a space as %20: clients that decode anything else would err."""
    iam = endpoint.client("iam", "us-east-1", account)
    bodies = []
    iam.meta.events.register(
        "after-call.iam", lambda http_response, **_: bodies.append(http_response)
    )
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    assert b"%7B%22Version%22%3A%20%222012-10-17%22%2C%20%22Statement%22" in bodies[0].content


def test_whom_it_trusts_must_exist(iam, account, endpoint):
    for arn in (
        f"arn:aws:iam::{account}:user/alice",
        f"arn:aws:iam::{account}:role/other",
        f"arn:aws:iam::{account}:group/g",
    ):
        with malformed(f'Invalid principal in policy: "AWS":"{arn}"'):
            iam.create_role(RoleName="r", AssumeRolePolicyDocument=trusting(arn))
    iam.create_user(UserName="Alice", Path="/a/")
    for wrong in ("user/Alice", "user/a/alice", "user/b/Alice"):
        arn = f"arn:aws:iam::{account}:{wrong}"
        with malformed(f'Invalid principal in policy: "AWS":"{arn}"'):
            iam.create_role(RoleName="r", AssumeRolePolicyDocument=trusting(arn))
    assert iam.list_roles()["Roles"] == []
    right = f"arn:aws:iam::{account}:user/a/Alice"
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=trusting(right))
    with malformed(f'Invalid principal in policy: "AWS":"arn:aws:iam::{account}:user/bob"'):
        iam.update_assume_role_policy(
            RoleName="r", PolicyDocument=trusting([right, f"arn:aws:iam::{account}:user/bob"])
        )
    assert trusted(iam) == {"AWS": right}


def test_whom_it_trusts_must_be_able_to_be(iam, account):
    iam.create_role(RoleName="other", AssumeRolePolicyDocument=TRUST)
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    session = f"arn:aws:sts::{account}:assumed-role/other/s"
    iam.update_assume_role_policy(RoleName="r", PolicyDocument=trusting(session))
    for kind, name in (
        ("AWS", f"arn:aws:sts::{account}:assumed-role/nobody/s"),
        ("AWS", "AROAQQQQQQQQQQQQQQQQQ"),
        ("AWS", f"arn:aws-cn:iam::{account}:root"),
        ("AWS", f"arn:aws-cn:iam::{account}:role/other"),
        ("Service", "nonsense"),
        ("Federated", "x"),
        ("Federated", f"arn:aws-cn:iam::{account}:oidc-provider/issuer.example"),
    ):
        document = json.dumps(trust({kind: name}))
        with malformed(f'Invalid principal in policy: "{kind.upper()}":"{name}"'):
            iam.create_role(RoleName="new", AssumeRolePolicyDocument=document)
        with malformed(f'Invalid principal in policy: "{kind.upper()}":"{name}"'):
            iam.update_assume_role_policy(RoleName="r", PolicyDocument=document)
    assert trusted(iam) == {"AWS": session}


def test_a_unique_id_that_it_trusts_is_whoever_has_it(iam, account):
    alice = iam.create_user(UserName="alice")["User"]
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=trusting(alice["UserId"]))
    assert trusted(iam) == {"AWS": alice["Arn"]}
    iam.delete_user(UserName="alice")
    assert trusted(iam) == {"AWS": alice["UserId"]}
    with malformed(f'Invalid principal in policy: "AWS":"{alice["UserId"]}"'):
        iam.update_assume_role_policy(RoleName="r", PolicyDocument=trusting(alice["UserId"]))


def test_another_accounts_users_must_exist_where_it_is_known(iam, endpoint):
    other = "".join(secrets.choice("123456789") for _ in range(12))
    arn = f"arn:aws:iam::{other}:user/alice"
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=trusting(arn))
    theirs = endpoint.client("iam", "us-east-1", other)
    theirs.create_user(UserName="bob")
    with malformed(f'Invalid principal in policy: "AWS":"{arn}"'):
        iam.update_assume_role_policy(RoleName="r", PolicyDocument=trusting(arn))
    theirs.create_user(UserName="alice")
    iam.update_assume_role_policy(RoleName="r", PolicyDocument=trusting(arn))
    theirs.delete_user(UserName="alice")
    assert trusted(iam)["AWS"].startswith("AIDA")


def test_whom_it_trusts_is_known_by_id(iam, account):
    alice = iam.create_user(UserName="alice")["User"]
    iam.create_role(
        RoleName="r",
        AssumeRolePolicyDocument=trusting([alice["Arn"], f"arn:aws:iam::{account}:root"]),
    )
    iam.update_user(UserName="alice", NewUserName="bob", NewPath="/b/")
    root = f"arn:aws:iam::{account}:root"
    assert trusted(iam) == {"AWS": [f"arn:aws:iam::{account}:user/b/bob", root]}
    iam.delete_user(UserName="bob")
    assert trusted(iam) == {"AWS": [alice["UserId"], root]}
    iam.create_user(UserName="alice")  # a namesake is somebody else
    assert trusted(iam) == {"AWS": [alice["UserId"], root]}


def test_several_whose_names_become_longer_and_shorter(iam, account):
    arns = [iam.create_user(UserName=name)["User"]["Arn"] for name in ("a", "bbbbbbbb", "c")]
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=trusting(arns))
    for old, new in (("a", "aaaaaaaaaaaa"), ("bbbbbbbb", "b"), ("c", "cc")):
        iam.update_user(UserName=old, NewUserName=new)
    named = [f"arn:aws:iam::{account}:user/{name}" for name in ("aaaaaaaaaaaa", "b", "cc")]
    assert trusted(iam) == {"AWS": named}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("no policy", "This policy contains invalid Json"),
        ("{}", "Syntax error in policy."),
        ('{"Version": "2012-10-17", "Statement": []}', "Syntax error in policy."),
        (
            json.dumps({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole"}}),
            "Missing required field Principal",
        ),
        (
            json.dumps({"Statement": {"Effect": "Allow", "Principal": "*"}}),
            "Missing required field Action",
        ),
        (
            TRUST.replace('"Action"', '"Resource": "*", "Action"'),
            "Has prohibited field Resource",
        ),
    ],
)
def test_what_is_no_trust_policy(iam, document, message):
    with malformed(message):
        iam.create_role(RoleName="r", AssumeRolePolicyDocument=document)
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    with malformed(message):
        iam.update_assume_role_policy(RoleName="r", PolicyDocument=document)


def test_the_size_of_a_trust_policy(iam):
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    with over("Cannot exceed quota for ACLSizePerRole: 2048"):
        iam.update_assume_role_policy(RoleName="r", PolicyDocument=long_policy(2049))


@pytest.mark.parametrize(
    "wrong",
    [{"Path": "/aws-service-role/kms.amazonaws.com/"}, {"RoleName": "AWSServiceRoleForKMS"}],
)
def test_nobody_makes_service_linked_roles(iam, wrong):
    with refused(
        "InvalidInput", "Service-linked roles are made by the services that they are linked to."
    ):
        iam.create_role(**{"RoleName": "r", "AssumeRolePolicyDocument": TRUST} | wrong)


def test_a_role_that_has_something_cannot_be_deleted(iam):
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    iam.attach_role_policy(RoleName="r", PolicyArn=ADMINISTRATOR)
    with conflict("Cannot delete entity, must detach all policies first."):
        iam.delete_role(RoleName="r")
    iam.detach_role_policy(RoleName="r", PolicyArn=ADMINISTRATOR)
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=DOCUMENT)
    with conflict("Cannot delete entity, must delete policies first."):
        iam.delete_role(RoleName="r")
    iam.delete_role_policy(RoleName="r", PolicyName="p")
    iam.delete_role(RoleName="r")


def test_a_boundary(iam):
    arn = iam.create_policy(PolicyName="b", PolicyDocument=DOCUMENT)["Policy"]["Arn"]
    made = iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST, PermissionsBoundary=arn)[
        "Role"
    ]
    assert made["PermissionsBoundary"]["PermissionsBoundaryArn"] == arn
    iam.delete_role_permissions_boundary(RoleName="r")
    assert "PermissionsBoundary" not in iam.get_role(RoleName="r")["Role"]
    iam.put_role_permissions_boundary(RoleName="r", PermissionsBoundary=ADMINISTRATOR)
    bounded = iam.get_role(RoleName="r")["Role"]["PermissionsBoundary"]
    assert bounded["PermissionsBoundaryArn"] == ADMINISTRATOR


@pytest.mark.parametrize(
    ("operation", "further"),
    [
        ("get_role", {}),
        ("update_role", {}),
        ("update_role_description", {"Description": "x"}),
        ("update_assume_role_policy", {"PolicyDocument": TRUST}),
        ("delete_role", {}),
        ("put_role_permissions_boundary", {"PermissionsBoundary": ADMINISTRATOR}),
        ("delete_role_permissions_boundary", {}),
        ("list_instance_profiles_for_role", {}),
    ],
)
def test_no_role_is_told_so(iam, operation, further):
    with no_such("The role with name none cannot be found."):
        getattr(iam, operation)(RoleName="none", **further)


def test_roles_page_by_page(iam):
    for name in ("c", "A", "b"):
        iam.create_role(RoleName=name, Path=f"/{name}/", AssumeRolePolicyDocument=TRUST)
    found, sizes = pages(iam, "list_roles", "Roles", 2)
    assert ([role["RoleName"] for role in found], sizes) == (["A", "b", "c"], [2, 1])
    (role,) = iam.list_roles(PathPrefix="/b/")["Roles"]
    assert role["RoleName"] == "b"
    assert iam.list_instance_profiles_for_role(RoleName="b")["InstanceProfiles"] == []
