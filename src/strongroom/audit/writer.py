"""A worker's files, written batch by batch: the part that knows the disk and no event loop.

The rules kept here:

* a batch and its seal go out in one `write`; a batch that did not go out whole is taken back, and
  the chain stands where it stood, so that the next batch tries again and heals;
* a file that may no longer be what we wrote is left for good and a new one continues the chain:
  after a failed fdatasync (the kernel drops what it could not write and tells only once), after a
  failed taking back, when the file was deleted, replaced or written to by somebody else;
* every file says in its opening why it was begun and where the chain stood; it gets its name when
  that is on the disk, so that no kill and no loss of power leaves a file of ours that says nothing;
* a file is locked by the process that writes it; a second writer for one worker is refused.

Names: `<UTC start>-w<worker>-<pid>.jsonl`, mode 0600; `.begun` behind that while it is begun.  A file is followed by the next one when it
has reached `max_bytes`; it may exceed it by one batch.
"""

import errno
import fcntl
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from strongroom.audit import chain
from strongroom.audit.chain import START, Opening, Place, Previous, Seal
from strongroom.audit.identifiers import identifiers
from strongroom.audit.tail import newest, tail
from strongroom.clock import Clock, iso8601

_MODE = 0o600
_BEGUN = ".begun"  # behind the name of a file whose opening is not on the disk yet
_LOOK_EVERY = 1.0  # seconds between two looks at the path; the open file is looked at each time
_NOT_YET = float("-inf")


class _Sheet(NamedTuple):
    """The file being written."""

    fd: int
    path: Path
    inode: int


