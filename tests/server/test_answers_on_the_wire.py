"""What an answer looks like, and what becomes of the connection after it."""

import socket
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest

from strongroom.server.answers import Printer, http_date
from strongroom.server.http import Answer
from strongroom.server.sockets import CannotListen, bind

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def test_an_answer_carries_length_date_and_server(served):
    with served.connect() as client:
        client.send(b"POST /x?y HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
        status, headers, body = client.answer()
    assert (status, body) == (200, b"POST /x?y hi")
    assert headers["content-length"] == "12"
    assert headers["server"] == "strongroom"
    assert headers["content-type"] == "text/plain"
    assert "connection" not in headers


def test_the_date_is_the_true_second_and_moves(served):
    seen = set()
    with served.connect() as client:
        until = time.time() + 1.3
        while time.time() < until:
            before = time.time()
            client.send(GET)
            date = parsedate_to_datetime(client.answer()[1]["date"])
            # The second may turn a moment before the timer does.
            assert before - 1.3 < date.timestamp() <= time.time()
            seen.add(date)
            time.sleep(0.05)
    assert len(seen) >= 2


@pytest.mark.parametrize("at", [0, 1_795_463_765, 1_709_164_800, 4_102_444_799])
def test_dates_are_those_of_the_library(at):
    expected = datetime.fromtimestamp(at, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert http_date(at).decode() == expected


def test_a_printer_dates_by_its_last_tick():
    printer = Printer(0.0)
    answer = Answer(200, b"", b"")
    assert b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n" in printer.print(answer, b"", b"GET")
    printer.tick(1.5)
    assert b"Date: Thu, 01 Jan 1970 00:00:01 GMT\r\n" in printer.print(answer, b"", b"GET")


def test_a_head_request_gets_the_length_and_no_body(served):
    with served.connect() as client:
        client.send(GET.replace(b"GET", b"HEAD") + GET)
        received = b""
        while received.count(b"\r\n\r\n") < 2 or not received.endswith(b"GET / "):
            received += client.sock.recv(65536)
    first, second, _ = received.split(b"\r\n\r\n")
    assert b"\r\nContent-Length: 7" in first  # of "HEAD / "
    assert second.startswith(b"HTTP/1.1 200 OK\r\n")  # nothing stands between the two


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_body_has_no_length_either(served, status):
    with served.connect() as client:
        client.send(
            b"POST /status HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\n%d"
            % status
        )
        received = client.rest()
    assert received.startswith(b"HTTP/1.1 %d " % status)
    assert received.endswith(b"\r\n\r\n")
    assert b"Content-Length" not in received


@pytest.mark.parametrize(
    ("version", "connection", "stays"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"Connection: keep-alive\r\n", True),
        (b"1.1", b"Connection: close\r\n", False),
        (b"1.1", b"Connection: Upgrade, Close\r\n", False),
        (b"1.1", b"Connection: Upgrade\r\nConnection: close\r\n", False),
        (b"1.0", b"", False),
        (b"1.0", b"Connection: close\r\n", False),
        (b"1.0", b"Connection: Keep-Alive\r\n", True),
    ],
)
def test_who_wants_the_connection_kept_gets_it_kept(served, version, connection, stays):
    request = b"GET / HTTP/%b\r\nHost: a\r\n%b\r\n" % (version, connection)
    with served.connect() as client:
        client.send(request)
        _, headers, _ = client.answer()
        if stays:
            assert headers.get("connection") == ("keep-alive" if version == b"1.0" else None)
            client.send(request)
            assert client.answer()[0] == 200
        else:
            assert headers["connection"] == "close"
            assert client.rest() == b""


def test_http_1_0_needs_no_host(served):
    with served.connect() as client:
        client.send(b"GET /probe HTTP/1.0\r\n\r\n")
        assert client.answer()[2] == b"GET /probe "


def test_who_asks_before_sending_is_told_to_go_on(served):
    head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n"
    with served.connect() as client:
        for _ in range(2):
            client.send(head)
            assert client.sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.send(b"hi")
            assert client.answer()[2] == b"POST / hi"
        for body in b"hi", b"h":  # it did not wait: no word of it
            client.send(head + body)
            time.sleep(0.02)
            client.send(b"hi"[len(body) :])
            assert client.answer()[::2] == (200, b"POST / hi")
        client.send(GET)
        assert client.answer()[2] == b"GET / "


def test_an_expectation_with_a_body_too_large_is_refused_before_it_is_sent(served):
    with served.connect() as client:
        client.send(
            b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9999\r\n\r\n"
        )
        assert client.answer()[0] == 413
        assert client.rest() == b""


def test_http_1_0_has_no_expectations(served):
    with served.connect() as client:
        client.send(
            b"POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
        client.send(b"hi")
        assert client.rest().startswith(b"HTTP/1.1 200 OK\r\n")


def test_an_upgrade_is_ignored_body_and_all(served):
    with served.connect() as client:
        client.send(
            b"POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nContent-Length: 2\r\n\r\nhi" + GET
        )
        assert client.answer()[2] == b"POST / hi"
        assert client.answer()[2] == b"GET / "


def test_a_chunked_body_arrives_whole_and_the_connection_stays(served):
    with served.connect() as client:
        client.send(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
            b"2\r\nhe\r\n3;why=not\r\nllo\r\n0\r\n\r\n"
        )
        assert client.answer()[2] == b"POST / hello"
        client.send(GET)
        assert client.answer()[2] == b"GET / "


def test_a_thousand_requests_at_once_are_answered_in_order(served):
    """Some in the same turn of the loop, some in the next."""
    requests = [
        b"GET /%b HTTP/1.1\r\nHost: a\r\nX: %d\r\n\r\n" % (b"later" if n % 3 == 0 else b"%d" % n, n)
        for n in range(1000)
    ]
    with served.connect() as client:
        before = len(served.requests)
        client.send(b"".join(requests))
        for n in range(1000):
            expected = b"GET /later " if n % 3 == 0 else b"GET /%d " % n
            assert client.answer()[2] == expected
    assert [int(r.headers[b"x"]) for r in served.requests[before:]] == list(range(1000))


def test_an_app_that_raises_costs_one_answer(served):
    served.log.clear()
    with served.connect() as client:
        client.send(b"GET /raise HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
        status, _, body = client.answer()
        assert status == 500
        assert b"secret" not in body
        assert client.answer()[0] == 200
    [fields] = [fields for event, fields in served.log if event == "app-raised"]
    assert fields["error"] == "ZeroDivisionError"
    assert fields["where"].startswith("Served.app:")


def test_a_request_is_answered_once(served):
    with served.connect() as client:
        client.send(b"GET /twice HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
        assert client.answer()[2] == b"GET /twice "
        assert client.answer()[2] == b"GET / "
    assert "RuntimeError" in [fields.get("error") for _, fields in served.log]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_client_is_known_by_its_address_whatever_socket_it_came_through(served, address):
    try:
        both = bind("::", 0, shared=False)
    except CannotListen:
        pytest.skip("this machine has no IPv6")
    served.on_loop(lambda: served.listener.listen(both))
    with socket.create_connection((address, both.getsockname()[1]), 5) as client:
        client.sendall(GET)
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")
    assert served.requests[-1].peer == address
