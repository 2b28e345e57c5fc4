"""What must hold of every decision, whatever the policies say."""

import json
from dataclasses import replace

from asking import (
    ALICE,
    KEY,
    OUTSIDE_ROLE,
    OUTSIDE_SESSION,
    OUTSIDER,
    ROLE,
    ROOT,
    SESSION,
    A,
    B,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from plainly import verdict

from strongroom.policy import cases
from strongroom.policy.compiled import compile_policy
from strongroom.policy.decide import decide, prepare
from strongroom.policy.explain import explain

FEDERATED = f"arn:aws:sts::{A}:federated-user/fred"
SERVICE = "logs.us-east-1.amazonaws.com"
CALLERS = [ALICE, SESSION, ROLE, ROOT, FEDERATED, OUTSIDER, OUTSIDE_SESSION, OUTSIDE_ROLE, SERVICE]
NAMES = [*CALLERS[:-1], "*", A, B, f"arn:aws:iam::{B}:root"]

actions = st.sampled_from(["kms:Decrypt", "kms:De*", "kms:*", "*", "s3:*", "kms:PutKeyPolicy"])
wheres = st.sampled_from(
    ["*", KEY, f"arn:aws:kms:*:{A}:key/*", f"arn:aws:kms:*:{B}:key/*", "arn:aws:kms"]
)
conditions = st.sampled_from(
    [
        None,
        {"StringEquals": {"aws:PrincipalTag/x": "y"}},
        {"StringNotLike": {"aws:PrincipalTag/x": ["y*", "z"]}},
        {"StringLike": {"kms:EncryptionContext:k": "${aws:PrincipalTag/x}*"}},
        {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["k"]}},
        {"ForAnyValue:StringLike": {"kms:EncryptionContextKeys": ["k*"]}},
        {"Null": {"kms:ViaService": "true"}},
        {"NumericLessThanIfExists": {"aws:MultiFactorAuthAge": "10"}},
        {"Nonsense": {"a": "b"}},
    ]
)
contexts = st.fixed_dictionaries(
    {},
    optional={
        "aws:PrincipalTag/x": st.sampled_from(["y", "yes", "no", "*"]),
        "kms:EncryptionContext:k": st.sampled_from(["y", "yes", "*"]),
        "kms:EncryptionContextKeys": st.sampled_from([[], ["k"], ["k", "l"]]),
        "kms:ViaService": st.just("s3.us-east-1.amazonaws.com"),
        "aws:MultiFactorAuthAge": st.sampled_from(["5", "50", "x"]),
    },
)


@st.composite
def statements(draw, *, principals=False, effects=("Allow", "Allow", "Deny")):
    made = {
        "Effect": draw(st.sampled_from(effects)),
        draw(st.sampled_from(["Action", "Action", "Action", "NotAction"])): draw(actions),
        draw(st.sampled_from(["Resource", "Resource", "Resource", "NotResource"])): draw(wheres),
    }
    if principals:
        who = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3))
        element = draw(st.sampled_from(["Principal", "Principal", "Principal", "NotPrincipal"]))
        made[element] = {"AWS": who} | ({"Service": SERVICE} if draw(st.booleans()) else {})
    condition = draw(conditions)
    if condition is not None:
        made["Condition"] = condition
    return made


def documents(**how):
    return st.lists(statements(**how), max_size=3).map(
        lambda each: {"Version": "2012-10-17", "Statement": each}
    )


def some(what, **how):
    return st.none() | st.lists(what, max_size=2, **how)


levels = st.lists(
    st.lists(documents(), min_size=1, max_size=2).map(lambda each: {"id": "x", "policies": each}),
    max_size=2,
)
grants = st.lists(
    st.fixed_dictionaries(
        {
            "GranteePrincipal": st.sampled_from([*CALLERS, f"arn:aws:iam::{B}:root"]),
            "Operations": st.just(["Decrypt"]),
        },
        optional={
            "Constraints": st.sampled_from(
                [{"EncryptionContextEquals": {"K": "y"}}, {"EncryptionContextSubset": {"k": "yes"}}]
            )
        },
    ),
    max_size=1,
)
questions = st.fixed_dictionaries(
    {
        "principal": st.sampled_from(CALLERS) | st.just({"anonymous": True}),
        "action": st.sampled_from(
            ["kms:Decrypt", "kms:PutKeyPolicy", "s3:GetObject", "sts:AssumeRole"]
        ),
        "resource": st.sampled_from([KEY, KEY, KEY, ROLE, "arn:aws:s3:::b/k", "*"]),
        "resource_account": st.sampled_from([A, A, B]),
        "context": contexts,
        "identity_policies": st.lists(documents(), max_size=2),
        "permission_boundaries": some(documents()),
        "session_policies": some(documents()),
        "resource_policy": st.none() | documents(principals=True),
        "scps": levels,
        "rcps": levels.map(
            lambda each: [
                level
                | {
                    "policies": [
                        policy
                        | {
                            "Statement": [
                                one | {"Principal": "*"}
                                for one in policy["Statement"]
                                if one["Effect"] == "Deny"
                            ]
                        }
                        for policy in level["policies"]
                    ]
                }
                for level in each
            ]
        ),
        "vpce_policies": some(documents(principals=True)),
        "grants": grants,
        "of_aws_managed_key": st.booleans(),
    }
)


