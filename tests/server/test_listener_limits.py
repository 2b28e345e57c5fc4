"""Clients that are slow, greedy or gone.  Times are shortened; the sweep is a fifth of the least."""

import socket
import time

import pytest
from tests.waiting import wait_until

from strongroom.server.limits import Limits

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
HELD = b"GET /held HTTP/1.1\r\nHost: a\r\n\r\n"


def test_a_limit_of_nothing_is_refused():
    with pytest.raises(ValueError, match="`idle_time`"):
        Limits(idle_time=0)


# Slow


def test_a_head_byte_by_byte_ends_when_its_time_is_up(serve):
    served = serve(head_time=0.5)
    began = time.monotonic()  # before it connects, for its time runs from then on
    with served.connect() as client, served.connect() as other:
        client.sock.settimeout(0.05)
        received = b""
        for byte in b"GET / HTTP/1.1\r\nX: " + b"y" * 1000:
            try:
                client.send(bytes([byte]))
                received = client.sock.recv(4096)
                break
            except TimeoutError:
                continue
        assert received.startswith(b"HTTP/1.1 408 ")
        assert 0.5 <= time.monotonic() - began < 4
        other.send(GET)  # it is not the one who was slow, but its own time is running
    assert served.requests == []


def test_a_client_that_says_nothing_is_let_go_without_a_word(serve):
    served = serve(head_time=0.3)
    with served.connect() as client:
        assert client.rest() == b""


def test_an_idle_connection_is_closed_and_a_busy_one_is_not(serve):
    served = serve(idle_time=0.4)
    with served.connect() as idle, served.connect() as busy, served.connect() as waiting:
        waiting.send(HELD)
        idle.send(GET)
        assert idle.answer()[0] == 200
        began = time.monotonic()
        while time.monotonic() - began < 1.0:
            busy.send(GET)
            assert busy.answer()[0] == 200
            time.sleep(0.05)
        assert idle.rest() == b""
        served.release()
        assert waiting.answer()[0] == 200  # however long its answer took


def test_a_slow_body_is_cut_off_and_a_steady_one_is_not(serve):
    served = serve(body_grace=0.3, body_rate=200)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 400\r\n\r\n"
    with served.connect() as slow, served.connect() as steady:
        slow.send(head + b"x")
        steady.send(head)
        for _ in range(20):
            steady.send(b"y" * 20)  # 400 a second
            time.sleep(0.05)
        assert steady.answer()[0] == 200
        assert slow.answer()[0] == 408
        assert slow.rest() == b""
    assert [request.body for request in served.requests] == [b"y" * 400]


def test_a_slow_chunked_body_is_cut_off_too(serve):
    served = serve(body_grace=0.3)
    with served.connect() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        assert client.answer()[0] == 408
    assert served.requests == []


# Greedy


def test_a_refused_client_may_finish_its_sentence_but_not_go_on_for_ever(serve):
    served = serve(body=1000, linger=300_000, linger_time=5.0)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
    with served.connect() as client:
        client.send(head % 100_000)
        for _ in range(10):  # well into the time when the answer is out
            client.send(b"x" * 10_000)
            time.sleep(0.01)
        assert client.answer()[0] == 413  # it was not overtaken by a reset
    with served.connect() as client, pytest.raises(OSError):  # reset or broken pipe
        client.send(head % 10**9)
        for _ in range(1000):
            client.send(b"x" * 10_000)
            time.sleep(0.001)


def test_a_refused_client_that_stays_is_let_go(serve):
    served = serve(linger_time=0.3)
    with served.connect() as client:
        client.send(b"BREW / HTTP/1.1\r\n\r\n")
        assert client.answer()[0] == 501
        wait_until(lambda: served.listener.open_connections == 0)


def test_two_hundred_connections_with_room_for_one_hundred(serve):
    served = serve(connections=100)
    clients = [served.connect() for _ in range(200)]
    try:
        wait_until(lambda: served.listener.counts.turned_away == 100)
        assert served.listener.open_connections == 100
        statuses = []
        for client in clients:
            try:
                client.send(GET)
                statuses.append(client.answer()[0])
            except (ConnectionError, EOFError):
                statuses.append(None)
        assert statuses.count(200) == 100
        assert set(statuses) <= {200, 503, None}
        assert served.log.count(("connections-full", {"limit": 100})) <= 3

        began = time.process_time()
        time.sleep(0.3)
        assert time.process_time() - began < 0.15  # and the full listener does not spin
    finally:
        for client in clients:
            client.sock.close()
    wait_until(lambda: served.listener.open_connections == 0)
    with served.connect() as client:
        client.send(GET)
        assert client.answer()[0] == 200


