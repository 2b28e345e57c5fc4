"""Servers asked in turns, so that whatever else the machine does falls on all of them alike.

One connection each; a request is sent when the answer to the one before is there, but for those that are
`pipelined`, of which only that all are answered is of interest.
"""

import base64
import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import BinaryIO, Protocol, TypeVar

from bench.processes import cpu
from bench.report import Outcome, spread
from bench.starts import read_answer

MOST_RATIO = 1.2
"""How much longer any request may take of a server with much in its folder than of one with little."""
_PIPELINED = 50  # requests that are sent before their answers are read

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Timed:
    """Milliseconds of one kind of request."""

    clock: list[float] = field(default_factory=list)  # of single requests, or medians of blocks
    cpu: list[float] = field(default_factory=list)  # of the worker for a request; means of blocks

    def block(self, worker: int, sock: socket.socket, requests: Sequence[bytes]) -> list[bytes]:
        """Send one after the other, and note what they took; the answers."""
        before, answers, took = cpu(worker), [], []
        for request in requests:
            began = time.perf_counter()
            answers.append(ask(sock, request))
            took.append((time.perf_counter() - began) * 1e3)
        self.clock.append(median(took))
        self.cpu.append((cpu(worker) - before) / len(requests) * 1e3)
        return answers


class Asked(Protocol):
    """A server, and the requests that it is asked, by their kind."""

    @property
    def port(self) -> int: ...
    @property
    def worker(self) -> int: ...
    @property
    def requests(self) -> Mapping[str, Sequence[bytes]]: ...


def in_turns(servers: Sequence[Asked], kind: str, blocks: int, block: int) -> tuple[Timed, Timed]:
    """Both servers, a block of requests each in turn."""
    both = Timed(), Timed()
    with ExitStack() as open_:
        socks = [open_.enter_context(connected(server.port)) for server in servers]
        for _ in range(blocks):
            for server, sock, of in zip(servers, socks, both, strict=True):
                requests = server.requests[kind]
                of.block(server.worker, sock, [requests[at % len(requests)] for at in range(block)])
    return both


def compared(both: Mapping[str, tuple[Timed, Timed]], little: str, much: str) -> Outcome:
    """Whether each kind of request takes about as long of the server with `much` as of that with `little`."""
    outcome = Outcome()
    for what, (less, more) in both.items():
        ratio = median(more.clock) / median(less.clock)
        outcome.target(
            f"{what}: with {much} at most {MOST_RATIO:g} times as long as with {little}",
            met=ratio <= MOST_RATIO,
            seen=f"{ratio:.2f} (CPU: {median(more.cpu) / median(less.cpu):.2f})",
        )
    return outcome


def row(what: str, less: Sequence[float], more: Sequence[float], form: str = ".3f") -> list[str]:
    """Of a table: both, and the ratio of their medians."""
    return [what, spread(less, form), spread(more, form), f"{median(more) / median(less):.2f}"]


def marker(after: str) -> str:
    """As `services.kms.paging` makes it: the page starts behind this id."""
    return base64.b64encode(json.dumps({"a": after}).encode()).decode()


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield sock


def ask(sock: socket.socket, request: bytes) -> bytes:
    sock.sendall(request)
    return read_answer(sock)


def timed(sock: socket.socket, request: bytes) -> float:
    """Milliseconds to the answer."""
    began = time.perf_counter()
    ask(sock, request)
    return (time.perf_counter() - began) * 1e3


def pipelined(
    port: int, items: Sequence[Item], signed: Callable[[Sequence[Item]], list[bytes]]
) -> None:
    """Send the requests that `signed` makes of all items; RuntimeError unless all succeed."""
    with connected(port) as sock, sock.makefile("rb") as answers:
        waiting = 0
        for begun in range(0, len(items), _PIPELINED):
            part = signed(items[begun : begun + _PIPELINED])
            for _ in range(waiting):  # while this part was signed, the one before was answered
                _succeeded(answers)
            sock.sendall(b"".join(part))
            waiting = len(part)
        for _ in range(waiting):
            _succeeded(answers)


def _succeeded(answers: BinaryIO) -> None:
    """Read one of several answers; RuntimeError if it is none, or no success."""
    status, length = answers.readline(), 0
    while (line := answers.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    body = answers.read(length)
    if not status.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"refused: {body!r}")
