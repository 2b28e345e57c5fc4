"""The audit trail of one worker: records in, and an answer for each once it is safe to send.

The rules kept here:

* no release before its record's whole batch is handed to the operating system or, when durable,
  is on the disk;
* records of one turn of the loop go out together; when durable, those of up to two milliseconds;
* a batch is taken from the queue on the loop's thread; when durable it is written in a thread of
  its own, since a disk's flush takes milliseconds.  Otherwise it is written on the loop: handing it
  to a thread costs 157 microseconds of CPU for one record against 36, 12 a record against 5 in
  batches of 16, and as much in batches of 256;
* a release that fails is its caller's loss: the others of its batch, and the batches after it, go
  on;
* a disk that fails makes `release(False)`, never silence, and every batch tries it anew.

What a batch looks like on disk is `writer`'s and `chain`'s.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from strongroom.audit.writer import Writer
from strongroom.clock import Clock

Release = Callable[[bool], None]

MAX_FILE = 64 << 20  # bytes
GROUP = 0.002  # seconds between the beginnings of two durable batches


class Trail:
    """One worker's trail.  All methods are for the loop's thread."""

    def __init__(
        self,
        folder: Path,
        worker: int,
        *,
        key: bytes,
        durable: bool,
        loop: asyncio.AbstractEventLoop,
        clock: Clock | None = None,
        max_file_bytes: int = MAX_FILE,
    ) -> None:
        """Open a file in `folder` that continues the worker's chain; `key` seals it.

        Raises: OSError when that cannot be done.
        """
        self._writer = Writer(
            folder,
            worker,
            key=key,
            durable=durable,
            clock=clock or Clock(),
            max_bytes=max_file_bytes,
        )
        self._loop = loop
        self._records: list[bytes] = []
        self._releases: list[Release] = []
        self._scheduled = False
        self._closed = False
        self._flush = self._flush_in_thread if durable else self._flush_here
        self._thread = ThreadPoolExecutor(1, "audit") if durable else None
        self._busy: asyncio.Future[OSError | None] | None = None
        self._began = 0.0  # loop time
        self.failure: OSError | None = None
        """Why the latest batch could not be written; None when it could."""

    def append(self, record: bytes, release: Release) -> None:
        """Queue one record (JSON, no line break); `release` is called once, on the loop, later.

        `release(True)`: the record is in the trail.  `release(False)`: it is not, and the answer
        that waits for it must not be a success.  Raises ValueError for a record of several lines.
        """
        if 10 in record:
            raise ValueError("an audit record has a line break; encode it as JSON in one line")
        if self._closed:
            self._loop.call_soon(release, False)
            return
        self._records.append(record)
        self._releases.append(release)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    async def close(self) -> None:
        """Write what waits, end the file, and take no more."""
        if self._closed:
            return
        self._closed = True
        while self._busy is not None:
            await asyncio.wait([self._busy])
        self._scheduled = True  # whatever is still on the loop's list finds nothing to do
        records, releases = self._taken()
        if records:
            self._settle(releases, self._attempt(records))
        try:
            self._writer.close()
        except OSError as failure:
            self.failure = failure
        if self._thread is not None:
            self._thread.shutdown()

    @property
    def head(self) -> tuple[str, int, bytes]:
        """Where the chain stands: its id, the sequence and the value of the last seal."""
        return self._writer.head

    def syncing(self) -> Callable[[], None]:
        """What brings to the disk all up to there; to be called once, in a thread that may wait."""
        return self._writer.syncing()

    def _taken(self) -> tuple[list[bytes], list[Release]]:
        taken = self._records, self._releases
        self._records, self._releases, self._scheduled = [], [], False
        return taken

    def _flush_here(self) -> None:
        records, releases = self._taken()
        if records:
            self._settle(releases, self._attempt(records))

    def _flush_in_thread(self) -> None:
        if self._busy is not None or not self._records:
            return  # `_flushed` looks again
        wait = self._began + GROUP - self._loop.time()
        if wait > 0:
            self._loop.call_later(wait, self._flush_in_thread)
            return
        self._began = self._loop.time()
        records, releases = self._taken()
        self._scheduled = True  # until this batch is done
        assert self._thread is not None  # noqa: S101 - durable
        self._busy = self._loop.run_in_executor(self._thread, self._attempt, records)
        self._busy.add_done_callback(lambda done: self._flushed(releases, done))

    def _flushed(self, releases: list[Release], done: "asyncio.Future[OSError | None]") -> None:
        self._busy = None
        self._settle(releases, done.result())
        if self._records:
            self._flush_in_thread()
        else:
            self._scheduled = False

    def _attempt(self, records: list[bytes]) -> OSError | None:
        try:
            self._writer.write(records)
        except OSError as failure:
            return failure
        return None

    def _settle(self, releases: list[Release], failure: OSError | None) -> None:
        self.failure = failure
        written = failure is None
        for release in releases:
            try:
                release(written)
            except Exception as error:  # noqa: BLE001 - one caller's mistake must not reach the others
                self._loop.call_exception_handler(
                    {"message": "the release of an audited answer failed", "exception": error}
                )
