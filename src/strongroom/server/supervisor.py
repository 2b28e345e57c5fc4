"""Several workers, spawned, watched and replaced.

Rules kept here:

* The port is first held alone, so that it is known to be free, and from then on as one of those
  that share it (without listening), so that it stays ours while workers come and go.
* Until all are ready, one that fails stops the whole, with its message.  After that, one that
  dies is replaced, at once the first time and later and later if it keeps dying; the kernel gives
  its share of connections to the others meanwhile.
* One that ends with `DISK_FAILED` takes the others along, at once: what they share may not be what is on
  the disk.  None is begun anew before the last of them has ended.
* SIGTERM and SIGINT are passed on as SIGTERM, twice if they come twice; SIGHUP as such.  Workers
  ignore SIGINT, which a terminal sends to all of us.
* A killed supervisor cannot stop anybody: workers watch for its death (`Worker.orphaned`).
* What it adopts it buries too: the first process of a container is given all that lose their parents, as
  a dead worker's helpers do.
"""

import contextlib
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Generic, TypeVar

from strongroom.server.log import Log
from strongroom.server.sockets import bind
from strongroom.server.workers import DISK_FAILED, Target, Worker, WorkerFailed

S = TypeVar("S")

_FIRST_DELAY = 0.2  # seconds until a dead worker is replaced; twice as long each time
_LONGEST_DELAY = 10.0
_SOUND = 30.0  # seconds of life after which a death counts as the first
_BEYOND_GRACE = 2.0  # seconds a worker may take longer than its grace
_READY = ""  # the message that is not a failure


@dataclass(slots=True)
class _Child:
    process: BaseProcess
    pipe: Pipe | None  # until it has said that it is ready, or why not
    began: float
    failure: str = ""
    ready: bool = False
    doomed: bool = False


