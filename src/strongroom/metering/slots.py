"""The file of a process's numbers: 64-bit slots, shared by memory mapping.

    offset  length  field
    0       8       "strmeter"
    8       8       digest of the layout
    16      8       number of slots, native byte order
    24      8 * n   the slots, native byte order

Files are `<digest, hexadecimal>-<n>.meter`, mode 0600.  Each process takes the first file of its
layout that nobody has locked, and counts on from what it finds there; so a process that dies and
its successor make one rising counter, and the sum over all files never falls.  Files of other
layouts are older versions'; they go when their processes have gone.  A slot is eight aligned bytes,
written at once, so a reader sees the old number or the new one.

Nothing here survives the machine, nor must it.
"""

import contextlib
import fcntl
import itertools
import mmap
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from strongroom.metering.layout import IN_FLIGHT, Layout

_MAGIC = b"strmeter"
_HEADER = struct.Struct("=8s8sQ")
_SLOT = 8  # bytes


class Slots:
    """The numbers of one process.  Holds its file's lock until closed."""

    def __init__(self, folder: Path, layout: Layout) -> None:
        """Take a file in `folder`, which must exist.  Raises: OSError."""
        _sweep(folder, layout)
        self._fd = _taken(folder, layout)
        header, size = _header(layout), _size(layout)
        if os.pread(self._fd, len(header), 0) != header or os.fstat(self._fd).st_size != size:
            os.ftruncate(self._fd, 0)
            # Written out: to touch a hole of a mapped file on a full disk is the process's death.
            os.posix_fallocate(self._fd, 0, size)
            os.pwrite(self._fd, header, 0)
        self._map = mmap.mmap(self._fd, size)
        self._bytes = memoryview(self._map)
        self.view = self._bytes[len(header) :].cast("Q")
        self.view[IN_FLIGHT] = 0  # whoever counted them is gone

    def close(self) -> None:
        self.view[IN_FLIGHT] = 0
        self.view.release()
        self._bytes.release()
        self._map.close()
        os.close(self._fd)


class Reading(NamedTuple):
    """One process's numbers, at one moment."""

    numbers: list[int]
    alive: bool


def readings(folder: Path, layout: Layout) -> Iterator[Reading]:
    """The numbers of every process that counts, or has counted, in `folder`."""
    for path in sorted(folder.glob(f"{layout.digest().hex()}-*.meter")):
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            if os.fstat(file.fileno()).st_size != _size(layout):
                continue  # one that is just being made
            if file.read(_HEADER.size) != _header(layout):
                continue
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as shared:
                raw = memoryview(shared)
                view = raw[_HEADER.size :].cast("Q")
                numbers = view.tolist()
                view.release()
                raw.release()
            yield Reading(numbers, _locked(file.fileno()))


def _header(layout: Layout) -> bytes:
    return _HEADER.pack(_MAGIC, layout.digest(), layout.size)


def _size(layout: Layout) -> int:
    return _HEADER.size + _SLOT * layout.size


def _sweep(folder: Path, layout: Layout) -> None:
    """Remove what processes of other layouts have left; whoever still reads it keeps its pages."""
    for path in folder.glob("*.meter"):
        if not path.name.startswith(layout.digest().hex()):
            with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                if not _locked(file.fileno()):
                    path.unlink()


def _taken(folder: Path, layout: Layout) -> int:
    for n in itertools.count():
        path = folder / f"{layout.digest().hex()}-{n}.meter"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
        except OSError:
            os.close(fd)
            raise
        else:
            return fd
    raise AssertionError("counting does not end")


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(fd, fcntl.LOCK_UN)
    return False
