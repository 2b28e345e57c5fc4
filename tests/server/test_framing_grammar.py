"""The fast reading agrees with the grammar written plainly.

Whatever `Reader` takes for a head must be one by RFC 9112's grammar, for every change of one byte
of a good head, every byte left out and every byte doubled; and what it makes of it must be what
the grammar says.
"""

import re

import pytest

from strongroom.server.framing import Reader
from strongroom.server.limits import Limits
from strongroom.server.refusals import Refused

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# RFC 9110, 5.5: field-content; RFC 9112, 5: field-line; here without obs-fold.
FIELD = (
    rb"(?P<name>%b):[ \t]*(?P<value>(?:[\x21-\x7e\x80-\xff](?:[ \t]*[\x21-\x7e\x80-\xff])*)?)[ \t]*"
)
LINE = re.compile(rb"(?P<method>%b) (?P<target>[\x21-\x7e]+) HTTP/1\.[01]" % TOKEN)
FIELD_LINE = re.compile(FIELD % TOKEN)

GOOD = (
    b"POST /a?b=c HTTP/1.1\r\nHost: kms.local:4599\r\nX-Amz-Target: TrentService.Encrypt\r\n"
    b"Content-Length: 5\r\nConnection: keep-alive\r\nX-Empty:\r\nX-Two: a \t b \r\n\r\n"
)
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
BODY = b"3\r\nabc\r\na;x=y\r\n0123456789\r\n0\r\n\r\n"


def read(data):
    reader = Reader(Limits(), "192.0.2.7", None)
    reader.feed(data)
    return reader.next()


def plainly(head):
    """(method, target, fields) by the grammar, or None."""
    lines = head[:-4].split(b"\r\n")
    if not head.endswith(b"\r\n\r\n"):
        return None
    if lines[0] == b"":
        del lines[0]
    first = LINE.fullmatch(lines[0]) if lines else None
    fields = [FIELD_LINE.fullmatch(line) for line in lines[1:]]
    if first is None or None in fields:
        return None
    found = {}
    for field in fields:
        name, value = field["name"].lower(), field["value"]
        found[name] = found[name] + b"," + value if name in found else value
    return first["method"], first["target"], found


def changes():
    for at in range(len(GOOD)):
        yield GOOD[:at] + GOOD[at + 1 :]
        yield GOOD[:at] + GOOD[at : at + 1] + GOOD[at:]
        for byte in range(256):
            yield GOOD[:at] + bytes([byte]) + GOOD[at + 1 :]
        for byte in b"\r\n\t :\0,":
            yield GOOD[:at] + bytes([byte]) + GOOD[at:]


def test_the_good_head_is_taken():
    request = read(GOOD + b"hello")
    assert (request.method, request.target, request.body) == (b"POST", b"/a?b=c", b"hello")
    assert request.headers == plainly(GOOD)[2]


def test_no_changed_head_is_taken_that_the_grammar_refuses():
    taken = 0
    for head in changes():
        end = head.find(b"\r\n\r\n") + 4
        try:
            request = read(head + b"hello" * 20)
        except Refused:
            continue
        if request is None:
            continue
        taken += 1
        assert plainly(head[:end]) == (request.method, request.target, request.headers), head
        assert head[:end].lower().count(b"\r\nhost:") == 1
        assert len(request.body) == int(request.headers.get(b"content-length", b"0"))
    assert taken > 10_000


def test_a_changed_chunk_gives_the_body_its_sizes_say_or_none():
    """Against a reading of chunks by a regular expression."""
    chunk = re.compile(rb"0*([0-9a-fA-F]{1,4})(;[^\x00-\x08\x0a-\x1f\x7f]*)?\r\n")
    for at in range(len(BODY)):
        for byte in range(256):
            changed = BODY[:at] + bytes([byte]) + BODY[at + 1 :]
            try:
                request = read(CHUNKED + changed)
            except Refused:
                continue
            if request is None:
                continue
            body, rest = b"", changed
            while True:
                size = chunk.match(rest)
                assert size, changed
                length, rest = int(size[1], 16), rest[size.end() :]
                body += rest[:length]
                assert rest[length : length + 2] == b"\r\n", changed
                rest = rest[length + 2 :]
                if not length:
                    break
            assert request.body == body, changed


