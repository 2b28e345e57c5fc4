"""`strongroom explain` and `who-can`, of a real server's folder, against what its clients are told."""

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.conftest import start_dev
from typer.testing import CliRunner

from strongroom.main import app

A, B, ELSEWHERE = "000000000000", "444455556666", "999988887777"
REGION = "explained-1"
VIA = "s3.explained-1.amazonaws.com"


@dataclass
class Scene:
    """A key, and those who may use it by one way or another."""

    server: object
    data: str
    key: str = ""
    alias: str = ""
    grant: str = ""
    ciphertext: bytes = b""
    secrets: dict[str, dict[str, str]] = None

    def client(self, service, *credentials):
        key_id, secret, token = (*credentials, None, None, None)[:3]
        return boto3.client(
            service,
            endpoint_url=self.server.url,
            region_name=REGION,
            aws_access_key_id=key_id or "test",
            aws_secret_access_key=secret or "test",
            aws_session_token=token,
        )

    def of(self, user):
        key = self.secrets[user]
        return self.client("kms", key["AccessKeyId"], key["SecretAccessKey"])

    def decrypt(self, kms, **more):
        """The request's id, and the refusal if there was one."""
        try:
            done = kms.decrypt(CiphertextBlob=self.ciphertext, **more)
        except ClientError as refused:
            return refused.response["ResponseMetadata"]["RequestId"], refused.response["Error"]
        return done["ResponseMetadata"]["RequestId"], None


def user(name, account=A):
    return f"arn:aws:iam::{account}:user/{name}"


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


