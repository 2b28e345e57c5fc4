"""What may not stand in a document, where it stands, and AWS's words for it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.errors import MalformedPolicyDocument
from strongroom.policy.compiled import Use, compile_policy
from strongroom.policy.grammar import Wrong, faults, require, sentence

A = "111122223333"
OWN = {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}
OF_KEY = OWN | {"Principal": {"AWS": f"arn:aws:iam::{A}:root"}}
OF_TRUST = {
    "Effect": "Allow",
    "Principal": {"Service": "ecs-tasks.amazonaws.com"},
    "Action": "sts:AssumeRole",
}
OF_RCP = {"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*"}
GOOD = {
    Use.IDENTITY: OWN,
    Use.BOUNDARY: OWN,
    Use.SESSION: OWN,
    Use.SCP: OWN,
    Use.KEY: OF_KEY,
    Use.RESOURCE: OF_KEY,
    Use.ENDPOINT: OF_KEY,
    Use.TRUST: OF_TRUST,
    Use.RCP: OF_RCP,
}


def document(*statements, version="2012-10-17", **more):
    return json.dumps({"Version": version, "Statement": list(statements)} | more)


def changed(statement, **change):
    return {name: value for name, value in (statement | change).items() if value is not None}


@pytest.mark.parametrize("use", list(Use), ids=lambda use: use.name)
def test_good_documents(use):
    text = document(GOOD[use])
    assert faults(text, use) == []
    require(text, use)
    policy = compile_policy(text, use)
    assert not policy.broken
    assert not any(statement.broken for statement in policy.statements)


@pytest.mark.parametrize(
    ("use", "text", "words"),
    [
        (Use.IDENTITY, "{", "Syntax errors in policy."),
        (Use.IDENTITY, document(OWN, Comment="x"), "Syntax errors in policy."),
        (
            Use.IDENTITY,
            document(OWN, version="2008-10-17"),
            "Policy document must be version 2012-10-17 or greater.",
        ),
        (
            Use.IDENTITY,
            json.dumps({"Statement": [OWN]}),
            "Policy document must be version 2012-10-17 or greater.",
        ),
        (
            Use.IDENTITY,
            document(changed(OWN, Action=None)),
            "Policy statement must contain actions.",
        ),
        (
            Use.IDENTITY,
            document(changed(OWN, Resource=None)),
            "Policy statement must contain resources.",
        ),
        (
            Use.IDENTITY,
            document(changed(OWN, Resource="mine")),
            'Resource mine must be in ARN format or "*".',
        ),
        (
            Use.IDENTITY,
            document(changed(OWN, Resource="arn:b:kms:::x")),
            'Partition "b" is not valid for resource "arn:b:kms:::x".',
        ),
        (
            Use.IDENTITY,
            document(changed(OWN, Resource="arn:aws:a a:::x")),
            "Vendor a a is not valid",
        ),
        (
            Use.IDENTITY,
            document(changed(OWN, Resource="arn:aws:k*:::x")),
            "Resource vendor must be fully qualified and cannot contain regexes.",
        ),
        (
            Use.IDENTITY,
            document(changed(OWN, Action="Decrypt")),
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        (
            Use.IDENTITY,
            document(OWN | {"Sid": "a"}, OWN | {"Sid": "a"}),
            "Statement IDs (SID) in a single policy must be unique.",
        ),
        (Use.IDENTITY, document(OWN | {"Sid": "a b"}), "Syntax errors in policy."),
        (Use.IDENTITY, document(OF_KEY), "Policy document should not specify a principal."),
        (Use.TRUST, "no", "This policy contains invalid Json"),
        (Use.TRUST, document(OF_TRUST | {"Resource": "*"}), "Has prohibited field Resource"),
        (
            Use.TRUST,
            document(OF_TRUST | {"Action": "kms:Decrypt"}),
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
        (
            Use.TRUST,
            document(OF_TRUST | {"Principal": {"AWS": "me"}}),
            'Invalid principal in policy: "AWS":"me"',
        ),
        (
            Use.KEY,
            document(OF_KEY | {"Principal": {"AWS": f"arn:aws:iam::{A}:group/x"}}),
            "Policy contains a statement with one or more invalid principals.",
        ),
        (
            Use.RCP,
            document(OF_RCP | {"Effect": "Allow"}),
            "The provided policy document does not meet the requirements of the specified policy type.",
        ),
        (
            Use.RCP,
            document(OF_RCP | {"Principal": {"AWS": A}}),
            "The provided policy document does not meet the requirements of the specified policy type.",
        ),
    ],
)
def test_refusals_in_aws_words(use, text, words):
    with pytest.raises(MalformedPolicyDocument) as caught:
        require(text, use)
    assert words == caught.value.message


@pytest.mark.parametrize(
    ("change", "wrong", "says"),
    [
        ({"Effect": "allow"}, Wrong.ELEMENT, "neither Allow nor Deny"),
        ({"NotAction": "s3:*"}, Wrong.ELEMENT, "both Action and NotAction"),
        ({"Action": "k*:Decrypt"}, Wrong.VENDOR, "not `service:Action`"),
        ({"Resource": "arn"}, Wrong.RESOURCE, "neither an ARN nor `*`"),
        ({"Resource": "arn:x:kms:a:b:c"}, Wrong.PARTITION, "not a partition"),
        ({"Resource": "arn:aws:k?s:a:b:c"}, Wrong.ANY_SERVICE, "a wildcard for a service"),
        ({"Condition": {"StrEquals": {"a:b": "c"}}}, Wrong.CONDITION, "no condition operator"),
        (
            {"Condition": {"NullIfExists": {"a:b": "true"}}},
            Wrong.CONDITION,
            "no condition operator",
        ),
        ({"Condition": {"Null": {"a:b": "maybe"}}}, Wrong.CONDITION, "neither true nor false"),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "x"}}}, Wrong.CONDITION, "not a value that"),
        ({"Condition": {"DateEquals": {"a:b": "2026-13-01"}}}, Wrong.CONDITION, "not a value that"),
        ({"Condition": {"NumericEquals": {"a:b": "1e999"}}}, Wrong.CONDITION, "not a value that"),
        ({"Condition": {"Bool": {"b": "true"}}}, Wrong.VENDOR, "not `service:key`"),
        ({"Condition": {"Bool": {"a:B": "true", "a:b": "true"}}}, Wrong.CONDITION, "twice"),
        ({"Principal": {"Cat": "x"}}, Wrong.PRINCIPAL, "of a kind that there is not"),
        ({"Principal": {"AWS": []}}, Wrong.PRINCIPAL, "names nobody"),
    ],
)
def test_what_is_wrong_and_where(change, wrong, says):
    text = json.dumps({"Version": "2012-10-17", "Statement": [OF_KEY | change]}, indent=2)
    (fault,) = faults(text, Use.KEY)
    assert fault.wrong is wrong
    assert says in fault.reason
    line = text.splitlines()[fault.place.line - 1]
    assert line[fault.place.column - 1 :]


PROVIDER = f"arn:aws:iam::{A}:oidc-provider/issuer.example/path"


@pytest.mark.parametrize(
    ("kind", "name", "valid"),
    [
        ("Service", "logs.us-east-1.amazonaws.com", True),
        ("Service", "delivery.logs.amazonaws.com.cn", True),
        ("Service", "nonsense", False),
        ("Service", "*", False),
        ("Service", "*.amazonaws.com", False),
        ("Service", "a b.amazonaws.com", False),
        ("Service", "s3..amazonaws.com", False),
        ("Service", f"arn:aws:iam::{A}:root", False),
        ("Federated", "cognito-identity.amazonaws.com", True),
        ("Federated", PROVIDER, True),
        ("Federated", f"arn:aws:iam::{A}:saml-provider/idp", True),
        ("Federated", "x", False),
        ("Federated", "*", False),
        ("Federated", PROVIDER + "*", False),
        ("Federated", f"arn:aws:iam::{A}:user/x", False),
        ("Federated", f"arn:aws:iam::{A}:saml-provider/", False),
    ],
)
def test_names_of_services_and_identity_providers(kind, name, valid):
    for use in (Use.KEY, Use.TRUST):
        found = faults(document(GOOD[use] | {"Principal": {kind: name}}), use)
        if valid:
            assert found == []
        else:
            (fault,) = found
            assert sentence(fault, use) == (
                "Policy contains a statement with one or more invalid principals."
                if use is Use.KEY
                else f'Invalid principal in policy: "{kind.upper()}":"{name}"'
            )


def test_canonical_users_are_those_of_s3():
    good = OF_KEY | {"Principal": {"CanonicalUser": "0123456789abcdef" * 4}}
    assert faults(document(good), Use.RESOURCE) == []
    for use, statement in (
        (Use.RESOURCE, good | {"Principal": {"CanonicalUser": "x"}}),
        (Use.KEY, good),
        (Use.TRUST, OF_TRUST | {"Principal": good["Principal"]}),
    ):
        (fault,) = faults(document(statement), use)
        assert fault.wrong is Wrong.PRINCIPAL


def test_everything_that_is_wrong_is_told_in_the_order_of_the_text():
    text = (
        '{"Version": "2012-10-17",\n'
        ' "Statement": [{"Effect": "Maybe",\n'
        '  "Action": "x",\n'
        '  "Resource": "y"}]}'
    )
    assert [(fault.place, fault.reason) for fault in faults(text, Use.IDENTITY)] == [
        ((2, 27), "Effect is neither Allow nor Deny"),
        ((3, 13), "`x` is not `service:Action`"),
        ((4, 15), "`y` is neither an ARN nor `*`"),
    ]


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("", (1, 1), "ends too early"),
        ('{"a": 1,\n "a": 2}', (2, 2), "`a` is there twice"),
        ("[1 2]", (1, 4), "a comma or `]`"),
        ('{"a" 1}', (1, 6), "a colon"),
        ("{1: 2}", (1, 2), "the name of an element"),
        ('"a', (1, 1), "the string does not end"),
        ('"\\ud800"', (1, 1), "half a character"),
        ("[1] x", (1, 5), "behind the end"),
        ("[" * 40, (1, 33), "deeper than 32"),
        ("[01]", (1, 3), "a comma"),
        ("9" * 65, (1, 1), "too long"),
        ("€", (1, 1), "a value is missing"),
    ],
)
def test_what_is_no_json(text, place, says):
    (fault,) = faults(text, Use.KEY)
    assert (fault.wrong, fault.place) == (Wrong.SYNTAX, place)
    assert says in fault.reason


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "Version Statement Effect Action NotAction Principal Resource Condition Sid Bool".split()
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON, st.sampled_from(list(Use)))
@settings(max_examples=400, deadline=None)
def test_any_json_at_all_is_judged(value, use):
    """What is accepted compiles whole; what is refused has its words."""
    text = json.dumps(value, allow_nan=False)
    found = faults(text, use)
    policy = compile_policy(text, use)
    if found:
        assert all(isinstance(sentence(fault, use), str) for fault in found)
    else:
        assert not policy.broken
        assert not any(statement.broken for statement in policy.statements)


@given(
    st.builds(
        lambda c: json.dumps({"Version": "2012-10-17", "Statement": [OF_KEY | c]}),
        JSON.filter(lambda v: isinstance(v, dict)),
    )
)
@settings(max_examples=300, deadline=None)
def test_a_key_policy_with_anything_in_its_statement(text):
    if not faults(text, Use.KEY):
        policy = compile_policy(text, Use.KEY)
        assert not any(statement.broken for statement in policy.statements)
        assert not any(c.broken for each in policy.statements for c in each.conditions)
