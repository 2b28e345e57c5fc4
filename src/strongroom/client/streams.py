"""Reading and writing file objects whole: short reads and short writes end here.

The file objects are only ever touched on the thread that called `encrypt` or `decrypt`.
"""

from typing import Protocol, runtime_checkable

from strongroom.client.faults import CUT_SHORT, Altered


class Source(Protocol):
    """A binary file object to read.  One with `readinto`, as most have, is read with it."""

    def read(self, size: int, /) -> bytes | None: ...


class Sink(Protocol):
    """A binary file object to write.  It must be done with the view when `write` returns."""

    def write(self, data: memoryview, /) -> int | None: ...


@runtime_checkable
class _ReadsInto(Protocol):
    def readinto(self, room: memoryview, /) -> int | None: ...


def fill(source: Source, room: memoryview) -> int:
    """Read until `room` is full or the source ends; how many bytes were read."""
    got = 0
    while got < len(room):
        if isinstance(source, _ReadsInto):
            count = source.readinto(room[got:])
        else:
            chunk = source.read(len(room) - got)
            count = None if chunk is None else len(chunk)
            if chunk:
                room[got : got + len(chunk)] = chunk
        if count is None:
            raise BlockingIOError("the source is in non-blocking mode: give one that waits")
        if not count:
            break
        got += count
    return got


def exactly(source: Source, size: int) -> bytes:
    """The next `size` bytes; Altered if the source ends before."""
    room = bytearray(size)
    if fill(source, memoryview(room)) < size:
        raise Altered(CUT_SHORT)
    return bytes(room)


def drain(sink: Sink, data: memoryview) -> None:
    """Write all of `data`.  A raw file may take a part at a time."""
    while data:
        taken = sink.write(data)
        if taken is None or taken >= len(data):
            return
        data = data[taken:]