KEY_POLICY = [
    allow("kms:*", Sid="Leaves it to IAM", Principal={"AWS": f"arn:aws:iam::{A}:root"}),
    allow("kms:Decrypt", Sid="Partners", Principal={"AWS": [B, ELSEWHERE]}),
    allow("kms:Decrypt", Sid="Logs", Principal={"Service": "logs.amazonaws.com"}),
    {
        "Sid": "OnlyFromHere",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "kms:Decrypt",
        "Resource": "*",
        "Condition": {"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "127.0.0.1"]}},
    },
]


@pytest.fixture(scope="module")
def scene():
    server = start_dev()
    for line in server.process.stdout:
        if line.startswith("export STRONGROOM_DATA="):
            break
    made = Scene(server, line.strip().partition("=")[2])
    kms, iam = made.client("kms"), made.client("iam")
    made.secrets = {}
    for name in ("alice", "bob", "carol", "dora"):
        iam.create_user(UserName=name)
        made.secrets[name] = iam.create_access_key(UserName=name)["AccessKey"]
    theirs = made.client("iam", B)
    theirs.create_user(UserName="eve")
    theirs.create_user(UserName="mallory")
    theirs.put_user_policy(
        UserName="eve", PolicyName="use", PolicyDocument=document(allow("kms:*"))
    )
    made.secrets["eve"] = theirs.create_access_key(UserName="eve")["AccessKey"]
    made.key = kms.create_key()["KeyMetadata"]["Arn"]
    made.alias = "alias/explained"
    kms.create_alias(AliasName=made.alias, TargetKeyId=made.key)
    kms.put_key_policy(KeyId=made.key, PolicyName="default", Policy=document(*KEY_POLICY))
    via = {"StringEquals": {"kms:ViaService": VIA}}
    iam.put_user_policy(
        UserName="bob",
        PolicyName="through-s3",
        PolicyDocument=document(allow("kms:Decrypt", Sid="Via", Condition=via)),
    )
    trust = document(
        {
            "Effect": "Allow",
            "Principal": {"AWS": user("dora"), "Service": "ecs-tasks.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    )
    iam.create_role(RoleName="app", AssumeRolePolicyDocument=trust)
    iam.put_role_policy(
        RoleName="app", PolicyName="use", PolicyDocument=document(allow("kms:Decrypt", made.key))
    )
    made.grant = kms.create_grant(
        KeyId=made.key,
        GranteePrincipal=user("carol"),
        Operations=["Decrypt"],
        Constraints={"EncryptionContextSubset": {"app": "web"}},
    )["GrantId"]
    made.ciphertext = kms.encrypt(KeyId=made.key, Plaintext=b"x", EncryptionContext={"app": "web"})[
        "CiphertextBlob"
    ]
    yield made
    server.stop()


@pytest.fixture
def ask(scene):
    """A command's answer as JSON; the command is run in this process, which saves its start."""

    def asking(*words):
        said = CliRunner().invoke(app, [*words, "--json"], env={"STRONGROOM_DATA": scene.data})
        assert said.exit_code == 0, said.output
        return json.loads(said.stdout)

    return asking


# A past request


def test_a_denial_tells_what_decided_and_what_would_help(scene, ask):
    request, refusal = scene.decrypt(scene.of("alice"), EncryptionContext={"app": "web"})
    assert refusal["Code"] == "AccessDeniedException"
    told = ask("explain", request)
    assert told["record"]["errorMessage"] == refusal["Message"]
    then = told["then"]
    assert (then["decision"], then["decidedBy"]) == (
        "ImplicitDeny",
        {"layer": "identity-based policy"},
    )
    assert (then["principal"], then["action"], then["resource"]) == (
        user("alice"),
        "kms:Decrypt",
        scene.key,
    )
    resource, identity = then["layers"]
    assert [each["sid"] for each in resource["statements"]] == ["Leaves it to IAM", "OnlyFromHere"]
    assert (resource["says"], identity["says"]) == ("Allow", "ImplicitDeny")
    assert then["remedies"] == [
        f"attach a policy to {user('alice')} that allows kms:Decrypt on {scene.key}"
    ]
    assert told["now"][0]["decision"] == "ImplicitDeny"
    assert told["changed"] == []


def test_a_failed_condition_is_told_with_what_it_wanted_and_what_it_saw(scene, ask):
    request, _ = scene.decrypt(scene.of("bob"))
    (via,) = ask("explain", request)["then"]["layers"][1]["statements"]
    assert via["conditions"] == [
        {"operator": "StringEquals", "key": "kms:ViaService", "wanted": [VIA], "holds": False}
    ]
    assert (via["policy"], via["sid"], via["line"], via["applies"]) == (
        "user bob: inline policy through-s3",
        "Via",
        1,
        False,
    )


def test_a_grant_whose_constraint_is_not_met_is_told(scene, ask):
    request, refusal = scene.decrypt(scene.of("carol"))
    assert refusal["Code"] == "AccessDeniedException"
    (grant,) = ask("explain", request)["then"]["grants"]
    assert (grant["grant"], grant["applies"]) == (scene.grant, False)
    assert grant["why"] == "its constraint is not met by the encryption context"


def test_what_denied_is_known_after_the_policy_is_another(scene, ask):
    kms = scene.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    never = {
        "Sid": "Never",
        "Effect": "Deny",
        "Principal": {"AWS": user("alice")},
        "Action": "kms:DescribeKey",
        "Resource": "*",
    }
    before = document(KEY_POLICY[0], never)
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=before)
    with pytest.raises(ClientError) as refused:
        scene.of("alice").describe_key(KeyId=key)
    request = refused.value.response["ResponseMetadata"]["RequestId"]
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document(KEY_POLICY[0]))
    told = ask("explain", request)
    assert told["then"]["decision"] == "ExplicitDeny"
    assert told["then"]["decidedBy"]["sid"] == "Never"
    assert told["then"]["decidedBy"]["policy"] == "key policy"
    assert told["changed"] == ["key policy"]
    assert told["now"][0]["decision"] == "ImplicitDeny"


def test_a_request_that_was_allowed_is_asked_again(scene, ask):
    request, refusal = scene.decrypt(scene.of("carol"), EncryptionContext={"app": "web"})
    assert refusal is None
    told = ask("explain", request)
    assert "then" not in told
    (now,) = told["now"]
    assert now["decidedBy"] == {"layer": "grant", "grant": scene.grant}
    assert now["decision"] == "Allow"


def test_of_an_allowed_request_it_is_told_what_was_changed_since(scene, ask):
    kms, iam = scene.client("kms"), scene.client("iam")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    elsewhere = kms.create_key()["KeyMetadata"]["KeyId"]
    theirs = scene.client("iam", B)
    time.sleep(1.1)  # records tell whole seconds
    done = kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    request = done["ResponseMetadata"]["RequestId"]
    # None of these has a say: a refusal, another key, another account, what changes no policy.
    with pytest.raises(ClientError):
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy="{}")
    kms.tag_resource(KeyId=elsewhere, Tags=[{"TagKey": "a", "TagValue": "b"}])
    kms.update_key_description(KeyId=key, Description="new")
    theirs.put_user_policy(UserName="eve", PolicyName="p", PolicyDocument=document(allow("s3:*")))
    iam.delete_access_key(
        UserName="carol",
        AccessKeyId=iam.create_access_key(UserName="carol")["AccessKey"]["AccessKeyId"],
    )
    assert ask("explain", request)["since"] == []
    theirs.delete_user_policy(UserName="eve", PolicyName="p")
    changes = [
        kms.tag_resource(KeyId=key, Tags=[{"TagKey": "a", "TagValue": "b"}]),
        iam.tag_user(UserName="carol", Tags=[{"Key": "a", "Value": "b"}]),
        kms.create_grant(KeyId=key, GranteePrincipal=user("carol"), Operations=["Decrypt"]),
    ]
    since = ask("explain", request)["since"]
    assert [each["eventName"] for each in since] == ["TagResource", "TagUser", "CreateGrant"]
    assert [each["requestID"] for each in since] == [
        change["ResponseMetadata"]["RequestId"] for change in changes
    ]


def test_what_a_session_brought_is_told_and_has_its_say(scene, ask, strongroom):
    key = scene.secrets["dora"]
    sts = scene.client("sts", key["AccessKeyId"], key["SecretAccessKey"])
    iam = scene.client("iam")
    iam.put_user_policy(
        UserName="dora", PolicyName="assume", PolicyDocument=document(allow("sts:*"))
    )
    iam.create_role(
        RoleName="tagged",
        AssumeRolePolicyDocument=document(
            {
                "Effect": "Allow",
                "Principal": {"AWS": A},
                "Action": ["sts:AssumeRole", "sts:TagSession"],
            }
        ),
    )
    tagged = {"StringEquals": {"aws:PrincipalTag/team": "blue"}}
    iam.put_role_policy(
        RoleName="tagged",
        PolicyName="use",
        PolicyDocument=document(allow("kms:Decrypt", Condition=tagged), allow("sts:*")),
    )
    role = f"arn:aws:iam::{A}:role/tagged"

    def session(client, **more):
        given = client.assume_role(RoleArn=role, RoleSessionName="session", **more)
        made = given["Credentials"]
        return given, (made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])

    _, first = session(sts, Tags=[{"Key": "team", "Value": "blue"}], TransitiveTagKeys=["team"])
    only = document(allow("kms:Decrypt", Sid="Only"))
    given, credentials = session(scene.client("sts", *first), Policy=only)
    request, refusal = scene.decrypt(
        scene.client("kms", *credentials), EncryptionContext={"app": "web"}
    )
    assert refusal is None
    told = ask("explain", request)
    assert told["session"]["requestID"] == given["ResponseMetadata"]["RequestId"]
    assert (told["session"]["policy"], told["session"]["tags"]) == (only, {"team": "blue"})
    (now,) = told["now"]
    assert now["decision"] == "Allow"
    layers = {layer["layer"]: layer for layer in now["layers"]}
    assert layers["session policy"]["statements"][0]["sid"] == "Only"
    shown = strongroom("explain", request, "--data", scene.data)
    assert given["ResponseMetadata"]["RequestId"] in shown.out
    assert "team" in shown.out
    for delete in (
        lambda: iam.delete_user_policy(UserName="dora", PolicyName="assume"),
        lambda: iam.delete_role_policy(RoleName="tagged", PolicyName="use"),
        lambda: iam.delete_role(RoleName="tagged"),
    ):
        delete()
    assert "not there any more" in ask("explain", request)["unknown"]


def test_secrets_of_a_session_are_not_recorded(scene):
    key = scene.secrets["dora"]
    sts = scene.client("sts", key["AccessKeyId"], key["SecretAccessKey"])
    given = sts.get_session_token()
    made = given["Credentials"]
    log = b"".join(path.read_bytes() for path in (Path(scene.data) / "audit").glob("*.jsonl"))
    assert made["AccessKeyId"].encode() in log
    for secret in (made["SecretAccessKey"], made["SessionToken"]):
        assert secret.encode() not in log


