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
            f"{B} may do anything with the key",
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
