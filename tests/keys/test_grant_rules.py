"""What a grant may hold, which is no wider than which, and who may retire it."""

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.errors import InvalidArn, Validation
from strongroom.keys import grant_rules
from strongroom.keys.grant import Grant, narrower
from strongroom.keys.specs import SPECS, SYMMETRIC_DEFAULT, Usage
from strongroom.services.kms.weighing import weighed
from strongroom.wire.shapes import kms as shapes

ACCOUNT, OTHER, THIRD = "111122223333", "444455556666", "777788889999"
EVERY = frozenset(get_args(shapes._GrantOperation))
SERVICE = "workspaces.amazonaws.com"
SOURCE = f"arn:aws:workspaces:eu-west-1:{ACCOUNT}:workspace/ws-1"


def root(account):
    return f"arn:aws:iam::{account}:root"


GRANT = Grant(
    id="0f" * 32,
    account=ACCOUNT,
    region="eu-west-1",
    key_id="1234abcd-12ab-34cd-56ef-1234567890ab",
    name="",
    grantee=f"arn:aws:iam::{OTHER}:role/reader",
    grantee_id="AROAREADER",
    retiring="",
    retiring_id="",
    operations=("Decrypt",),
    equals=None,
    subset=None,
    source_arn="",
    issuing_account=ACCOUNT,
    issuer=root(ACCOUNT),
    created=0.0,
    parent="",
)


# Operations

DOCUMENTED = {
    # KMS Developer Guide, "Grant operations"; RSA stands for every asymmetric encryption key
    (
        SYMMETRIC_DEFAULT,
        "ENCRYPT_DECRYPT",
    ): "CreateGrant Decrypt DescribeKey Encrypt GenerateDataKey "
    "GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext GenerateDataKeyWithoutPlaintext "
    "ReEncryptFrom ReEncryptTo RetireGrant",
    ("RSA_2048", "ENCRYPT_DECRYPT"): "CreateGrant Decrypt DescribeKey Encrypt GetPublicKey "
    "ReEncryptFrom ReEncryptTo RetireGrant",
    ("RSA_2048", "SIGN_VERIFY"): "CreateGrant DescribeKey GetPublicKey RetireGrant Sign Verify",
    ("ECC_NIST_P256", "KEY_AGREEMENT"): "CreateGrant DeriveSharedSecret DescribeKey GetPublicKey "
    "RetireGrant",
    (
        "HMAC_256",
        "GENERATE_VERIFY_MAC",
    ): "CreateGrant DescribeKey GenerateMac RetireGrant VerifyMac",
    ("ML_KEM_768", "ENCAPSULATE_DECAPSULATE"): "CreateGrant Decapsulate DescribeKey Encapsulate "
    "GetPublicKey RetireGrant",
}


@pytest.mark.parametrize(("spec", "usage"), DOCUMENTED)
@pytest.mark.parametrize("operation", sorted(EVERY))
def test_the_table_of_operations(spec, usage, operation):
    grant = replace(GRANT, operations=("DescribeKey", operation))
    if operation in DOCUMENTED[spec, usage].split():
        grant_rules.require_fit(grant, spec, Usage(usage))
    else:
        with pytest.raises(Validation, match=f"Operation {operation} is not valid"):
            grant_rules.require_fit(grant, spec, Usage(usage))


def test_every_kind_of_key_has_its_operations_and_every_operation_its_key():
    tables = [
        grant_rules.operations_of(name, usage)
        for name, spec in SPECS.items()
        for usage in spec.usages
    ]
    assert frozenset().union(*tables) == EVERY


def test_operations_that_no_grant_has():
    with pytest.raises(Validation, match="at least one"):
        grant_rules.require_operations([])
    for alone in (["CreateGrant"], ["CreateGrant", "CreateGrant"]):
        with pytest.raises(Validation) as caught:
            grant_rules.require_operations(alone)
        assert caught.value.message == "Grants must not contain only the CreateGrant operation."
    asked = ["RetireGrant", "CreateGrant", "RetireGrant"]
    assert grant_rules.require_operations(asked) == ("RetireGrant", "CreateGrant")


# Constraints