def test_both_halves_of_re_encrypt_are_told(scene, ask):
    kms = scene.client("kms")
    done = kms.re_encrypt(
        CiphertextBlob=scene.ciphertext,
        SourceEncryptionContext={"app": "web"},
        DestinationKeyId=scene.alias,
    )
    told = ask("explain", done["ResponseMetadata"]["RequestId"])
    assert [each["action"] for each in told["now"]] == ["kms:ReEncryptFrom", "kms:ReEncryptTo"]


def test_denials_of_iam_and_sts_are_told_too(scene, ask):
    key = scene.secrets["alice"]
    credentials = key["AccessKeyId"], key["SecretAccessKey"]
    iam, sts = scene.client("iam", *credentials), scene.client("sts", *credentials)
    role = f"arn:aws:iam::{A}:role/app"
    for call, action, resource in (
        (lambda: iam.delete_user(UserName="bob"), "iam:DeleteUser", user("bob")),
        (lambda: sts.assume_role(RoleArn=role, RoleSessionName="session"), "sts:AssumeRole", role),
    ):
        with pytest.raises(ClientError) as refused:
            call()
        told = ask("explain", refused.value.response["ResponseMetadata"]["RequestId"])
        then = told["then"]
        assert (then["action"], then["resource"], then["decision"]) == (
            action,
            resource,
            "ImplicitDeny",
        )
        assert told["now"][0]["decision"] == "ImplicitDeny"


def id_of(call):
    """The id of a request that is refused, or is not."""
    try:
        done = call()
    except ClientError as refused:
        return refused.response["ResponseMetadata"]["RequestId"]
    return done["ResponseMetadata"]["RequestId"]


