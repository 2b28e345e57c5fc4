"""Threads for work that is pure but slow: RSA, most elliptic curves, post-quantum signatures.

OpenSSL lets other threads go on while it computes, so such work holds up neither the loop nor the
requests on it.  The threads give way to the loops of all workers (`_NICE`): who encrypts with AES does
not wait for who signs with RSA.

Work is done in the order in which it came.  No account may have more than its share of what waits, so
that one that asks for much is throttled before all others are.

A thread of ours and a queue, because `run_in_executor` costs 40 us for each piece of work, and this
10; an RSA-2048 signature takes 250.
"""

import os
import threading
from asyncio import AbstractEventLoop
from collections import Counter
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from strongroom.errors import Throttled, Unavailable

_NICE = 10

Then = Callable[[Any, Exception | None], None]
"""Told what the work gave, or what it raised."""


class _Piece(NamedTuple):
    work: Callable[[], Any]
    then: Then


class Pool:
    """To be made and used on the loop's thread, which is where `then` is called."""

    def __init__(self, threads: int, loop: AbstractEventLoop, *, most: int, share: int) -> None:
        """`most` pieces of work may wait, of one account `share`."""
        self._loop = loop
        self._most = most
        self._share = share
        self._waiting: Counter[str] = Counter()  # by account, those that are being done included
        self._queue: SimpleQueue[_Piece | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"aside-{at}", daemon=True)
            for at in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def __call__(self, account: str, work: Callable[[], Any], then: Then) -> None:
        """Throttled if too much is waiting already, or too much of this account's."""
        if self._queue.qsize() >= self._most or self._waiting[account] >= self._share:
            raise Throttled
        self._waiting[account] += 1
        self._queue.put(_Piece(work, partial(self._done, account, then)))

    def _done(self, account: str, then: Then, given: Any, failure: Exception | None) -> None:
        self._waiting[account] -= 1
        if not self._waiting[account]:
            del self._waiting[account]
        then(given, failure)

    def close(self) -> None:
        """Refuse what waits, and end when what was begun is done.

        What that gave is told on the loop a little later.
        """
        try:
            while (piece := self._queue.get_nowait()) is not None:
                piece.then(None, Unavailable("The server is stopping."))
        except Empty:
            pass
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        # On Linux a thread has a niceness of its own.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        while (piece := self._queue.get()) is not None:
            given, failure = None, None
            try:
                given = piece.work()
            except Exception as raised:  # noqa: BLE001 - it is told to whoever waits
                failure = raised
            except BaseException as raised:  # noqa: BLE001 - likewise: a panic of a library is one
                failure = RuntimeError(type(raised).__name__)
            self._loop.call_soon_threadsafe(piece.then, given, failure)
            del piece, given, failure