@pytest.mark.parametrize("kind", ["equals", "subset"])
def test_constraints_have_a_size(kind):
    def require(pairs):
        grant_rules.require_pairs(**({"equals": None, "subset": None} | {kind: pairs}))

    require({})
    require({f"k{n}": "v" * 384 for n in range(8)})
    for pairs in (
        {f"k{n}": "v" for n in range(9)},
        {"k": "v" * 385},
        {"k": "1", "K": "2"},
    ):
        with pytest.raises(Validation):
            require(pairs)


def test_only_one_constraint_on_the_context():
    pairs = {"a": "b"}
    with pytest.raises(Validation) as caught:
        grant_rules.require_pairs(pairs, pairs)
    assert caught.value.message == "More than one constraint supplied"
    for equals, subset in ((pairs, None), (pairs, {})):
        assert grant_rules.require_pairs(equals, subset) == ((("a", "b"),), None)
    for equals, subset in ((None, pairs), ({}, pairs)):
        assert grant_rules.require_pairs(equals, subset) == (None, (("a", "b"),))
    for subset in (None, {}):
        assert grant_rules.require_pairs({}, subset) == ((), None)
        assert grant_rules.require_pairs(None, subset) == (None, None)


@pytest.mark.parametrize(
    "change", [{"equals": ()}, {"equals": (("a", "b"),)}, {"subset": (("a", "b"),)}]
)
def test_constraints_on_the_context_are_for_symmetric_keys(change):
    grant = replace(GRANT, **change)
    grant_rules.require_fit(grant, SYMMETRIC_DEFAULT, Usage.ENCRYPT_DECRYPT)
    with pytest.raises(Validation):
        grant_rules.require_fit(grant, "RSA_2048", Usage.ENCRYPT_DECRYPT)
    sourced = replace(GRANT, source_arn=SOURCE)
    grant_rules.require_fit(sourced, "RSA_2048", Usage.ENCRYPT_DECRYPT)


# Principals


@pytest.mark.parametrize(
    "arn",
    [
        root(OTHER),
        f"arn:aws:iam::{OTHER}:user/alice",
        f"arn:aws:iam::{OTHER}:user/division/alice+x=y,z@example.com",
        f"arn:aws-cn:iam::{OTHER}:role/path/to/reader",
        f"arn:aws:sts::{OTHER}:assumed-role/reader/session",
        f"arn:aws:sts::{OTHER}:federated-user/bob",
    ],
)
def test_who_may_be_named(arn):
    grant_rules.require_principal(arn)


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "*",
        OTHER,
        SERVICE,
        "arn:aws:iam::*:root",
        f"arn:aws:iam::{OTHER}:user",
        f"arn:aws:iam::{OTHER}:user/",
        f"arn:aws:iam::{OTHER}:group/admins",
        f"arn:aws:iam::{OTHER}:policy/p",
        f"arn:aws:iam::{OTHER}:assumed-role/reader/session",
        f"arn:aws:sts::{OTHER}:role/reader",
        f"arn:aws:sts::{OTHER}:assumed-role/reader",
        f"arn:aws:sts::{OTHER}:assumed-role/reader/a/b",
        "arn:aws:iam::11112222333:root",
        f"arn:aws:iam:eu-west-1:{OTHER}:root",
        f"arn:aws:organizations::{OTHER}:organization/o-1",
        f"arn:aws:iam::{OTHER}:role/*",
        f"arn:aws:iam::{OTHER}:role/x\n",
        "AROAAAAAAAAAAAAAAAAAA",
    ],
)
def test_who_may_not(arn):
    with pytest.raises(InvalidArn) as caught:
        grant_rules.require_principal(arn)
    assert caught.value.message == f"ARN does not refer to a valid principal: {arn}"


ONE, TWO = root(OTHER), root(THIRD)


@pytest.mark.parametrize(
    ("parties", "answer"),
    [
        ((ONE, None, None, None, None), (ONE, "")),
        ((ONE, None, TWO, None, None), (ONE, TWO)),
        ((ONE, None, None, SERVICE, SOURCE), (ONE, SERVICE)),
        ((None, SERVICE, TWO, None, SOURCE), (SERVICE, TWO)),
        ((None, SERVICE, None, SERVICE, SOURCE), (SERVICE, SERVICE)),
        ((None, None, None, None, None), Validation),
        ((ONE, SERVICE, TWO, None, SOURCE), Validation),
        ((ONE, None, TWO, SERVICE, SOURCE), Validation),
        ((None, SERVICE, TWO, None, None), Validation),
        ((None, SERVICE, None, None, SOURCE), Validation),
        ((SERVICE, None, None, None, SOURCE), InvalidArn),
        ((ONE, None, SERVICE, None, SOURCE), InvalidArn),
    ],
)
def test_grantee_and_retiring_principal(parties, answer):
    if isinstance(answer, tuple):
        assert grant_rules.require_parties(*parties) == answer
    else:
        with pytest.raises(answer):
            grant_rules.require_parties(*parties)