@pytest.fixture(scope="module")
def asker_made(scene):
    iam, kms = scene.client("iam"), scene.client("kms")
    iam.create_user(UserName="asker")
    made = iam.create_access_key(UserName="asker")["AccessKey"]
    credentials = made["AccessKeyId"], made["SecretAccessKey"]
    wishes = (
        {},
        {},
        {"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"},
        {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
        {"KeySpec": "ECC_NIST_P256", "KeyUsage": "KEY_AGREEMENT"},
        {"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"},
        {"Origin": "EXTERNAL"},
    )
    return credentials, [kms.create_key(**wish)["KeyMetadata"]["Arn"] for wish in wishes]


@pytest.fixture
def asker(scene, asker_made):
    """A user who may do everything, but what a statement denies, and keys that leave it to IAM."""
    yield asker_made
    with suppress(ClientError):  # nobody who may do anything, to other tests
        scene.client("iam").delete_user_policy(UserName="asker", PolicyName="use")


def permit(scene, *statements):
    scene.client("iam").put_user_policy(
        UserName="asker", PolicyName="use", PolicyDocument=document(*statements)
    )


ANOTHER = (
    ec.generate_private_key(ec.SECP256R1())
    .public_key()
    .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
)
TAGS = [{"TagKey": "Stage", "TagValue": "test"}]
OWN_KEYS = [
    (
        lambda kms, keys: kms.create_grant(
            KeyId=keys[0],
            GranteePrincipal=user("carol"),
            RetiringPrincipal=user("bob"),
            Operations=["Decrypt", "Encrypt"],
            Constraints={"EncryptionContextSubset": {"App": "web"}},
        ),
        {
            "kms:GrantOperations": ["Decrypt", "Encrypt"],
            "kms:GranteePrincipal": user("carol"),
            "kms:RetiringPrincipal": user("bob"),
            "kms:GrantConstraintType": "EncryptionContextSubset",
            "kms:EncryptionContext:App": "web",
            "kms:GrantIsForAWSResource": "false",
        },
    ),
    (
        lambda kms, keys: kms.create_key(Tags=TAGS, BypassPolicyLockoutSafetyCheck=True),
        {
            "aws:RequestTag/Stage": "test",
            "aws:ResourceTag/Stage": "test",
            "aws:TagKeys": ["Stage"],
            "kms:KeySpec": "SYMMETRIC_DEFAULT",
            "kms:KeyUsage": "ENCRYPT_DECRYPT",
            "kms:KeyOrigin": "AWS_KMS",
            "kms:MultiRegion": "false",
            "kms:BypassPolicyLockoutSafetyCheck": "true",
            "kms:CallerAccount": A,
        },
    ),
    (
        lambda kms, keys: kms.schedule_key_deletion(KeyId=keys[1], PendingWindowInDays=9),
        {"kms:ScheduleKeyDeletionPendingWindowInDays": "9"},
    ),
    (
        lambda kms, keys: kms.put_key_policy(
            KeyId=keys[0], Policy=document(KEY_POLICY[0]), BypassPolicyLockoutSafetyCheck=True
        ),
        {"kms:BypassPolicyLockoutSafetyCheck": "true", "kms:PolicyName": "default"},
    ),
    (
        lambda kms, keys: kms.tag_resource(KeyId=keys[0], Tags=TAGS),
        {"aws:RequestTag/Stage": "test", "aws:TagKeys": ["Stage"]},
    ),
    (
        lambda kms, keys: kms.untag_resource(KeyId=keys[0], TagKeys=["Stage"]),
        {"aws:TagKeys": ["Stage"]},
    ),
    (
        lambda kms, keys: kms.enable_key_rotation(KeyId=keys[0]),
        {"kms:RotationPeriodInDays": "365"},
    ),
    (
        lambda kms, keys: kms.re_encrypt(
            CiphertextBlob=kms.encrypt(KeyId=keys[0], Plaintext=b"x")["CiphertextBlob"],
            DestinationKeyId=keys[0],
        ),
        {"kms:ReEncryptOnSameKey": "true", "aws:RequestedRegion": REGION},
    ),
    (
        lambda kms, keys: kms.sign(
            KeyId=keys[2], Message=b"x", SigningAlgorithm="RSASSA_PSS_SHA_256"
        ),
        {"kms:SigningAlgorithm": "RSASSA_PSS_SHA_256", "kms:MessageType": "RAW"},
    ),
    (
        lambda kms, keys: kms.generate_mac(
            KeyId=keys[3], Message=b"x", MacAlgorithm="HMAC_SHA_256"
        ),
        {"kms:MacAlgorithm": "HMAC_SHA_256"},
    ),
    (
        lambda kms, keys: kms.derive_shared_secret(
            KeyId=keys[4], PublicKey=ANOTHER, KeyAgreementAlgorithm="ECDH"
        ),
        {"kms:KeyAgreementAlgorithm": "ECDH"},
    ),
    (
        lambda kms, keys: kms.encrypt(
            KeyId=keys[5], Plaintext=b"x", EncryptionAlgorithm="RSAES_OAEP_SHA_256"
        ),
        {"kms:EncryptionAlgorithm": "RSAES_OAEP_SHA_256"},
    ),
    (
        lambda kms, keys: kms.generate_data_key_pair(KeyId=keys[0], KeyPairSpec="ECC_NIST_P256"),
        {"kms:DataKeyPairSpec": "ECC_NIST_P256", "kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT"},
    ),
    (
        lambda kms, keys: kms.get_parameters_for_import(
            KeyId=keys[6], WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"
        ),
        {"kms:WrappingAlgorithm": "RSAES_OAEP_SHA_256", "kms:WrappingKeySpec": "RSA_2048"},
    ),
]


def conditions(wanted):
    """A block that holds where every key has these values."""
    return {
        "StringEquals": {key: value for key, value in wanted.items() if isinstance(value, str)},
        "ForAnyValue:StringEquals": {
            key: value for key, value in wanted.items() if isinstance(value, list)
        },
    }


@pytest.mark.parametrize(("ask_kms", "wanted"), OWN_KEYS)
def test_what_an_operation_had_of_its_own_is_there_when_it_is_asked_again(
    scene, ask, asker, ask_kms, wanted
):
    credentials, keys = asker
    kms = scene.client("kms", *credentials)
    block = {name: pairs for name, pairs in conditions(wanted).items() if pairs}
    denied = allow("*", Sid="Own", Condition=block) | {"Effect": "Deny"}
    permit(scene, allow("*"), denied)
    told = ask("explain", id_of(lambda: ask_kms(kms, keys)))
    assert told["then"]["decidedBy"]["sid"] == "Own"
    assert [now["decidedBy"]["sid"] for now in told["now"]] == ["Own"]
    assert "changed" not in told or told["changed"] == []
    # Of one that was allowed there is the record alone.
    permit(scene, allow("*"))
    request = id_of(lambda: ask_kms(kms, keys))
    permit(scene, allow("*", Sid="Own", Condition=block))
    told = ask("explain", request)
    assert "then" not in told
    assert {now["decision"] for now in told["now"]} == {"Allow"}, told
    there = {"Null": dict.fromkeys(wanted, "false")}
    permit(scene, allow("*"), allow("*", Condition=there) | {"Effect": "Deny"})
    assert {now["decision"] for now in ask("explain", request)["now"]} == {"ExplicitDeny"}
    if "ScheduleKeyDeletion" in told["record"]["eventName"]:
        scene.client("kms").cancel_key_deletion(KeyId=keys[1])


def test_what_a_denial_has_seen_counts_when_it_is_asked_again(scene, ask, asker):
    """And what it saw of who asked, and of what, does not: that is as it is now."""
    credentials, _ = asker
    iam = scene.client("iam")
    asking = scene.client("iam", *credentials)
    tag = {"StringEquals": {"aws:RequestTag/team": "blue", "aws:PrincipalTag/job": "none"}}
    permit(scene, allow("*"), allow("iam:TagUser", Sid="Own", Condition=tag) | {"Effect": "Deny"})
    iam.tag_user(UserName="asker", Tags=[{"Key": "job", "Value": "none"}])
    request = id_of(
        lambda: asking.tag_user(UserName="bob", Tags=[{"Key": "team", "Value": "blue"}])
    )
    assert ask("explain", request)["now"][0]["decidedBy"]["sid"] == "Own"
    iam.tag_user(UserName="asker", Tags=[{"Key": "job", "Value": "operator"}])
    assert ask("explain", request)["now"][0]["decision"] == "Allow"
    # The record does not tell what nobody asked for: only where that decides is it not known.
    keyed = {"StringEquals": {"aws:TagKeys": "team"}}
    permit(scene, allow("*"), allow("iam:TagUser", Condition=keyed) | {"Effect": "Deny"})
    told = ask("explain", request)
    assert told["unknown"] == "it hangs on aws:TagKeys, which the record does not tell"
    assert "now" not in told
    permit(scene, allow("kms:*"), allow("iam:TagUser", Condition=keyed) | {"Effect": "Deny"})
    assert ask("explain", request)["now"][0]["decision"] == "ImplicitDeny"
    iam.untag_user(UserName="asker", TagKeys=["job"])


def test_what_was_cut_when_it_was_kept_is_not_taken_for_the_whole(scene, ask, asker):
    credentials, _ = asker
    asking = scene.client("iam", *credentials)
    for number, missing in ((8, False), (9, True)):
        tags = [{"Key": f"t{at}", "Value": "x"} for at in range(number)]
        keyed = {"ForAnyValue:StringEquals": {"aws:TagKeys": "t0"}}
        permit(scene, allow("*"), allow("iam:TagUser", Condition=keyed) | {"Effect": "Deny"})
        request = id_of(lambda tags=tags: asking.tag_user(UserName="bob", Tags=tags))
        told = ask("explain", request)
        assert told["then"]["decision"] == "ExplicitDeny"
        assert ("unknown" in told, "now" in told) == (missing, not missing)


def test_a_past_session_is_asked_for_again_with_what_it_was_to_bring(scene, ask, asker):
    credentials, _ = asker
    iam, sts = scene.client("iam"), scene.client("sts", *credentials)
    permit(scene, allow("*"))
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": user("asker")},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {
            "StringEquals": {
                "sts:ExternalId": "outside",
                "sts:RoleSessionName": "build",
                "aws:RequestTag/team": "blue",
            }
        },
    }
    iam.create_role(RoleName="asked", AssumeRolePolicyDocument=document(trust))
    role = f"arn:aws:iam::{A}:role/asked"
    tags = [{"Key": "team", "Value": "blue"}]
    given = {"RoleArn": role, "RoleSessionName": "build", "Tags": tags}
    allowed = id_of(lambda: sts.assume_role(**given, ExternalId="outside"))
    told = ask("explain", allowed)
    assert "errorCode" not in told["record"]
    assert told["now"][0]["decidedBy"]["policy"] == "role trust policy"
    assert told["now"][0]["decision"] == "Allow"
    assert ask("explain", id_of(lambda: sts.assume_role(**given)))["now"][0]["decision"] != "Allow"
    # Tags are another action, and the trust policy is asked about it as well.
    iam.update_assume_role_policy(
        RoleName="asked", PolicyDocument=document(trust | {"Action": "sts:AssumeRole"})
    )
    told = ask("explain", id_of(lambda: sts.assume_role(**given, ExternalId="outside")))
    assert told["then"]["action"] == "sts:TagSession"
    assert told["now"][0]["decision"] == told["then"]["decision"] == "ImplicitDeny"
    assert told["now"][0]["decidedBy"] == {"layer": "resource-based policy"}
    iam.delete_role(RoleName="asked")


