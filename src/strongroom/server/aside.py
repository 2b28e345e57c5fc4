"""Threads for work that is pure but slow: RSA, most elliptic curves, post-quantum signatures.

OpenSSL lets other threads go on while it computes, so such work holds up neither the loop nor the
requests on it.  The threads give way to the loops of all workers (`_NICE`): who encrypts with AES does
not wait for who signs with RSA.

A thread of ours and a queue, because `run_in_executor` costs 40 us for each piece of work, and this
10; an RSA-2048 signature takes 250.
"""

import os
import threading
from asyncio import AbstractEventLoop
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from strongroom.errors import Throttled

_NICE = 10
_MOST_WAITING = 2_000  # pieces of work; of RSA-4096 signatures that is some seconds

Then = Callable[[Any, Exception | None], None]
"""Told what the work gave, or what it raised."""


class Pool:
    """To be made on the loop's thread, which is where `then` is called."""

    def __init__(self, threads: int, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._work: SimpleQueue[tuple[Callable[[], Any], Then] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"aside-{at}", daemon=True)
            for at in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def __call__(self, work: Callable[[], Any], then: Then) -> None:
        """Throttled if too much is waiting already."""
        if self._work.qsize() >= _MOST_WAITING:
            raise Throttled
        self._work.put((work, then))

    def close(self) -> None:
        """Finish what was begun, and end."""
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        # On Linux a thread has a niceness of its own.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        while (next_ := self._work.get()) is not None:
            work, then = next_
            given, failure = None, None
            try:
                given = work()
            except Exception as raised:  # noqa: BLE001 - it is told to whoever waits
                failure = raised
            del work, next_
            self._loop.call_soon_threadsafe(then, given, failure)
            del then, given, failure
