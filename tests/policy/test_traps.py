"""The traps that policy engines fall into, one by one."""

import time

import pytest
from asking import (
    ALICE,
    ALLOW,
    ANY,
    DELEGATES,
    EXPLICIT,
    IMPLICIT,
    KEY,
    OUTSIDE_ROLE,
    OUTSIDE_SESSION,
    OUTSIDER,
    ROLE,
    ROOT,
    SESSION,
    A,
    B,
    allow,
    asked,
    decided,
    deny,
    policy,
)

from strongroom.policy.layers import Layer


def by(*statements, version="2012-10-17", key=DELEGATES, **case):
    """What alice's one identity policy comes to, on a key that leaves it to the account."""
    return decided(
        identity_policies=[policy(*statements, version=version)], resource_policy=key, **case
    )


def when(operator, key, values, *, effect=allow, **case):
    """What a condition lets through, in an Allow by itself or in a Deny beside one."""
    condition = {operator: {key: values}}
    if effect is allow:
        return by(allow(Condition=condition), **case)
    return by(allow(), deny(Condition=condition), **case)


# 1 to 4, and other operators


def test_a_missing_key_lets_a_negated_operator_match():
    assert when("StringNotEquals", "aws:PrincipalTag/x", "y") == ALLOW
    assert when("StringEquals", "aws:PrincipalTag/x", "y") == IMPLICIT
    assert when("StringNotEquals", "aws:PrincipalTag/x", "y", effect=deny) == EXPLICIT


def test_bool_in_a_deny_misses_long_term_keys():
    mfa = "aws:MultiFactorAuthPresent"
    assert when("Bool", mfa, "false", effect=deny) == ALLOW
    assert when("BoolIfExists", mfa, "false", effect=deny) == EXPLICIT
    assert when("BoolIfExists", mfa, "false", effect=deny, context={mfa: "true"}) == ALLOW
    assert when("Bool", mfa, False, effect=deny, context={mfa: "FALSE"}) == EXPLICIT


def test_for_all_values_with_allow_and_nothing_there():
    key = "kms:EncryptionContextKeys"
    assert when("ForAllValues:StringEquals", key, ["a"]) == ALLOW
    assert when("ForAllValues:StringEquals", key, ["a"], context={key: []}) == ALLOW
    assert when("ForAllValues:StringEquals", key, ["a"], context={key: ["a", "b"]}) == IMPLICIT
    assert when("ForAnyValue:StringEquals", key, ["a"]) == IMPLICIT
    assert when("ForAnyValue:StringEquals", key, ["a"], context={key: ["a", "b"]}) == ALLOW
    assert when("ForAnyValue:StringNotEquals", key, ["a"], context={key: ["a"]}) == IMPLICIT
    assert when("ForAnyValue:StringNotEquals", key, ["a"], context={key: ["a", "b"]}) == ALLOW


def test_several_values_without_a_set_operator_match_nothing():
    key = "aws:TagKeys"
    assert when("StringEquals", key, ["a", "b"], context={key: ["a", "b"]}) == IMPLICIT
    assert when("StringNotEquals", key, ["c"], context={key: ["a", "b"]}) == IMPLICIT


def test_string_equals_takes_a_star_for_a_star():
    context = {"aws:PrincipalTag/x": "anything"}
    assert when("StringEquals", "aws:PrincipalTag/x", "*", context=context) == IMPLICIT
    assert when("StringLike", "aws:PrincipalTag/x", "*", context=context) == ALLOW
    assert (
        when("StringEquals", "aws:PrincipalTag/x", "*", context={"aws:PrincipalTag/x": "*"})
        == ALLOW
    )