def test_an_alias_is_a_resource_of_its_own(scene, ask, asker):
    credentials, (key, *_) = asker
    kms = scene.client("kms", *credentials)
    alias = f"arn:aws:kms:{REGION}:{A}:alias/zz"
    permit(scene, allow("kms:CreateAlias", key))
    told = ask("explain", id_of(lambda: kms.create_alias(AliasName="alias/zz", TargetKeyId=key)))
    assert (told["then"]["resource"], told["then"]["decision"]) == (alias, "ImplicitDeny")
    assert told["now"][0]["decision"] == "ImplicitDeny"
    assert ask("explain", user("asker"), "kms:CreateAlias", alias)["decision"] == "ImplicitDeny"
    assert ask("explain", user("asker"), "kms:CreateAlias", key)["decision"] == "Allow"
    permit(scene, allow("kms:*Alias"))
    assert ask("explain", user("asker"), "kms:CreateAlias", alias)["decision"] == "Allow"
    told = ask("explain", id_of(lambda: kms.create_alias(AliasName="alias/zz", TargetKeyId=key)))
    assert [(now["resource"], now["decision"]) for now in told["now"]] == [
        (alias, "Allow"),
        (key, "Allow"),
    ]
    scene.client("kms").delete_alias(AliasName="alias/zz")


def test_retiring_is_asked_of_the_grants_alone(scene, ask, asker):
    credentials, _ = asker
    kms = scene.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    permit(scene, allow("kms:*"))
    words = user("asker"), "kms:RetireGrant", key
    assert ask("explain", *words)["decision"] == "ImplicitDeny"
    permit(scene, allow("kms:Encrypt"))
    assert ask("explain", *words)["decision"] == "ImplicitDeny"
    made = kms.create_grant(
        KeyId=key,
        GranteePrincipal=user("carol"),
        RetiringPrincipal=user("asker"),
        Operations=["Decrypt"],
    )
    told = ask("explain", *words)
    assert told["decidedBy"] == {"layer": "grant", "grant": made["GrantId"]}
    assert ask("explain", user("carol"), *words[1:])["decision"] == "ImplicitDeny"
    retire = {"KeyId": key, "GrantId": made["GrantId"]}
    refused = id_of(lambda: scene.of("carol").retire_grant(**retire))
    assert "does not tell which it was" in ask("explain", refused)["unknown"]
    scene.client("kms", *credentials).retire_grant(**retire)
    assert ask("explain", *words)["decision"] == "ImplicitDeny"


def test_grants_that_somebody_may_retire_are_listed_of_no_resource(scene, ask, asker):
    credentials, _ = asker
    kms = scene.client("kms", *credentials)
    listing = lambda name: id_of(  # noqa: E731
        lambda: kms.list_retirable_grants(RetiringPrincipal=user(name))
    )
    permit(scene, allow("kms:ListRetirableGrants"))
    assert ask("explain", listing("carol"))["now"][0]["decision"] == "Allow"
    permit(scene, allow("kms:ListRetirableGrants", user("carol")))
    told = ask("explain", listing("carol"))
    assert told["then"]["resource"] == "*"
    assert told["now"][0]["decision"] == "ImplicitDeny"


def test_a_session_is_helped_by_a_policy_of_its_role(scene, ask):
    session = f"arn:aws:sts::{A}:assumed-role/app/one"
    told = ask("explain", session, "kms:Encrypt", scene.key)
    role = f"arn:aws:iam::{A}:role/app"
    assert told["remedies"] == [f"attach a policy to {role} that allows kms:Encrypt on {scene.key}"]


def test_a_service_has_no_policies_of_its_own(scene, ask):
    here = "--context", "aws:SourceIp=10.1.2.3"
    told = ask("explain", "logs.amazonaws.com", "kms:Decrypt", scene.key, *here)
    assert told["decidedBy"]["sid"] == "Logs"
    assert [layer["layer"] for layer in told["layers"]] == ["resource-based policy"]
    told = ask("explain", "logs.amazonaws.com", "kms:Encrypt", scene.key)
    assert told["decision"] == "ImplicitDeny"


def test_whomever_a_provider_vouches_for_can_be_asked_about(scene, ask):
    provider = f"arn:aws:iam::{A}:oidc-provider/issuer.example"
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {"issuer.example:sub": "repo:one"}},
    }
    iam = scene.client("iam")
    iam.create_role(RoleName="vouched", AssumeRolePolicyDocument=document(trust))
    words = provider, "sts:AssumeRoleWithWebIdentity", f"arn:aws:iam::{A}:role/vouched"
    assert ask("explain", *words)["decision"] == "ImplicitDeny"
    said = ask("explain", *words, "--context", "issuer.example:sub=repo:one")
    assert said["decision"] == "Allow"
    iam.delete_role(RoleName="vouched")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nonsense"], "is not a request id"),
        (["7ba32dfb-695e-4891-81d4-26cb3a8662d1"], "the audit log has no request"),
        ([user("nobody"), "kms:Decrypt", "alias/explained"], "there is no `"),
        (["alice", "kms:Decrypt", "alias/explained"], "give the ARN of a user"),
        ([user("alice"), "Decrypt", "alias/explained"], "is not an action"),
        ([user("alice"), "kms:De*", "alias/explained"], "is not an action"),
        ([user("alice"), "kms:Decript", "alias/explained"], "did you mean kms:Decrypt?"),
        ([user("alice"), "kms:ReEncrypt", "alias/explained"], "did you mean kms:ReEncryptTo?"),
        ([user("alice"), "iam:Nonsense", user("bob")], "there is no action `iam:Nonsense`"),
        ([user("alice"), "sts:AsumeRole", "x"], "did you mean sts:AssumeRole?"),
        (
            [f"arn:aws:sts::{A}:federated-user/bob", "kms:Decrypt", "alias/explained"],
            "does not tell whose session it is",
        ),
        (
            [user("alice"), "kms:CreateAlias", "alias/other"],
            "there is no key",
        ),
        ([user("alice"), "kms:Decrypt", "alias/other"], "there is no key"),
        ([user("alice"), "sts:AssumeRole", "alias/other"], "is not an ARN"),
        ([user("alice"), "kms:Decrypt", "alias/explained", "more"], "give a request id; or"),
        ([user("alice"), "kms:Decrypt", "--context", "x"], "is no pair"),
    ],
)
def test_what_cannot_be_explained_is_said_in_a_sentence(scene, strongroom, words, sentence):
    said = strongroom("explain", *words, STRONGROOM_DATA=scene.data)
    assert said.code == 1
    assert sentence in said.sentence