# Narrower: what the table says, and what it is for

EQUALS, SUBSET = {"a": "1", "B": "2"}, {"a": "1"}


def constrained(equals=None, subset=None, **change):
    pairs = {
        kind: None if given is None else tuple(given.items())
        for kind, given in (("equals", equals), ("subset", subset))
    }
    return replace(GRANT, **pairs, **change)


@pytest.mark.parametrize(
    ("child", "parent", "yes"),
    [
        ({}, {}, True),
        ({"equals": {}}, {}, True),
        ({"subset": SUBSET}, {}, True),
        ({}, {"subset": SUBSET}, False),
        ({}, {"equals": EQUALS}, False),
        ({}, {"equals": {}}, False),
        ({"equals": EQUALS}, {"equals": EQUALS}, True),
        ({"equals": {"A": "1", "b": "2"}}, {"equals": EQUALS}, True),
        ({"equals": {"a": "1", "B": "3"}}, {"equals": EQUALS}, False),
        ({"equals": EQUALS | {"c": "3"}}, {"equals": EQUALS}, False),
        ({"equals": SUBSET}, {"equals": EQUALS}, False),
        ({"subset": EQUALS}, {"equals": EQUALS}, False),
        ({"subset": EQUALS}, {"subset": SUBSET}, True),
        ({"equals": EQUALS}, {"subset": SUBSET}, True),
        ({"subset": {"A": "1"}}, {"subset": SUBSET}, True),
        ({"subset": SUBSET}, {"subset": EQUALS}, False),
        ({"equals": {}}, {"subset": SUBSET}, False),
        ({"source_arn": SOURCE}, {}, True),
        ({}, {"source_arn": SOURCE}, False),
        ({"source_arn": SOURCE}, {"source_arn": SOURCE}, True),
        ({"source_arn": SOURCE + "2"}, {"source_arn": SOURCE}, False),
        ({"operations": ("Encrypt",)}, {"operations": ("Decrypt", "Encrypt")}, True),
        ({"operations": ("Decrypt", "Encrypt")}, {"operations": ("Encrypt",)}, False),
    ],
)
def test_which_is_no_wider(child, parent, yes):
    assert narrower(constrained(**child), constrained(**parent)) is yes


def of_keys(*keys):
    return st.dictionaries(st.sampled_from(keys), st.sampled_from(["1", "3"]), max_size=3)


contexts = of_keys("a", "A", "b", "d")
pairs = of_keys("a", "A", "b").filter(lambda given: not {"a", "A"} <= set(given))
constraints = st.one_of(
    st.just({}),
    st.builds(lambda given: {"equals": given}, pairs),
    st.builds(lambda given: {"subset": given}, pairs.filter(bool)),
)
operations = st.sets(
    st.sampled_from(["Decrypt", "Encrypt", "DescribeKey", "CreateGrant"]), min_size=1
)
sources = st.sampled_from(["", SOURCE, SOURCE + "2"])
grants = st.builds(
    lambda constraint, names, source: constrained(
        **constraint, operations=tuple(sorted(names)), source_arn=source
    ),
    constraints,
    operations,
    sources,
)


@st.composite
def stricter(draw, parents=grants):
    """A grant, and one made from it in the ways in which a child may differ."""
    parent = draw(parents)
    if parent.equals is not None:
        constraint = {"equals": dict(parent.equals)}
    else:
        more = draw(st.dictionaries(st.sampled_from(["d", "D"]), st.just("3"), max_size=1))
        kind = draw(st.sampled_from(["equals", "subset"]))
        given = dict(parent.subset or ()) | more
        constraint = {kind: given} if given or kind == "equals" else {}
    child = constrained(
        **constraint,
        operations=tuple(draw(st.sets(st.sampled_from(parent.operations), min_size=1))),
        source_arn=parent.source_arn or draw(sources),
    )
    return child, parent


def allows(grant, action, context):
    rules = weighed(grant)
    return action in rules.actions and rules.holds(action, context)


