"""Opening: a message becomes the plaintext it was sealed from, or nothing.

The order is the format's promise: the header is read within its bounds, then KMS opens a data
key, the commitment and the header's tag are checked, and only then is the body looked at.  No
frame is released before its tag is checked.

Two kinds of message are known to be authentic only at their end: signed ones, and those that are
a single block.  Their plaintext waits in an unnamed temporary file until then, unless the caller
says that the sink itself is provisional.
"""

import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import BinaryIO, NamedTuple

from strongroom.client import block, datakeys, flow, header, signature, suites
from strongroom.client import context as pairs
from strongroom.client.datakeys import Kms
from strongroom.client.faults import CUT_SHORT, Altered
from strongroom.client.frames import Frames
from strongroom.client.header import Content, Header
from strongroom.client.signature import Signed, Unsigned
from strongroom.client.streams import Sink, Source, drain, exactly, fill
from strongroom.client.suites import MessageKey

_COPY = 1024 * 1024  # bytes
_TAIL = 8 + signature.LONGEST + 1  # what may follow a batch's frames, and one byte that may not


class Opened(NamedTuple):
    key: str  # the ARN of the KMS key that opened it
    context: Mapping[str, str]
    signed: bool
    plaintext: int  # bytes


def decrypt(
    source: Source,
    sink: Sink,
    *,
    kms: Kms,
    key: str | None = None,
    region: str | None = None,
    context: Mapping[str, str] | None = None,
    progress: Callable[[int], None] | None = None,
    sink_is_provisional: bool = False,
) -> Opened:
    """Open the message that `source` holds, to its end, into `sink`.

    `key`, a key's ARN, admits only data keys under that key, and `region` only those under keys
    of that Region; `client.datakeys` has the rules.  `context` is what the message's encryption
    context must have among its pairs.  `progress` is told the bytes of each part of the message
    that was dealt with.

    Every byte written to `sink` is authentic, but a message that turns out to be cut short has
    had its beginning written by then: what was written counts when this returns.  Say
    `sink_is_provisional` of a sink that is thrown away on any exception; then signed messages,
    too, are written to it as they are read, before their signature is checked.

    Raises: a MessageFault, by what is wrong with the message; OSError from files.
    """
    head = header.read(lambda size: exactly(source, size))
    check = signature.check_of(head)
    pairs.require(head.context, context or {})
    message_key, arn = _key_of(kms, head, key, region)
    header.authenticate(head, message_key)

    late = isinstance(check, Signed) or head.content is Content.SINGLE_BLOCK
    with _spool(late and not sink_is_provisional) as spool:
        out: Sink = sink if spool is None else spool
        size = _open_body(source, out, head, message_key, check, progress)
        if spool is not None:
            _copy(spool, sink)
    return Opened(arn, head.context, isinstance(check, Signed), size)


def _key_of(kms: Kms, head: Header, key: str | None, region: str | None) -> tuple[MessageKey, str]:
    data_key, arn = datakeys.open_first(kms, head.data_keys, head.context, key=key, region=region)
    return suites.derive(data_key, head.suite, head.message_id), arn


def _open_body(
    source: Source,
    sink: Sink,
    head: Header,
    key: MessageKey,
    check: Signed | Unsigned,
    progress: Callable[[int], None] | None,
) -> int:
    if head.content is Content.SINGLE_BLOCK:
        return _open_block(source, sink, head, key, check, progress)
    frames = Frames(key.cipher(), head.message_id, head.frame_length)
    opener = _Opener(source, sink, frames, check, progress)
    flow.run(opener.slots(), opener.read, opener.work, opener.write)
    return opener.plaintext


def _open_block(
    source: Source,
    sink: Sink,
    head: Header,
    key: MessageKey,
    check: Signed | Unsigned,
    progress: Callable[[int], None] | None,
) -> int:
    size = 0
    for part in block.unverified_plaintext(source, key, head.message_id, check.update):
        drain(sink, part)
        size += len(part)
        if progress is not None:
            progress(len(part))
    tail = bytearray(_TAIL)
    check.verify(bytes(tail[: fill(source, memoryview(tail))]))
    return size


def _spool(wanted: bool) -> AbstractContextManager[BinaryIO | None]:
    return tempfile.TemporaryFile(buffering=0) if wanted else nullcontext()


def _copy(spool: BinaryIO, sink: Sink) -> None:
    spool.seek(0)
    room = memoryview(bytearray(_COPY))
    while size := fill(spool, room):
        drain(sink, room[:size])


class _Slot(NamedTuple):
    sealed: memoryview
    plain: memoryview


class _Job(NamedTuple):
    number: int  # of the first frame
    regular: memoryview  # whole frames
    final: memoryview | None
    footer: bytes
    plain: memoryview  # where the plaintext goes


class _Opener:
    """The three stages, and what is counted between them."""

    def __init__(
        self,
        source: Source,
        sink: Sink,
        frames: Frames,
        check: Signed | Unsigned,
        progress: Callable[[int], None] | None,
    ) -> None:
        self._source = source
        self._sink = sink
        self._frames = frames
        self._check = check
        self._progress = progress
        self._in_batch = flow.frames_in_batch(frames.stride)
        self._number = 1
        self._ended = False
        self.plaintext = 0

    def slots(self) -> list[_Slot]:
        sealed = self._in_batch * self._frames.stride + _TAIL
        plain = self._in_batch * self._frames.length
        return [
            _Slot(memoryview(bytearray(sealed)), memoryview(bytearray(plain)))
            for _ in range(flow.depth(sealed))
        ]

    def read(self, slot: _Slot) -> _Job | None:
        if self._ended:
            return None
        sealed, number = slot.sealed, self._number
        batch = self._in_batch * self._frames.stride
        got = fill(self._source, sealed[:batch])
        at = self._frames.find_final(sealed[:got])
        if at is None:
            if got < batch:
                raise Altered(CUT_SHORT)
            self._number += self._in_batch
            return _Job(number, sealed[:batch], None, b"", slot.plain)

        # The final frame is longer than the others by its own length field and is followed by the
        # footer, so both may reach past the batch.  What follows them is read to be refused.
        self._ended = True
        if got == batch:
            got += fill(self._source, sealed[batch:])
        end = at + self._frames.final_size(sealed[at:got])
        return _Job(number, sealed[:at], sealed[at:end], bytes(sealed[end:got]), slot.plain)

    def work(self, job: _Job) -> tuple[int, memoryview]:
        frames, check, plain = self._frames, self._check, job.plain
        check.update(job.regular)
        dealt_with = len(job.regular)
        size = frames.open(job.number, job.regular, plain)
        if job.final is not None:
            check.update(job.final)
            dealt_with += len(job.final)
            number = job.number + len(job.regular) // frames.stride
            size += frames.open_final(number, job.final, plain[size:])
            check.verify(job.footer)
        return dealt_with, plain[:size]

    def write(self, done: tuple[int, memoryview]) -> None:
        dealt_with, plain = done
        drain(self._sink, plain)
        self.plaintext += len(plain)
        if self._progress is not None:
            self._progress(dealt_with)
