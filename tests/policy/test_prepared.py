"""What is settled before a request comes, where chance alone would seldom look."""

from asking import ALICE, DELEGATES, KEY, ROLE, ROOT, allow, policy
from hypothesis import given
from hypothesis import strategies as st
from test_properties import read

from strongroom.policy import glob
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


# Which keys it is


def narrow(resource, principal=ALICE, **case):
    statement = allow(principal=principal) | {"Resource": resource}
    return prepared(principal, resource_policy=policy(statement), **case).narrow


def test_a_policy_tells_keys_apart_if_it_names_some():
    start = KEY.rpartition("/")[0]
    for same in ("*", f"{start}/*", "arn:aws:kms:*", "arn:aws:kms:*:*:key/*", f"{start[:-4]}*"):
        assert not narrow(same), same
    for never in ("arn:aws:s3:::b/*", start.replace(":key", ":alias/*"), "arn:aws:kms:eu-x-1:*"):
        assert not narrow(never), never
    for apart in (KEY, KEY[:-1] + "*", f"{start}/1*", "arn:aws:kms:*:*:key/1*", KEY[:-1] + "?"):
        assert narrow(apart), apart
    assert narrow([f"{start}/*", KEY])
    assert narrow(start + "/${aws:username}")
    # A statement that is not about the caller, or the action, tells nothing apart.
    elsewhere = allow("kms:Encrypt", principal=ALICE) | {"Resource": KEY}
    assert not prepared(ALICE, resource_policy=policy(allow(principal=ALICE), elsewhere)).narrow


IDS = st.text("0123abef-", min_size=36, max_size=36)
PIECES = st.sampled_from(
    [
        "arn:aws:kms:",
        "r-1:",
        "r-1",
        "111122223333",
        ":",
        "key/",
        "key",
        "/",
        "0",
        "ab",
        "*",
        "?",
        "-",
    ]
)


@given(st.lists(PIECES, max_size=9).map("".join), IDS, IDS)
def test_what_does_not_tell_keys_apart_is_true_of_all_or_of_none(text, one, other):
    stem = "arn:aws:kms:r-1:111122223333:key/"
    pattern = glob.tokens(text)
    if not glob.tells_apart(pattern, stem):
        matches = glob.resource(pattern)
        assert matches(stem + one) == matches(stem + other)
