"""What the policy simulator says of a decision, and where it says that statements stand."""

import json
from dataclasses import replace

import pytest
from asking import (
    ALICE,
    ALLOW,
    EXPLICIT,
    IMPLICIT,
    KEY,
    OUTSIDER,
    ROOT,
    B,
    allow,
    deny,
    policy,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from test_properties import conditions, questions, read, wheres

from strongroom.policy import context_keys
from strongroom.policy.compiled import Use, compile_policy
from strongroom.policy.decide import decide
from strongroom.policy.layers import Layer, Verdict
from strongroom.policy.simulation import most_restrictive, positions, simulate, together


def with_default_key_policy(question, layers):
    """The layers with the policy that a key has if nobody says otherwise."""
    if layers.resource is not None or not question.is_of_key:
        return layers
    default = policy(allow(principal=f"arn:aws:iam::{question.account}:root"))
    return replace(layers, resource=compile_policy(json.dumps(default), Use.KEY))


@given(questions)
@settings(max_examples=600, deadline=None)
def test_the_simulator_says_what_decides(case):
    one = read(case)
    outcome = simulate(one.question, one.layers, one.context)
    layers = with_default_key_policy(one.question, one.layers)
    decision = decide(one.question, layers, one.context)
    assert outcome.verdict is decision.verdict
    if decision.denies and decision.layer not in (Layer.SCP, Layer.RCP):
        assert decision.policy in [each.policy for each in outcome.matched]
    for each in outcome.matched:
        statement = each.policy.statements[each.at]
        assert statement.allow is (outcome.verdict is not Verdict.EXPLICIT_DENY)
        assert each.layer is not Layer.SCP


@given(st.lists(questions, min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_several_resources_together_are_as_restricted_as_the_most_restricted(cases):
    outcomes = [simulate(one.question, one.layers, one.context) for one in map(read, cases)]
    whole = together(outcomes)
    assert whole.verdict is most_restrictive(each.verdict for each in outcomes)
    assert (whole.verdict is Verdict.ALLOW) == all(
        each.verdict is Verdict.ALLOW for each in outcomes
    )
    assert set(whole.matched) <= {each for outcome in outcomes for each in outcome.matched}
    assert whole.boundary is not True or False not in [each.boundary for each in outcomes]


def outcome(**case):
    one = read({"principal": ALICE, "action": "kms:Decrypt", "resource": KEY, **case})
    return simulate(one.question, one.layers, one.context)


def matched(found):
    return [(each.layer, each.at) for each in found.matched]


def test_allowed_matches_are_those_that_apply_on_both_sides():
    found = outcome(
        identity_policies=[policy(allow("s3:*"), allow(), allow("kms:De*"))],
        resource_policy=policy(
            allow(principal=ROOT), allow(principal=ALICE), allow(principal=OUTSIDER)
        ),
    )
    assert matched(found) == [
        (Layer.RESOURCE, 0),
        (Layer.RESOURCE, 1),
        (Layer.IDENTITY, 1),
        (Layer.IDENTITY, 2),
    ]
    assert (found.boundary, found.organization, found.sides) == (None, None, None)


def test_what_a_boundary_keeps_from_counting_did_not_match():
    found = outcome(
        identity_policies=[policy(allow())],
        permission_boundaries=[policy(allow("s3:*"))],
        resource_policy=policy(allow(principal=ALICE)),
    )
    assert found.verdict is Verdict.ALLOW
    assert (matched(found), found.boundary) == ([(Layer.RESOURCE, 0)], False)


def test_a_deny_is_alone():
    found = outcome(
        identity_policies=[policy(allow(), deny("kms:Decrypt"))],
        permission_boundaries=[policy(allow(), deny("kms:D*"))],
    )
    assert matched(found) == [(Layer.IDENTITY, 1), (Layer.BOUNDARY, 1)]
    assert found.boundary is False


def test_silence_matches_nothing_within_an_account():
    found = outcome(
        identity_policies=[policy(allow())], permission_boundaries=[policy(allow("s3:*"))]
    )
    assert (found.verdict.value, found.matched, found.boundary) == (IMPLICIT, (), False)


@pytest.mark.parametrize(
    ("identity", "resource", "boundary", "verdict"),
    [
        (allow(), allow(principal=OUTSIDER), None, ALLOW),
        (allow("s3:*"), allow(principal=OUTSIDER), allow("iam:*"), IMPLICIT),
        (allow(), allow(principal=ALICE), None, IMPLICIT),
        (deny(), allow(principal=OUTSIDER), None, EXPLICIT),
    ],
)
def test_across_accounts_each_side_is_told(identity, resource, boundary, verdict):
    found = outcome(
        principal=OUTSIDER,
        identity_policies=[policy(identity)],
        resource_policy=policy(resource),
        permission_boundaries=None if boundary is None else [policy(boundary)],
    )
    said = {
        Layer.IDENTITY: Verdict.EXPLICIT_DENY
        if identity["Effect"] == "Deny"
        else Verdict.ALLOW
        if identity["Action"] == "kms:*"
        else Verdict.IMPLICIT_DENY,
        Layer.RESOURCE: Verdict.ALLOW
        if resource["Principal"]["AWS"] == OUTSIDER
        else Verdict.IMPLICIT_DENY,
    } | ({} if boundary is None else {Layer.BOUNDARY: Verdict.IMPLICIT_DENY})
    assert (found.verdict.value, found.sides) == (verdict, said)


def test_across_accounts_the_side_that_allows_is_told_where_the_other_does_not():
    found = outcome(
        principal=OUTSIDER,
        identity_policies=[policy(allow("s3:*"))],
        resource_policy=policy(allow(principal=B)),
    )
    assert (found.verdict.value, matched(found)) == (IMPLICIT, [(Layer.RESOURCE, 0)])
    assert together([found, found]).matched == ()


def levels(*policies):
    return [{"id": f"l{at}", "policies": [each]} for at, each in enumerate(policies)]


def test_an_organization_allows_only_at_every_level():
    everything = policy(allow("*"))
    base = {"identity_policies": [policy(allow())]}
    assert outcome(**base, scps=levels(everything, everything)).organization is True
    for second in (policy(allow("s3:*")), policy(allow("*"), deny())):
        found = outcome(**base, scps=levels(everything, second, everything))
        assert found.organization is False
        assert (found.verdict is Verdict.ALLOW, found.matched, found.sides) == (False, (), None)


def test_what_each_side_says_is_not_told_where_an_organization_denies():
    case = {
        "principal": OUTSIDER,
        "identity_policies": [policy(allow())],
        "resource_policy": policy(allow(principal=B)),
    }
    assert outcome(**case, scps=levels(policy(allow("*")))).sides is not None
    assert outcome(**case, scps=levels(policy(allow("s3:*")))).sides is None


def test_a_key_without_a_policy_of_its_own_is_left_to_its_account():
    found = outcome(identity_policies=[policy(allow())])
    assert (found.verdict.value, matched(found)) == (ALLOW, [(Layer.IDENTITY, 0)])
    assert (
        outcome(identity_policies=[policy(allow())], principal=OUTSIDER).verdict.value == IMPLICIT
    )
    other = policy(allow(principal=OUTSIDER))
    assert (
        outcome(identity_policies=[policy(allow())], resource_policy=other).verdict.value
        == IMPLICIT
    )


# Where statements stand.  The numbers are AWS's: of its API Reference's samples and of recorded answers.

ADMINISTRATOR = """{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": "*",
      "Resource": "*"
    }
  ]
}"""
SAMPLE = """{
  "Version":"2012-10-17",
  "Statement":{
    "Effect":"Allow",
    "Action":"s3:PutObject",
    "Resource":"arn:aws:s3:::my-test-bucket"
  }
}"""
ONE_LINE = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject"}]}
)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (ADMINISTRATOR, [((3, 17), (8, 6))]),
        (SAMPLE, [((3, 16), (7, 4))]),
        (ONE_LINE, [((1, 41), (1, len(ONE_LINE) - 1))]),
        ('{"Statement":[{"Sid":"a"},{"Sid":"b"}]}', [((1, 15), (1, 26)), ((1, 26), (1, 38))]),
        ('{"Statement": [\n{},\r\n {}\n]}', [((1, 16), (2, 3)), ((2, 3), (3, 4))]),
        ('{"Statement":[]}', []),
    ],
)
def test_statements_stand_where_aws_says_that_they_do(text, places):
    assert positions(text) == places


