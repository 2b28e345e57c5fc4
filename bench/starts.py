"""From the start of the process to its first answer: a signed Encrypt, done.

The clock begins before the process is made and stops with the answer's last byte.  The request is
signed beforehand.  A throw-away server has no key yet, so there the first answer is CreateKey's,
and the Encrypt that follows it is timed too.
"""

import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from bench.processes import ONE, Account, cpu, free_port, serving, spawn, stopped, throw_away
from bench.report import Outcome, spread, table
from bench.signing import Client

MOST_SECONDS = 1.0
_ANYBODY = Account("test", "test")


def main(data: Path, account: Account, key_id: str, count: int) -> Outcome:
    throw_aways, firsts, folders = [], [], []
    used: dict[str, list[float]] = {"dev": [], "serve": []}
    for _ in range(count):
        created, encrypted, seconds = _dev()
        firsts.append(created)
        throw_aways.append(encrypted)
        used["dev"].append(seconds)
        took, seconds = _serve(data, account, key_id)
        folders.append(took)
        used["serve"].append(seconds)
    print(f"\nFirst answer after the start of the process, seconds; {count} starts each\n")
    rows = [
        ["dev: CreateKey", spread(firsts), ""],
        ["dev: CreateKey, then Encrypt", spread(throw_aways), spread(used["dev"])],
        ["serve, a folder there is: Encrypt", spread(folders), spread(used["serve"])],
    ]
    print(table(["", "on the clock", "of CPU"], rows))
    slowest = max(median(throw_aways), median(folders))
    outcome = Outcome()
    outcome.target(
        "first answer less than 1 s after start",
        met=slowest < MOST_SECONDS,
        seen=f"{slowest:.2f} s (median)",
    )
    return outcome


def _dev() -> tuple[float, float, float]:
    """Seconds to the first CreateKey and to the first Encrypt; seconds of CPU until then."""
    port = free_port()
    client = Client(f"http://127.0.0.1:{port}", _ANYBODY)
    create = client.signed("create_key")
    client.signed("encrypt", KeyId="warm", Plaintext=b"up")
    with _started(lambda: throw_away(port)) as (process, began):
        body = answered(port, create, process)
        created = time.perf_counter() - began
        key_id = json.loads(body)["KeyMetadata"]["KeyId"]
        answered(port, client.signed("encrypt", KeyId=key_id, Plaintext=b"first"), process)
        return created, time.perf_counter() - began, cpu(process.pid)


def _serve(data: Path, account: Account, key_id: str) -> tuple[float, float]:
    """Seconds to the first Encrypt; seconds of CPU until then."""
    port = free_port()
    client = Client(f"http://127.0.0.1:{port}", account)
    encrypt = client.signed("encrypt", KeyId=key_id, Plaintext=b"first")
    with _started(lambda: spawn(*serving(data, port, *ONE))) as (process, began):
        answered(port, encrypt, process)
        return time.perf_counter() - began, cpu(process.pid)


@contextlib.contextmanager
def _started(
    start: Callable[[], "subprocess.Popen[bytes]"],
) -> Iterator[tuple["subprocess.Popen[bytes]", float]]:
    began = time.perf_counter()
    with stopped(start()) as process:
        yield process, began


def answered(port: int, request: bytes, process: "subprocess.Popen[bytes]") -> bytes:
    """The body of the answer, asked for until there is one."""
    while process.poll() is None:
        try:
            sock = socket.create_connection(("127.0.0.1", port), 10)
        except ConnectionRefusedError:
            time.sleep(0.001)
            continue
        with sock:
            sock.sendall(request)
            return read_answer(sock)
    raise RuntimeError("the server ended before it answered")


def read_answer(sock: socket.socket) -> bytes:
    """The body of one answer; RuntimeError unless it is a success."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(sock)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += _more(sock)
    if not head.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"refused: {body.decode(errors='replace')}")
    return body


def _more(sock: socket.socket) -> bytes:
    part = sock.recv(65_536)
    if not part:
        raise RuntimeError("the server hung up")
    return part