class Writer:
    """Appends sealed batches to one worker's chain.  One thread at a time."""

    def __init__(
        self, folder: Path, worker: int, *, key: bytes, durable: bool, clock: Clock, max_bytes: int
    ) -> None:
        """Continue the worker's chain in `folder`, or begin one.

        Raises: OSError when the folder cannot be written, BlockingIOError when another process
        writes this worker's chain.
        """
        self._folder = folder
        self._worker = worker
        self._key = key
        self._durable = durable
        self._clock = clock
        self._max_bytes = max_bytes
        self._sheet: _Sheet | None = None
        self._length = 0  # bytes of the sheet that are sealed
        self._looked = _NOT_YET
        self._reason = "started"
        self._distrusted = ""
        self._unsynced: list[int] = []  # sheets that were left and may not be on the disk yet
        folder.mkdir(mode=0o700, exist_ok=True)
        self._chain, self._number, self._previous, self._place = self._continued()
        self._open()

    def write(self, records: Sequence[bytes]) -> None:
        """Hand one batch to the operating system; when durable, to the disk.

        Raises: OSError, and then nothing of the batch counts.
        """
        sheet = self._usable()
        self._append(sheet, b"\n".join((*records, b"")), len(records))

    @property
    def head(self) -> tuple[str, int, bytes]:
        """See `Trail.head`."""
        return self._chain, *self._place

    def syncing(self) -> Callable[[], None]:
        """See `Trail.syncing`; it may be called whatever has become of this object."""
        if self._sheet is not None and self._distrusted and not self._durable:
            self._usable()  # whose head is behind an opening that is on the disk
        left, self._unsynced = self._unsynced, []
        if self._sheet is not None and not self._durable:
            left.append(os.dup(self._sheet.fd))
        return partial(self._sync, left)

    def _sync(self, descriptors: list[int]) -> None:
        """Sync and close them all; the file of one that failed is not trusted again, for the next time it
        would not fail.
        """
        failed: OSError | None = None
        for descriptor in descriptors:
            try:
                os.fdatasync(descriptor)
            except OSError as failure:
                failed = failure
            finally:
                os.close(descriptor)
        if failed is not None:
            self._distrusted = f"batches may not have reached the disk: {failed.strerror}"
            raise failed

    def close(self) -> None:
        """End the file with a seal that says so.  Raises: OSError; the file is let go all the same."""
        sheet = self._sheet
        if sheet is None:
            return
        try:
            if not self._distrusted:
                self._append(sheet, b"", 0, last=True)
        finally:
            self._leave("started")
            self.syncing()()

    # The sheet.

    def _usable(self) -> _Sheet:
        sheet = self._sheet
        if sheet is not None and (wrong := self._wrong(sheet)):
            self._leave(wrong)
            sheet = None
        if sheet is not None and self._length >= self._max_bytes:
            self._append(sheet, b"", 0, last=True)
            self._leave("rotated")
            sheet = None
        return sheet or self._open()

    def _wrong(self, sheet: _Sheet) -> str:
        """Why the file is not to be written to again; empty if it is as we left it."""
        if self._distrusted:
            return self._distrusted
        found = os.fstat(sheet.fd)
        if found.st_nlink == 0:
            return "the file before was deleted"
        if found.st_size != self._length:
            return "the file before was written to by somebody else"
        now = self._clock.true_now()
        if not 0 <= now - self._looked < _LOOK_EVERY:
            self._looked = now
            try:
                same = sheet.path.stat().st_ino == sheet.inode
            except OSError:
                same = False
            if not same:
                return "the file before was moved or replaced"
        return ""

    def _open(self) -> _Sheet:
        now = self._clock.true_now()
        stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        path = self._folder / f"{stamp}-w{self._worker}-{os.getpid()}.jsonl"
        named = path.with_name(path.name + _BEGUN)
        fd = os.open(
            named, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE
        )
        before = self._place
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            opening = Opening(
                format=chain.FORMAT,
                chain=self._chain,
                worker=self._worker,
                number=self._number + 1,
                started=iso8601(now),
                reason=self._reason,
                previous=self._previous,
            )
            sheet = _Sheet(fd, path, os.fstat(fd).st_ino)
            self._length, self._distrusted = 0, ""
            self._append(sheet, chain.opening_line(opening), 0)
            os.fdatasync(fd)
            named = _renamed(named, path)
            _sync_folder(self._folder)
        except OSError:
            self._place = before
            os.close(fd)
            named.unlink(missing_ok=True)  # it says nothing yet, so nothing is lost with it
            raise
        self._sheet, self._number = sheet, self._number + 1
        self._looked = now
        return sheet

    def _leave(self, reason: str) -> None:
        """Never write to the sheet again; the next one says why."""
        assert self._sheet is not None  # noqa: S101 - only a sheet in use is left
        if self._durable or self._distrusted:
            os.close(self._sheet.fd)
        else:
            fcntl.flock(self._sheet.fd, fcntl.LOCK_UN)
            self._unsynced.append(self._sheet.fd)
        self._previous = Previous(
            self._sheet.path.name, self._length, self._place.sequence, self._place.value.hex()
        )
        self._sheet, self._reason = None, reason

    # The batch.

    def _append(self, sheet: _Sheet, batch: bytes, count: int, *, last: bool = False) -> None:
        place = Place(self._place.sequence + 1, chain.value_after(self._place.value, batch))
        sealed = batch + chain.seal_line(self._key, Seal(place.sequence, count, place.value, last))
        try:
            _put(sheet.fd, sealed)
        except OSError:
            self._take_back(sheet)
            raise
        if self._durable:
            try:
                os.fdatasync(sheet.fd)
            except OSError as failure:
                self._take_back(sheet)
                self._distrusted = f"a batch did not reach the disk: {failure.strerror}"
                raise
        self._place, self._length = place, self._length + len(sealed)

    def _take_back(self, sheet: _Sheet) -> None:
        try:
            os.ftruncate(sheet.fd, self._length)
        except OSError as failure:
            self._distrusted = f"a batch could not be taken back: {failure.strerror}"

    def _continued(self) -> tuple[str, int, Previous | None, Place]:
        """Chain, number of its last file, where that ended, and the place to go on from."""
        self._clear()
        found = newest(self._folder, self._worker)
        if found is None:
            return next(identifiers()), 0, None, Place(0, START)
        path, opening = found
        _require_unlocked(path)
        end = tail(path, self._key)
        if end is None:
            self._reason = "the file before has no seal of ours at its end"
            nowhere = Previous(path.name, 0, 0, START.hex())
            return opening.chain, opening.number, nowhere, Place(0, START)
        if not end.seal.last:
            self._reason = "the process before was killed"
        place = Place(end.seal.sequence, end.seal.value)
        previous = Previous(path.name, end.length, place.sequence, place.value.hex())
        return opening.chain, opening.number, previous, place

    def _clear(self) -> None:
        """Take away what a kill left of this worker's files before they had a name."""
        for path in self._folder.glob(f"*{_BEGUN}"):
            if chain.worker_of(path.name.removesuffix(_BEGUN)) == self._worker:
                _require_unlocked(path)
                path.unlink()


def _renamed(begun: Path, path: Path) -> Path:
    """Give a file its name.  Raises: FileExistsError rather than put it in another's place."""
    if path.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    begun.rename(path)
    return path


def _require_unlocked(path: Path) -> None:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(
                f"`{path}` is being written by another process; stop it before starting this one"
            ) from None


def _put(fd: int, whole: bytes) -> None:
    """Write all of it.  A full disk first takes a part and says why only when asked again."""
    rest = whole
    while rest:
        rest = rest[os.write(fd, rest) :]


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