def read(case):
    """The case, whose key may be an AWS managed one, which a case of a file has no word for."""
    managed = case.get("of_aws_managed_key", False)
    told = {name: value for name, value in case.items() if name != "of_aws_managed_key"}
    one = cases.read(json.dumps(told))
    return replace(one, layers=replace(one.layers, of_aws_managed_key=managed))


@given(questions)
@settings(max_examples=600, deadline=None)
def test_the_fast_answer_is_the_plain_one(case):
    one = read(case)
    explanation = explain(one.question, one.layers, one.context)
    assert verdict(explanation, one.layers) == explanation.decision.verdict.value
    prepared = prepare(one.question, one.layers)
    assert prepared.decide(one.context) == explanation.decision
    if prepared.settled is not None:
        assert prepared.settled == decide(one.question, one.layers, {})
    if explanation.decision.verdict.value != "Allow":
        assert explanation.remedies


@given(
    questions,
    st.sets(
        st.sampled_from(
            [
                "aws:principaltag/x",
                "kms:encryptioncontext:k",
                "kms:encryptioncontextkeys",
                "kms:viaservice",
                "aws:multifactorauthage",
            ]
        )
    ),
)
@settings(max_examples=400, deadline=None)
def test_what_is_known_beforehand_changes_no_decision(case, names):
    one = read(case)
    known = {name: value for name, value in one.context.items() if name in names}
    prepared = prepare(one.question, one.layers, known)
    assert prepared.decide(one.context) == decide(one.question, one.layers, one.context)


PLACES = ["identity_policies", "permission_boundaries", "session_policies", "vpce_policies"]


@given(questions, statements(principals=True, effects=["Deny"]), st.sampled_from(PLACES))
@settings(max_examples=200, deadline=None)
def test_one_more_deny_never_allows(case, deny, place):
    before = cases.judge(read(case)).allows
    more = {"Version": "2012-10-17", "Statement": [deny]}
    if not place.startswith("vpce"):
        more["Statement"] = [{k: v for k, v in deny.items() if not k.endswith("Principal")}]
    if case[place]:
        after = cases.judge(read(case | {place: [*case[place], more]})).allows
        assert before or not after
    if case["resource_policy"]:
        under = case["resource_policy"]
        changed = under | {"Statement": [*under["Statement"], deny]}
        assert before or not cases.judge(read(case | {"resource_policy": changed})).allows


@given(questions, st.data())
@settings(max_examples=200, deadline=None)
def test_one_allow_less_never_allows(case, data):
    before = cases.judge(read(case)).allows
    for place in ("identity_policies", "session_policies", "permission_boundaries"):
        policies = case[place]
        if not policies:
            continue
        at = data.draw(st.integers(0, len(policies) - 1))
        allows = [s for s in policies[at]["Statement"] if s["Effect"] == "Allow"]
        if not allows:
            continue
        gone = data.draw(st.sampled_from(range(len(allows))))
        kept = [s for s in policies[at]["Statement"] if s is not allows[gone]]
        changed = [p if i != at else p | {"Statement": kept} for i, p in enumerate(policies)]
        assert before or not cases.judge(read(case | {place: changed})).allows


@given(questions, st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_the_order_of_statements_and_policies_changes_nothing(case, random):
    def shuffled(policy):
        return policy | {"Statement": random.sample(policy["Statement"], len(policy["Statement"]))}

    changed = dict(case)
    for place in PLACES:
        if case[place]:
            changed[place] = random.sample(
                [shuffled(each) for each in case[place]], len(case[place])
            )
    if case["resource_policy"]:
        changed["resource_policy"] = shuffled(case["resource_policy"])
    assert cases.judge(read(case)).verdict == cases.judge(read(changed)).verdict


@given(questions)
@settings(max_examples=300, deadline=None)
def test_a_document_that_is_none_never_allows(case):
    one = read(case)
    broken = compile_policy("{", one.layers.resource.use) if one.layers.resource else None
    if broken is not None:
        assert not decide(one.question, replace(one.layers, resource=broken), one.context).allows


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
@settings(max_examples=500, deadline=None)
def test_any_text_at_all_is_a_document_or_denies(text):
    from strongroom.policy.compiled import Use

    for use in Use:
        policy = compile_policy(text, use)
        assert policy.broken
        assert [statement.allow for statement in policy.statements] == [False]