def test_who_is_turned_away_is_told_so(serve):
    served = serve(connections=1)
    with served.connect(), served.connect() as client:
        assert client.answer()[0] == 503


def test_requests_behind_an_unanswered_one_are_read_only_so_far(serve):
    served = serve(pipelined=10_000)
    request = b"GET /%06d HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 900 + b"\r\n\r\n"
    count = 20_000  # some 19 MB, more than the kernel's buffers hold
    with served.connect(timeout=1.0) as client:
        client.send(HELD)
        sent = bytearray()
        stream = b"".join(request % n for n in range(count))
        with pytest.raises(TimeoutError):
            while len(sent) < len(stream):
                sent += stream[len(sent) : len(sent) + client.sock.send(stream[len(sent) :])]
        assert served.targets == [b"/held"]
        [connection] = served.listener._connections
        assert connection._reader.ahead < 10_000 + 300_000  # one read of the loop's more

        client.sock.settimeout(10)
        served.release()
        assert client.answer()[2] == b"GET /held "
        whole = len(sent) // len(request % 0)
        for n in range(whole):
            assert client.answer()[2] == b"GET /%06d " % n
        client.send(stream[len(sent) : (whole + 1) * len(request % 0)])
        assert client.answer()[2] == b"GET /%06d " % whole


def test_reading_goes_on_when_what_was_read_ahead_is_used_up(serve):
    served = serve(pipelined=100)
    with served.connect(timeout=5) as client:
        client.send(HELD)
        wait_until(lambda: served.held)
        client.send(GET * 10)
        [connection] = served.listener._connections
        wait_until(lambda: connection._held)
        served.release()
        for _ in range(11):
            assert client.answer()[0] == 200
        client.send(GET)
        assert client.answer()[0] == 200


def test_a_client_that_does_not_read_is_run_no_further_and_dropped(serve):
    served = serve(unsent_time=0.5, unsent=50_000)
    big = b"GET /big?1000000 HTTP/1.1\r\nHost: a\r\n\r\n"
    with served.connect() as client, served.connect() as other:
        client.send(big * 100)
        wait_until(lambda: served.listener.counts.dropped == 1)
        # The kernel takes some megabytes; the rest was never made.
        assert len(served.requests) < 20
        other.send(GET)
        assert other.answer()[0] == 200
    wait_until(lambda: served.listener.open_connections == 0)


def test_a_client_that_reads_late_gets_everything(serve):
    served = serve(unsent=50_000)
    big = b"GET /big?1000000 HTTP/1.1\r\nHost: a\r\n\r\n"
    with served.connect() as client:
        client.send(big * 30)
        time.sleep(0.3)
        assert len(served.requests) < 30
        for _ in range(30):
            assert client.answer()[2] == b"x" * 1_000_000


def test_unfinished_bodies_share_one_room(serve):
    served = serve(held=100_000)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n"
    with served.connect() as first, served.connect() as second, served.connect() as third:
        first.send(head + b"x" * 59_999)
        wait_until(lambda: served.listener.held == 59_999)
        second.send(head + b"y" * 59_999)
        assert second.answer()[0] == 503
        assert second.rest() == b""
        wait_until(lambda: served.listener.held == 59_999)
        first.send(b"x")
        assert first.answer()[0] == 200
        wait_until(lambda: served.listener.held == 0)
        third.send(head + b"z" * 59_999)
        wait_until(lambda: served.listener.held == 59_999)
    wait_until(lambda: served.listener.held == 0)
    assert len(served.requests) == 1


def test_requests_that_wait_share_it_too(serve):
    served = serve(held=100_000)
    with served.connect() as client:
        client.send(HELD)
        wait_until(lambda: served.held)
        client.send(b"x" * 50_000)
        wait_until(lambda: served.listener.held == 50_000)
        client.send(b"x" * 60_000)
        assert client.rest() == b""
    assert served.listener.held == 0
    assert served.listener.orphans == 1


