import json
import secrets
from functools import partial

import pytest
from answers import members, refused

MALFORMED = "MalformedPolicyDocumentException"
ALLOW = {
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
    "Action": "kms:*",
    "Resource": "*",
}


def document(*statements, **members_besides):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **members_besides})


def altered(**change):
    return {name: value for name, value in (ALLOW | change).items() if value is not None}


def test_the_default_policy(kms, key_id):
    answer = kms.get_key_policy(KeyId=key_id)
    assert {"Policy", "PolicyName"} == members(answer)
    assert answer["PolicyName"] == "default"
    assert json.loads(answer["Policy"]) == {
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [
            {
                "Sid": "Enable IAM User Permissions",
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
                "Action": "kms:*",
                "Resource": "*",
            }
        ],
    }


def test_a_policy_is_kept_to_the_letter(kms, key_id):
    policy = json.dumps(json.loads(document(ALLOW)), indent=7) + "\n\t "
    assert members(kms.put_key_policy(KeyId=key_id, Policy=policy)) == set()
    assert policy == kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"]
    kms.put_key_policy(
        KeyId=key_id,
        PolicyName="default",
        Policy=document(ALLOW),
        BypassPolicyLockoutSafetyCheck=True,
    )
    assert document(ALLOW) == kms.get_key_policy(KeyId=key_id)["Policy"]


def test_a_key_has_one_policy(kms, key_id):
    answer = kms.list_key_policies(KeyId=key_id)
    assert {"PolicyNames", "Truncated"} == members(answer)
    assert (answer["PolicyNames"], answer["Truncated"]) == (["default"], False)


def test_a_policy_of_another_name(kms, key_id):
    for name in ("mine", "AWS_RAM"):
        with refused("NotFoundException", "No such policy exists"):
            kms.get_key_policy(KeyId=key_id, PolicyName=name)
    with refused("NotFoundException", "No such policy exists"):
        kms.put_key_policy(KeyId=key_id, PolicyName="mine", Policy=document(ALLOW))
    with refused(
        "ValidationException", "The AWS_RAM policy can only be managed by the RAM service."
    ):
        kms.put_key_policy(KeyId=key_id, PolicyName="AWS_RAM", Policy=document(ALLOW))


@pytest.mark.parametrize(
    "statement",
    [
        ALLOW,
        altered(Effect="Deny", Sid="no", Action="kms:Sign"),
        altered(Principal="*"),
        altered(Principal={"AWS": ["111122223333", "*"], "Service": "s3.amazonaws.com"}),
        altered(Principal=None, NotPrincipal={"Federated": "cognito-identity.amazonaws.com"}),
        altered(Action=None, NotAction=["kms:Decrypt"]),
        altered(Resource=None, NotResource="arn:aws:kms:*:*:key/x"),
        altered(Action=None),
        altered(Resource=None),
        altered(Condition={"StringEquals": {"kms:ViaService": ["a", "b"]}}),
        altered(Condition={"Bool": {"kms:GrantIsForAWSResource": True}, "Null": {"kms:x": "true"}}),
    ],
)
def test_forms_that_a_statement_has(kms, key_id, statement):
    for policy in (document(ALLOW, statement), document(statement, ALLOW, Id="x")):
        kms.put_key_policy(KeyId=key_id, Policy=policy)
        assert policy == kms.get_key_policy(KeyId=key_id)["Policy"]


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ("no", "A value is missing here (line 1, column 1)."),
        (document(ALLOW)[:-1], "A comma or `}` is missing here"),
        ("[" * 10_000, "nested deeper than 32 levels"),
        (document(altered(Condition={"Bool": {"x:y": float("nan")}})), "A value is missing here"),
        ("[]", "A policy is a JSON object"),
        ("{}", "The policy has no Statement"),
        ('{"Statement": [1]}', "A statement is a JSON object"),
        ('{"Statement": [], "Statement": []}', "The element `Statement` is there twice"),
        (document(Comment="x"), "A policy has no element `Comment`"),
        (document(altered(Effect="Maybe")), "Effect is neither Allow nor Deny"),
        (document(altered(Principal=None)), "Policy contains a statement with no principal"),
        (
            document(altered(Principal={"AWS": "arn:aws:iam::000000000000:user/*"})),
            "Policy contains a statement with one or more invalid principals.",
        ),
        (document(altered(Condition={"Likes": {"a:b": "c"}})), "no condition operator `Likes`"),
        (
            document(
                altered(Condition={"ForAllValues:StringEquals": {"kms:EncryptionContext:a": "b"}})
            ),
            "OverlyPermissiveCondition",
        ),
    ],
)
def test_forms_that_a_policy_has_not(kms, key_id, policy, says):
    before = kms.get_key_policy(KeyId=key_id)["Policy"]
    with pytest.raises(kms.exceptions.MalformedPolicyDocumentException) as caught:
        kms.put_key_policy(KeyId=key_id, Policy=policy)
    assert says in caught.value.response["Error"]["Message"]
    assert before == kms.get_key_policy(KeyId=key_id)["Policy"]