# The keys that a document looks at.

LOOKS = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "s3:*",
                "Resource": ["arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::${*}", "${aws:no}"],
                "Condition": {
                    "StringLike": {"s3:prefix": ["${aws:PrincipalTag/team, 'none'}/*", "x"]},
                    "NumericLessThan": {"aws:MultiFactorAuthAge": "${aws:notHere}"},
                    "Null": {"AWS:UserName": "true", "aws:TokenIssueTime": "false"},
                },
            },
            {"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:s3:::${aws:userid}"},
        ],
    }
)


def test_keys_are_told_as_they_are_written_and_once():
    assert list(context_keys.of_documents([LOOKS, LOOKS]).values()) == [
        "aws:username",
        "s3:prefix",
        "aws:PrincipalTag/team",
        "aws:MultiFactorAuthAge",
        "aws:TokenIssueTime",
        "aws:userid",
    ]


def test_older_documents_have_no_variables():
    assert list(
        context_keys.of_documents([LOOKS.replace("2012-10-17", "2008-10-17")]).values()
    ) == [
        "s3:prefix",
        "aws:MultiFactorAuthAge",
        "AWS:UserName",
        "aws:TokenIssueTime",
    ]


@given(
    st.lists(
        st.tuples(wheres | st.just("arn:aws:s3:::${aws:userid}/${aws:Other}"), conditions),
        max_size=4,
    ),
    st.sampled_from(["2012-10-17", "2008-10-17"]),
)
@settings(max_examples=300, deadline=None)
def test_the_keys_are_those_that_the_compiled_policy_looks_at(statements, version):
    document = {
        "Version": version,
        "Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": where}
            | ({} if condition is None else {"Condition": condition})
            for where, condition in statements
        ],
    }
    text = json.dumps(document)
    compiled = compile_policy(text, Use.IDENTITY)
    looked_at = set()
    for statement in compiled.statements:
        looked_at |= statement.resources.keys
        for condition in statement.conditions:
            looked_at |= condition.keys
    assert set(context_keys.of_documents([text])) == looked_at
