"""What is known of the state outside the data folder: so that an older copy put back is noticed.

A small file beside the root key, not in the folder and not in its backups:

    offset          length  field
    256 * slot      128     a page
    + 128           128     the page that is written next

    page: 32 bytes MAC (`Witness.mark`) | 8 turn | 88 body, zeros behind what it is

    slot 0          the state: 8 commits | 32 digest of the whole after them
    slot 1 + w      worker w's audit chain: 16 its id | 8 sequence of its last seal | 32 value of that

The genuine page with the higher turn counts, so a page that was torn is as if it had not been written.
A commit is anchored when it is durable, a seal when it is on the disk: the anchor is behind what it
speaks of or level with it, never ahead, unless that is an older copy.

Writing costs some 20 us; the file is locked for so long, for all workers raise slot 0.
"""

import contextlib
import fcntl
import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from strongroom.errors import SetupError
from strongroom.keys.sealing import Tampered
from strongroom.keys.witness import Whole, Witness
from strongroom.storage.rootkey import sync_folder

_BODY_BYTES = 88
_PAGE = struct.Struct(f">32sQ{_BODY_BYTES}s")
_STATE = struct.Struct(">Q32s")
_CHAIN = struct.Struct(">16sQ32s")
_SLOT_BYTES = 2 * _PAGE.size
_MOST_WORKERS = 1_024
_PURPOSE = "anchor"


class AnchorError(SetupError):
    """The anchor cannot be used, or what it speaks of is not what it was; the message says what to do."""


def taken(file: Path) -> AnchorError:
    return AnchorError(
        f"`{file}` exists; it may be another installation's anchor: name another place with --anchor"
    )


class Head(NamedTuple):
    """Where a worker's audit chain stood."""

    chain: str  # its id
    sequence: int
    value: bytes


class Anchor:
    """Safe to use from several threads and processes."""

    def __init__(self, file: Path, witness: Witness, descriptor: int) -> None:
        self.file = file
        self._witness = witness
        self._fd = descriptor
        self._threads = threading.Lock()
        self.failure: OSError | None = None
        """Why the latest commit could not be remembered; None when it could."""

    @classmethod
    def make(cls, file: Path, witness: Witness) -> "Anchor":
        """A new one; AnchorError if there is something at `file`, or nothing can be written there."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            descriptor = os.open(file, flags, 0o600)
        except FileExistsError:
            raise taken(file) from None
        except OSError as failure:
            raise AnchorError(
                f"the anchor `{file}` cannot be made: {failure.strerror}; name another place with --anchor"
            ) from None
        sync_folder(file.parent)  # for a server whose anchor is missing does not start
        return cls(file, witness, descriptor)

    @classmethod
    def open(cls, file: Path, witness: Witness) -> "Anchor":
        """The one that is there; AnchorError if it cannot be used, FileNotFoundError if there is none."""
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            raise
        except OSError as failure:
            raise AnchorError(f"the anchor `{file}` cannot be used: {failure.strerror}") from None
        return cls(file, witness, descriptor)

    def raise_to(self, whole: Whole) -> None:
        """Remember a state, unless a later one is remembered.

        It is committed already, so that this cannot be done is no failure of whoever committed it; the next
        commit makes up for it.
        """
        try:
            with self._locked():
                known = self.state()
                if known is None or known[0] < whole.commits:
                    self._write(0, self._body_of(whole))
        except OSError as failure:
            self.failure = failure
        else:
            self.failure = None

    def set_to(self, whole: Whole) -> None:
        """Remember a state whatever is remembered."""
        with self._locked():
            self._write(0, self._body_of(whole))

    @property
    def in_use(self) -> bool:
        """Whether anything was ever written to it."""
        return bool(os.fstat(self._fd).st_size)

    def state(self) -> tuple[int, bytes] | None:
        """The commits of the latest state that is remembered, and its digest."""
        page = self._read(0)
        return None if page is None else _STATE.unpack_from(page[1])

    def put_head(self, worker: int, head: Head) -> None:
        """Remember where a worker's chain stands."""
        if worker < _MOST_WORKERS:
            body = _CHAIN.pack(UUID(head.chain).bytes, head.sequence, head.value)
            with self._locked():
                self._write(1 + worker, body)

    def heads(self) -> dict[int, Head]:
        """Where the chains stood, by worker."""
        slots = min(os.fstat(self._fd).st_size // _SLOT_BYTES, 1 + _MOST_WORKERS)
        found = {}
        for worker in range(slots - 1):
            page = self._read(1 + worker)
            if page is not None:
                chain, sequence, value = _CHAIN.unpack_from(page[1])
                found[worker] = Head(str(UUID(bytes=chain)), sequence, value)
        return found

    def forget_heads(self) -> None:
        """For chains that are to be begun anew, or were put back on purpose."""
        with self._locked():
            os.ftruncate(self._fd, _SLOT_BYTES)

    def sync(self) -> None:
        os.fdatasync(self._fd)

    def close(self) -> None:
        os.close(self._fd)

    def _body_of(self, whole: Whole) -> bytes:
        return _STATE.pack(whole.commits, self._witness.digest(whole))

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with self._threads:
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._fd, fcntl.LOCK_UN)

    def _pages(self, slot: int) -> list[tuple[int, bytes] | None]:
        """Turn and body of both pages of a slot; None for one that is not genuine."""
        pages: list[tuple[int, bytes] | None] = []
        for at in range(2):
            read = os.pread(self._fd, _PAGE.size, slot * _SLOT_BYTES + at * _PAGE.size)
            if len(read) < _PAGE.size:
                pages.append(None)
                continue
            mac, turn, body = _PAGE.unpack(read)
            try:
                self._witness.require(mac, _PURPOSE, b"%d" % slot, b"%d" % turn, body)
            except Tampered:
                pages.append(None)
            else:
                pages.append((turn, body))
        return pages

    def _read(self, slot: int) -> tuple[int, bytes] | None:
        return max((page for page in self._pages(slot) if page is not None), default=None)

    def _write(self, slot: int, body: bytes) -> None:
        pages = self._pages(slot)
        turns = [-1 if page is None else page[0] for page in pages]
        at, turn = (0 if turns[0] < turns[1] else 1), max(turns) + 1
        body = body.ljust(_BODY_BYTES, b"\0")
        mac = self._witness.mark(_PURPOSE, b"%d" % slot, b"%d" % turn, body)
        page = _PAGE.pack(mac, turn, body)
        os.pwrite(self._fd, page, slot * _SLOT_BYTES + at * _PAGE.size)
