"""Whole processes: one port for several, signals, deaths."""

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from tests.waiting import wait_ended, wait_until

SERVER = Path(__file__).with_name("echo_server.py")
GET = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


class Server:
    """The process, its port and, at the end, what it logged."""

    def __init__(self, **settings):
        self.process = subprocess.Popen(
            [sys.executable, SERVER, json.dumps(settings)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        line = self.process.stdout.readline()
        self.port = int(line.split()[1]) if line else 0

    def ask(self, target="/"):
        """(worker, pid) of who answered."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as client:
            client.sendall(GET.replace(b"GET /", b"GET " + target.encode()))
            return read_answer(client)

    def workers(self, count=2):
        """Worker index to pid, asked until `count` different ones have answered."""
        seen, until = {}, time.monotonic() + 10
        while len(seen) < count:
            assert time.monotonic() < until, f"only {seen} answered"
            with contextlib.suppress(OSError):
                index, pid = self.ask()
                seen[index] = pid
        return seen

    def signal(self, number):
        self.process.send_signal(number)

    def end(self, timeout=15):
        """Exit code and log."""
        _, errors = self.process.communicate(timeout=timeout)
        return self.process.returncode, errors

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


def read_answer(client):
    received = b""
    while part := client.recv(65536):
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise ConnectionError(received)
    index, pid = body.split()
    return int(index), int(pid)


@pytest.fixture
def start():
    running = []

    def begin(**settings):
        server = Server(**{name: str(value) for name, value in settings.items()})
        running.append(server)
        return server

    yield begin
    for server in running:
        server.kill()


def events(log):
    return [json.loads(line)["event"] for line in log.splitlines()]


@pytest.mark.parametrize(
    ("count", "number"), [(1, signal.SIGTERM), (1, signal.SIGINT), (2, signal.SIGTERM)]
)
def test_told_to_stop_it_finishes_the_answer_in_flight(start, count, number):
    server = start(workers=count)
    with socket.create_connection(("127.0.0.1", server.port), 10) as client:
        client.sendall(GET.replace(b"GET /", b"GET /slow?0.6"))
        time.sleep(0.15)
        server.signal(number)
        time.sleep(0.15)
        with pytest.raises(OSError):  # refused, or reset while it closes
            server.ask()
        assert read_answer(client)
    code, log = server.end()
    assert code == 0, log
    assert "Traceback" not in log


def test_one_worker_is_no_other_process(start):
    server = start()
    assert server.ask() == (0, server.process.pid)
    assert psutil.Process(server.process.pid).children() == []


def test_two_workers_share_one_port(start):
    server = start(workers=2)
    workers = server.workers()
    assert set(workers) == {0, 1}
    assert server.process.pid not in workers.values()


def test_a_terminal_that_interrupts_all_of_them_interrupts_once(start):
    """Ctrl-C goes to every process of the terminal; the answer in flight is finished all the same."""
    server = start(workers=2)
    with socket.create_connection(("127.0.0.1", server.port), 10) as client:
        client.sendall(GET.replace(b"GET /", b"GET /slow?0.5"))
        time.sleep(0.15)
        os.killpg(server.process.pid, signal.SIGINT)
        assert read_answer(client)
    assert server.end()[0] == 0


@pytest.mark.parametrize("count", [1, 2])
def test_told_twice_it_stops_at_once(start, count):
    server = start(workers=count, grace=30)
    with socket.create_connection(("127.0.0.1", server.port), 10) as client:
        client.sendall(GET.replace(b"GET /", b"GET /slow?20"))
        time.sleep(0.15)
        server.signal(signal.SIGTERM)
        time.sleep(0.3)
        assert server.process.poll() is None
        server.signal(signal.SIGTERM)
        assert server.end(timeout=5)[0] == 0
        with contextlib.suppress(ConnectionError):
            assert client.recv(100) == b""


def test_a_port_that_is_taken_is_said_so(start):
    first = start(workers=2)
    for count in 1, 2:
        second = start(workers=count, port=first.port)
        code, log = second.end()
        assert code == 1
        assert log == (
            f"error: cannot listen on `127.0.0.1:{first.port}`: address already in use; "
            "stop what listens there or choose another port\n"
        )
    assert first.workers()


def test_a_killed_worker_is_replaced_and_the_other_serves_meanwhile(start):
    server = start(workers=2)
    before = server.workers()
    killed = psutil.Process(before[1])
    killed.kill()
    wait_ended([killed])
    assert server.ask()[0] == 0
    after = server.workers()
    assert after[0] == before[0]
    assert after[1] != before[1]
    server.signal(signal.SIGTERM)
    code, log = server.end()
    assert code == 0
    [died] = [json.loads(line) for line in log.splitlines() if "worker-died" in line]
    assert died["how"] == "was killed by SIGKILL"
    assert (died["worker"], died["pid"]) == (1, before[1])


def test_a_worker_whose_disk_failed_takes_the_others_along(start):
    server = start(workers=3)
    before = server.workers(3)
    family = [psutil.Process(pid) for pid in before.values()]
    with contextlib.suppress(OSError, ValueError):
        server.ask("/disk-failed")
    wait_ended(family)
    assert not set(before.values()) & set(server.workers(3).values())
    server.signal(signal.SIGTERM)
    code, log = server.end()
    assert code == 0
    hows = sorted(json.loads(line)["how"] for line in log.splitlines() if "worker-died" in line)
    assert hows == [f"ended with code {os.EX_IOERR}", *["was killed by SIGKILL"] * 2]


def test_a_worker_that_keeps_dying_is_replaced_less_and_less_often(start, tmp_path):
    marker = tmp_path / "marker"
    server = start(workers=2, fail_if=marker)
    before = server.workers()
    marker.write_text("die")
    os.kill(before[1], signal.SIGKILL)
    time.sleep(2.0)
    assert server.ask()[0] == 0
    marker.unlink()
    assert set(server.workers()) == {0, 1}
    server.signal(signal.SIGTERM)
    code, log = server.end()
    assert code == 0
    delays = [json.loads(line)["replaced_in"] for line in log.splitlines() if "died" in line]
    assert delays == [0.2 * 2**n for n in range(len(delays))]
    assert 2 <= len(delays) <= 5


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("raise", "worker 1 was told to fail; remove the marker"),
        ("die", "worker 1 ended with code 3 before it was ready"),
    ],
)
def test_a_worker_that_cannot_start_stops_the_whole_with_its_message(start, tmp_path, how, message):
    (tmp_path / "marker").write_text(how)
    server = start(workers=2, fail_if=tmp_path / "marker")
    code, log = server.end()
    assert code == 1
    assert f"error: {message}\n" in log
    assert "Traceback" not in log
    assert server.port == 0  # it never said that it was ready


def test_a_killed_supervisor_takes_its_workers_along(start):
    server = start(workers=2)
    workers = server.workers()
    family = [psutil.Process(pid) for pid in workers.values()]
    os.kill(server.process.pid, signal.SIGKILL)
    wait_ended(family)
    with pytest.raises(ConnectionRefusedError):
        server.ask()


def test_a_worker_that_hangs_is_killed_after_the_grace(start):
    server = start(workers=2, grace=0.1)
    with socket.create_connection(("127.0.0.1", server.port), 10) as client:
        client.sendall(GET.replace(b"GET /", b"GET /hang"))
        time.sleep(0.2)
        server.signal(signal.SIGTERM)
        code, log = server.end(timeout=12)
    assert code == 0
    assert "workers-killed" in events(log)


@pytest.mark.parametrize("count", [1, 2])
def test_a_hangup_renews_the_certificate_of_every_worker(start, tls, tmp_path, count):
    certificate, key = tls.write_pair(tmp_path, "one.test")
    server = start(workers=count, cert=certificate, key=key)

    def names(tries=8):
        seen = []
        for _ in range(tries):
            client = Box(socket.create_connection(("127.0.0.1", server.port), 10))
            tls.secure(client)
            seen.append(tls.name_of(client))
            client.sock.close()
        return seen

    assert set(names()) == {"CN=one.test"}
    with socket.create_connection(("127.0.0.1", server.port), 10) as raw:
        standing = tls.secure(Box(raw))
        tls.write_pair(tmp_path, "two.test")
        server.signal(signal.SIGHUP)
        wait_until(lambda: set(names()) == {"CN=two.test"})
        key.write_bytes(b"not a key")
        server.signal(signal.SIGHUP)
        time.sleep(0.3)
        assert set(names()) == {"CN=two.test"}
        standing.sock.sendall(GET)
        assert standing.sock.recv(100).startswith(b"HTTP/1.1 200 ")
        with contextlib.suppress(ssl.SSLError):
            standing.sock.close()
    server.signal(signal.SIGTERM)
    code, log = server.end()
    assert code == 0
    assert events(log).count("certificate-reloaded") == count
    kept = [json.loads(line) for line in log.splitlines() if "certificate-kept" in line]
    assert len(kept) == count
    assert kept[0]["reason"].endswith("; the old certificate stays in use")


class Box:
    def __init__(self, sock):
        self.sock = sock


def test_hardened_it_cannot_be_dumped(start, tmp_path):
    server = start(harden="yes")
    # /proc/PID/environ is root's alone in an undumpable process; root may look, so ask the kernel.
    status = Path(f"/proc/{server.process.pid}/limits").read_text()
    [core] = [line for line in status.splitlines() if line.startswith("Max core file size")]
    assert core.split()[4:6] == ["0", "0"]
    if os.geteuid() == 0:
        assert Path(f"/proc/{server.process.pid}/environ").stat().st_uid == 0
    check = (
        "import ctypes\nfrom strongroom.harden import harden\n"
        "prctl = ctypes.CDLL(None).prctl\nassert prctl(3, 0, 0, 0, 0) == 1\n"
        "harden()\nassert prctl(3, 0, 0, 0, 0) == 0\n"
    )
    subprocess.run([sys.executable, "-c", check], check=True)


def test_importing_the_room_is_cheap_and_brings_no_other_room():
    """The figure of the blueprint is 80 ms; a busy machine gets some room."""
    check = (
        "import time, uvloop, httptools, msgspec, sys\nbegan = time.process_time()\n"
        "import strongroom.server.serve, strongroom.server.workers, strongroom.server.health\n"
        "print(time.process_time() - began)\n"
        "print(*sorted({name.split('.')[1] for name in sys.modules if name.startswith('strongroom.')}))\n"
        "print('multiprocessing' in sys.modules, 'structlog' in sys.modules)\n"
    )
    shown = subprocess.run(
        [sys.executable, "-c", check], check=True, capture_output=True, text=True
    )
    seconds, rooms, others = shown.stdout.splitlines()
    assert float(seconds) < 0.08
    assert rooms == "server"
    assert others == "False False"