@pytest.mark.parametrize(
    ("operator", "value", "given", "decision"),
    [
        ("StringEqualsIgnoreCase", "ABC", "abc", ALLOW),
        ("StringEqualsIgnoreCase", "STRÄßE", "sträße", ALLOW),
        ("StringEqualsIgnoreCase", "STRASSE", "straße", IMPLICIT),
        ("StringEqualsIgnoreCase", "I", "İ", IMPLICIT),
        ("StringEqualsIgnoreCase", "fi", "ﬁ", IMPLICIT),
        ("StringNotEqualsIgnoreCase", "ABC", "abc", IMPLICIT),
        ("StringLike", "a*", "a\nb", ALLOW),
        ("StringLike", "a?c", "ac", IMPLICIT),
        ("StringNotLike", ["a*", "b*"], "bc", IMPLICIT),
        ("StringNotLike", ["a*", "b*"], "c", ALLOW),
        ("NumericEquals", "10", "10.0", ALLOW),
        ("NumericEquals", 10, "10abc", IMPLICIT),
        ("NumericNotEquals", "10", "10abc", IMPLICIT),  # on the safe side
        ("NumericLessThan", "10", "9.99", ALLOW),
        ("NumericLessThanEquals", "10", "10", ALLOW),
        ("NumericGreaterThan", "10", "10", IMPLICIT),
        ("NumericGreaterThanEquals", "10", "10", ALLOW),
        ("DateGreaterThan", "2026-01-01T00:00:00Z", "1767225601", ALLOW),
        ("DateGreaterThan", "1767225600", "2026-01-01T00:00:00Z", IMPLICIT),
        ("DateEquals", "1767225600.0", "2026-01-01", ALLOW),
        ("DateLessThan", "2026-01-01T01:00:00+01:00", "2025-12-31T23:59:59.5Z", ALLOW),
        ("DateNotEquals", "2026-01-01", "yesterday", IMPLICIT),
        ("BinaryEquals", "QmluYXJ5", "QmluYXJ5", ALLOW),
        ("BinaryEquals", "QmluYXJ5", "QmluYXJ6", IMPLICIT),
        ("IpAddress", "203.0.113.0/24", "203.0.113.9", ALLOW),
        ("IpAddress", ["2001:db8::/32", "203.0.113.7"], "203.0.113.7", ALLOW),
        ("IpAddress", "203.0.113.0/24", "2001:db8::1", IMPLICIT),
        ("IpAddress", "0.0.0.0/0", "2001:db8::1", IMPLICIT),
        ("NotIpAddress", "203.0.113.0/24", "203.0.114.1", ALLOW),
        ("NotIpAddress", "203.0.113.0/24", "nowhere", IMPLICIT),
        ("ArnLike", "arn:aws:s3:::b*", "arn:aws:s3:::bucket/a:b", ALLOW),
        ("ArnEquals", "arn:aws:iam::*:role/x", "arn:aws:iam::1:role/x", ALLOW),
        ("ArnLike", "arn:aws:*:role/x", "arn:aws:iam::1:role/x", IMPLICIT),  # never over a colon
        ("ArnNotLike", "arn:aws:iam::1:role/*", "arn:aws:iam::1:role/x", IMPLICIT),
    ],
)
def test_operators(operator, value, given, decision):
    assert when(operator, "aws:PrincipalTag/x", value, context={"aws:PrincipalTag/x": given}) == (
        decision
    )


def test_null():
    key = "kms:BypassPolicyLockoutSafetyCheck"
    assert when("Null", key, "true") == ALLOW
    assert when("Null", key, "true", context={key: "false"}) == IMPLICIT
    assert when("Null", key, False, context={key: "false"}) == ALLOW
    assert when("Null", "aws:TagKeys", "true", context={"aws:TagKeys": []}) == ALLOW


@pytest.mark.parametrize("operator", ["StringMatches", "ForSomeValues:StringLike", "NullIfExists"])
def test_what_is_not_known_fails_closed(operator):
    context = {"aws:PrincipalTag/x": "y"}
    assert when(operator, "aws:PrincipalTag/x", "y", context=context) == IMPLICIT
    assert when(operator, "aws:PrincipalTag/x", "y", effect=deny, context=context) == EXPLICIT


def test_a_value_that_an_operator_cannot_read_fails_closed():
    context = {"aws:SourceIp": "203.0.113.9"}
    for operator in ("IpAddress", "NotIpAddress", "NumericEquals", "NumericNotEquals"):
        assert when(operator, "aws:SourceIp", "here", context=context) == IMPLICIT
        assert when(operator, "aws:SourceIp", "here", effect=deny, context=context) == EXPLICIT


