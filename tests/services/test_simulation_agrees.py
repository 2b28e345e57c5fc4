"""That a simulation says what decides, and what then happens."""

from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import (
    ALLOWED,
    EXPLICIT,
    IMPLICIT,
    OBJECT,
    allow,
    deny,
    document,
    entry,
    of_user,
    principal,
    to,
)

from strongroom.policy.caller import Caller
from strongroom.policy.cases import implied
from strongroom.policy.compiled import Use, compile_policy
from strongroom.policy.decide import decide
from strongroom.policy.layers import Layers, Question
from strongroom.services.call import Call
from strongroom.services.iam import simulation
from strongroom.services.principal import root
from strongroom.wire.shapes import iam as shapes


def test_a_simulation_says_what_then_happens(endpoint, iam, account):
    """A user's call to KMS, allowed or not, is what was simulated of it."""
    kms = endpoint.client("kms", "sim-1", account)
    iam.create_user(UserName="dora")
    dora = f"arn:aws:iam::{account}:user/dora"
    key = iam.create_access_key(UserName="dora")["AccessKey"]
    hers = of_user(endpoint, "kms", "sim-1", key)
    delegates = to(f"arn:aws:iam::{account}:root", "kms:*")
    seen = set()
    for own in (
        document(allow("kms:Encrypt")),
        document(
            allow("kms:*"),
            deny("kms:Encrypt", Condition={"StringEquals": {"kms:EncryptionContext:a": "b"}}),
        ),
        document(allow("iam:*")),
    ):
        iam.put_user_policy(UserName="dora", PolicyName="own", PolicyDocument=own)
        for key_policy in (
            document(delegates),
            document(delegates, to(dora, "kms:Encrypt")),
            document(to(f"arn:aws:iam::{account}:root", "kms:PutKeyPolicy")),
        ):
            made = kms.create_key(Policy=key_policy, BypassPolicyLockoutSafetyCheck=True)
            arn = made["KeyMetadata"]["Arn"]
            for context in ({}, {"a": "b"}):
                result = principal(
                    iam,
                    dora,
                    "kms:Encrypt",
                    ResourceArns=[arn],
                    ResourcePolicy=key_policy,
                    ContextEntries=[
                        entry(f"kms:EncryptionContext:{name}", value)
                        for name, value in context.items()
                    ],
                )
                try:
                    hers.encrypt(KeyId=arn, Plaintext=b"x", EncryptionContext=context)
                    happened = ALLOWED
                except ClientError as denied:
                    message = denied.response["Error"]["Message"]
                    happened = EXPLICIT if "explicit deny" in message else IMPLICIT
                assert result["EvalDecision"] == happened, (own, key_policy, context)
                seen.add(happened)
    assert seen == {ALLOWED, EXPLICIT, IMPLICIT}
    for client in (kms, hers):
        client.close()


A, B = "111122223333", "444455556666"
CALLERS = [f"arn:aws:iam::{A}:user/alice", f"arn:aws:iam::{A}:role/w", f"arn:aws:iam::{B}:user/bob"]
RESOURCES = [OBJECT, f"arn:aws:kms:us-east-1:{A}:key/k", f"arn:aws:sqs:eu-west-1:{B}:q"]
ACTIONS = ["s3:GetObject", "kms:Decrypt", "kms:PutKeyPolicy", "sqs:Send"]

conditions = st.sampled_from(
    [
        {},
        {"StringEquals": {"aws:PrincipalTag/x": "y"}},
        {"StringNotLike": {"aws:PrincipalArn": "*:user/alice"}},
        {"ForAllValues:StringEquals": {"a:keys": ["k"]}},
        {"NumericLessThanIfExists": {"a:number": "10"}},
        {"StringLike": {"aws:PrincipalTag/x": "${aws:username, 'y'}*"}},
    ]
)
statements = st.builds(
    lambda effect, action, resource, condition: (
        {
            "Effect": effect,
            "Action": action,
            "Resource": resource,
        }
        | ({"Condition": condition} if condition else {})
    ),
    st.sampled_from(["Allow", "Allow", "Deny"]),
    st.sampled_from(["*", "s3:*", "kms:*", "kms:Decrypt", "sqs:Send"]),
    st.sampled_from(["*", *RESOURCES, "arn:aws:kms:*:*:key/*"]),
    conditions,
)
documents = st.lists(statements, min_size=1, max_size=3).map(lambda each: document(*each))
of_resources = st.lists(
    st.tuples(statements, st.sampled_from([*CALLERS, "*", A, B])), min_size=1, max_size=3
).map(lambda each: document(*(one | {"Principal": {"AWS": who}} for one, who in each)))
entries = st.fixed_dictionaries(
    {},
    optional={
        "aws:PrincipalTag/x": st.sampled_from([["y"], ["alice2"]]),
        "a:keys": st.sampled_from([["k"], ["k", "l"]]),
        "a:number": st.sampled_from([["5"], ["50"]]),
    },
)


@given(
    identity=st.lists(documents, max_size=2),
    boundary=st.none() | documents,
    levels=st.lists(documents, max_size=2),
    resource_policy=st.none() | of_resources,
    who=st.sampled_from(CALLERS),
    given_entries=entries,
)
@settings(max_examples=150, deadline=None)
def test_the_operation_and_the_engine_agree(
    identity, boundary, levels, resource_policy, who, given_entries
):
    rq = shapes.SimulateCustomPolicyRequest(
        PolicyInputList=identity,
        PermissionsBoundaryPolicyInputList=None if boundary is None else [boundary],
        OrderedOrganizationPolicyInputList=[
            shapes.OrderedOrganizationPolicyType(ServiceControlPolicyInputList=[each])
            for each in levels
        ],
        ActionNames=ACTIONS,
        ResourceArns=RESOURCES,
        ResourcePolicy=resource_policy,
        ResourceOwner=f"arn:aws:iam::{A}:root",
        CallerArn=who,
        ContextEntries=[
            shapes.ContextEntry(ContextKeyName=key, ContextKeyValues=values)
            for key, values in given_entries.items()
        ],
    )
    answer = simulation.simulate_custom_policy(None, Call(root("aws", A), "us-east-1", 0.0), rq)
    caller = Caller.of_arn(who)
    said = {
        key.lower(): tuple(values) if len(values) > 1 else values[0]
        for key, values in given_entries.items()
    }
    worst = {"Allow": ALLOWED, "ImplicitDeny": IMPLICIT, "ExplicitDeny": EXPLICIT}
    for action, result in zip(ACTIONS, answer.EvaluationResults, strict=True):
        decisions = []
        for resource, of_it in zip(RESOURCES, result.ResourceSpecificResults, strict=True):
            question = Question(caller, action, resource, B if B in resource else A)
            text = resource_policy
            if text is None and action.startswith("kms:") and ":key/" in resource:
                text = document(to(A, "kms:*"))  # a key is left to its account
            use = Use.KEY if action.startswith("kms:") else Use.RESOURCE
            layers = Layers(
                identity=[compile_policy(each, Use.IDENTITY) for each in identity],
                boundaries=None if boundary is None else [compile_policy(boundary, Use.BOUNDARY)],
                scps=[[compile_policy(each, Use.SCP)] for each in levels],
                resource=None
                if text is None or (resource_policy is None and caller.account != A)
                else compile_policy(text, use),
            )
            decision = decide(question, layers, implied(question) | said)
            assert of_it.EvalResourceDecision == worst[decision.verdict.value]
            decisions.append(decision.verdict.value)
        restricted = max(decisions, key=["Allow", "ImplicitDeny", "ExplicitDeny"].index)
        assert result.EvalDecision == worst[restricted]