def test_the_largest_policy(kms, unchecked, key_id):
    largest = document(ALLOW)
    largest += " " * (32_768 - len(largest))
    kms.put_key_policy(KeyId=key_id, Policy=largest)
    with refused("LimitExceededException", "The key policy is larger than 32768 bytes."):
        kms.put_key_policy(KeyId=key_id, Policy=largest + " ")
    in_bytes = document(altered(Sid="ü" * 16_400)).encode().decode("unicode_escape")
    assert len(in_bytes) < 32_768 < len(in_bytes.encode())
    with refused("LimitExceededException", "The key policy is larger than 32768 bytes."):
        kms.put_key_policy(KeyId=key_id, Policy=in_bytes)
    with pytest.raises(unchecked.exceptions.ClientError, match="less than or equal to 131072"):
        unchecked.put_key_policy(KeyId=key_id, Policy=" " * 131_073)
    assert largest == kms.get_key_policy(KeyId=key_id)["Policy"]


def test_characters_that_no_policy_has(unchecked, key_id):
    for character in ("\x00", "\x0b", "€"):
        with pytest.raises(unchecked.exceptions.ClientError) as caught:
            unchecked.put_key_policy(KeyId=key_id, Policy=document(ALLOW) + character)
        assert caught.value.response["Error"]["Code"] in ("ValidationException", MALFORMED)


# What the policy says counts


ROOT_AGAIN = "The new key policy will not allow you to update the key policy in the future."


def test_a_policy_that_locks_its_author_out_is_refused_unless_that_is_meant(kms, key_id):
    locking = document(altered(Action="kms:Decrypt"))
    for policy in (
        locking,
        document(),
        document(altered(Principal={"AWS": "111122223333"})),
        document(ALLOW, altered(Effect="Deny", Action="kms:Put*")),
        document(altered(Condition={"StringEquals": {"kms:ViaService": "s3.x.amazonaws.com"}})),
    ):
        with refused(MALFORMED, ROOT_AGAIN):
            kms.put_key_policy(KeyId=key_id, Policy=policy)
        with refused(MALFORMED, ROOT_AGAIN):
            kms.create_key(Policy=policy)
    kms.put_key_policy(KeyId=key_id, Policy=locking, BypassPolicyLockoutSafetyCheck=True)
    with pytest.raises(kms.exceptions.ClientError, match="AccessDeniedException"):
        kms.encrypt(KeyId=key_id, Plaintext=b"x")
    with pytest.raises(kms.exceptions.ClientError, match="no resource-based policy allows"):
        kms.put_key_policy(KeyId=key_id, Policy=document(ALLOW))


