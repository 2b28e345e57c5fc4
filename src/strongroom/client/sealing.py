"""Sealing: a file object becomes a message under a data key that KMS made for it alone.

The plaintext data key lives from KMS's answer to the derivation of the message's key, within one
function.  (Python cannot wipe it from memory; it can drop it.)
"""

import os
from collections.abc import Callable, Mapping
from typing import NamedTuple

from strongroom.client import context as pairs
from strongroom.client import datakeys, flow, header, suites
from strongroom.client.datakeys import Kms
from strongroom.client.frames import FINAL_OVERHEAD, Frames
from strongroom.client.header import EncryptedDataKey
from strongroom.client.streams import Sink, Source, drain, fill
from strongroom.client.suites import MessageKey, Suite

# Longer frames would cost the SDKs dearly, whose readers copy a frame over and over; shorter ones
# cost us.  docs/formats/message.md has what was measured.
FRAME = 128 * 1024  # bytes


class Sealed(NamedTuple):
    key: str  # the ARN of the KMS key
    plaintext: int  # bytes
    message: int  # bytes


def encrypt(
    source: Source,
    sink: Sink,
    *,
    key: str,
    kms: Kms,
    context: Mapping[str, str] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Sealed:
    """Seal what `source` has left into `sink`, under a data key of the KMS key `key`.

    `key` is anything GenerateDataKey takes: a key id, a key ARN, an alias name or ARN.  `context`
    is authenticated and not secret: it stands readable in the message.  `progress` is told the
    bytes of each part that was written.  Memory does not grow with the size.

    Raises: ContextRefused, UnexpectedAnswer; botocore's exceptions from KMS; OSError from files.
    """
    return encrypt_with(
        os.urandom(suites.MESSAGE_ID),
        source,
        sink,
        key=key,
        kms=kms,
        context=context,
        progress=progress,
    )


def encrypt_with(
    message_id: bytes,
    source: Source,
    sink: Sink,
    *,
    key: str,
    kms: Kms,
    context: Mapping[str, str] | None = None,
    progress: Callable[[int], None] | None = None,
    frame_length: int = FRAME,
) -> Sealed:
    """`encrypt` with its 32 random bytes and frame length given: for tests, and nothing else."""
    context = context or {}
    packed = pairs.pack(context)
    message_key, encrypted = _new_key(kms, key, context, message_id)
    head = header.write(message_id, packed, [encrypted], frame_length, message_key)
    drain(sink, memoryview(head))

    sealer = _Sealer(source, sink, Frames(message_key.cipher(), message_id, frame_length), progress)
    flow.run(sealer.slots(), sealer.read, sealer.work, sealer.write)
    return Sealed(encrypted.information.decode(), sealer.plaintext, len(head) + sealer.body)


def _new_key(
    kms: Kms, key: str, context: Mapping[str, str], message_id: bytes
) -> tuple[MessageKey, EncryptedDataKey]:
    data_key, encrypted = datakeys.generate(kms, key, context)
    return suites.derive(data_key, Suite.PLAIN, message_id), encrypted


class _Slot(NamedTuple):
    plain: memoryview
    sealed: memoryview


class _Job(NamedTuple):
    slot: _Slot
    number: int  # of the first frame
    size: int  # bytes of plaintext
    last: bool


class _Sealer:
    """The three stages, and what is counted between them."""

    def __init__(
        self,
        source: Source,
        sink: Sink,
        frames: Frames,
        progress: Callable[[int], None] | None,
    ) -> None:
        self._source = source
        self._sink = sink
        self._frames = frames
        self._progress = progress
        self._in_batch = flow.frames_in_batch(frames.stride)
        self._number = 1
        self._ended = False
        self.plaintext = 0
        self.body = 0

    def slots(self) -> list[_Slot]:
        plain = self._in_batch * self._frames.length
        sealed = self._in_batch * self._frames.stride + FINAL_OVERHEAD
        return [
            _Slot(memoryview(bytearray(plain)), memoryview(bytearray(sealed)))
            for _ in range(flow.depth(sealed))
        ]

    def read(self, slot: _Slot) -> _Job | None:
        if self._ended:
            return None
        size = fill(self._source, slot.plain)
        self._ended = size < len(slot.plain)
        job = _Job(slot, self._number, size, self._ended)
        self._number += self._in_batch
        return job

    def work(self, job: _Job) -> tuple[int, memoryview]:
        (plain, sealed), frames = job.slot, self._frames
        whole, rest = divmod(job.size, frames.length)
        used = frames.seal(job.number, plain[: whole * frames.length], sealed)
        if job.last:
            left = plain[job.size - rest : job.size]
            used += frames.seal_final(job.number + whole, left, sealed[used:])
        return job.size, sealed[:used]

    def write(self, done: tuple[int, memoryview]) -> None:
        size, sealed = done
        drain(self._sink, sealed)
        self.plaintext += size
        self.body += len(sealed)
        if self._progress is not None:
            self._progress(size)