@pytest.mark.parametrize(
    "broken",
    [
        {"Effect": "Deny", "Action": "kms:Decrypt", "Resource": "*", "Colour": "red"},
        {"Effect": "deny", "Action": "kms:Decrypt", "Resource": "*"},
        {"Effect": "Deny", "Action": 1, "Resource": "*"},
        {"Effect": "Deny", "Action": "kms:*", "NotAction": "s3:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "kms:*", "Resource": "*", "Condition": {"Bool": "x"}},
        "Deny",
    ],
)
def test_a_statement_that_is_none_denies_and_never_allows(broken):
    assert by(allow(), broken) == EXPLICIT
    if isinstance(broken, dict) and broken["Effect"] == "Deny":
        assert by(broken | {"Effect": "Allow"}) == IMPLICIT


def test_a_document_that_is_none_denies():
    assert by(allow(), version="2012-10-18") == EXPLICIT
    assert decided(
        identity_policies=[ANY, {"Version": "2012-10-17"}], resource_policy=DELEGATES
    ) == (EXPLICIT)


# 5 and 6: variables


def test_variables_are_text_in_older_documents():
    condition = {"StringEquals": {"aws:PrincipalTag/x": "${aws:username}"}}
    context = {"aws:PrincipalTag/x": "alice"}
    assert by(allow(Condition=condition), context=context) == ALLOW
    assert by(allow(Condition=condition), context=context, version="2008-10-17") == IMPLICIT
    literal = {"aws:PrincipalTag/x": "${aws:username}"}
    assert by(allow(Condition=condition), context=literal, version="2008-10-17") == ALLOW


def test_what_is_put_in_for_a_variable_is_no_wildcard():
    condition = {"StringLike": {"aws:PrincipalTag/x": "team-${aws:PrincipalTag/team}"}}
    context = {"aws:PrincipalTag/x": "team-blue", "aws:PrincipalTag/team": "*"}
    assert by(allow(Condition=condition), context=context) == IMPLICIT
    assert by(allow(Condition=condition), context=context | {"aws:PrincipalTag/x": "team-*"}) == (
        ALLOW
    )
    resource = f"arn:aws:kms:us-east-1:{A}:key/${{aws:PrincipalTag/key}}"
    assert by(allow(resource=resource), context={"aws:PrincipalTag/key": "*"}) == IMPLICIT


def test_variables_with_defaults_without_values_and_special_ones():
    def like(text, **context):
        condition = {"StringLike": {"aws:PrincipalTag/x": text}}
        return by(allow(Condition=condition), context={"aws:PrincipalTag/x": "v"} | context)

    assert like("${aws:PrincipalTag/none, 'v'}") == ALLOW
    assert like("${aws:PrincipalTag/none,'v'}") == ALLOW
    assert like("${aws:PrincipalTag/none}") == IMPLICIT
    assert like("${*}") == IMPLICIT
    assert like("${aws:TagKeys}", **{"aws:TagKeys": ["v"]}) == IMPLICIT
    negated = {"StringNotEquals": {"aws:PrincipalTag/x": "${aws:PrincipalTag/none}"}}
    assert by(allow(Condition=negated), context={"aws:PrincipalTag/x": "v"}) == ALLOW
    assert by(allow(resource="arn:aws:kms:*:*:key/${aws:PrincipalTag/none}")) == IMPLICIT


def test_a_variable_in_a_resource():
    resource = "arn:aws:s3:::homes/${aws:username}/*"
    case = {"action": "s3:GetObject", "resource_account": A}
    policies = [policy(allow("s3:*", resource))]
    assert decided(resource="arn:aws:s3:::homes/alice/x", identity_policies=policies, **case) == (
        ALLOW
    )
    assert decided(resource="arn:aws:s3:::homes/bob/x", identity_policies=policies, **case) == (
        IMPLICIT
    )


# 7: ARNs by their parts


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        (KEY, True),
        ("*", True),
        (f"arn:aws:kms:*:{A}:key/*", True),
        ("arn:aws:kms:*:*:*", True),
        ("arn:aws:kms:us-east-?:*:key/1234*", True),
        ("arn:aws:kms:*", True),
        ("arn:aws:kms", True),  # in what belongs to a principal the rest is `*`
        ("arn:aws:km*", False),  # no wildcard for a service
        (KEY.replace(":kms:", ":*:"), False),
        ("arn:aws:kms:us-*:key/1234abcd-12ab-34cd-56ef-1234567890ab", True),  # runs past colons
        (f"arn:aws:kms:u*t-1:{A}:key/*", True),
        (f"arn:aws:kms:us*-x:{A}:key/*", False),
        (f"arn:aws:kms:*:{B}:key/*", False),
        (KEY.upper(), False),
        (KEY[:-1], False),
        (f"arn:aws:kms:us-east-1:{A}:alias/x", False),
    ],
)
def test_resource_patterns(pattern, matches):
    assert by(allow(resource=pattern)) == (ALLOW if matches else IMPLICIT)