def test_the_root_user_needs_its_keys_policy(kms, key_id):
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    deny = altered(Effect="Deny", Action="kms:Decrypt", Principal="*")
    kms.put_key_policy(KeyId=key_id, Policy=document(ALLOW, deny))
    with pytest.raises(
        kms.exceptions.ClientError, match="with an explicit deny in a resource-based"
    ):
        kms.decrypt(CiphertextBlob=blob)
    kms.put_key_policy(KeyId=key_id, Policy=document(ALLOW))
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_conditions_see_the_request(kms, key_id):
    only_blue = altered(
        Effect="Deny",
        Action="kms:Encrypt",
        Principal="*",
        Condition={"StringNotEquals": {"kms:EncryptionContext:tenant": "blue"}},
    )
    kms.put_key_policy(KeyId=key_id, Policy=document(ALLOW, only_blue))
    kms.encrypt(KeyId=key_id, Plaintext=b"x", EncryptionContext={"Tenant": "blue"})
    for context in ({}, {"tenant": "red"}, {"tenant": "blue", "TENANT": "blue"}):
        with pytest.raises(kms.exceptions.ClientError, match="explicit deny"):
            kms.encrypt(KeyId=key_id, Plaintext=b"x", EncryptionContext=context)


def test_conditions_see_the_name_of_the_policy(endpoint, kms, region, key_id):
    """kms:PolicyName of GetKeyPolicy and PutKeyPolicy; it is `default` where the request names none."""
    iam = endpoint.client("iam", region)
    name = f"u{secrets.token_hex(6)}"
    iam.create_user(UserName=name)
    theirs = endpoint.client_of(iam.create_access_key(UserName=name)["AccessKey"], "kms", region)
    calls = {
        "get": theirs.get_key_policy,
        "put": partial(theirs.put_key_policy, Policy=document(ALLOW)),
    }

    def told(policy_name):
        """What each of the two is told, asked for the policy of that name."""
        named = {} if policy_name is None else {"PolicyName": policy_name}
        for call in calls.values():
            try:
                call(KeyId=key_id, **named)
                yield "ok"
            except theirs.exceptions.ClientError as refusal:
                yield refusal.response["Error"]["Code"]

    of_ram = ["NotFoundException", "ValidationException"]
    for allowed, by_name in (("default", ["ok", "ok"]), ("AWS_RAM", of_ram)):
        may = {
            "Effect": "Allow",
            "Action": ["kms:GetKeyPolicy", "kms:PutKeyPolicy"],
            "Resource": "*",
            "Condition": {"StringEquals": {"kms:PolicyName": allowed}},
        }
        iam.put_user_policy(
            UserName=name,
            PolicyName="own",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [may]}),
        )
        other = "AWS_RAM" if allowed == "default" else "default"
        assert list(told(allowed)) == by_name
        assert list(told(other)) == ["AccessDeniedException"] * 2
        assert list(told(None)) == (by_name if allowed == "default" else list(told(other)))


def test_two_accounts_and_both_sides(kms, stranger, key):
    """The root user of another account may do anything in its own; the key must let it in."""
    arn = key["Arn"]
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    lets_in = altered(Principal={"AWS": "111122223333"}, Action=["kms:Decrypt", "kms:DescribeKey"])
    kms.put_key_policy(KeyId=arn, Policy=document(ALLOW, lets_in))
    assert stranger.decrypt(CiphertextBlob=blob)["KeyId"] == arn
    assert stranger.decrypt(CiphertextBlob=blob, KeyId=arn)["Plaintext"] == b"x"
    assert stranger.describe_key(KeyId=arn)["KeyMetadata"]["AWSAccountId"] == "000000000000"
    for refused_call in (
        lambda: stranger.encrypt(KeyId=arn, Plaintext=b"x"),
        lambda: stranger.schedule_key_deletion(KeyId=arn),
        lambda: stranger.get_key_policy(KeyId=arn),
    ):
        with pytest.raises(stranger.exceptions.ClientError, match="the resource does not exist in"):
            refused_call()
    everything = altered(Principal={"AWS": "111122223333"})
    kms.put_key_policy(KeyId=arn, Policy=document(ALLOW, everything))
    stranger.encrypt(KeyId=arn, Plaintext=b"x")
    with pytest.raises(stranger.exceptions.ClientError, match="the resource does not exist in"):
        stranger.schedule_key_deletion(KeyId=arn)
    kms.put_key_policy(KeyId=arn, Policy=document(ALLOW))
    with pytest.raises(stranger.exceptions.ClientError, match="associated with this ciphertext"):
        stranger.decrypt(CiphertextBlob=blob)
