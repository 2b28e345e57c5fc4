"""The lines around the records: the opening that begins a file, the seal that ends a batch.

    {"opening":{"format":1,"chain":C,"worker":W,"number":N,"started":T,"reason":R,"previous":P}}
    {"seal":{"sequence":S,"count":K,"value":V,"mac":M}}
    {"seal":{"sequence":S,"count":K,"value":V,"last":true,"mac":M}}

A batch is every line since the seal before it, or since the file's beginning.

    V = SHA-256(V before || the batch's bytes, line breaks included)     32 zero bytes at first
    M = HMAC-SHA256(key, "strongroom/audit/v1/seal" || 0x0a || the seal's line up to `,"mac"`)

So V holds every byte written so far, across files, and M says that the key's holder sealed it:
whoever edits a line can compute V again but not M.  A record cannot pass for a seal or an opening,
since all of them begin with their own first member, and a JSON text holds no line break.

The whole format, with a worked example, is docs/formats/audit.md.
"""

import hmac
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, NamedTuple

import msgspec

FORMAT = 1
START = bytes(32)  # the value before a chain's first batch
OPENING = b'{"opening":'
SEAL = b'{"seal":'
RECORD = b'{"eventVersion":'

_LABEL = b"strongroom/audit/v1/seal\n"
_SEAL_LINE = re.compile(
    rb'(\{"seal":\{"sequence":(\d{1,20}),"count":(\d{1,10}),"value":"([0-9a-f]{64})"(,"last":true)?)'
    rb',"mac":"([0-9a-f]{64})"\}\}'
)
_NAME = re.compile(r"\d{8}T\d{6}\.\d{6}Z-w(\d{1,5})-\d{1,10}\.jsonl")


class Previous(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the chain stood when a file was opened."""

    name: str  # of the file before
    length: Annotated[int, msgspec.Meta(ge=0)]  # bytes up to and with its last seal
    sequence: Annotated[int, msgspec.Meta(ge=0)]  # of that seal
    value: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]  # of that seal


class Opening(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the first line of a file says."""

    format: int
    chain: str
    worker: int
    number: int  # a worker's files count from 1
    started: str
    reason: str
    previous: Previous | None


class _OpeningLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    opening: Opening


@dataclass(frozen=True, slots=True)
class Seal:
    sequence: int
    count: int  # records of the batch
    value: bytes
    last: bool  # the file ends here, on purpose


class Place(NamedTuple):
    """Where a chain stands."""

    sequence: int
    value: bytes


def opening_line(opening: Opening) -> bytes:
    return msgspec.json.encode(_OpeningLine(opening)) + b"\n"


def parse_opening(line: bytes) -> Opening | None:
    """The opening that a line (without its break) is; None if it is none of ours."""
    try:
        opening = msgspec.json.decode(line, type=_OpeningLine).opening
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return opening if opening.format == FORMAT else None


def value_after(before: bytes, batch: bytes) -> bytes:
    value = sha256(before)
    value.update(batch)
    return value.digest()


def seal_line(key: bytes, seal: Seal) -> bytes:
    """The line that seals a batch whose value is known."""
    said = b'{"seal":{"sequence":%d,"count":%d,"value":"%b"%b' % (
        seal.sequence,
        seal.count,
        seal.value.hex().encode(),
        b',"last":true' if seal.last else b"",
    )
    return b'%b,"mac":"%b"}}\n' % (said, _mac(key, said))


def parse_seal(line: bytes, key: bytes) -> Seal | None:
    """The seal that a line (without its break) is; None if the key's holder did not make it."""
    match = _SEAL_LINE.fullmatch(line)
    if match is None or not hmac.compare_digest(_mac(key, match[1]), match[6]):
        return None
    return Seal(int(match[2]), int(match[3]), bytes.fromhex(match[4].decode()), bool(match[5]))


def worker_of(name: str) -> int | None:
    """The worker that a file name of ours names; None for any other file."""
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else None


def _mac(key: bytes, said: bytes) -> bytes:
    return hmac.digest(key, _LABEL + said, "sha256").hex().encode()
