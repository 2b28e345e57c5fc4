"""Where a chain stands on disk: what a starting worker continues from.

A killed process leaves a last batch without its seal, or half a seal.  What counts is the last
whole seal; what stands after it was never acknowledged.
"""

import os
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import NamedTuple

from strongroom.audit.chain import SEAL, Opening, Seal, parse_opening, parse_seal, worker_of

_BLOCK = 1 << 18  # bytes read at a time, from the end
_MAX_OPENING = 4096  # bytes


class Tail(NamedTuple):
    seal: Seal
    length: int  # bytes up to and with the seal


def newest(folder: Path, worker: int) -> tuple[Path, Opening] | None:
    """The last file of a worker's chain in `folder`: the one with the highest number.

    By number and not by name, since a clock may have been set back.  A file whose opening cannot
    be read has no place in a chain; `verify` speaks of it.
    """
    found = [
        (opening.number, path.name, path, opening)
        for path in folder.iterdir()
        if worker_of(path.name) == worker and (opening := opening_of(path)) is not None
    ]
    return max(found)[2:] if found else None


def opening_of(path: Path) -> Opening | None:
    """What a file's first line says; None if it is no opening of ours."""
    try:
        with path.open("rb") as file:
            line = file.readline(_MAX_OPENING)
    except FileNotFoundError:
        return None  # moved away since the folder was listed
    return parse_opening(line[:-1]) if line.endswith(b"\n") else None


def tail(path: Path, key: bytes) -> Tail | None:
    """The last whole seal of a file; None if there is none, or if it is not the key holder's."""
    with path.open("rb") as file:
        start = end = file.seek(0, os.SEEK_END)
        seen = b""
        while start > 0:
            step = min(_BLOCK, start)
            start -= step
            file.seek(start)
            seen = file.read(step) + seen
            at = _last_seal(seen)
            if at is not None:
                line_end = seen.index(b"\n", at)
                seal = parse_seal(seen[at:line_end], key)
                return Tail(seal, end - len(seen) + line_end + 1) if seal else None
    return None


def value_at(path: Path, opening: Opening, sequence: int, key: bytes) -> bytes | None:
    """The value of an earlier seal of the chain whose file this is; None where it is not known any more,
    for files may have been moved away.
    """
    while True:
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as text:
            at = text.rfind(b'\n%b{"sequence":%d,' % (SEAL, sequence))
            if at >= 0:
                line_end = text.find(b"\n", at + 1)
                seal = parse_seal(text[at + 1 : line_end], key) if line_end > 0 else None
                return b"" if seal is None else seal.value
        previous = opening.previous
        if previous is None or previous.sequence < sequence:
            return None
        if previous.sequence == sequence:
            return bytes.fromhex(previous.value)
        if worker_of(previous.name) != opening.worker:
            return None
        path = path.with_name(previous.name)
        before = opening_of(path)
        if before is None or before.number >= opening.number:  # files count up, so this ends
            return None
        opening = before


def _last_seal(text: bytes) -> int | None:
    """Where the last whole line that looks like a seal begins in `text`."""
    whole = text.rfind(b"\n")
    at = text.rfind(b"\n" + SEAL, 0, whole + 1) if whole > 0 else -1
    return at + 1 if at >= 0 else None