# Gone


def reset(client):
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.sock.close()


def test_a_client_that_vanishes_harms_nobody_and_its_work_is_counted(serve):
    served = serve()
    client = served.connect()
    client.send(HELD + GET)
    wait_until(lambda: served.held)
    reset(client)
    wait_until(lambda: served.listener.open_connections == 0)
    assert served.listener.orphans == 1
    served.release()  # into the void
    assert served.listener.orphans == 0
    assert served.targets == [b"/held"]
    with served.connect() as other:
        other.send(GET)
        assert other.answer()[0] == 200


def test_a_client_that_vanishes_amid_a_body_harms_nobody(serve):
    served = serve()
    client = served.connect()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
    wait_until(lambda: served.listener.open_connections == 1)
    client.sock.close()
    wait_until(lambda: served.listener.open_connections == 0)
    assert served.requests == []


def test_a_client_that_has_said_all_still_gets_its_answers(serve):
    """`shutdown(SHUT_WR)` behind the requests, as `nc` and some HTTP/1.0 clients do."""
    served = serve()
    with served.connect() as client:
        client.send(HELD + GET + GET)
        client.sock.shutdown(socket.SHUT_WR)
        wait_until(lambda: served.held)
        time.sleep(0.05)
        served.release()
        assert [client.answer()[2] for _ in range(3)] == [b"GET /held ", b"GET / ", b"GET / "]
        assert client.rest() == b""


def test_out_of_file_descriptors_it_rests_and_recovers(serve):
    import resource

    served = serve()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    with served.connect() as standing:
        standing.send(GET)
        assert standing.answer()[0] == 200
        waiting = socket.socket()
        waiting.settimeout(10)
        lowest = socket.socket()  # the next descriptor
        lowest.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free(), limit[1]))
        try:
            waiting.connect(("127.0.0.1", served.port))
            time.sleep(0.7)
            rests = [event for event, _ in served.log if event == "accept-rests"]
            assert 1 <= len(rests) <= 5  # it tried again and again, but did not spin
            standing.send(GET)
            assert standing.answer()[0] == 200
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limit)
        waiting.sendall(GET)
        assert waiting.recv(100).startswith(b"HTTP/1.1 200 ")
        waiting.close()


def lowest_free():
    import os

    number = os.dup(0)
    os.close(number)
    return number


# Stopping


def test_stopping_finishes_what_was_begun_and_begins_nothing(serve):
    served = serve()
    idle, busy, half, silent = (served.connect() for _ in range(4))
    idle.send(GET)
    assert idle.answer()[0] == 200
    busy.send(HELD + b"GET /behind HTTP/1.1\r\nHost: a\r\n\r\n")
    half.send(b"POST /half HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
    wait_until(lambda: served.held and served.listener.open_connections == 4)
    time.sleep(0.05)
    served.loop.call_soon_threadsafe(served._stop.set)
    assert idle.rest() == b""
    assert silent.rest() == b""
    with pytest.raises(ConnectionRefusedError):
        served.connect()
    half.send(b"cd")
    status, headers, body = half.answer()
    assert (status, headers["connection"], body) == (200, "close", b"POST /half abcd")
    served.release()
    status, headers, body = busy.answer()
    assert (status, headers["connection"], body) == (200, "close", b"GET /held ")
    assert busy.rest() == b""
    assert served.stop() is True
    assert b"/behind" not in served.targets
    for client in idle, busy, half, silent:
        client.sock.close()


def test_stopping_waits_for_work_whose_client_has_gone(serve):
    served = serve()
    client = served.connect()
    client.send(HELD)
    wait_until(lambda: served.held)
    reset(client)
    wait_until(lambda: served.listener.open_connections == 0)
    served.loop.call_soon_threadsafe(served._stop.set)
    time.sleep(0.1)
    assert served._thread.is_alive()
    served.release()
    assert served.stop() is True


def test_stopping_cuts_off_what_outlasts_the_grace(serve):
    served = serve(grace=0.3)
    with served.connect() as client:
        client.send(HELD)
        wait_until(lambda: served.held)
        began = time.monotonic()
        assert served.stop() is False
        assert time.monotonic() - began < 2
        assert client.rest() == b""
    served.held.clear()
