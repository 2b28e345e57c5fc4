"""A backup: everything that an installation keeps, in one file, sealed under its root key.

    header    one line of JSON: format, when and by which release it was made, what opens the root
              key (`storage.seals`; a key under a passphrase stands there only if that was asked for), salt
    rest      `keys.stream` under a key of the root key, bound to the header's line: zlib over parts,
              each after its length in 4 bytes, big endian, as MessagePack

    parts     Began, Rows ..., Log ..., Ended

docs/formats/backup.md says it in full.
"""

import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple, Self

import msgspec

from strongroom import __version__
from strongroom.errors import SetupError
from strongroom.keys.derive import SALT_BYTES, derive
from strongroom.keys.hierarchy import RootKey
from strongroom.keys.sealing import Tampered
from strongroom.keys.stream import Sealing, unsealed
from strongroom.storage.copying import Rows
from strongroom.storage.seals import Seal

_LONGEST_HEADER = 65_536  # bytes
_LONGEST_PART = 64 << 20  # bytes
_LENGTH = struct.Struct(">I")
_LABEL = b"strongroom/v1/backup"
_BEGINS = b'{"strongroom-backup":'


class BackupError(SetupError):
    """The file is no backup, or not a whole one; the message says what to do."""


class Began(msgspec.Struct, frozen=True, tag="began", array_like=True):
    revision: str
    """Of the tables (`schema.REVISION`)."""


class Log(msgspec.Struct, frozen=True, tag="log", array_like=True):
    """Some of a file of the audit log; each file's parts follow one another."""

    name: str
    content: bytes


class Ended(msgspec.Struct, frozen=True, tag="ended", array_like=True):
    rows: int
    log_bytes: int


Part = Began | Rows | Log | Ended


class _Header(msgspec.Struct, frozen=True, rename="kebab"):
    strongroom_backup: int  # the format
    made: float
    release: str
    root_key: dict[str, Any]
    salt: str  # hex


class Counts(NamedTuple):
    rows: int
    log_bytes: int


def write(
    file: BinaryIO,
    root: RootKey,
    seal: Seal,
    now: float,
    revision: str,
    parts: Iterable[Rows | Log],
) -> Counts:
    """Write a whole backup; how much is in it.  `seal` is of `seals.signed`, and stands there open."""
    salt = os.urandom(SALT_BYTES)
    header = _Header(1, now, __version__, seal, salt.hex())
    line = msgspec.json.encode(header) + b"\n"
    file.write(line)
    packing = zlib.compressobj(1)
    sealing = Sealing(derive(root, _LABEL, b""), salt, line)
    rows = log_bytes = 0

    def put(part: Part) -> None:
        encoded = msgspec.msgpack.encode(part)
        packed = packing.compress(_LENGTH.pack(len(encoded)) + encoded)
        file.write(sealing.update(packed))

    put(Began(revision))
    for part in parts:
        put(part)
        match part:
            case Rows():
                rows += len(part.values)
            case Log():
                log_bytes += len(part.content)
    put(Ended(rows, log_bytes))
    file.write(sealing.update(packing.flush()))
    file.write(sealing.finish())
    return Counts(rows, log_bytes)


class Backup:
    """A backup that is being read."""

    def __init__(self, file: BinaryIO, line: bytes, header: _Header) -> None:
        self._file = file
        self._line = line
        self._salt = bytes.fromhex(header.salt)
        self.made = header.made
        self.release = header.release
        self.seal: Seal = header.root_key
        """What opens the root key, of `seals.signed`."""

    @classmethod
    def open(cls, file: BinaryIO) -> Self:
        """BackupError if the file does not begin as one that this release knows."""
        line = file.readline(_LONGEST_HEADER)
        if not line.startswith(_BEGINS) or not line.endswith(b"\n"):
            raise BackupError(
                "this is no backup of Strongroom's; name one that `strongroom backup` made"
            )
        try:
            header = msgspec.json.decode(line, type=_Header)
            sound = len(bytes.fromhex(header.salt)) == SALT_BYTES
        except (msgspec.MsgspecError, ValueError):
            sound = False
        if not sound:
            raise BackupError("the beginning of the backup is damaged; take another one")
        if header.strongroom_backup != 1:
            raise BackupError(
                f"the backup is of format {header.strongroom_backup}, which this release does not know; "
                f"use release {header.release} or a later one"
            )
        return cls(file, line, header)

    def parts(self, root: RootKey) -> Iterator[Part]:
        """Everything in it, the last part an `Ended`: before that, nothing may come of what was read.

        BackupError where it is not as it was written.
        """
        try:
            yield from _parts(self._text(root))
        except (Tampered, zlib.error, msgspec.MsgspecError) as failure:
            raise BackupError(f"the backup cannot be used: {failure}; take another one") from None

    def _text(self, root: RootKey) -> Callable[[int], bytes]:
        pieces = unsealed(derive(root, _LABEL, b""), self._salt, self._line, self._file.read)
        return _Unpacked(pieces).read


class _Unpacked:
    """What was packed, as many bytes at a time as are asked for."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._unpacking = zlib.decompressobj()
        self._packed = b""

    def read(self, count: int) -> bytes:
        """So many bytes, or fewer at the end."""
        found = bytearray()
        while len(found) < count:
            if not self._packed:
                piece = next(self._pieces, None)
                if piece is None:
                    break
                self._packed = piece
            found += self._unpacking.decompress(self._packed, count - len(found))
            self._packed = self._unpacking.unconsumed_tail
        return bytes(found)


def _parts(read: Callable[[int], bytes]) -> Iterator[Part]:
    decoder = msgspec.msgpack.Decoder(Part)
    rows = log_bytes = 0
    ended = False
    while length := read(_LENGTH.size):
        if ended or len(length) < _LENGTH.size:
            raise Tampered("something stands behind its end")
        (count,) = _LENGTH.unpack(length)
        if count > _LONGEST_PART:
            raise Tampered("a part of it is too long")
        part = decoder.decode(read(count))
        match part:
            case Rows():
                rows += len(part.values)
            case Log():
                log_bytes += len(part.content)
            case Ended():
                ended = True
                if part != Ended(rows, log_bytes):
                    raise Tampered("it does not hold what it says that it holds")
        yield part
    if not ended:
        raise Tampered("it has no end")
