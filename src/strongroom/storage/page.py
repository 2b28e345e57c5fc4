"""One page of memory that all workers of a data folder share.

    offset  length  field
    0       8       number of the last change that some process committed (`storage.changes`)
    8       8       seconds that the clock was moved by, a double; 0 but for throw-away servers

Numbers stand in the machine's own order; the page lives no longer than the processes that map
it and is made anew at each start.  A look costs some 50 ns.  A store is one aligned move.  Two
processes may store the first field in either order: readers compare it for *difference* from
what they saw last, and then ask the database, which is right.
"""

import mmap
import os
from pathlib import Path
from typing import Self

_BYTES = mmap.PAGESIZE


class Page:
    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        view = memoryview(memory)
        self._last_change = view[0:8].cast("Q")
        self._offset = view[8:16].cast("d")

    @classmethod
    def make(cls, file: Path) -> Self:
        """A page of zeros at `file`, in place of what an earlier run left there."""
        file.unlink(missing_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            # Written out: to touch a hole of a mapped file on a full disk is the process's death.
            os.write(descriptor, bytes(_BYTES))
            return cls(mmap.mmap(descriptor, _BYTES))
        finally:
            os.close(descriptor)

    @classmethod
    def open(cls, file: Path) -> Self:
        """The page that another process made."""
        descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
        try:
            return cls(mmap.mmap(descriptor, _BYTES))
        finally:
            os.close(descriptor)

    @classmethod
    def blank(cls) -> Self:
        """A page that nobody shares."""
        return cls(mmap.mmap(-1, _BYTES))

    @property
    def last_change(self) -> int:
        return self._last_change[0]

    @last_change.setter
    def last_change(self, number: int) -> None:
        self._last_change[0] = number

    @property
    def clock_offset(self) -> float:
        return self._offset[0]

    @clock_offset.setter
    def clock_offset(self, seconds: float) -> None:
        self._offset[0] = seconds

    def close(self) -> None:
        self._last_change.release()
        self._offset.release()
        self._memory.close()