def test_an_action_without_a_resource_takes_only_a_star():
    case = {"action": "kms:ListKeys", "resource": "*"}
    assert decided(identity_policies=[policy(allow("kms:ListKeys", "*"))], **case) == ALLOW
    arn = f"arn:aws:kms:*:{A}:key/*"
    assert decided(identity_policies=[policy(allow("kms:ListKeys", arn))], **case) == IMPLICIT


@pytest.mark.parametrize(
    ("action", "selects"),
    [
        ("kms:Decrypt", True),
        ("KMS:decrypt", True),
        ("kms:D*t", True),
        ("kms:Decryp?", True),
        ("*", True),
        ("k*:Decrypt", False),
        ("kms:Decrypt ", False),
        ("kms", False),
        ("kms:Encrypt", False),
        (["s3:*", "kms:De*"], True),
    ],
)
def test_action_patterns(action, selects):
    assert by(allow(action)) == (ALLOW if selects else IMPLICIT)
    without = {"Effect": "Allow", "NotAction": action, "Resource": "*"}
    assert by(without) == (IMPLICIT if selects else ALLOW)


def test_not_resource():
    assert by(allow(resource=None, NotResource=KEY)) == IMPLICIT
    assert by(allow(resource=None, NotResource=KEY[:-1])) == ALLOW


# 8 to 10: delegation


def test_delegation_is_by_action():
    key = policy(allow("kms:Describe*", principal=ROOT))
    assert by(allow(), key=key) == IMPLICIT
    assert by(allow(), key=key, action="kms:DescribeKey") == ALLOW
    assert asked(identity_policies=[ANY], resource_policy=key).layer is Layer.RESOURCE