PIECES = {
    "no body": GOOD.replace(b"Content-Length: 5\r\n", b""),
    "a body": GOOD + b"hello",
    "a body that looks like a head": GOOD + b"\r\n\r\n\0",
    "chunks": CHUNKED + BODY,
    "an upgrade": b"POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
    b"Upgrade: h2c\r\nContent-Length: 3\r\n\r\nabc",
    "an empty line before": b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("name", PIECES)
def test_the_pieces_it_comes_in_do_not_matter(name):
    """Every cut in two, and byte by byte; with a second request right behind it."""
    first = PIECES[name]
    second = b"GET /second HTTP/1.1\r\nHost: a\r\n\r\n"
    whole = read(first)
    assert whole is not None
    for cut in range(1, len(first + second)):
        reader = Reader(Limits(), "192.0.2.7", None)
        found = []
        for piece in (first + second)[:cut], (first + second)[cut:]:
            reader.feed(piece)
            while (request := reader.next()) is not None:
                found.append(request)
                if reader.connection == b"Connection: close\r\n":
                    break
            if reader.connection == b"Connection: close\r\n":
                break
        assert found[0] == whole
        # Behind chunks in the same piece, llhttp loses the second; the connection ends then.
        if reader.connection == b"Connection: close\r\n":
            assert name == "chunks"
            assert cut > len(first) or cut < len(first)
            assert len(found) == 1
        else:
            assert [request.target for request in found[1:]] == [b"/second"]

    reader = Reader(Limits(), "192.0.2.7", None)
    found = []
    for byte in first + second:
        reader.feed(bytes([byte]))
        request = reader.next()
        if request is not None:
            found.append(request)
    assert found[0] == whole
    assert [request.target for request in found[1:]] == [b"/second"]


def test_a_second_message_cannot_reach_into_a_chunked_body():
    behind = b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nEVIL"
    reader = Reader(Limits(body=15), "192.0.2.7", None)  # enough for the first alone
    reader.feed(CHUNKED + BODY + behind)
    assert reader.next().body == b"abc0123456789"
    assert reader.connection == b"Connection: close\r\n"


@pytest.mark.parametrize("name", PIECES)
def test_what_was_read_is_let_go(name):
    """An idle connection keeps no bodies: they are plaintexts, and there are many connections."""
    reader = Reader(Limits(), "192.0.2.7", None)
    whole = PIECES[name]
    for pieces in [whole], [whole[:-1], whole[-1:]]:
        for piece in pieces:
            reader.feed(piece)
            request = reader.next()
        assert request is not None
        assert reader._data == b""
        assert reader.held == 0


def test_headers_of_one_request_do_not_appear_in_the_next():
    reader = Reader(Limits(), "192.0.2.7", None)
    reader.feed(
        b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: b\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    assert reader.next().headers == {b"host": b"a", b"authorization": b"b"}
    assert reader.next().headers == {b"host": b"a"}


@pytest.mark.parametrize(
    ("target", "host", "seen"),
    [
        (b"http://a/x?y", b"a", b"/x?y"),
        (b"HTTPS://A:1/x", b"a:1", b"/x"),
        (b"http://a", b"a", b"/"),
        (b"http://a?y", b"a", b"/?y"),
        (b"http://[::1]:4599/x", b"[::1]:4599", b"/x"),
    ],
)
def test_an_absolute_target_becomes_its_path(target, host, seen):
    head = b"GET %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (target, host)
    reader = Reader(Limits(), "192.0.2.7", None)
    reader.feed(head * 2)
    assert [reader.next().target, reader.next().target] == [seen, seen]
    reader.feed(head.replace(b"Host: ", b"Host: not-"))
    with pytest.raises(Refused):
        reader.next()


def test_a_good_first_request_does_not_vouch_for_the_next():
    """What is remembered of the last head is compared whole."""
    good = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    for second in (
        b"GET / HTTP/1.10\r\nHost: a\r\n\r\n",
        b"GET /\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a,\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        b"\r\n\r\n\0 / HTTP/1.1\r\nHost: a\r\n\r\n",
    ):
        reader = Reader(Limits(), "192.0.2.7", None)
        reader.feed(good + second)
        assert reader.next() is not None
        with pytest.raises(Refused):
            reader.next()
