"""How many fetches may be under way, and for whom.

Whoever may register a provider chooses whom the server asks, and how long that takes: a name server
that never answers holds a thread for as long as the system's resolver has patience, which nothing
here can cut short.  So a slot is taken until its thread is done, whether or not somebody still
waits, and no account has more than its share of them.  Nothing queues: what finds no slot is to be
refused at once.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

T = TypeVar("T")


class Slots:
    """Threads, of which an account has a quarter at most."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._share = number // 4
        self._threads = ThreadPoolExecutor(number, "issuers")
        self._lock = Lock()
        self._taken: Counter[str] = Counter()  # by account

    def begun(self, account: str, work: Callable[[], T]) -> "asyncio.Future[T] | None":
        """The outcome of `work`, which begins now; None if there is no slot for it."""
        with self._lock:
            if self._taken.total() >= self._number or self._taken[account] >= self._share:
                return None
            self._taken[account] += 1
        outcome = self._threads.submit(work)
        outcome.add_done_callback(lambda _: self._free(account))
        return asyncio.wrap_future(outcome)

    def _free(self, account: str) -> None:
        with self._lock:
            self._taken[account] -= 1
            if not self._taken[account]:
                del self._taken[account]

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