def test_a_request_id_that_a_caller_wrote_into_a_request_is_not_taken_for_one(scene, strongroom):
    forged = "11111111-2222-4333-8444-555555555555"
    kms = scene.client("kms")
    kms.create_key(Description=f'"requestID":"{forged}"')
    kms.encrypt(KeyId=scene.key, Plaintext=b"x", EncryptionContext={"requestID": forged})
    said = strongroom("explain", forged, STRONGROOM_DATA=scene.data)
    assert "the audit log has no request" in said.sentence


# A request that nobody made


@pytest.mark.parametrize(
    ("principal", "more", "decision", "layer"),
    [
        (user("alice"), [], "ImplicitDeny", "identity-based policy"),
        (user("bob"), [], "ImplicitDeny", "identity-based policy"),
        (user("bob"), ["--context", f"kms:ViaService={VIA}"], "Allow", "identity-based policy"),
        (user("carol"), [], "ImplicitDeny", "identity-based policy"),
        (user("carol"), ["--encryption-context", "app=web"], "Allow", "grant"),
        (f"arn:aws:iam::{A}:root", [], "Allow", "resource-based policy"),
        (A, [], "Allow", "resource-based policy"),
        (f"arn:aws:iam::{A}:role/app", [], "Allow", "identity-based policy"),
        (f"arn:aws:sts::{A}:assumed-role/app/s", [], "Allow", "identity-based policy"),
        (user("eve", B), [], "Allow", "resource-based policy"),
        (user("mallory", B), [], "ImplicitDeny", "identity-based policy"),
        (user("who", ELSEWHERE), [], "Allow", "resource-based policy"),
        (user("who", "123123123123"), [], "ImplicitDeny", "resource-based policy"),
    ],
)
def test_a_hypothetical_request_is_decided(scene, ask, principal, more, decision, layer):
    here = ["--context", "aws:SourceIp=127.0.0.1", *more]
    told = ask("explain", principal, "kms:Decrypt", scene.key, *here)
    assert (told["decision"], told["decidedBy"]["layer"]) == (decision, layer)
    elsewhere = ["--context", "aws:SourceIp=192.0.2.1", *more]
    denied = ask("explain", principal, "kms:Decrypt", scene.alias, *elsewhere)
    assert (denied["decision"], denied["decidedBy"]["sid"]) == ("ExplicitDeny", "OnlyFromHere")


def test_the_same_is_decided_as_on_the_wire(scene, ask):
    for name in ("alice", "bob", "carol", "eve"):
        for context in ({}, {"app": "web"}):
            kms = scene.of(name)
            pairs = [f"--encryption-context={key}={value}" for key, value in context.items()]
            _, refusal = scene.decrypt(kms, EncryptionContext=context)
            allowed = refusal is None or refusal["Code"] == "InvalidCiphertextException"
            principal = user(name, B if name == "eve" else A)
            told = ask(
                "explain",
                principal,
                "kms:Decrypt",
                scene.key,
                "--context=aws:SourceIp=127.0.0.1",
                *pairs,
            )
            assert (told["decision"] == "Allow") is allowed, (name, context, refusal)


def test_what_follows_from_the_principal_and_the_key_need_not_be_given(scene, ask):
    kms = scene.client("kms")
    kms.tag_resource(KeyId=scene.key, Tags=[{"TagKey": "env", "TagValue": "prod"}])
    wants = {
        "StringEquals": {
            "aws:ResourceTag/env": "prod",
            "aws:PrincipalArn": user("dora"),
            "kms:KeySpec": "SYMMETRIC_DEFAULT",
            "kms:RequestAlias": scene.alias,
        },
        "ForAnyValue:StringEquals": {"kms:ResourceAliases": scene.alias},
    }
    scene.client("iam").put_user_policy(
        UserName="dora",
        PolicyName="tagged",
        PolicyDocument=document(allow("kms:Encrypt", Condition=wants)),
    )
    told = ask("explain", user("dora"), "kms:Encrypt", scene.alias)
    assert told["decision"] == "Allow"
    (statement,) = told["layers"][1]["statements"]
    assert [each["seen"] for each in statement["conditions"]] == [
        "prod",
        user("dora"),
        "SYMMETRIC_DEFAULT",
        scene.alias,
        [scene.alias],
    ]
    by_arn = ask("explain", user("dora"), "kms:Encrypt", scene.key)
    assert by_arn["decision"] == "ImplicitDeny"
    entry = {each["principal"]: each for each in ask("who-can", "Encrypt", scene.key)["principals"]}
    (way,) = entry[user("dora")]["ways"]
    assert [
        each["key"] for need in way["needs"] for each in need["anyOf"][0].get("conditions", ())
    ] == ["kms:RequestAlias"]


def test_what_is_about_no_key(scene, ask):
    told = ask("explain", user("alice"), "kms:CreateKey")
    assert told["decidedBy"] == {"layer": "identity-based policy"}
    told = ask("explain", user("dora"), "sts:AssumeRole", f"arn:aws:iam::{A}:role/app")
    assert told["decidedBy"]["policy"] == "role trust policy"
    assert ask("explain", A, "iam:CreateUser", user("new"))["decision"] == "Allow"