def test_delegation_is_by_condition():
    key = policy(
        allow(
            principal=A,
            Condition={"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}},
        )
    )
    assert by(allow(), key=key) == IMPLICIT
    assert by(allow(), key=key, context={"kms:ViaService": "s3.us-east-1.amazonaws.com"}) == ALLOW


def test_without_delegation_iam_counts_only_to_deny():
    key = policy(allow(principal=ALICE))
    assert by(allow(), key=policy(allow(principal=ROLE))) == IMPLICIT
    assert by(deny(), key=key) == EXPLICIT
    assert decided(resource_policy=key) == ALLOW


def test_a_deny_to_the_account_is_a_deny_to_everybody_in_it():
    key = policy(allow(principal=ALICE), deny(principal=ROOT))
    for principal in (ALICE, SESSION, ROOT):
        assert decided(principal, resource_policy=key, identity_policies=[ANY]) == EXPLICIT
    assert decided(OUTSIDER, resource_policy=key, identity_policies=[ANY]) == IMPLICIT


def test_the_root_user_needs_the_key_policy_and_nothing_else():
    assert decided(ROOT, resource_policy=DELEGATES) == ALLOW
    assert decided(ROOT, resource_policy=policy(allow(principal=ALICE))) == IMPLICIT
    assert decided(
        ROOT, action="s3:GetObject", resource="arn:aws:s3:::b/k", resource_account=A
    ) == (ALLOW)
    assert decided(A, resource_policy=DELEGATES) == ALLOW


# 11 and 12: whom a resource's policy names decides what limits it


OTHER = policy(allow("s3:*"))


@pytest.mark.parametrize(
    ("named", "caller", "boundary", "session"),
    [
        (ALICE, ALICE, ALLOW, None),
        (ROLE, SESSION, IMPLICIT, IMPLICIT),
        (SESSION, SESSION, ALLOW, ALLOW),
        ("*", SESSION, ALLOW, ALLOW),
        ("*", ALICE, ALLOW, None),
    ],
)
def test_who_is_limited_by_boundary_and_session(named, caller, boundary, session):
    key = policy(allow(principal=named))
    assert decided(caller, resource_policy=key) == ALLOW
    assert decided(caller, resource_policy=key, permission_boundaries=[OTHER]) == boundary
    assert decided(caller, resource_policy=key, permission_boundaries=[ANY]) == ALLOW
    if session is not None:
        assert decided(caller, resource_policy=key, session_policies=[OTHER]) == session
        assert decided(caller, resource_policy=key, session_policies=[ANY]) == ALLOW


def test_what_is_delegated_needs_identity_boundary_and_session():
    case = {"resource_policy": DELEGATES}
    assert decided(SESSION, identity_policies=[ANY], **case) == ALLOW
    for layer, member in (
        (Layer.BOUNDARY, "permission_boundaries"),
        (Layer.SESSION, "session_policies"),
    ):
        denied = asked(SESSION, identity_policies=[ANY], **case, **{member: [OTHER]})
        assert (denied.verdict.value, denied.layer) == (IMPLICIT, layer)
    assert asked(SESSION, **case).layer is Layer.IDENTITY


# 13 and 14: other accounts


def test_an_outsider_needs_both_sides():
    for named in (OUTSIDER, B, f"arn:aws:iam::{B}:root", "*"):
        key = policy(allow(principal=named))
        assert decided(OUTSIDER, resource_policy=key, identity_policies=[ANY]) == ALLOW
        denied = asked(OUTSIDER, resource_policy=key)
        assert (denied.verdict.value, denied.layer) == (IMPLICIT, Layer.IDENTITY)
    denied = asked(OUTSIDER, resource_policy=DELEGATES, identity_policies=[ANY])
    assert (denied.verdict.value, denied.layer) == (IMPLICIT, Layer.RESOURCE)


def test_an_outside_role_is_limited_by_its_boundary_and_session():
    key = policy(allow(principal=OUTSIDE_ROLE))
    case = {"resource_policy": key, "identity_policies": [ANY]}
    assert decided(OUTSIDE_SESSION, **case) == ALLOW
    assert decided(OUTSIDE_SESSION, **case, permission_boundaries=[OTHER]) == IMPLICIT
    assert decided(OUTSIDE_SESSION, **case, session_policies=[OTHER]) == IMPLICIT
    exact = case | {"resource_policy": policy(allow(principal=OUTSIDE_SESSION))}
    assert decided(OUTSIDE_SESSION, **exact, session_policies=[OTHER]) == IMPLICIT


def test_an_operation_that_does_not_work_across_accounts():
    case = {"resource_policy": policy(allow(principal="*")), "identity_policies": [ANY]}
    assert decided(OUTSIDER, "kms:ScheduleKeyDeletion", **case) == IMPLICIT
    assert decided(OUTSIDER, "kms:PutKeyPolicy", **case) == IMPLICIT
    assert decided(ALICE, "kms:ScheduleKeyDeletion", **case) == ALLOW
    assert decided(OUTSIDER, "kms:CreateGrant", **case) == ALLOW


# 15 and 16: grants


def granted(grantee=ALICE, operations=("Decrypt",), constraints=None, **case):
    grant = {"GranteePrincipal": grantee, "Operations": list(operations)}
    if constraints:
        grant["Constraints"] = constraints
    nobody = policy(allow(principal=ROLE))
    return decided(**{"resource_policy": nobody, "grants": [grant]} | case)


def test_a_grant_allows_and_a_deny_wins():
    assert granted() == ALLOW
    assert granted(operations=["Encrypt"]) == IMPLICIT
    assert granted(ROLE) == IMPLICIT
    assert granted(resource_policy=policy(deny(principal=ALICE))) == EXPLICIT
    assert granted(identity_policies=[policy(deny())]) == EXPLICIT


def test_a_grant_to_an_outsider_is_enough_and_one_to_its_account_is_not():
    assert granted(OUTSIDER, principal=OUTSIDER) == ALLOW
    account = f"arn:aws:iam::{B}:root"
    assert granted(account, principal=OUTSIDER) == IMPLICIT
    assert granted(account, principal=OUTSIDER, identity_policies=[ANY]) == ALLOW
    assert granted(OUTSIDE_ROLE, principal=OUTSIDE_ROLE) == ALLOW
    assert granted(OUTSIDE_ROLE, principal=OUTSIDE_ROLE, session_policies=[OTHER]) == IMPLICIT


def test_constraints_of_grants():
    def with_(constraints, **pairs):
        context = {f"kms:EncryptionContext:{key}": value for key, value in pairs.items()}
        return granted(constraints=constraints, context=context)

    equals = {"EncryptionContextEquals": {"Department": "IT"}}
    subset = {"EncryptionContextSubset": {"Department": "IT"}}
    assert with_(equals, Department="IT") == ALLOW
    assert with_(equals, department="IT") == ALLOW  # a key is compared without its case
    assert with_(equals, Department="it") == IMPLICIT
    assert with_(equals, Department="IT", more="x") == IMPLICIT
    assert with_(subset, Department="IT", more="x") == ALLOW
    assert with_(subset) == IMPLICIT
    assert granted(operations=["DescribeKey"], constraints=equals, action="kms:DescribeKey") == (
        ALLOW
    )


def test_the_source_of_a_grant_is_asked_wherever_a_service_asks():
    bucket = "arn:aws:s3:::bucket"
    constraints = {"SourceArn": bucket}

    def by_service(context):
        grant = {"GranteeServicePrincipal": "s3.amazonaws.com", "Operations": ["Decrypt"]}
        grants = [grant | {"Constraints": constraints}]
        case = {"resource_policy": policy(allow(principal=ROLE)), "grants": grants}
        return decided("s3.amazonaws.com", context=context, **case)

    assert by_service({"aws:SourceArn": bucket}) == ALLOW
    assert by_service({"aws:SourceArn": bucket + "2"}) == IMPLICIT
    assert by_service({}) == IMPLICIT
    assert granted(constraints=constraints) == ALLOW  # she asks herself
    for by in ({"aws:ViaAWSService": "true"}, {"kms:ViaService": "s3.us-east-1.amazonaws.com"}):
        assert granted(constraints=constraints, context=by) == IMPLICIT
        assert granted(constraints=constraints, context=by | {"aws:SourceArn": bucket}) == ALLOW


# 20 to 22, 27


def test_an_alias_is_no_resource_for_the_use_of_a_key():
    alias = f"arn:aws:kms:us-east-1:{A}:alias/x"
    assert by(allow(resource=alias)) == IMPLICIT
    assert decided(
        action="kms:CreateAlias",
        resource=alias,
        identity_policies=[policy(allow("kms:CreateAlias", alias))],
    ) == (ALLOW)


def test_a_key_policy_cannot_ask_for_aliases_and_tags():
    for key, value in (("kms:ResourceAliases", ["alias/a"]), ("aws:ResourceTag/x", "alias/a")):
        condition = {"ForAnyValue:StringEquals": {key: "alias/a"}}
        context = {key: value}
        delegates = policy(allow(principal=ROOT, Condition=condition))
        assert by(allow(), key=delegates, context=context) == IMPLICIT
        assert by(allow(Condition=condition), context=context) == ALLOW
        absent = policy(allow(principal=ROOT, Condition={"Null": {key: "true"}}))
        assert by(allow(), key=absent, context=context) == ALLOW


def test_a_statement_of_a_key_policy_without_resource_or_action_is_inert():
    key = policy(allow(principal=ROOT, resource=None))
    assert by(allow(), key=key) == IMPLICIT
    without_action = policy({"Effect": "Allow", "Principal": "*", "Resource": "*"})
    assert by(allow(), key=without_action) == IMPLICIT


def test_a_key_policy_may_name_the_key_itself():
    assert by(allow(), key=policy(allow(resource=KEY, principal=ROOT))) == ALLOW
    assert by(allow(), key=policy(allow(resource=KEY[:-1] + "0", principal=ROOT))) == IMPLICIT


# 29 to 31: organizations


FULL = policy(allow("*"))


def test_every_level_of_scps_must_allow():
    def levels(*each):
        return [{"id": str(at), "policies": list(level)} for at, level in enumerate(each)]

    case = {"identity_policies": [ANY], "resource_policy": DELEGATES}
    assert decided(**case, scps=levels([FULL], [FULL], [FULL])) == ALLOW
    denied = asked(**case, scps=levels([FULL], [OTHER], [FULL]))
    assert (denied.verdict.value, denied.layer) == (IMPLICIT, Layer.SCP)
    assert decided(**case, scps=levels([FULL], [], [FULL])) == IMPLICIT
    assert decided(**case, scps=levels([FULL, policy(deny("kms:Decrypt"))], [FULL])) == EXPLICIT
    assert decided(ROOT, **case, scps=levels([OTHER])) == IMPLICIT
    linked = f"arn:aws:iam::{A}:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX"
    assert decided(linked, **case, scps=levels([OTHER])) == ALLOW
    service = "logs.us-east-1.amazonaws.com"
    key = policy(allow())
    key["Statement"][0]["Principal"] = {"Service": service}
    for level in ([OTHER], [FULL, policy(deny())]):
        assert decided(service, resource_policy=key, scps=levels(level)) == ALLOW
        assert decided(**case, scps=levels(level)) != ALLOW


def test_rcps_only_deny():
    case = {"identity_policies": [ANY], "resource_policy": DELEGATES}
    outside = {"StringNotEquals": {"aws:PrincipalAccount": A}}
    rcp = [{"id": "r", "policies": [policy(deny("kms:*", principal="*", Condition=outside))]}]
    assert decided(**case, rcps=rcp) == ALLOW
    both = case | {"resource_policy": policy(allow(principal="*"))}
    denied = asked(OUTSIDER, **both, rcps=rcp)
    assert (denied.verdict.value, denied.layer) == (EXPLICIT, Layer.RCP)
    assert decided(OUTSIDER, "kms:RetireGrant", **both, rcps=rcp) == ALLOW


def test_an_endpoint_policy_must_allow():
    case = {"identity_policies": [ANY], "resource_policy": DELEGATES}
    assert decided(**case, vpce_policies=[policy(allow("*", principal="*"))]) == ALLOW
    denied = asked(**case, vpce_policies=[policy(allow("s3:*", principal="*"))])
    assert (denied.verdict.value, denied.layer) == (IMPLICIT, Layer.ENDPOINT)


# 32 to 36: sessions


def test_the_principal_arn_of_a_session_is_its_roles():
    condition = {"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{A}:role/worker"}}
    key = policy(allow(principal="*", Condition=condition))
    assert decided(SESSION, resource_policy=key) == ALLOW
    assert decided(f"arn:aws:sts::{A}:assumed-role/other/s1", resource_policy=key) == IMPLICIT


