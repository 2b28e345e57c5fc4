"""Batches through three stages: read here, work beside, written here.

A helper thread does the cryptography, which leaves the interpreter to the caller's thread while
that one reads ahead and writes behind.  File objects are touched on the caller's thread alone, so
a signal that interrupts a read or a write is the caller's, and when `run` returns or raises
nothing is running any more.

Work is done in the order of reading, one batch at a time, so it may keep a running hash.
"""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Slot = TypeVar("Slot")
Job = TypeVar("Job")
Result = TypeVar("Result")

BATCH = 1024 * 1024  # bytes of a batch, or one frame if a frame is longer
_DEPTH = 3  # batches on their way
_MEMORY = 64 * 1024 * 1024  # bytes that the batches on their way may take


def frames_in_batch(stride: int) -> int:
    """How many frames of `stride` bytes make a batch."""
    return max(1, BATCH // stride)


def depth(batch: int) -> int:
    """How many batches may be on their way, each with a plaintext and a ciphertext side."""
    return max(1, min(_DEPTH, _MEMORY // (2 * batch)))


def run(
    slots: Iterable[Slot],
    read: Callable[[Slot], Job | None],
    work: Callable[[Job], Result],
    write: Callable[[Result], None],
) -> None:
    """Carry batches until `read` has none.  The first exception of any stage ends it."""
    idle = deque(slots)
    busy: deque[tuple[Slot, Future[Result]]] = deque()

    def retire() -> None:
        slot, future = busy.popleft()
        write(future.result())
        idle.append(slot)

    with ThreadPoolExecutor(1, "strongroom-client") as helper:
        while True:
            if not idle:
                retire()
            job = read(idle[0])
            if job is None:
                break
            busy.append((idle.popleft(), helper.submit(work, job)))
        while busy:
            retire()
