"""The fast decoder refuses exactly what the slow walk can explain.

Documents are made from the shapes and then spoiled, one member or several: a wrong type, a null,
a length off by one, a value outside the set.  A document that one side takes and the other does
not is a bug in either: a success that AWS would refuse, or a refusal without a reason.
"""

import base64
import functools
import json

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strongroom.errors import Fault, Serialization
from strongroom.wire import cbor, json11, validation
from strongroom.wire.model import Kind, item_of
from strongroom.wire.shapes import kms, sts

OPERATIONS = [*kms.OPERATIONS.values(), *sts.OPERATIONS.values()]
STRUCTS = sorted({takes for takes, _ in OPERATIONS}, key=lambda struct: struct.__name__)

WRONG = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8"), max_size=4),
    st.lists(st.none() | st.just("x"), max_size=2),
    st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=2), st.none(), max_size=2),
    st.sampled_from(["", "aGk=", "SYMMETRIC_DEFAULT", "alias/a\n", "é" * 130, 0, -1, 1025, 30.0]),
)


def near(node):
    """Lengths and values one within and one beyond each bound."""
    bounds = {
        bound + off for bound in (node.least, node.most) if bound is not None for off in (-1, 0, 1)
    }
    fair = [bound for bound in bounds if bound >= 0]
    if not fair:
        return st.nothing()
    match node.kind:
        case Kind.INTEGER | Kind.LONG:
            return st.sampled_from(sorted(bounds))
        case Kind.STRING:
            return st.sampled_from(fair).map(lambda size: "a" * size)
        case Kind.BLOB:
            return st.sampled_from(fair).map(lambda size: b"a" * size)
        case Kind.LIST:
            items = spoiled(item_of(node))
            return st.sampled_from(fair).flatmap(
                lambda size: items.map(lambda item: [item] * min(size, 60))
            )
    return st.nothing()


@pytest.fixture(scope="session")
def spoilt(wire):
    @functools.cache
    def document(struct):
        return wire.documents(struct, member)

    @functools.cache
    def member(node):
        if node.kind is Kind.STRUCTURE:
            return document(node.struct) | WRONG
        return st.one_of(wire.valid(node), wire.valid(node), near(node), WRONG)

    return document


def spoiled(node):
    return WRONG if node.kind is Kind.STRUCTURE else near(node) | WRONG


def as_json(value):
    """The document with blobs as JSON has them."""
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case dict():
            return {key: as_json(item) for key, item in value.items()}
        case list():
            return [as_json(item) for item in value]
    return value


def explained(document, struct, blobs):
    fault = validation.refusal(document, struct, blobs=blobs)
    return not (isinstance(fault, Serialization) and fault.message == validation.UNREADABLE)


SETTINGS = settings(
    max_examples=150,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@SETTINGS
@given(st.data(), st.sampled_from(STRUCTS))
def test_json(spoilt, data, struct):
    body = json.dumps(as_json(data.draw(spoilt(struct)))).encode()
    try:
        msgspec.json.decode(body, type=struct)
    except msgspec.ValidationError:
        taken = False
    else:
        taken = True
    assert explained(json.loads(body), struct, str) is not taken
    if taken:
        assert isinstance(json11.decoder(struct)(body), struct)
    else:
        with pytest.raises(Fault):
            json11.decoder(struct)(body)


@SETTINGS
@given(st.data(), st.sampled_from(STRUCTS))
def test_cbor(spoilt, data, struct):
    document = data.draw(spoilt(struct))
    try:
        msgspec.convert(document, struct, builtin_types=(bytes,))
    except msgspec.ValidationError:
        taken = False
    else:
        taken = True
    assert explained(document, struct, bytes) is not taken


@SETTINGS
@given(st.data(), st.sampled_from(STRUCTS))
def test_what_is_valid_is_taken(wire, data, struct):
    """The same request by two protocols is the same request."""
    document = data.draw(wire.documents(struct))
    by_json = json11.decoder(struct)(json.dumps(as_json(document)).encode())
    by_cbor = cbor.decoder(struct)(cbor.encode(by_json))
    assert by_cbor == by_json
    assert msgspec.to_builtins(by_json, builtin_types=(bytes,)) == document
