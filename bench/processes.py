"""Servers as processes of their own, and what the kernel says that they cost.

CPU is user and system time of one worker, all its threads: on a machine that does other things
too it says what a request costs, where a clock on the wall would say who else was running.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

STRONGROOM = (sys.executable, "-m", "strongroom")
ONE = ("--workers", "1")
REGION = "bench-1"
_KIB = 1024


class Account(NamedTuple):
    """Whose requests a server answers."""

    key_id: str
    secret: str
    token: str | None = None  # of a session


class Memory(NamedTuple):
    """Bytes; the last two are None where the kernel does not tell us."""

    resident: int
    proportional: int | None  # pages shared with others counted in parts
    unique: int | None  # pages that no other process has


@dataclass(frozen=True, slots=True)
class Server:
    port: int
    account: Account
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def workers(self) -> list[int]:
        """The processes that answer: the one, or those that a supervisor spawned."""
        spawned = [
            int(pid)
            for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
            .read_text()
            .split()
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        return spawned or [self.process.pid]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def init(data: Path, *options: str) -> Account:
    """Make a data folder; its first access key."""
    said = subprocess.run(
        [*STRONGROOM, "init", "--data", data, *options], check=True, capture_output=True, text=True
    ).stdout
    lines = dict(line.removeprefix("export ").split("=", 1) for line in said.splitlines())
    return Account(lines["AWS_ACCESS_KEY_ID"], lines["AWS_SECRET_ACCESS_KEY"])


def spawn(*command: str | Path) -> subprocess.Popen[bytes]:
    """A process that says nothing here."""
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def pinned(*command: str | Path) -> tuple[str | Path, ...]:
    """A command that runs on the last core alone.

    Servers that are compared share it, the one resting while the other is asked; else one of them
    might have the busier core all along.
    """
    return "taskset", "-c", str(max(os.sched_getaffinity(0))), *command


def serving(data: Path, port: int, *options: str) -> tuple[str | Path, ...]:
    """The command."""
    return (*STRONGROOM, "serve", "--data", data, "--listen", f"127.0.0.1:{port}", *options)


def throw_away(port: int) -> subprocess.Popen[bytes]:
    return spawn(*STRONGROOM, "dev", "--port", str(port))


@contextlib.contextmanager
def serve(data: Path, account: Account, *options: str) -> Iterator[Server]:
    """A server of a data folder, answering; pinned if it has but one worker."""
    port = free_port()
    command = serving(data, port, *options)
    if options == ONE:
        command = pinned(*command)
    with stopped(spawn(*command)) as process:
        await_port(port, process)
        yield Server(port, account, process)


@contextlib.contextmanager
def module(name: str, *arguments: str) -> Iterator[Server]:
    """A module of this package as a server; it is told its port as its first argument."""
    port = free_port()
    with stopped(spawn(*pinned(sys.executable, "-m", name, str(port), *arguments))) as process:
        await_port(port, process)
        yield Server(port, Account("", ""), process)


@contextlib.contextmanager
def stopped(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Stop `process` at the end of the block."""
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(40)


def await_port(port: int, process: subprocess.Popen[bytes], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.002)
    raise RuntimeError(f"no server came up: {' '.join(map(str, _arguments(process)))}")


def _arguments(process: subprocess.Popen[bytes]) -> Sequence[object]:
    return process.args if isinstance(process.args, list | tuple) else [process.args]


def cpu(pid: int) -> float:
    """Seconds of CPU that the threads of a process have used.

    Source: the kernel's sched-stats, schedstat: nanoseconds on a CPU, user and system.  A thread
    that has ended is no longer counted; the workers' threads stay.
    """
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def memory(pid: int) -> Memory:
    """Source: proc(5), status and smaps_rollup; the latter needs root, as the workers harden."""
    resident = _kib(Path(f"/proc/{pid}/status").read_text(), "VmRSS:")
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except PermissionError:
        return Memory(resident, None, None)
    unique = _kib(rollup, "Private_Clean:") + _kib(rollup, "Private_Dirty:")
    return Memory(resident, _kib(rollup, "Pss:"), unique)


def _kib(text: str, name: str) -> int:
    (line,) = [line for line in text.splitlines() if line.startswith(name)]
    return int(line.split()[1]) * _KIB
