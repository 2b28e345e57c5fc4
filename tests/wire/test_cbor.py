"""RPC v2 CBOR, spoken with botocore's own serializer and parser, and at its edges."""

import cbor2
import msgspec
import pytest
from botocore.parsers import RpcV2CBORParser
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from strongroom.errors import Fault, Serialization, Validation
from strongroom.wire import cbor, faults
from strongroom.wire.cbor_bounds import require_bounded
from strongroom.wire.protocol import Protocol
from strongroom.wire.shapes import kms

SERVICES = ["cloudhsmv2", "acm-pca"]
SETTINGS = settings(
    max_examples=80,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

encrypt = cbor.decoder(kms.EncryptRequest)


@pytest.mark.parametrize("service", SERVICES)
@SETTINGS
@given(data=st.data())
def test_botocores_requests_are_read(wire, service, data):
    model, shapes = wire.botocore_model(service), wire.made(service)
    name = data.draw(st.sampled_from(sorted(shapes.OPERATIONS)))
    struct = shapes.OPERATIONS[name].input
    asked = data.draw(wire.documents(struct))
    serializer = create_serializer("smithy-rpc-v2-cbor", include_validation=False)
    sent = serializer.serialize_to_request(asked, model.operation_model(name))

    assert cbor.route(sent["url_path"].encode()) == (shapes.SERVICE.target_prefix, name)
    read = cbor.decoder(struct)(sent["body"])
    assert msgspec.to_builtins(read, builtin_types=(bytes,)) == asked


@pytest.mark.parametrize("service", SERVICES)
@SETTINGS
@given(data=st.data())
def test_botocore_reads_our_answers(wire, service, data):
    model, shapes = wire.botocore_model(service), wire.made(service)
    name = data.draw(
        st.sampled_from(sorted(name for name, (_, gives) in shapes.OPERATIONS.items() if gives))
    )
    struct = shapes.OPERATIONS[name].output
    told = data.draw(wire.documents(struct))
    answer = msgspec.convert(told, struct, builtin_types=(bytes,))
    parser = RpcV2CBORParser(timestamp_parser=float)
    parsed = parser.parse(
        {"body": cbor.encode(answer), "headers": {"x-amzn-requestid": "id"}, "status_code": 200},
        model.operation_model(name).output_shape,
    )
    assert parsed.pop("ResponseMetadata")["RequestId"] == "id"
    assert parsed == told


def test_botocore_reads_our_errors(wire):
    refusal = faults.answer(Protocol.CBOR, Validation("why"), "id")
    parsed = RpcV2CBORParser().parse(
        {"body": refusal.body, "headers": {}, "status_code": refusal.status},
        wire.botocore_model("cloudhsmv2").operation_model("CreateHsm").output_shape,
    )
    assert parsed["Error"] == {"Code": "ValidationException", "Message": "why"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/service/BaldrApiService/operation/ListTags", ("BaldrApiService", "ListTags")),
        (b"/service/BaldrApiService/operation/", None),
        (b"/service/BaldrApiService/operation/ListTags/", None),
        (b"/service//operation/ListTags", None),
        (b"/service/a/../operation/ListTags", None),
        (b"/service/a/operation/\xc3\xa9", None),
        (b"/service/a/operation/b\n", None),
        (b"/", None),
        (b"", None),
    ],
)
def test_routes(path, expected):
    assert cbor.route(path) == expected


BODY = {"KeyId": "a", "Plaintext": b"hi", "EncryptionContext": {"a": "b"}, "DryRun": False}


def test_what_is_written_is_definite_and_typed():
    """RFC 8949 by hand: a map of 2, text, byte string, tag 1 over a float."""
    answer = kms.KeyMetadata(KeyId="a", CreationDate=1.5)
    expected = bytes.fromhex(
        "a2 65 4b65794964 61 61 6c 4372656174696f6e44617465 c1 fb3ff8000000000000"
    )
    assert cbor.encode(answer) == expected
    assert cbor.encode(kms.EncryptResponse(CiphertextBlob=b"\0")) == bytes.fromhex(
        "a1 6e 43697068657274657874426c6f62 41 00"
    )
    assert cbor.encode(kms.DeleteCustomKeyStoreResponse()) == b"\xa0"
    assert cbor.encode(None) == b""


def test_indefinite_lengths_are_read():
    text = b"\x7f\x61a\x61b\xff"  # "ab" in two chunks
    blob = b"\x5f\x42hi\x40\xff"
    body = b"\xbf\x65KeyId" + text + b"\x69Plaintext" + blob + b"\x6bGrantTokens\x9f\x61t\xff\xff"
    assert encrypt(body) == kms.EncryptRequest(KeyId="ab", Plaintext=b"hi", GrantTokens=["t"])


def test_an_empty_body_is_an_empty_map():
    assert cbor.decoder(kms.ListKeysRequest)(b"") == kms.ListKeysRequest()
    assert cbor.decoder(kms.ListKeysRequest)(b"\xa0") == kms.ListKeysRequest()


def test_null_is_absence_and_unknown_members_are_ignored():
    body = BODY | {"GrantTokens": None, "Unknown": [cbor2.undefined, 1.5, {"a": b"b"}]}
    assert encrypt(cbor2.dumps(body)).GrantTokens is None