def test_a_role_is_known_by_its_sessions_whatever_its_path():
    assert decided(SESSION, resource_policy=policy(allow(principal=ROLE))) == ALLOW
    other = ROLE.replace("/worker", "/other")
    assert decided(SESSION, resource_policy=policy(allow(principal=other))) == IMPLICIT


def test_two_session_policies_together():
    both = [policy(allow("kms:Decrypt")), policy(allow("kms:Encrypt"))]
    case = {"identity_policies": [ANY], "resource_policy": DELEGATES, "session_policies": both}
    assert decided(SESSION, "kms:Decrypt", **case) == ALLOW
    assert decided(SESSION, "kms:Encrypt", **case) == ALLOW
    assert decided(SESSION, "kms:GenerateDataKey", **case) == IMPLICIT


def test_a_federated_session_without_a_policy_has_nothing():
    federated = f"arn:aws:sts::{A}:federated-user/fred"
    case = {"identity_policies": [ANY], "resource_policy": DELEGATES}
    assert decided(federated, **case) == IMPLICIT
    assert decided(federated, **case, session_policies=[ANY]) == ALLOW
    assert decided(federated, resource_policy=policy(allow(principal=federated))) == ALLOW


# NotPrincipal


def test_not_principal_must_list_every_level():
    def spared(caller, *listed, **case):
        key = policy(
            allow(principal="*"),
            {
                "Effect": "Deny",
                "NotPrincipal": {"AWS": list(listed)},
                "Action": "*",
                "Resource": "*",
            },
        )
        return decided(caller, resource_policy=key, **case) == ALLOW

    assert spared(ALICE, ALICE, ROOT)
    assert not spared(ALICE, ALICE)
    assert not spared(ALICE, ROOT)
    assert spared(SESSION, SESSION, ROLE, ROOT)
    assert not spared(SESSION, ROLE, ROOT)
    assert not spared(SESSION, SESSION, ROOT)
    assert spared(ROOT, ROOT)
    assert spared(ALICE, "*")
    assert not spared(ALICE, ALICE, ROOT, permission_boundaries=[ANY])


