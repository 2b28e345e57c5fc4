"""Ambiguous and broken requests over a real socket, each named by its defect.

Behind each comes a well-formed request.  It must never be run: whoever got the first past one
reader and not past another would be speaking in somebody else's name with the second.
"""

import json
import time

import pytest
from botocore.parsers import QueryParser

H = b"Host: a\r\n"
POST = b"POST / HTTP/1.1\r\n" + H
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
NEXT = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


def get(line: bytes = b"", *, start: bytes = b"GET / HTTP/1.1\r\n") -> bytes:
    return start + H + line + b"\r\n"


DEFECTS = {
    # Content-Length
    "two lengths that differ": (POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400),
    "two lengths alike": (POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
    "two lengths, cases differ": (POST + b"Content-Length: 3\r\ncontent-length: 4\r\n\r\nabc", 400),
    "length list": (POST + b"Content-Length: 3, 3\r\n\r\nabc", 400),
    "length with plus": (POST + b"Content-Length: +3\r\n\r\nabc", 400),
    "length negative": (POST + b"Content-Length: -3\r\n\r\nabc", 400),
    "length hexadecimal": (POST + b"Content-Length: 0x3\r\n\r\nabc", 400),
    "length fractional": (POST + b"Content-Length: 3.0\r\n\r\nabc", 400),
    "length underscored": (POST + b"Content-Length: 1_0\r\n\r\nabc", 400),
    "length empty": (POST + b"Content-Length: \r\n\r\n", 400),
    "length of two words": (POST + b"Content-Length: 3 3\r\n\r\nabc", 400),
    "length quoted": (POST + b'Content-Length: "3"\r\n\r\nabc', 400),
    "length in other digits": (POST + b"Content-Length: \xd9\xa3\r\n\r\nabc", 400),
    "length beyond 64 bits": (POST + b"Content-Length: 18446744073709551619\r\n\r\nabc", 400),
    "length of 18 digits": (POST + b"Content-Length: 999999999999999999\r\n\r\nabc", 413),
    "length over the limit": (POST + b"Content-Length: 1001\r\n\r\nabc", 413),
    # Transfer-Encoding
    "length, then chunked": (
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "chunked, then length": (
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        400,
    ),
    "chunked twice": (
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "chunked twice in a list": (
        POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "coding before chunked": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
    "coding after chunked": (POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400),
    "coding identity": (POST + b"Transfer-Encoding: identity\r\n\r\n", 400),
    "coding unknown": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    "coding empty": (POST + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n", 400),
    "coding with a vertical tab": (POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
    "coding with a parameter": (POST + b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", 400),
    "coding with a space before the colon": (
        POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "chunked in HTTP/1.0": (
        b"POST / HTTP/1.0\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    # Chunks
    "chunk size hexadecimal prefix": (CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n", 400),
    "chunk size with plus": (CHUNKED + b"+3\r\nabc\r\n0\r\n\r\n", 400),
    "chunk size negative": (CHUNKED + b"-3\r\nabc\r\n0\r\n\r\n", 400),
    "chunk size empty": (CHUNKED + b"\r\nabc\r\n0\r\n\r\n", 400),
    "chunk size with a space before": (CHUNKED + b" 3\r\nabc\r\n0\r\n\r\n", 400),
    "chunk size with a space after": (CHUNKED + b"3 \r\nabc\r\n0\r\n\r\n", 400),
    "chunk size beyond 64 bits": (CHUNKED + b"10000000000000003\r\nabc\r\n0\r\n\r\n", 400),
    "chunk size over the limit": (CHUNKED + b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n", 413),
    "chunk size ended by LF": (CHUNKED + b"3\nabc\r\n0\r\n\r\n", 400),
    "chunk size ended by CR": (CHUNKED + b"3\rabc\r\n0\r\n\r\n", 400),
    "chunk longer than its size": (CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n", 400),
    "chunk data ended by LF": (CHUNKED + b"3\r\nabc\n0\r\n\r\n", 400),
    "chunk extension with LF": (CHUNKED + b"3;a\nb\r\nabc\r\n0\r\n\r\n", 400),
    "chunk extension with CR": (CHUNKED + b"3;a\rb\r\nabc\r\n0\r\n\r\n", 400),
    "chunk extension with NUL": (CHUNKED + b"3;a=\x00\r\nabc\r\n0\r\n\r\n", 400),
    "chunk extension without end": (CHUNKED + b"3;" + b"a" * 40_000, 400),
    "chunk extensions outweigh the data": (
        CHUNKED + (b"1;" + b"a" * 1000 + b"\r\nx\r\n") * 900 + b"0\r\n\r\n",
        400,
    ),
    "last chunk ended by LF": (CHUNKED + b"0\n\n", 400),
    "trailer field": (CHUNKED + b"0\r\nX: y\r\n\r\n", 400),
    "trailer that frames": (CHUNKED + b"0\r\nContent-Length: 30\r\n\r\n", 400),
    # Lines
    "LF after the request line": (b"GET / HTTP/1.1\n" + H + b"\r\n", 400),
    "LF throughout": (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    "LF after a header": (get(b"X: y\n"), 400),
    "LF in a value": (get(b"X: y\nContent-Length: 30\r\n"), 400),
    "CR in a value": (get(b"X: y\rContent-Length: 30\r\n"), 400),
    "CR CR LF": (get(b"X: y\r\r\n"), 400),
    "CR alone at the end": (b"GET / HTTP/1.1\r\n" + H + b"\r\r\n\r\n", 400),
    "folded value": (get(b"X: y\r\n z\r\n"), 400),
    "folded by a tab": (get(b"X: y\r\n\tz\r\n"), 400),
    "folded first header": (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    "folded length": (POST + b"Content-Length:\r\n 3\r\n\r\nabc", 400),
    "two empty lines before": (b"\r\n\r\n" + get(), 400),
    # Header fields
    "NUL in a value": (get(b"X: a\x00b\r\n"), 400),
    "control character in a value": (get(b"X: a\x01b\r\n"), 400),
    "DEL in a value": (get(b"X: a\x7fb\r\n"), 400),
    "NUL in a name": (get(b"X\x00: a\r\n"), 400),
    "byte over 127 in a name": (get(b"X\xe9: a\r\n"), 400),
    "space in a name": (get(b"X Y: a\r\n"), 400),
    "space before the colon": (get(b"X : a\r\n"), 400),
    "tab before the colon": (get(b"X\t: a\r\n"), 400),
    "no colon": (get(b"X\r\n"), 400),
    "no name": (get(b": a\r\n"), 400),
    "too many fields": (get(b"X: y\r\n" * 20), 431),
    "head too long": (get(b"X: " + b"y" * 2000 + b"\r\n"), 431),
    "head too long and without end": (b"GET / HTTP/1.1\r\nX: " + b"y" * 3000, 431),
    # Host
    "no host": (b"GET / HTTP/1.1\r\nX: y\r\n\r\n", 400),
    "no header at all": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "empty host": (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
    "two hosts": (get(b"Host: b\r\n"), 400),
    "two hosts alike": (get(b"Host: a\r\n"), 400),
    "host list": (b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
    "host with a path": (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    "host with a user": (b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400),
    "host with a space": (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    "host with two ports": (b"GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", 400),
    # Request line
    "target of another host": (get(start=b"GET http://b/ HTTP/1.1\r\n"), 400),
    "target of the host with a user": (get(start=b"GET http://u@a/ HTTP/1.1\r\n"), 400),
    "target of another scheme": (get(start=b"GET ftp://a/ HTTP/1.1\r\n"), 400),
    "target without a slash": (get(start=b"GET a HTTP/1.1\r\n"), 400),
    "target with a fragment": (get(start=b"GET /#a HTTP/1.1\r\n"), 400),
    "target with a control character": (get(start=b"GET /\x01 HTTP/1.1\r\n"), 400),
    "target with a byte over 127": (get(start=b"GET /\xe9 HTTP/1.1\r\n"), 400),
    "target with a space": (get(start=b"GET /a b HTTP/1.1\r\n"), 400),
    "target empty": (get(start=b"GET  HTTP/1.1\r\n"), 400),
    "target a star for GET": (get(start=b"GET * HTTP/1.1\r\n"), 400),
    "target too long": (get(start=b"GET /" + b"a" * 500 + b" HTTP/1.1\r\n"), 414),
    "target too long and without end": (b"GET /" + b"a" * 600, 414),
    "two spaces after the method": (get(start=b"GET  / HTTP/1.1\r\n"), 400),
    "two spaces before the version": (get(start=b"GET /  HTTP/1.1\r\n"), 400),
    "space after the version": (get(start=b"GET / HTTP/1.1 \r\n"), 400),
    "space before the method": (get(start=b" GET / HTTP/1.1\r\n"), 400),
    "tab for a space": (get(start=b"GET\t/\tHTTP/1.1\r\n"), 400),
    "method in lower case": (get(start=b"get / HTTP/1.1\r\n"), 501),
    "method unknown": (get(start=b"BREW / HTTP/1.1\r\n"), 501),
    "method CONNECT": (get(start=b"CONNECT a:1 HTTP/1.1\r\n"), 501),
    "method TRACE": (get(start=b"TRACE / HTTP/1.1\r\n"), 501),
    "method with a brace": (get(start=b"G{T / HTTP/1.1\r\n"), 400),
    "version 0.9": (b"GET /\r\n\r\n", 400),
    "version 0.9 spelled out": (get(start=b"GET / HTTP/0.9\r\n"), 505),
    "version 1.2": (get(start=b"GET / HTTP/1.2\r\n"), 505),
    "version 2.0": (get(start=b"GET / HTTP/2.0\r\n"), 505),
    "version with a digit too many": (get(start=b"GET / HTTP/1.10\r\n"), 400),
    "version in lower case": (get(start=b"GET / http/1.1\r\n"), 400),
    "version of RTSP": (get(start=b"OPTIONS / RTSP/1.0\r\n"), 400),
    "preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "a TLS handshake": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "not HTTP": (b"\x00\x00\x00\x00", 400),
    "expectation unknown": (POST + b"Expect: 200-ok\r\nContent-Length: 3\r\n\r\nabc", 417),
    "two expectations": (
        POST + b"Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
        417,
    ),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_refused_and_nothing_after_it_is_run(served, defect):
    request, status = DEFECTS[defect]
    before = len(served.requests)
    with served.connect() as client:
        client.send(request)
        client.send(NEXT)
        received = client.rest()
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert received.count(b"\r\nDate: ") == 1
    assert b"\r\nConnection: close" in head
    assert b"\r\nx-amzn-RequestId: " in head
    answer = json.loads(body)
    assert answer["__type"].endswith("Exception")
    assert answer["message"]
    assert served.requests[before:] == []


@pytest.mark.parametrize("defect", DEFECTS)
def test_refused_as_well_behind_a_good_request(served, defect):
    request, status = DEFECTS[defect]
    before = len(served.requests)
    with served.connect() as client:
        client.send(b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n" + request + NEXT)
        assert client.answer()[0] == 200
        assert client.rest().startswith(b"HTTP/1.1 %d " % status)
    assert served.targets[before:] == [b"/first"]


FORM = POST + b"Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (FORM + b"Content-Length: 1001\r\n\r\n", 413, "RequestEntityTooLarge"),
        (
            FORM + b"Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001,
            413,
            "RequestEntityTooLarge",
        ),
        (FORM + b"Content-Length: x\r\n\r\n", 400, "MalformedHttpRequest"),
    ],
)
def test_who_sends_a_form_is_refused_in_xml(served, request_, status, code):
    with served.connect() as client:
        client.send(request_)
        got, headers, body = client.answer()
    assert (got, headers["content-type"]) == (status, "text/xml")
    parsed = QueryParser().parse({"status_code": got, "headers": headers, "body": body}, None)
    assert (parsed["Error"]["Code"], parsed["Error"]["Type"]) == (code, "Sender")
    assert parsed["Error"]["Message"]
    assert parsed["ResponseMetadata"]["RequestId"] == headers["x-amzn-requestid"]


@pytest.mark.parametrize(
    ("begun", "status"),
    [
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\n", 400),
        (b"GET / HTTP/1.1\r\nX: a\rb", 400),
        (b"GET /\r\n", 400),
        (b"BREW / HTTP/1.1\r\n", 501),
        (b"GET / HTTP/2.0\r\n", 505),
        (b"\r\nBREW / HTTP/1.1\r\n", 501),
        (b"GET /" + b"a" * 600, 414),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 2000, 431),
        (b"\x16\x03\x01", 400),
    ],
)
def test_a_beginning_that_cannot_become_good_is_refused_before_its_end(served, begun, status):
    with served.connect(timeout=5) as client:  # of the 10 seconds that a head may take
        client.send(begun)
        assert client.answer()[0] == status
        assert client.rest() == b""


@pytest.mark.parametrize(
    "begun", [b"G", b"GET", b"\r", b"\r\n", b"\r\nGE", b"GET / HTTP/1.1\r", b"GET / HTTP/1.1\r\nX"]
)
def test_a_beginning_that_may_become_good_is_waited_for(served, begun):
    whole = (
        (b"\r\n" if begun.startswith(b"\r") else b"") + b"GET / HTTP/1.1\r\nX: y\r\n" + H + b"\r\n"
    )
    with served.connect(timeout=5) as client:
        client.send(begun)
        time.sleep(0.02)
        client.send(whole.removeprefix(begun))
        assert client.answer()[0] == 200


def test_the_table_is_as_long_as_promised():
    assert len(DEFECTS) >= 60
