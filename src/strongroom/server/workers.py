"""One process or several on one port.

With one worker there is no other process: it runs where `run` is called.  With more, each is
spawned (a fork would copy threads and PKCS#11 sessions into a state nobody has defined), binds
the port itself, and `supervisor` keeps them alive.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from socket import socket
from typing import TypeVar

from strongroom.server.log import Log
from strongroom.server.notify import notify
from strongroom.server.sockets import bind

S = TypeVar("S")

DISK_FAILED = os.EX_IOERR
"""The exit code of a worker that found that the disk has not kept what all of them believe in."""


@dataclass(frozen=True, slots=True)
class Worker:
    """What one worker is given by its surroundings."""

    index: int  # from 0
    count: int  # workers in all
    sock: socket  # bound, not listening yet
    ready: Callable[[], None]  # to be called once, when connections are taken
    stopping: Callable[[], None]  # to be called once, when told to stop
    orphaned: int | None  # a file descriptor that becomes readable when the supervisor dies


Target = Callable[[Worker, S], None]
"""Builds an app, serves it until told to stop, returns.  What it raises before it is ready stops
the whole.  With several workers it must be a function of a module, and `S` must pickle."""


class WorkerFailed(Exception):
    """A worker could not start; the message is what it raised."""


def run(
    count: int,
    target: Target[S],
    settings: S,
    *,
    host: str,
    port: int,
    grace: float,
    log: Log,
    ready: Callable[[int], None] = lambda _: None,
) -> None:
    """Run `count` workers until SIGTERM or SIGINT; returns when all have stopped.

    `ready` is called with the port once all listen, and a service manager told.  `port` 0 takes a free
    one.  `grace`, in seconds, is what the workers allow themselves to finish; some seconds later they
    are killed.

    Raises: CannotListen; WorkerFailed (several workers) or what `target` raises (one).
    """

    def begun(taken: int) -> None:
        ready(taken)
        notify("READY=1", f"STATUS=Workers: {count}, port: {taken}")

    def stopping() -> None:
        notify("STOPPING=1", "STATUS=Finishing what is under way")

    if count > 1:
        # Half of what importing this room costs, and of no use to a single worker.
        from strongroom.server.supervisor import Supervisor

        supervisor = Supervisor(count, target, settings, host=host, grace=grace, log=log)
        supervisor.run(port, begun, stopping)
        return
    with bind(host, port, shared=False) as sock:
        taken = sock.getsockname()[1]
        target(Worker(0, 1, sock, lambda: begun(taken), stopping, None), settings)
