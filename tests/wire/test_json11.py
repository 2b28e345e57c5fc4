"""JSON 1.1 at its edges: whatever the bytes, a request or a fault."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from strongroom.errors import Fault, Serialization, Validation
from strongroom.wire import json11
from strongroom.wire.shapes import kms

describe = json11.decoder(kms.DescribeKeyRequest)
encrypt = json11.decoder(kms.EncryptRequest)
list_keys = json11.decoder(kms.ListKeysRequest)

BAD = {
    "cut off": b'{"KeyId":"a"',
    "words": b"hello",
    "more after the end": b'{"KeyId":"a"}x',
    "two documents": b'{"KeyId":"a"}{"KeyId":"a"}',
    "white space only": b"  ",
    "a byte order mark": b'\xef\xbb\xbf{"KeyId":"a"}',
    "UTF-16": '{"KeyId":"a"}'.encode("utf-16"),
    "invalid UTF-8": b'{"KeyId":"\xff"}',
    "a surrogate in UTF-8": b'{"KeyId":"\xed\xa0\x80"}',
    "a lone high surrogate": b'{"KeyId":"\\ud800"}',
    "a lone low surrogate": b'{"KeyId":"\\udc00"}',
    "a control character": b'{"KeyId":"\x01"}',
    "single quotes": b"{'KeyId':'a'}",
    "a trailing comma": b'{"KeyId":"a",}',
    "a comment": b'{"KeyId":"a"/**/}',
    "NaN": b'{"KeyId":NaN}',
    "Infinity": b'{"KeyId":-Infinity}',
    "a number too large to be one": b'{"KeyId":1e999}',
    "a number of 10,000 digits": b'{"KeyId":' + b"1" * 10_000 + b"}",
    "a list": b"[]",
    "a string": b'"KeyId"',
    "null": b"null",
    "a deep member": b'{"KeyId":' + b"[" * 100_000,
    "a deep unknown member": b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": b'{"x":' * 100_000,
    "a duplicate of which one is wrong": b'{"KeyId":1,"KeyId":"a"}',
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_bad_bodies_are_serialization_exceptions(body):
    with pytest.raises(Serialization) as caught:
        describe(body)
    assert len(caught.value.message) < 200


def test_an_empty_body_is_an_empty_object():
    assert list_keys(b"") == list_keys(b"{}") == kms.ListKeysRequest()
    with pytest.raises(Validation, match="Value null at 'keyId'"):
        describe(b"")


def test_null_is_absence():
    assert list_keys(b'{"Limit":null,"Marker":null}') == kms.ListKeysRequest()


@pytest.mark.parametrize("value", ["1", '{"a":[1]}', '"\\ud83d\\ude00"', "1e999", "null"])
def test_unknown_members_are_ignored(value):
    assert describe(b'{"KeyId":"a","Unknown":' + value.encode() + b"}").KeyId == "a"


def test_of_duplicates_the_last_counts():
    assert describe(b'{"KeyId":"a","KeyId":"b"}').KeyId == "b"
    context = encrypt(b'{"KeyId":"a","Plaintext":"aGk=","EncryptionContext":{"k":"1","k":"2"}}')
    assert context.EncryptionContext == {"k": "2"}


def test_escapes_and_names_are_unicode():
    rq = encrypt(b'{"\\u004beyId":"\\u0000\\ud83d\\ude00","Plaintext":"aG\\u006b="}')
    assert (rq.KeyId, rq.Plaintext) == ("\0\U0001f600", b"hi")


def test_a_length_counts_characters():
    assert len(describe(json.dumps({"KeyId": "\U0001f600" * 2048}).encode()).KeyId) == 2048
    with pytest.raises(Validation):
        describe(json.dumps({"KeyId": "\U0001f600" * 2049}).encode())


@pytest.mark.parametrize("at", ["1773253425", "1773253425.56", "1.773253425E9"])
def test_times_are_numbers(at):
    body = '{"KeyId":"a","ImportToken":"aGk=","EncryptedKeyMaterial":"aGk=","ValidTo":' + at + "}"
    valid_to = json11.decoder(kms.ImportKeyMaterialRequest)(body.encode()).ValidTo
    assert isinstance(valid_to, float)
    assert valid_to == float(at)


VALID = b'{"KeyId":"alias/a","Plaintext":"aGk=","EncryptionContext":{"a":"b"},"GrantTokens":["t"]}'


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=60), st.integers(0, len(VALID)), st.integers(0, 12))
@example(b"\xff", 10, 1)
def test_any_bytes_give_a_request_or_a_fault(noise, at, cut):
    for body in (noise, VALID[:at] + noise + VALID[at + cut :]):
        try:
            assert isinstance(encrypt(body), kms.EncryptRequest)
        except Fault as fault:
            assert isinstance(fault, Serialization | Validation)


def test_answers_leave_out_what_is_absent():
    answer = kms.GenerateDataKeyResponse(Plaintext=b"hi", KeyId="arn")
    assert json11.encode(answer) == b'{"Plaintext":"aGk=","KeyId":"arn"}'
    assert json11.encode(kms.DeleteCustomKeyStoreResponse()) == b"{}"
    assert json11.encode(kms.ListKeysResponse(Keys=[], Truncated=False)) == (
        b'{"Keys":[],"Truncated":false}'
    )


def test_an_operation_without_output_has_an_empty_body():
    assert kms.OPERATIONS["EnableKey"].output is None
    assert json11.encode(None) == b""


def test_times_are_written_as_numbers():
    answer = kms.KeyMetadata(KeyId="id", CreationDate=1773253425.56)
    assert json11.encode(answer) == b'{"KeyId":"id","CreationDate":1773253425.56}'
