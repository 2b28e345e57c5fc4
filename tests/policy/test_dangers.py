"""Legal and dangerous: each is found, and the same without the danger is not."""

import json

import pytest

from strongroom.policy.compiled import Use, compile_policy
from strongroom.policy.dangers import dangers

A, B = "111122223333", "444455556666"
ROOT = {"AWS": f"arn:aws:iam::{A}:root"}


def found(use, *statements):
    text = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Resource": "*"} | each for each in statements],
        }
    )
    return [danger.what for danger in dangers(compile_policy(text, use), A)]


OWNER = {"Principal": ROOT, "Action": "kms:*"}
CONTEXT = {"StringEquals": {"kms:EncryptionContext:a": "b"}}


@pytest.mark.parametrize(
    ("use", "dangerous", "says", "safe"),
    [
        (
            Use.KEY,
            {"Principal": "*", "Action": "kms:Decrypt"},
            "everybody in the world is allowed; name",
            {"Principal": ROOT, "Action": "kms:Decrypt"},
        ),
        (
            Use.KEY,
            {"Principal": "*", "Action": "kms:Decrypt", "Condition": CONTEXT},
            "none of them says who",
            {
                "Principal": "*",
                "Action": "kms:Decrypt",
                "Condition": {"StringEquals": {"kms:CallerAccount": A}},
            },
        ),
        (
            Use.KEY,
            {"Principal": {"AWS": B}, "Action": "kms:*"},
            f"{B} may do with the key whatever works across accounts",
            {"Principal": {"AWS": B}, "Action": "kms:Decrypt"},
        ),
        (
            Use.KEY,
            {"NotPrincipal": ROOT, "Action": "kms:*", "Effect": "Deny"},
            "NotPrincipal with Deny",
            {"Principal": {"AWS": B}, "Action": "kms:*", "Effect": "Deny"},
        ),
        (
            Use.KEY,
            {"NotPrincipal": ROOT, "Action": "kms:*"},
            "NotPrincipal with Allow",
            OWNER,
        ),
        (
            Use.IDENTITY,
            {
                "Action": "kms:Encrypt",
                "Condition": {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": "a"}},
            },
            "ForAllValues on kms:encryptioncontextkeys with Allow",
            {
                "Action": "kms:Encrypt",
                "Condition": {
                    "ForAllValues:StringEquals": {"kms:EncryptionContextKeys": "a"},
                    "Null": {"kms:EncryptionContextKeys": "false"},
                },
            },
        ),
        (
            Use.IDENTITY,
            {
                "Action": "kms:Encrypt",
                "Condition": {"StringNotEquals": {"aws:PrincipalTag/a": "b"}},
            },
            "StringNotEquals with Allow",
            {
                "Action": "kms:Encrypt",
                "Effect": "Deny",
                "Condition": {"StringNotEquals": {"aws:PrincipalTag/a": "b"}},
            },
        ),
        (
            Use.IDENTITY,
            {"Action": "kms:Decrypt"},
            "every key that leaves it to the account",
            {"Action": "kms:Decrypt", "Resource": f"arn:aws:kms:eu-west-1:{A}:key/x"},
        ),
        (
            Use.IDENTITY,
            {"Action": "kms:*", "Resource": "arn:aws:kms:*:*:key/*"},
            "every key that leaves it to the account",
            {"Action": "kms:Encrypt"},
        ),
        (
            Use.IDENTITY,
            {"Action": "kms:CreateGrant"},
            "kms:CreateGrant passes on",
            {
                "Action": "kms:CreateGrant",
                "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}},
            },
        ),
    ],
)
def test_dangers(use, dangerous, says, safe):
    owner = [OWNER] if use is Use.KEY else []
    assert [what for what in found(use, *owner, dangerous) if says in what]
    assert [what for what in found(use, *owner, safe) if says in what] == []


PUBLIC = "none of them says who"


@pytest.mark.parametrize(
    ("condition", "is_public"),
    [
        ({"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}}, True),
        ({"StringLike": {"aws:PrincipalArn": "*"}}, True),
        ({"StringLike": {"aws:PrincipalArn": ["arn:aws:iam::*:role/admin"]}}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/admin"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::11*:role/admin"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{A}:role/*"}}, False),
        ({"StringLike": {"aws:PrincipalArn": [f"arn:aws:iam::{A}:role/a", "*"]}}, True),
        ({"ArnLikeIfExists": {"aws:SourceArn": "arn:aws:s3:::mine"}}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::mine"}}, False),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}}, True),
        ({"Null": {"aws:PrincipalOrgID": "true"}}, True),
        ({"Null": {"aws:PrincipalOrgID": "false"}}, True),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}, False),
        ({"StringNotEquals": {"aws:PrincipalOrgID": "o-1234567890"}}, True),
        ({"StringEquals": {"aws:PrincipalAccount": "${aws:PrincipalAccount}"}}, True),
        ({"StringEquals": {"kms:CallerAccount": A, "kms:ViaService": "s3"}}, False),
        ({"ForAllValues:StringEquals": {"kms:CallerAccount": A}}, True),
        ({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-1234567890/*"}}, False),
        ({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-*"}}, True),
    ],
)
def test_whom_conditions_keep_out(condition, is_public):
    """A key that says who is asked about and keeps nobody out is as good as none."""
    statement = {"Principal": "*", "Action": "kms:Decrypt", "Condition": condition}
    for who in ("*", {"AWS": "*"}):
        whats = found(Use.KEY, OWNER, statement | {"Principal": who})
        assert any(PUBLIC in what for what in whats) is is_public


def unowned(*statements):
    """What is found where it is not known whose the key is."""
    text = json.dumps(
        {"Statement": [{"Effect": "Allow", "Resource": "*"} | each for each in statements]}
    )
    return [danger.what for danger in dangers(compile_policy(text, Use.KEY))]


def test_a_key_is_not_several_accounts():
    says = f"{A}, {B} are different accounts"
    wide = {"Principal": {"AWS": f"arn:aws:iam::{B}:role/admin"}, "Action": "kms:*"}
    narrow = {"Principal": {"AWS": B}, "Action": ["kms:Decrypt", "kms:CreateGrant"]}
    administering = {"Principal": {"AWS": A}, "Action": ["kms:Put*", "kms:Get*"]}
    assert says in "".join(unowned(OWNER, wide))
    assert says in "".join(unowned({"Principal": {"AWS": [A, B]}, "Action": "kms:*"}))
    assert says in "".join(unowned(administering, wide))
    assert says not in "".join(unowned(OWNER, narrow))
    assert says not in "".join(unowned(OWNER, OWNER))
    assert says not in "".join(unowned(OWNER, wide | {"Effect": "Deny"}))


def test_all_but_one_action_is_as_wide():
    says = f"{B} may do with the key whatever works across accounts, up to 22 operations"
    all_but = {"Principal": {"AWS": B}, "NotAction": "kms:PutKeyPolicy"}
    assert says in "".join(found(Use.KEY, OWNER, all_but))
    assert "taking it over" not in "".join(found(Use.KEY, OWNER, all_but))
    assert says not in "".join(found(Use.KEY, OWNER, all_but | {"Principal": {"AWS": A}}))
    assert says not in "".join(found(Use.KEY, OWNER, all_but | {"NotAction": "kms:*"}))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({}, "with; name the keys"),
        ({"Resource": f"arn:aws:kms:*:{A}:key/*"}, "with; name the keys"),
        ({"Resource": "arn:aws:kms:us-east-1:*:key/*"}, "with; name the keys"),
        ({"Resource": f"arn:aws:kms:eu-*:{A}:*"}, "with; name the keys"),
        ({"Resource": f"arn:aws:kms:us-east-1:{A}:key/1*"}, "with; name the keys"),
        ({"Resource": f"arn:aws:kms:us-east-1:{A}:key/x*"}, None),
        ({"Resource": f"arn:aws:s3:::{A}/*"}, None),
        ({"NotResource": f"arn:aws:kms:us-east-1:{A}:key/x"}, "with; name the keys"),
        ({"NotResource": "arn:aws:kms:*:*:key/*"}, None),
        ({"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, "with; name the keys"),
        (
            {"Condition": {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}}},
            "with where kms:ViaService allow it",
        ),
        ({"Condition": {"StringEquals": {"aws:ResourceTag/team": "blue"}}}, None),
        ({"Condition": {"StringEqualsIfExists": {"aws:ResourceTag/team": "blue"}}}, "with where"),
        ({"Condition": {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/a"}}}, None),
        ({"Condition": {"StringLike": {"kms:RequestAlias": "alias/*"}}}, "with where"),
    ],
)
def test_decrypting_with_every_key(more, says):
    statement = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"} | more
    if "NotResource" in more:
        del statement["Resource"]
    text = json.dumps({"Version": "2012-10-17", "Statement": statement})
    whats = [danger.what for danger in dangers(compile_policy(text, Use.IDENTITY))]
    every = [what for what in whats if "every key that leaves it to the account" in what]
    assert (says in "".join(every)) if says else every == []


NOBODY = "nobody is allowed kms:PutKeyPolicy"
VIA = {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}}


@pytest.mark.parametrize(
    ("statements", "says"),
    [
        ([OWNER], None),
        ([OWNER, {"Effect": "Deny", "Principal": "*", "Action": "kms:*"}], NOBODY),
        ([{"Principal": {"Service": "s3.amazonaws.com"}, "Action": "kms:*"}], NOBODY),
        ([{"Principal": {"AWS": B}, "Action": "kms:*"}], NOBODY),
        ([OWNER | {"Condition": VIA}], "only where kms:ViaService allow it"),
        ([OWNER | {"Condition": VIA}, OWNER], None),
        ([OWNER | {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}], "only where"),
        ([{"Principal": {"AWS": f"arn:aws:iam::{A}:role/admin"}, "Action": "kms:Put*"}], None),
        (
            [
                {
                    "Principal": "*",
                    "Action": "kms:*",
                    "Condition": {"StringEquals": {"kms:CallerAccount": A}},
                }
            ],
            None,
        ),
        (
            [
                OWNER,
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "kms:PutKeyPolicy",
                    "Condition": {"ArnNotLike": {"aws:PrincipalArn": f"arn:aws:iam::{A}:role/a"}},
                },
            ],
            None,
        ),
        (
            [
                OWNER,
                {
                    "Effect": "Deny",
                    "NotPrincipal": {"AWS": [A, f"arn:aws:iam::{A}:user/admin"]},
                    "Action": "kms:*",
                },
            ],
            None,
        ),
        ([OWNER | {"Resource": f"arn:aws:kms:eu-west-1:{A}:key/x"}], None),
    ],
)
def test_who_may_change_the_policy(statements, says):
    whats = "".join(found(Use.KEY, *statements))
    assert says in whats if says else "PutKeyPolicy" not in whats
    if not any(each["Principal"] == {"AWS": B} for each in statements if "Principal" in each):
        assert ("PutKeyPolicy" in "".join(unowned(*statements))) is (says is not None)


def test_a_document_of_many_parts_takes_a_bounded_time():
    names = [f"arn:aws:iam::{at:012}:role/r{at}" for at in range(2_000)]
    wide = [{"Principal": {"AWS": name}, "Action": "kms:*", "Condition": VIA} for name in names]
    whats = unowned(*wide)
    assert "and 1992 more are different accounts" in "".join(whats)
    assert found(Use.KEY, *[{"Principal": "*", "Action": "kms:*", "Condition": VIA}] * 2_000)
    keys = [f"arn:aws:kms:r{at}:{A}:key/k*" for at in range(8_000)]
    assert found(Use.IDENTITY, {"Action": "kms:Decrypt", "Resource": keys}) == []


def test_a_lockout_to_come():
    says = "nobody is allowed kms:PutKeyPolicy"
    assert says in "".join(found(Use.KEY, {"Principal": ROOT, "Action": "kms:Decrypt"}))
    assert says not in "".join(found(Use.KEY, OWNER))
    text = json.dumps({"Statement": [{"Effect": "Allow", "Principal": ROOT, "Action": "kms:*"}]})
    whats = [danger.what for danger in dangers(compile_policy(text, Use.KEY), A)]
    assert [what for what in whats if "it has no Resource, so it never applies" in what]
    assert [what for what in whats if says in what]


def test_the_default_policy_has_none():
    assert found(Use.KEY, OWNER) == []