DESERVE_REFUSAL = {
    "text for a blob": cbor2.dumps(BODY | {"Plaintext": "aGk="}),
    "a blob for text": cbor2.dumps(BODY | {"KeyId": b"a"}),
    "a float for a truth": cbor2.dumps(BODY | {"DryRun": 1.0}),
    "undefined": cbor2.dumps(BODY | {"DryRun": cbor2.undefined}),
    "a key that is no text": cbor2.dumps(BODY | {b"x": 1}),
    "a number for a key": cbor2.dumps(BODY | {1: 1}),
    "a number for a key, where nobody looks": cbor2.dumps(BODY | {"Unknown": {1: 1}}),
    "a key of a context that is no text": cbor2.dumps(BODY | {"EncryptionContext": {b"a": "b"}}),
    "a key that comes twice": b"\xa2\x65KeyId\x61a\x65KeyId\x61b",
    "invalid UTF-8": b"\xa1\x65KeyId\x61\xff",
    "a surrogate": b"\xa1\x65KeyId\x63\xed\xa0\x80",
    "a list": b"\x80",
    "a number": b"\x01",
    "time over text": b"\xa1\x66DryRun\xc1\x61a",
    "time over digits": b"\xa1\x61x\xc1\x611",
    "time over a truth": b"\xa1\x61x\xc1\xf5",
    "time over time": b"\xa1\x66DryRun\xc1\xc1\x01",
    "time over a list": b"\xa1\x66DryRun\xc1\x80",
    "cut off": cbor2.dumps(BODY)[:-1],
    "bytes after the end": cbor2.dumps(BODY) + b"\0",
    "a break": b"\xff",
    "a reserved argument": b"\x1c",
    "an indefinite number": b"\x1f",
    "a chunk of another kind": b"\x7f\x41a\xff",
    "a chunk without a length": b"\x7f\x7f\xff\xff",
    "half a map": b"\xbf\x61a\xff",
    "4 GiB of text": b"\x7a\xff\xff\xff\xff",
    "2**64 - 1 bytes": b"\x5b" + b"\xff" * 8,
    "2**63 items": b"\x9b\x7f" + b"\xff" * 7,
    "2**40 pairs": b"\xbb\x00\x00\x01" + b"\0" * 5,
    "deep lists": b"\x81" * 100_000,
    "deep maps": b"\xa1\x61a" * 100_000,
    "deep indefinite lists": b"\x9f" * 100_000,
    "deep tags": b"\xc1" * 100_000,
    "a million items": b"\x9a\x00\x0f\x42\x40" + b"\x80" * 1_000_000,
}


@pytest.mark.parametrize("body", DESERVE_REFUSAL.values(), ids=DESERVE_REFUSAL)
def test_bad_bodies_are_serialization_exceptions(body):
    with pytest.raises(Serialization) as caught:
        encrypt(body)
    assert len(caught.value.message) < 200


def test_a_wrong_value_in_a_tag_beyond_time_never_reaches_the_parser():
    """Regular expressions, big numbers, shared references: whatever the parser could make of them."""
    for tag in [*range(300), 1004, 43000, 55799, 2**16, 2**32, 2**64 - 1]:
        if tag == 1:
            continue
        for inner in (b"a", "a", 1, [1, 2], {}):
            with pytest.raises(Serialization, match="tag"):
                require_bounded(cbor2.dumps(cbor2.CBORTag(tag, inner)))


def test_a_key_that_is_no_text_is_named_as_the_reason():
    for body in (BODY | {b"x": 1}, BODY | {"EncryptionContext": {b"a": "b"}}):
        with pytest.raises(Serialization, match="the key of a map is not a string"):
            encrypt(cbor2.dumps(body))


@pytest.mark.parametrize("at", [1, 1.5, -1])
@pytest.mark.parametrize("tagged", [True, False])
def test_times(at, tagged):
    valid_to = cbor2.CBORTag(1, at) if tagged else at
    body = {"KeyId": "a", "ImportToken": b"t", "EncryptedKeyMaterial": b"m", "ValidTo": valid_to}
    assert cbor.decoder(kms.ImportKeyMaterialRequest)(cbor2.dumps(body)).ValidTo == at


@pytest.mark.parametrize("at", [float("nan"), float("inf"), 2**64 - 1, 1e300])
def test_a_time_that_no_calendar_has_is_refused(at):
    body = {"KeyId": "a", "ImportToken": b"t", "EncryptedKeyMaterial": b"m"}
    body |= {"ValidTo": cbor2.CBORTag(1, at)}
    with pytest.raises(Serialization, match="years 1 to 9999"):
        cbor.decoder(kms.ImportKeyMaterialRequest)(cbor2.dumps(body))


def test_violations_are_told_as_in_json():
    with pytest.raises(Validation) as caught:
        encrypt(cbor2.dumps({"Plaintext": b""}))
    assert caught.value.message == (
        "2 validation errors detected: "
        "Value null at 'keyId' failed to satisfy constraint: Member must not be null; "
        "Value at 'plaintext' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    )


def test_as_many_items_as_allowed_are_read():
    most = cbor2.dumps(BODY | {"Unknown": [0] * 19_980})
    assert encrypt(most).KeyId == "a"
    with pytest.raises(Serialization, match="too many items"):
        encrypt(cbor2.dumps(BODY | {"Unknown": [0] * 20_000}))


def test_as_deep_as_allowed_is_read():
    def deep(depth):
        value = []
        for _ in range(depth - 1):
            value = [value]
        return cbor2.dumps(BODY | {"Unknown": value})

    assert encrypt(deep(30)).KeyId == "a"
    with pytest.raises(Serialization, match="too deep"):
        encrypt(deep(40))


VALID = cbor2.dumps(BODY)


@settings(max_examples=500, deadline=None, database=None)
@given(st.binary(max_size=60), st.integers(0, len(VALID)), st.integers(0, 12))
@example(b"\xbf\xff", 0, 0)
def test_any_bytes_give_a_request_or_a_fault(noise, at, cut):
    for body in (noise, VALID[:at] + noise + VALID[at + cut :]):
        try:
            assert isinstance(encrypt(body), kms.EncryptRequest)
        except Fault as fault:
            assert isinstance(fault, Serialization | Validation)