def test_not_principal_with_allow_includes_only_those_not_listed_at_all():
    key = policy(
        {"Effect": "Allow", "NotPrincipal": {"AWS": ALICE}, "Action": "*", "Resource": "*"}
    )
    assert decided(ALICE, resource_policy=key) == IMPLICIT
    assert decided(SESSION, resource_policy=key) == ALLOW


def test_a_name_with_a_wildcard_in_it_is_nobody():
    assert decided(resource_policy=policy(allow(principal=f"arn:aws:iam::{A}:user/*"))) == IMPLICIT


def test_services():
    key = policy(
        {
            "Effect": "Allow",
            "Principal": {"Service": "logs.us-east-1.amazonaws.com"},
            "Action": "kms:*",
            "Resource": "*",
        }
    )
    assert decided("logs.us-east-1.amazonaws.com", resource_policy=key) == ALLOW
    assert decided("logs.eu-west-1.amazonaws.com", resource_policy=key) == IMPLICIT
    assert decided("logs.us-east-1.amazonaws.com", resource_policy=DELEGATES) == IMPLICIT


def test_nobody_uses_kms_without_saying_who():
    assert decided({"anonymous": True}, resource_policy=policy(allow(principal="*"))) == IMPLICIT
    bucket = policy(allow("s3:GetObject", "arn:aws:s3:::b/*", principal="*"))
    case = {"action": "s3:GetObject", "resource": "arn:aws:s3:::b/k", "resource_account": A}
    assert decided({"anonymous": True}, resource_policy=bucket, **case) == ALLOW
    assert decided({"anonymous": True}, **case) == IMPLICIT


