"""Load by wrk: the same signed requests again and again, over connections that stay open."""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.processes import Server, cpu

_SCRIPT = Path(__file__).with_name("replay.lua")


class Result(msgspec.Struct):
    """What wrk saw.  `errors`: answers that are no success, and what broke or timed out."""

    requests: int
    seconds: float
    p50: float  # microseconds
    p99: float  # microseconds
    errors: int


class Run(msgspec.Struct, frozen=True):
    """One run against one worker."""

    per_second: float
    p50: float  # milliseconds
    p99: float  # milliseconds
    errors: int
    cpu: float  # microseconds of the worker for one request
    busy: float  # the part of the time in which the worker ran


def replay(server: Server, requests: Sequence[bytes], *, connections: int, seconds: int) -> Run:
    """Send `requests` in turn to a server of one worker."""
    (worker,) = server.workers
    before = cpu(worker)
    result = send(server, requests, connections=connections, seconds=seconds)
    used = cpu(worker) - before
    if not result.requests:
        raise RuntimeError("not one request was answered")
    return Run(
        per_second=result.requests / result.seconds,
        p50=result.p50 / 1e3,
        p99=result.p99 / 1e3,
        errors=result.errors,
        cpu=used / result.requests * 1e6,
        busy=used / result.seconds,
    )


def send(server: Server, requests: Sequence[bytes], *, connections: int, seconds: int) -> Result:
    with tempfile.NamedTemporaryFile(prefix="strongroom-bench-") as file:
        for request in requests:
            file.write(b"%08d" % len(request) + request)
        file.flush()
        # One thread is enough: the other core is the server's.
        said = subprocess.run(
            [
                *("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "5s"),
                *("-s", _SCRIPT, server.url, "--", file.name),
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    return msgspec.json.decode(said.partition("RESULT ")[2], type=Result)
