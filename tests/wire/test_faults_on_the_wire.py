"""Faults as the caller sees them."""

import inspect
import json

import cbor2
import pytest

from strongroom import errors
from strongroom.errors import (
    AccessDenied,
    ExpiredToken,
    Fault,
    IncompleteSignature,
    InternalFailure,
    InvalidCiphertext,
    InvalidSignature,
    MissingAuthenticationToken,
    NotFound,
    NotImplementedHere,
    Serialization,
    Throttled,
    Unavailable,
    UnknownOperation,
    UnrecognizedClient,
    Validation,
)
from strongroom.wire import faults
from strongroom.wire.protocol import (
    END,
    SUCCESS,
    SUCCESS_WITHOUT_BODY,
    Protocol,
    request_id_line,
)
from strongroom.wire.query import MissingAction

ID = "6bf4c4a6-2c0e-4a8e-9b52-0f7d3a9f0c11"


def body_of(fault):
    return faults.answer(Protocol.JSON11, fault, ID).body


JSON = [
    (NotFound("Invalid keyId 'x'"), 400, {"message": "Invalid keyId 'x'"}),
    (AccessDenied("no"), 400, {"Message": "no"}),
    (Serialization("bad"), 400, {"Message": "bad"}),
    (MissingAuthenticationToken(), 400, {"message": "Missing Authentication Token"}),
    (InvalidCiphertext(), 400, {}),
    (AccessDenied(), 400, {}),
    (InternalFailure("x"), 500, {"message": "x"}),
    (Unavailable("x"), 503, {"message": "x"}),
    (NotImplementedHere("Sign"), 501, {"message": "Sign"}),
]


@pytest.mark.parametrize(("fault", "status", "rest"), JSON)
def test_json(fault, status, rest):
    refusal = faults.answer(Protocol.JSON11, fault, ID)
    assert (refusal.status, refusal.content_type) == (status, b"application/x-amz-json-1.1")
    assert json.loads(refusal.body) == {"__type": fault.code} | rest
    assert refusal.headers == (
        b"Cache-Control: no-cache, no-store, must-revalidate, private\r\n"
        b"Expires: 0\r\nPragma: no-cache\r\nx-amzn-RequestId: " + ID.encode() + b"\r\n"
    )


@pytest.mark.parametrize(("fault", "status", "rest"), JSON)
def test_cbor(fault, status, rest):
    refusal = faults.answer(Protocol.CBOR, fault, ID)
    assert (refusal.status, refusal.content_type) == (status, b"application/cbor")
    assert cbor2.loads(refusal.body) == {"__type": fault.code} | rest
    assert refusal.headers == (
        b"smithy-protocol: rpc-v2-cbor\r\nx-amzn-RequestId: " + ID.encode() + b"\r\n"
    )


QUERY = [
    (MissingAuthenticationToken(), 403, "MissingAuthenticationToken"),
    (UnrecognizedClient(), 403, "InvalidClientTokenId"),
    (InvalidSignature("x"), 403, "SignatureDoesNotMatch"),
    (ExpiredToken("x"), 403, "ExpiredToken"),
    (IncompleteSignature("x"), 400, "IncompleteSignature"),
    (AccessDenied("x"), 403, "AccessDenied"),
    (Validation("x"), 400, "ValidationError"),
    (UnknownOperation("x"), 400, "InvalidAction"),
    (Serialization("x"), 400, "MalformedInput"),
    (Throttled("x"), 400, "Throttling"),
    (MissingAction("x"), 400, "MissingAction"),
    (NotImplementedHere("x"), 501, "NotImplemented"),
    (InternalFailure("x"), 500, "InternalFailure"),
    (Unavailable("x"), 503, "ServiceUnavailable"),
]


@pytest.mark.parametrize(("fault", "status", "code"), QUERY)
def test_query(fault, status, code):
    refusal = faults.answer(Protocol.QUERY, fault, ID, xmlns="urn:x")
    blame = "Receiver" if status >= 500 else "Sender"
    assert (refusal.status, refusal.content_type) == (status, b"text/xml")
    assert refusal.headers == b"x-amzn-RequestId: " + ID.encode() + b"\r\n"
    assert refusal.body.decode() == (
        f'<ErrorResponse xmlns="urn:x"><Error><Type>{blame}</Type><Code>{code}</Code>'
        f"<Message>{fault.message}</Message></Error><RequestId>{ID}</RequestId></ErrorResponse>"
    )


def test_every_fault_can_be_said_in_every_protocol():
    kinds = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, Fault) and hasattr(kind, "code")
    ]
    assert len(kinds) > 20
    for kind in kinds:
        for protocol in Protocol:
            refusal = faults.answer(protocol, kind(), ID)
            assert 400 <= refusal.status <= 599
            assert faults.named(protocol, kind())[0].encode() in refusal.body


NASTY = 'a"b\r\nSet-Cookie: x\x00\x1b\ud800é</Message>'


@pytest.mark.parametrize("protocol", Protocol)
def test_a_message_may_hold_anything_and_ends_up_in_the_body_alone(protocol):
    refusal = faults.answer(protocol, NotFound(NASTY), ID)
    assert b"Set-Cookie" in refusal.body
    assert b"Set-Cookie" not in refusal.headers
    assert (
        refusal.headers.count(b"\r\n")
        == refusal.headers.count(b"\n")
        == len(refusal.headers.split(b"\r\n")[:-1])
    )


def test_a_json_message_comes_back_as_it_was():
    assert json.loads(body_of(NotFound(NASTY)))["message"] == NASTY.replace("\ud800", "?")


@pytest.mark.parametrize("bad", ["a\r\nb", "a\nb", "a\0b", "é", "\x7f", "a b", "\ud800"])
def test_nothing_can_end_the_line_of_a_request_id(bad):
    line = request_id_line(bad)
    assert line.startswith(b"x-amzn-RequestId: ")
    assert line.endswith(END)
    assert all(0x20 <= byte < 0x7F for byte in line[:-2])


def test_the_ready_made_lines_are_those_of_an_answer():
    assert SUCCESS[Protocol.JSON11] + ID.encode() + END == (
        b"Content-Type: application/x-amz-json-1.1\r\n"
        + faults.answer(Protocol.JSON11, NotFound(), ID).headers
    )
    assert SUCCESS[Protocol.QUERY] + ID.encode() + END == (
        b"Content-Type: text/xml\r\nx-amzn-RequestId: " + ID.encode() + b"\r\n"
    )
    assert SUCCESS[Protocol.CBOR].startswith(b"Content-Type: application/cbor\r\nsmithy-protocol:")
    assert b"Content-Type" not in SUCCESS_WITHOUT_BODY[Protocol.CBOR]
    assert SUCCESS_WITHOUT_BODY[Protocol.JSON11] == SUCCESS[Protocol.JSON11]
