"""What cannot be decided falls on the safe side: a Deny applies, an Allow does not."""

import json

import pytest
from asking import (
    ALICE,
    ALLOW,
    DELEGATES,
    EXPLICIT,
    IMPLICIT,
    KEY,
    A,
    allow,
    asked,
    decided,
    deny,
    policy,
)

from strongroom.policy import effort
from strongroom.policy.caller import Caller
from strongroom.policy.compiled import Use, compile_policy
from strongroom.policy.decide import decide
from strongroom.policy.layers import Layers, Question
from strongroom.policy.variables import Ambiguous

CONTEXT = "kms:EncryptionContext:"


def verdict(statements, context):
    """Of alice, whose identity policy this is, on a key that leaves it to the account."""
    question = Question(Caller.user(ALICE, A, "AIDAALICE"), "kms:Encrypt", KEY, A)
    layers = Layers(
        identity=(compile_policy(json.dumps(policy(*statements)), Use.IDENTITY),),
        resource=compile_policy(json.dumps(DELEGATES), Use.KEY),
    )
    return decide(question, layers, context).verdict.value


TWO = {"kms:encryptioncontext:dept": Ambiguous(("hr", "finance")), "kms:encryptioncontext:x": "hr"}
ONE = {"kms:encryptioncontext:dept": "hr", "kms:encryptioncontext:x": "hr"}


@pytest.mark.parametrize(
    ("operator", "key", "value"),
    [
        ("StringEquals", "dept", "hr"),
        ("StringEquals", "dept", ["hr", "it"]),
        ("StringNotEquals", "dept", "it"),
        ("StringLike", "dept", "h?"),
        ("ForAnyValue:StringEquals", "dept", "hr"),
        ("ForAnyValue:StringLike", "dept", ["h*", "it"]),
        ("ForAllValues:StringNotEquals", "dept", "it"),
        ("StringEquals", "x", "${kms:EncryptionContext:dept}"),
        ("StringNotEquals", "x", "${kms:EncryptionContext:dept}r"),
        ("ForAnyValue:StringEquals", "x", "${kms:EncryptionContext:dept}"),
    ],
)
def test_a_request_that_says_two_things(operator, key, value):
    condition = {operator: {CONTEXT + key: value}}
    allows, denies = [allow(Condition=condition)], [allow(), deny(Condition=condition)]
    assert (verdict(allows, ONE), verdict(denies, ONE)) == (ALLOW, EXPLICIT)
    assert (verdict(allows, TWO), verdict(denies, TWO)) == (IMPLICIT, EXPLICIT)


def test_a_resource_with_a_variable_of_which_two_things_are_said():
    arn = KEY.replace("1234abcd", "${kms:EncryptionContext:start}")
    one = {"kms:encryptioncontext:start": "1234abcd"}
    two = {"kms:encryptioncontext:start": Ambiguous(("1234abcd", "x"))}
    assert verdict([allow(resource=arn)], one) == ALLOW
    assert verdict([allow(resource=arn)], two) == IMPLICIT
    assert verdict([allow(), deny(resource=arn)], two) == EXPLICIT


LONG = {"kms:encryptioncontext:a": "x" * 3900, "kms:encryptioncontext:b": "x" * 4000}
MANY = {**LONG, "kms:encryptioncontextkeys": tuple(f"q{at}" for at in range(1500))}


@pytest.mark.parametrize(
    ("operator", "key", "values"),
    [
        ("StringLike", CONTEXT + "b", [f"*?${{{CONTEXT}a}}*{at}" for at in range(500)]),
        ("StringNotLike", CONTEXT + "b", [f"*?${{{CONTEXT}a}}*{at}" for at in range(500)]),
        ("StringLike", CONTEXT + "b", ["*?ab" + str(at) for at in range(3000)]),
        ("StringLike", CONTEXT + "b", [f"*?x{at}" + "*?x" * 1300 for at in range(200)]),
        ("ForAnyValue:StringEquals", "kms:EncryptionContextKeys", [f"k{at}" for at in range(3000)]),
        ("ForAnyValue:StringLike", "kms:EncryptionContextKeys", [f"*{at}?k" for at in range(3000)]),
        ("ForAnyValue:StringEquals", "kms:EncryptionContextKeys", f"${{{CONTEXT}a}}" * 1000),
    ],
)
def test_matching_that_would_take_too_long(operator, key, values):
    condition = {operator: {key: values}}
    before = effort.spent()
    assert verdict([allow(Condition=condition)], MANY) == IMPLICIT
    assert verdict([allow(), deny(Condition=condition)], MANY) == EXPLICIT
    # The comparison that goes beyond is counted before it is made.
    assert effort.spent() - before < 2 * effort.MOST + 2_000_000


def test_what_is_longer_than_the_text_is_not_even_looked_at():
    before = effort.spent()
    condition = {"StringLike": {CONTEXT + "b": "*?" + f"${{{CONTEXT}a}}" * 1000}}
    assert verdict([allow(Condition=condition)], LONG) == IMPLICIT
    assert effort.spent() - before < effort.MOST


def test_every_decision_has_its_steps_for_itself():
    condition = {"StringLike": {CONTEXT + "b": "*?x*?"}}
    for _ in range(200):
        assert verdict([allow(Condition=condition)], LONG) == ALLOW


def test_a_resource_that_would_take_too_long():
    patterns = [f"arn:aws:kms:*?:*:key/*?{at}?" for at in range(9000)]
    assert decided(identity_policies=[policy(allow(resource=patterns))]) == IMPLICIT
    denying = policy(allow(), deny(resource=patterns))
    assert decided(identity_policies=[denying], resource_policy=DELEGATES) == EXPLICIT


def test_a_wildcard_for_a_service_is_not_understood():
    resource = KEY.replace(":kms:", ":k*:")
    case = {"resource_policy": DELEGATES}
    assert decided(identity_policies=[policy(allow(resource=resource))], **case) == IMPLICIT
    assert decided(identity_policies=[policy(allow(), deny("s3:*", resource))], **case) == EXPLICIT


def test_a_principal_in_a_policy_that_has_none_is_not_understood():
    of_another = policy(allow(principal=f"arn:aws:iam::{A}:user/other"))
    assert decided(identity_policies=[of_another], resource_policy=DELEGATES) == IMPLICIT
    denying = policy(allow(), deny("s3:*", principal=f"arn:aws:iam::{A}:user/other"))
    found = asked(identity_policies=[denying], resource_policy=DELEGATES)
    assert found.verdict.value == EXPLICIT
    assert "names a principal" in found.statement.broken