@given(grants)
def test_a_grant_is_no_wider_than_itself(grant):
    assert narrower(grant, grant)


@given(stricter())
def test_what_is_made_stricter_is_no_wider(both):
    child, parent = both
    assert narrower(child, parent)


@given(st.data())
def test_no_wider_than_what_is_no_wider(data):
    two, three = data.draw(stricter())
    one, _ = data.draw(stricter(st.just(two)))
    assert narrower(one, three)


@given(
    stricter() | st.tuples(grants, grants),
    contexts,
    st.sampled_from(["kms:decrypt", "kms:encrypt", "kms:describekey", "kms:creategrant"]),
    st.sampled_from([None, SOURCE, SOURCE + "2"]),
)
@settings(max_examples=500)
def test_a_narrower_grant_never_allows_more(both, context, action, source):
    child, parent = both
    asked = {f"kms:encryptioncontext:{key.lower()}": value for key, value in context.items()}
    if source is not None:
        asked["aws:sourcearn"] = source
    if narrower(child, parent) and allows(child, action, asked):
        assert allows(parent, action, asked)


# Retiring


@pytest.mark.parametrize(
    ("caller", "change", "yes"),
    [
        (root(ACCOUNT), {}, True),  # where it was made
        (root(OTHER), {}, False),
        ("AROAREADER", {}, False),
        ("AROAREADER", {"operations": ("Decrypt", "RetireGrant")}, True),
        (GRANT.grantee, {"operations": ("Decrypt", "RetireGrant")}, False),  # of its name
        (root(OTHER), {"operations": ("RetireGrant",)}, False),  # the grantee is a role of it
        (root(OTHER), {"operations": ("RetireGrant",), "grantee_id": root(OTHER)}, True),
        (TWO, {"retiring": TWO, "retiring_id": TWO}, True),
        (f"arn:aws:iam::{THIRD}:user/carol", {"retiring": TWO, "retiring_id": TWO}, False),
        (
            "AIDACAROL",
            {"retiring": f"arn:aws:iam::{THIRD}:user/carol", "retiring_id": "AIDACAROL"},
            True,
        ),
        (
            f"arn:aws:iam::{THIRD}:user/dave",
            {"retiring": f"arn:aws:iam::{THIRD}:user/carol", "retiring_id": "AIDACAROL"},
            False,
        ),
        (TWO, {"retiring": f"arn:aws:iam::{THIRD}:user/carol", "retiring_id": "AIDACAROL"}, True),
        (SERVICE, {"retiring": SERVICE, "retiring_id": SERVICE}, True),
        ("ecs.amazonaws.com", {"retiring": SERVICE, "retiring_id": SERVICE}, False),
        (
            root(ACCOUNT),
            {"issuing_account": OTHER, "issuer": root(OTHER)},
            False,
        ),  # the key's alone
        (root(OTHER), {"issuing_account": OTHER, "issuer": root(OTHER)}, True),
        (root(ACCOUNT), {"equals": (("a", "b"),), "source_arn": SOURCE}, True),
        ("", {}, False),
    ],
)
def test_who_may_retire(caller, change, yes):
    assert (caller in replace(GRANT, **change).retirers) is yes


# Asked again


def test_what_is_asked_again_is_known_by_all_it_says():
    named = replace(
        GRANT, name="n", operations=("Decrypt", "Encrypt"), subset=(("a", "1"), ("b", "2"))
    )
    for same in (
        {"id": "1f" * 32, "created": 9.0},
        {"operations": ("Encrypt", "Decrypt")},
        {"subset": (("b", "2"), ("a", "1"))},
    ):
        assert replace(named, **same).likeness == named.likeness
    others = [
        named,
        replace(named, name="m"),
        replace(named, grantee_id=ONE),
        replace(named, retiring_id=ONE),
        replace(named, operations=("Decrypt",)),
        replace(named, operations=("Decrypt Encrypt",)),
        replace(named, subset=None),
        replace(named, subset=None, equals=named.subset),
        replace(named, subset=(("a", "1b"), ("", "2"))),
        replace(named, subset=(("A", "1"), ("b", "2"))),
        replace(named, source_arn=SOURCE),
        replace(named, issuing_account=OTHER),
    ]
    assert len({grant.likeness for grant in others}) == len(others)
    assert replace(named, name="").likeness is None
