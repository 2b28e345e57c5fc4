"""What is settled before a request comes, where chance alone would seldom look."""

from asking import ALICE, DELEGATES, KEY, ROLE, ROOT, allow, policy
from test_properties import read

from strongroom.policy.decide import prepare

BOUND = {"EncryptionContextSubset": {"App": "web"}}
WEB, OTHER = {"kms:encryptioncontext:app": "web"}, {"kms:encryptioncontext:app": "x"}


def prepared(principal, known=None, **case):
    one = read({"principal": principal, "action": "kms:Decrypt", "resource": KEY, **case})
    return prepare(one.question, one.layers, known or {})


def grant(grantee, **constraints):
    return {"GrantId": "g", "GranteePrincipal": grantee, "Operations": ["Decrypt"], **constraints}


def test_where_only_a_grants_constraint_is_open_nothing_else_is_looked_at_again():
    asked = prepared(ALICE, resource_policy=DELEGATES, grants=[grant(ALICE, Constraints=BOUND)])
    assert asked.settled is None
    assert [each.grant.id for each in asked.unless] == ["g"]
    assert asked.decide(WEB).allows
    assert not asked.decide(OTHER).allows


def test_a_constrained_grant_does_not_go_round_what_limits_its_grantee():
    narrow = {"permission_boundaries": [policy(allow("s3:*"))], "resource_policy": DELEGATES}
    to_role = [grant(ROLE, Constraints=BOUND)]
    assert not prepared(ROLE, grants=to_role, **narrow).decide(WEB).allows
    assert prepared(ROLE, grants=to_role, resource_policy=DELEGATES).decide(WEB).allows
    to_account = [grant(ROOT, Constraints=BOUND)]
    assert not prepared(ALICE, grants=to_account, resource_policy=DELEGATES).decide(WEB).allows
    own = {"identity_policies": [policy(allow())]}
    none = policy(allow("kms:PutKeyPolicy", principal=ROOT))
    assert prepared(ALICE, grants=to_account, resource_policy=none, **own).decide(WEB).allows
    assert not prepared(ALICE, grants=to_account, resource_policy=none, **own).decide(OTHER).allows


def test_a_condition_is_settled_only_with_its_variables():
    same = {"StringEquals": {"kms:EncryptionContext:app": "${aws:PrincipalTag/app}"}}
    case = {"resource_policy": policy(allow(principal=ALICE, Condition=same))}
    tag = {"aws:principaltag/app": "web"}
    assert prepared(ALICE, WEB, **case).settled is None
    assert prepared(ALICE, WEB, **case).decide(WEB | tag).allows
    assert prepared(ALICE, tag, **case).decide(WEB | tag).allows
    assert prepared(ALICE, WEB | tag, **case).settled.allows
    assert not prepared(ALICE, OTHER | tag, **case).settled.allows