def test_a_tree_for_people_says_the_same_and_obeys_no_escapes(scene, strongroom):
    escape = "--context=kms:ViaService=\x1b[31mred"
    said = strongroom(
        "explain", user("bob"), "kms:Decrypt", scene.key, escape, STRONGROOM_DATA=scene.data
    )
    assert said.out.startswith("DENIED  kms:Decrypt\n├─ by arn:aws:iam::000000000000:user/bob\n")
    assert "it is `\\x1b[31mred`" in said.out
    assert "what would have to change" in said.out
    assert "\x1b" not in said.out
    request, _ = scene.decrypt(scene.of("alice"))
    said = strongroom("explain", request, STRONGROOM_DATA=scene.data)
    assert f"request {request}" in said.out.splitlines()[0]
    assert said.out.splitlines()[-1] == "└─ now it would be denied"


# Who can


def test_everybody_who_may_and_by_which_ways(scene, ask):
    told = ask("who-can", "kms:Decrypt", scene.key)
    found = {each["principal"]: each for each in told["principals"]}
    assert set(found) == {
        f"arn:aws:iam::{A}:root",
        f"arn:aws:iam::{B}:root",
        user("bob"),
        user("carol"),
        user("eve", B),
        f"arn:aws:iam::{A}:role/app",
        f"every principal of account {ELSEWHERE}",
        "logs.amazonaws.com",
    }
    (bob,) = found[user("bob")]["ways"]
    assert sorted(step["policy"] for need in bob["needs"] for step in need["anyOf"]) == [
        "key policy",
        "user bob: inline policy through-s3",
    ]
    assert not bob["always"]
    (carol,) = found[user("carol")]["ways"]
    assert (carol["grant"], carol["encryptionContextSubset"]) == (scene.grant, {"app": "web"})
    (role,) = told["roles"]
    assert role["role"] == f"arn:aws:iam::{A}:role/app"
    assumers = [each["principal"] for each in role["assumedBy"]]
    assert assumers == [user("dora"), "ecs-tasks.amazonaws.com"]
    for each in found.values():
        (obstacle,) = each["unless"]
        assert obstacle["sid"] == "OnlyFromHere"


def test_a_role_that_trusts_a_provider_is_told_with_what_its_tokens_must_say(scene, ask):
    iam = scene.client("iam")
    provider = iam.create_open_id_connect_provider(
        Url="https://issuer.example", ClientIDList=["app"], ThumbprintList=["a" * 40]
    )["OpenIDConnectProviderArn"]
    says = {"StringEquals": {"issuer.example:sub": "repo:one"}}
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": says,
    }
    iam.create_role(RoleName="ci", AssumeRolePolicyDocument=document(trust))
    iam.put_role_policy(
        RoleName="ci", PolicyName="use", PolicyDocument=document(allow("kms:Decrypt"))
    )
    arn = f"arn:aws:iam::{A}:role/ci"
    (role,) = (
        each for each in ask("who-can", "kms:Decrypt", scene.key)["roles"] if each["role"] == arn
    )
    (entry,) = role["assumedBy"]
    assert (entry["principal"], entry["what"]) == (provider, "whoever has a token of it")
    (step,) = entry["ways"][0]["needs"][0]["anyOf"]
    assert [(each["key"], each["wanted"]) for each in step["conditions"]] == [
        ("issuer.example:sub", ["repo:one"])
    ]
    iam.delete_role_policy(RoleName="ci", PolicyName="use")
    iam.delete_role(RoleName="ci")
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=provider)


def test_roles_that_assume_one_another_are_each_told_once(scene, ask, strongroom):
    iam = scene.client("iam")
    names = [f"ring-{at}" for at in range(4)]
    for name in names:
        trust = {"Effect": "Allow", "Principal": {"AWS": A}, "Action": "sts:AssumeRole"}
        iam.create_role(RoleName=name, Path="/ring/", AssumeRolePolicyDocument=document(trust))
        iam.put_role_policy(
            RoleName=name, PolicyName="assume", PolicyDocument=document(allow("sts:AssumeRole"))
        )
    iam.put_role_policy(
        RoleName=names[0], PolicyName="use", PolicyDocument=document(allow("kms:Decrypt"))
    )
    told = ask("who-can", "kms:Decrypt", scene.key)
    roles = {
        each["role"]: [one["principal"] for one in each["assumedBy"]] for each in told["roles"]
    }
    ring = [f"arn:aws:iam::{A}:role/ring/{name}" for name in names]
    assert len(told["roles"]) == len(roles)
    assert set(roles) == {f"arn:aws:iam::{A}:role/app", *ring}
    assert all(roles[arn] == ring for arn in ring)
    said = strongroom("who-can", "kms:Decrypt", scene.key, STRONGROOM_DATA=scene.data)
    assert f"{ring[1]} may be assumed by\n├─ {ring[0]} (role)\n" in said.out
    for name in names:
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        iam.delete_role(RoleName=name)


def test_sessions_that_are_named_by_themselves_are_among_those_who_can(scene, ask):
    """Beside their role, or the user who asked for them; and so are sessions that a grant is for."""
    kms, iam = scene.client("kms"), scene.client("iam")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    trust = document(
        {"Effect": "Allow", "Principal": {"AWS": user("dora")}, "Action": "sts:AssumeRole"}
    )
    for name in ("bare", "gone"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    session = f"arn:aws:sts::{A}:assumed-role/bare/s1"
    granted = f"arn:aws:sts::{A}:assumed-role/bare/s2"
    gone = f"arn:aws:sts::{A}:assumed-role/gone/s1"
    federated = f"arn:aws:sts::{A}:federated-user/fred"
    named = allow("kms:Decrypt", Principal={"AWS": [session, gone, federated]})
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document(KEY_POLICY[0], named))
    iam.delete_role(RoleName="gone")
    kms.create_grant(KeyId=key, GranteePrincipal=granted, Operations=["Decrypt"])
    told = ask("who-can", "kms:Decrypt", key)
    found = {each["principal"]: each for each in told["principals"]}
    assert found[session]["what"] == found[granted]["what"] == "session of a role"
    assert found[federated]["what"] == "session of a federated user"
    assert found[session]["ways"][0]["always"]
    assert "grant" in found[granted]["ways"][0]
    assert not {gone, f"arn:aws:iam::{A}:role/bare"} & set(found)
    bare = {each["role"]: each for each in told["roles"]}[f"arn:aws:iam::{A}:role/bare"]
    assert [each["principal"] for each in bare["assumedBy"]] == [user("dora")]
    others = ask("who-can", "kms:Encrypt", key)["principals"]
    assert not {session, granted, federated} & {each["principal"] for each in others}
    iam.delete_role(RoleName="bare")


