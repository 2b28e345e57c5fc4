"""What may be allowed, told before anything is known of the request, against what then is."""

from asking import ALICE, ANY, DELEGATES, KEY, ROLE, ROOT, SESSION, A, B, allow, deny, policy
from asking import OUTSIDER as BOB
from hypothesis import given, settings
from hypothesis import strategies as st
from test_properties import questions, read

from strongroom.policy.decide import prepare
from strongroom.policy.layers import Verdict
from strongroom.policy.reach import reach

KEYS = [
    "aws:principaltag/x",
    "kms:encryptioncontext:k",
    "kms:encryptioncontextkeys",
    "kms:viaservice",
    "aws:multifactorauthage",
]


@given(questions, st.sets(st.sampled_from(KEYS)))
@settings(max_examples=800, deadline=None)
def test_a_request_is_allowed_exactly_if_a_way_holds_and_no_obstacle_does(case, settled):
    one = read(case)
    found = reach(
        prepare(one.question, one.layers),
        settled.__contains__,
        {key: value for key, value in one.context.items() if key in settled},
    )
    allowed = prepare(one.question, one.layers).decide(one.context).verdict is Verdict.ALLOW
    assert found.holds(one.context) is allowed
    if found.barred:
        assert not found.ways


@given(questions)
@settings(max_examples=400, deadline=None)
def test_what_is_certain_is_allowed_in_all_circumstances(case):
    one = read(case)
    prepared = prepare(one.question, one.layers)
    found = reach(prepared, lambda _: False, {})
    if not found.obstacles and any(way.certain for way in found.ways):
        assert prepared.decide(one.context).allows
        assert prepared.decide({}).allows
    if not found.ways:
        assert not prepared.decide(one.context).allows


def ways(principal=ALICE, known=None, **case):
    one = read({"principal": principal, "action": "kms:Decrypt", "resource": KEY, **case})
    known = known or {}
    return reach(prepare(one.question, one.layers), known.__contains__, known)


def told(found):
    """By which names and through which documents."""
    return [
        (way.named.name, [step.heard.layer.name for need in way.needs for step in need.steps])
        for way in found.ways
    ]


def test_a_key_policy_that_names_the_caller_is_a_way_by_itself():
    found = ways(resource_policy=policy(allow(principal=ALICE)))
    assert told(found) == [("ALONE", ["RESOURCE"])]
    assert found.ways[0].certain


def test_what_is_left_to_the_account_needs_the_callers_own_policies():
    assert told(ways(resource_policy=DELEGATES)) == []
    found = ways(resource_policy=DELEGATES, identity_policies=[ANY])
    assert told(found) == [("ACCOUNT", ["RESOURCE", "IDENTITY"])]
    assert told(ways(principal=ROOT, resource_policy=DELEGATES)) == [("ACCOUNT", ["RESOURCE"])]


def test_a_foreign_caller_needs_both_sides():
    named = policy(allow(principal=BOB))
    assert told(ways(BOB, resource_policy=named, resource_account=A)) == []
    found = ways(BOB, resource_policy=named, resource_account=A, identity_policies=[ANY])
    assert told(found) == [("ALONE", ["RESOURCE", "IDENTITY"])]


def test_a_condition_stays_open_until_its_key_is_known():
    via = {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
    case = {"resource_policy": policy(allow(principal=ALICE, Condition=via))}
    (way,) = ways(**case).ways
    assert [c.key for c in way.needs[0].steps[0].conditions] == ["kms:viaservice"]
    assert not way.certain
    assert ways(known={"kms:viaservice": "s3.us-east-1.amazonaws.com"}, **case).ways[0].certain
    assert ways(known={"kms:viaservice": "sqs.us-east-1.amazonaws.com"}, **case).ways == ()


def test_a_deny_bars_the_way_or_stands_beside_it():
    where = {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    allowed = allow(principal=ALICE)
    found = ways(resource_policy=policy(allowed, deny(principal="*", Condition=where)))
    assert len(found.ways) == 1
    assert [step.conditions[0].key for step in found.obstacles] == ["aws:sourceip"]
    found = ways(resource_policy=policy(allowed, deny(principal="*", Sid="Never")))
    assert found.ways == ()
    assert found.barred == "denied by key policy (Never, line 1)"


def test_a_boundary_limits_what_a_role_is_given_and_not_what_its_session_is():
    narrow = {"permission_boundaries": [policy(allow("s3:*"))]}
    assert ways(ROLE, resource_policy=policy(allow(principal=ROLE)), **narrow).ways == ()
    assert told(ways(SESSION, resource_policy=policy(allow(principal=SESSION)), **narrow)) == [
        ("ALONE", ["RESOURCE"])
    ]


def test_a_grant_is_a_way_with_its_constraint():
    grant = {"GranteePrincipal": ALICE, "Operations": ["Decrypt"], "GrantId": "g"}
    found = ways(resource_policy=DELEGATES, grants=[grant])
    assert [(way.grant.id, way.certain) for way in found.ways] == [("g", True)]
    bound = grant | {"Constraints": {"EncryptionContextSubset": {"a": "b"}}}
    (way,) = ways(resource_policy=DELEGATES, grants=[bound]).ways
    assert not way.certain
    assert way.holds({"kms:encryptioncontext:a": "b"})
    assert not way.holds({"kms:encryptioncontext:a": "c"})


def test_a_grant_to_a_role_is_limited_as_the_role_is():
    grants = [{"GranteePrincipal": ROLE, "Operations": ["Decrypt"], "GrantId": "g"}]
    case = {"resource_policy": DELEGATES, "grants": grants}
    assert [way.grant.id for way in ways(ROLE, **case).ways] == ["g"]
    assert ways(ROLE, permission_boundaries=[policy(allow("s3:*"))], **case).ways == ()


def test_every_level_of_service_control_policies_has_to_let_it_through():
    case = {"resource_policy": policy(allow(principal=ALICE))}
    levels = [{"id": "r", "policies": [ANY]}, {"id": "ou", "policies": [policy(allow("s3:*"))]}]
    assert ways(scps=levels, **case).barred.startswith("a level of its service control policies")
    assert told(ways(scps=levels[:1], **case)) == [("ALONE", ["RESOURCE", "SCP"])]


def test_what_does_not_work_across_accounts_says_so():
    found = ways(
        BOB,
        action="kms:PutKeyPolicy",
        resource_policy=policy(allow(principal=BOB)),
        identity_policies=[ANY],
        resource_account=A,
    )
    assert found.barred == "kms:PutKeyPolicy does not work across accounts"
    assert B in BOB