class Supervisor(Generic[S]):
    def __init__(
        self, count: int, target: Target[S], settings: S, *, host: str, grace: float, log: Log
    ) -> None:
        self._count = count
        self._target = target
        self._settings = settings
        self._host = host
        self._grace = grace
        self._log = log
        self._spawn = multiprocessing.get_context("spawn")
        self._port = 0
        self._children: dict[int, _Child] = {}
        self._due: dict[int, float] = {}  # workers to replace, and when
        self._deaths: dict[int, int] = {}  # in a row
        self._stops = self._passed_on = 0
        self._reloads = 0

    def run(self, port: int, ready: Callable[[int], None], stopping: Callable[[], None]) -> None:
        with bind(self._host, port, shared=False) as alone:
            self._port = alone.getsockname()[1]
        with bind(self._host, self._port, shared=True), self._signals() as wakeup:
            try:
                for index in range(self._count):
                    self._start(index)
                started = False
                while not self._stops:
                    self._watch(wakeup, started=started)
                    if not started and all(child.ready for child in self._children.values()):
                        started = True
                        ready(self._port)
            finally:
                stopping()
                self._stop(wakeup)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[socket.socket]:
        """Count signals; the socket becomes readable with each."""

        def stop(_number: int, _frame: object) -> None:
            self._stops += 1

        def reload(_number: int, _frame: object) -> None:
            self._reloads += 1

        readable, writable = socket.socketpair()
        readable.setblocking(False)
        writable.setblocking(False)
        handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reload}
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        wakeup = signal.set_wakeup_fd(writable.fileno(), warn_on_full_buffer=False)
        try:
            yield readable
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            readable.close()
            writable.close()

    def _start(self, index: int) -> None:
        ours, theirs = self._spawn.Pipe(duplex=False)
        process = self._spawn.Process(
            target=_work,
            args=(index, self._count, self._host, self._port, theirs, self._target, self._settings),
            name=f"strongroom-worker-{index}",
            daemon=True,  # an end of ours by an exception takes them along
        )
        process.start()
        theirs.close()
        self._children[index] = _Child(process, ours, time.monotonic())

    def _watch(self, wakeup: socket.socket, *, started: bool) -> None:
        """Wait for the next thing that happens, and see to it."""
        reloads = self._reloads
        now = time.monotonic()
        doomed = any(child.doomed for child in self._children.values())
        until = None if doomed else min(self._due.values(), default=None)
        self._wait(wakeup, None if until is None else max(until - now, 0))

        if self._reloads != reloads:
            for child in self._children.values():
                if child.ready and child.process.pid is not None:
                    os.kill(child.process.pid, signal.SIGHUP)
        for index, child in tuple(self._children.items()):
            self._hear(child)
            if child.process.exitcode is not None and not self._stops:
                self._bury(index, child, started=started)
        doomed = any(child.doomed for child in self._children.values())
        for index, due in () if doomed else tuple(self._due.items()):
            if due <= time.monotonic() and not self._stops:
                del self._due[index]
                self._start(index)
        self._reap()

    def _reap(self) -> None:
        """Take note of the ends of processes that others began, which else stay in the system's table."""
        ours = {child.process.pid for child in self._children.values()}
        with contextlib.suppress(ChildProcessError):  # there is none at all
            while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                if ended.si_pid in ours:  # of which multiprocessing is to take note
                    return
                os.waitpid(ended.si_pid, 0)

    def _wait(self, wakeup: socket.socket, timeout: float | None) -> None:
        children = self._children.values()
        pipes = [child.pipe for child in children if child.pipe is not None]
        wait([wakeup, *pipes, *(child.process.sentinel for child in children)], timeout)
        with contextlib.suppress(BlockingIOError):
            wakeup.recv(4096)

    def _hear(self, child: _Child) -> None:
        """What a worker says of its start."""
        if child.pipe is None or not child.pipe.poll():
            return
        try:
            child.failure = child.pipe.recv()
            child.ready = child.failure == _READY
        except EOFError:  # it died without a word
            pass
        child.pipe.close()
        child.pipe = None

    def _bury(self, index: int, child: _Child, *, started: bool) -> None:
        """See to a worker that died; WorkerFailed while the whole was starting."""
        how = _cause(child.process.exitcode)
        del self._children[index]
        if child.pipe is not None:
            child.pipe.close()
        if not started:
            raise WorkerFailed(child.failure or f"worker {index} {how} before it was ready")
        lived = time.monotonic() - child.began
        deaths = 1 if lived > _SOUND else self._deaths.get(index, 0) + 1
        self._deaths[index] = deaths
        delay = min(_FIRST_DELAY * 2 ** (deaths - 1), _LONGEST_DELAY)
        self._due[index] = time.monotonic() + delay
        self._log(
            "worker-died",
            worker=index,
            pid=child.process.pid,
            how=child.failure or how,
            replaced_in=delay,
        )
        if child.process.exitcode == DISK_FAILED:
            for other in self._children.values():
                other.doomed = True
                other.process.kill()

    def _stop(self, wakeup: socket.socket) -> None:
        """Let the workers finish; kill those that do not come to an end."""
        self._stops = max(self._stops, 1)
        deadline = time.monotonic() + self._grace + _BEYOND_GRACE
        while self._children:
            if self._passed_on < min(self._stops, 2):
                self._passed_on += 1
                for child in self._children.values():
                    child.process.terminate()
            left = deadline - time.monotonic()
            if left <= 0:
                self._log("workers-killed", count=len(self._children))
                for child in self._children.values():
                    child.process.kill()
                left = 1.0
            self._wait(wakeup, left)
            for index, child in tuple(self._children.items()):
                self._hear(child)
                if child.process.exitcode is not None:
                    del self._children[index]


def _work(
    index: int,
    count: int,
    host: str,
    port: int,
    pipe: Pipe,
    target: Target[S],
    settings: S,
) -> None:
    """A worker's process, from its beginning to its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    orphaned = None if parent is None else int(parent.sentinel)
    try:
        with bind(host, port, shared=True) as sock:
            place = Worker(index, count, sock, lambda: pipe.send(_READY), _nobody_asks, orphaned)
            target(place, settings)
    except Exception as error:  # noqa: BLE001  # the process's door: the supervisor tells its user
        with contextlib.suppress(OSError):
            pipe.send(str(error) or type(error).__name__)
        raise SystemExit(1) from None


def _nobody_asks() -> None:
    """The supervisor knows that its workers stop: it told them."""


def _cause(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"was killed by {signal.Signals(-exitcode).name}"
    return f"ended with code {exitcode}"