def test_whoever_is_not_listed_is_among_those_who_can(scene, ask):
    kms = scene.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    unlisted = {
        "Effect": "Allow",
        "NotPrincipal": {"AWS": [f"arn:aws:iam::{A}:root", f"arn:aws:iam::{B}:root"]},
        "Action": "kms:Decrypt",
        "Resource": "*",
    }
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document(KEY_POLICY[0], unlisted))
    found = {each["principal"] for each in ask("who-can", "kms:Decrypt", key)["principals"]}
    assert "every principal of every other account that is not listed" in found
    assert user("eve", B) not in found
    found = {each["principal"] for each in ask("who-can", "kms:Encrypt", key)["principals"]}
    assert not [each for each in found if each.startswith("every")]


def test_a_condition_that_is_given_is_settled(scene, ask):
    here = ask("who-can", "Decrypt", scene.alias, "--context", "aws:SourceIp=10.1.2.3")
    assert here["principals"]
    assert not any("unless" in each for each in here["principals"])
    away = ask("who-can", "kms:Decrypt", scene.key, "--context", "aws:SourceIp=192.0.2.1")
    assert away["principals"] == []


def test_an_action_that_does_not_work_across_accounts_is_for_nobody_there(scene, ask):
    told = ask("who-can", "kms:ScheduleKeyDeletion", scene.key)
    assert [each["principal"] for each in told["principals"]] == [f"arn:aws:iam::{A}:root"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["s3:GetObject", "alias/explained"], "is not an action on keys"),
        (["kms:Decrypt", "no-such-key"], "there is no key"),
        (["kms:Decrypt", "arn:aws:kms"], "is not an ARN"),
        (["kms:Nonsense", "alias/explained"], "there is no action `kms:Nonsense`"),
        (["kms:RetireGrant", "alias/explained"], "each grant says for itself"),
        (["kms:Encrypt\x1b[31m", "alias/explained"], "is not an action on keys"),
    ],
)
def test_who_can_refuses_in_a_sentence(scene, strongroom, words, sentence):
    said = strongroom("who-can", *words, STRONGROOM_DATA=scene.data)
    assert said.code == 1
    assert sentence in said.sentence


def test_nothing_is_changed_by_asking(scene, ask):
    def state():
        kms = scene.client("kms")
        return (
            kms.get_key_policy(KeyId=scene.key, PolicyName="default")["Policy"],
            kms.list_grants(KeyId=scene.key)["Grants"],
            len(list(Path(scene.data, "audit").iterdir())),
        )

    before = state()
    ask("who-can", "kms:Decrypt", scene.key)
    ask("explain", user("alice"), "kms:Decrypt", scene.key)
    assert state() == before


# Organizations


@pytest.fixture(scope="module")
def organized(scene):
    """A member's key that a stranger may use, and a user of a member that is bound."""
    manager, member, stranger = "123123123123", "456456456456", "789789789789"
    ask = scene.client("organizations", manager)
    organization = ask.create_organization()["Organization"]["Id"]
    (root,) = ask.list_roots()["Roots"]
    for kind in ("SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"):
        ask.enable_policy_type(RootId=root["Id"], PolicyType=kind)
    invited = ask.invite_account_to_organization(Target={"Id": member, "Type": "ACCOUNT"})
    joining = scene.client("organizations", member)
    joining.accept_handshake(HandshakeId=invited["Handshake"]["Id"])
    kms = scene.client("kms", member)
    owners = [f"arn:aws:iam::{each}:root" for each in (member, manager, stranger)]
    key = kms.create_key(Policy=document(allow("kms:*", Principal={"AWS": owners})))
    outside = {"StringNotEquals": {"aws:PrincipalOrgID": organization}}
    for kind, statement in (
        ("SERVICE_CONTROL_POLICY", allow("kms:Encrypt")),
        ("RESOURCE_CONTROL_POLICY", allow("kms:*", Principal="*", Condition=outside)),
    ):
        policy = ask.create_policy(
            Name="no", Description="", Type=kind, Content=document(statement | {"Effect": "Deny"})
        )
        ask.attach_policy(PolicyId=policy["Policy"]["PolicySummary"]["Id"], TargetId=root["Id"])
    # A stranger whose account is here, so that its root user is one of everybody.
    scene.client("iam", stranger).create_user(UserName="eve")
    return key["KeyMetadata"]["Arn"], dict(
        zip(("member", "manager", "stranger"), owners, strict=True)
    )


@pytest.mark.parametrize(
    ("who", "action", "layer"),
    [
        ("member", "Encrypt", "service control policy"),
        ("member", "Decrypt", None),
        ("manager", "Encrypt", None),
        ("stranger", "Decrypt", "resource control policy"),
        ("stranger", "Encrypt", "resource control policy"),
    ],
)
def test_an_organizations_policies_have_their_say(scene, ask, organized, who, action, layer):
    key, owners = organized
    said = ask("explain", owners[who], f"kms:{action}", key)
    assert said["decision"] == ("Allow" if layer is None else "ExplicitDeny")
    if layer is not None:
        assert said["decidedBy"]["layer"] == layer
    # And so it is with the server.
    kms = scene.client("kms", owners[who].split(":")[4])
    dry = {"KeyId": key, "DryRun": True}
    with pytest.raises(ClientError) as caught:
        if action == "Encrypt":
            kms.encrypt(Plaintext=b"x", **dry)
        else:
            kms.generate_data_key(KeySpec="AES_256", **dry)
    code = caught.value.response["Error"]["Code"]
    assert code == ("DryRunOperationException" if layer is None else "AccessDeniedException")


def test_whom_an_organization_keeps_out_is_not_among_those_who_can(ask, organized):
    key, owners = organized
    for action, can in (("Encrypt", {"manager"}), ("Decrypt", {"member", "manager"})):
        said = ask("who-can", f"kms:{action}", key)
        named = {each["principal"] for each in said["principals"]}
        assert {who for who, arn in owners.items() if arn in named} == can