# Roles


def test_trust_policies():
    case = {"action": "sts:AssumeRole", "resource": ROLE}
    may = [policy(allow("sts:AssumeRole", ROLE))]
    trusts = {"Effect": "Allow", "Action": "sts:AssumeRole"}

    def trust(who, **more):
        return policy({**trusts, "Principal": {"AWS": who}, **more})

    assert decided(resource_policy=trust(ALICE), **case) == ALLOW
    assert decided(resource_policy=trust(ROOT), **case) == IMPLICIT
    assert decided(resource_policy=trust(ROOT), identity_policies=may, **case) == ALLOW
    assert decided(resource_policy=trust(SESSION), identity_policies=may, **case) == IMPLICIT
    assert decided(OUTSIDER, resource_policy=trust(OUTSIDER), **case) == IMPLICIT
    assert decided(OUTSIDER, resource_policy=trust(B), identity_policies=may, **case) == ALLOW
    assert decided(ROOT, resource_policy=trust(ROOT), **case) == IMPLICIT
    external = {"StringEquals": {"sts:ExternalId": "secret"}}
    guarded = trust(ALICE, Condition=external)
    assert decided(resource_policy=guarded, **case) == IMPLICIT
    assert decided(resource_policy=guarded, context={"sts:ExternalId": "secret"}, **case) == ALLOW


# 39 and 40


@pytest.mark.parametrize("pattern", ["*a" * 3000 + "b", "*?" * 3000, "a*" * 3000 + "b"])
def test_hostile_patterns_are_matched_in_linear_time(pattern):
    context = {"aws:PrincipalTag/x": "a" * 8000}
    began = time.process_time()
    for operator in ("StringLike", "ArnLike"):
        when(operator, "aws:PrincipalTag/x", pattern, context=context)
    by(allow(resource=f"arn:aws:kms:us-east-1:{A}:key/{pattern}"))
    assert time.process_time() - began < 5  # a backtracking matcher would need years


def test_latin_1_and_case_in_values():
    context = {"aws:PrincipalTag/x": "Übermut"}
    assert when("StringEquals", "AWS:principaltag/X", "Übermut", context=context) == ALLOW
    assert when("StringEquals", "aws:PrincipalTag/x", "übermut", context=context) == IMPLICIT
