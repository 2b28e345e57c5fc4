"""Is the trail as it was written?  `verify` reads a folder and says of each file what it found.

What is noticed: any byte changed, any line deleted, inserted, repeated or moved, in every sealed
batch; a file cut short, deleted, doubled or put in another's place, as long as a later file of its
chain is there to say where it ended.

What cannot be noticed from the files alone: that the newest lines were cut off exactly behind a
seal, or that the newest files, or a whole chain, were removed.  Keep the last seal elsewhere.

Lines after the last seal are a torn tail: a killed process had not finished, and had answered
nobody.  Nothing vouches for them.  They are allowed unless the file says that it was ended.

Reads in a stream; memory does not grow with the files.
"""

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from strongroom.audit.chain import RECORD, SEAL, START, Opening, Previous, parse_seal, worker_of
from strongroom.audit.tail import opening_of

_MAX_LINE = 4 << 20  # bytes; a record is at most a few hundred KB


class Kind(Enum):
    TORN = "torn tail"
    ALTERED = "altered"
    TRUNCATED = "truncated"
    ORPHANED = "missing predecessor"
    FORKED = "two files in one place"


class Finding(NamedTuple):
    kind: Kind
    line: int  # where it begins, counted from 1; 0 when it is the whole file
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """One file.  `records` are those that a seal vouches for."""

    name: str
    worker: int
    records: int
    closed: bool  # ended on purpose
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        return all(finding.kind is Kind.TORN for finding in self.findings)


class _Walked(NamedTuple):
    records: int
    closed: bool
    findings: list[Finding]


def verify(folder: Path, key: bytes) -> list[Report]:
    """A report for each file of a trail, by worker and number."""
    names = {path.name: path for path in folder.iterdir() if worker_of(path.name) is not None}
    openings = {name: opening_of(path) for name, path in names.items()}
    readable = {name: opening for name, opening in openings.items() if opening is not None}
    successors = {o.previous.name: o.previous for o in readable.values() if o.previous is not None}
    seats = Counter((opening.worker, opening.number) for opening in readable.values())

    reports = [_unreadable(name) for name in sorted(names.keys() - readable.keys())]
    for name in sorted(readable, key=lambda n: (readable[n].worker, readable[n].number, n)):
        opening = readable[name]
        walked = _walk(names[name], key, opening, successors.get(name))
        findings = walked.findings
        if opening.worker != worker_of(name):
            findings.append(Finding(Kind.ALTERED, 1, f"it was written for worker {opening.worker}"))
        if opening.previous is not None and opening.previous.name not in names:
            findings.append(Finding(Kind.ORPHANED, 1, f"`{opening.previous.name}` is not here"))
        if seats[opening.worker, opening.number] > 1:
            findings.append(Finding(Kind.FORKED, 0, f"worker's file {opening.number} exists twice"))
        reports.append(Report(name, opening.worker, walked.records, walked.closed, tuple(findings)))
    return reports


def _unreadable(name: str) -> Report:
    finding = Finding(Kind.ALTERED, 1, "the file does not begin with an opening")
    return Report(name, worker_of(name) or 0, 0, False, (finding,))


def _walk(path: Path, key: bytes, opening: Opening, end: Previous | None) -> _Walked:
    """Follow the chain through one file, which the next one says ended at `end`."""
    before = opening.previous
    value = bytes.fromhex(before.value) if before is not None else START
    sequence = before.sequence if before is not None else 0
    at = records = waiting = 0  # bytes read; records sealed; records that wait for their seal
    sealed = sealed_line = 0  # where the last good seal ended
    closed = False
    met = end is None or end.length == 0
    running = sha256(value)
    line_number = 0

    def stopped(kind: Kind, line: int, detail: str) -> _Walked:
        return _Walked(records, closed, [Finding(kind, line, detail)])

    with path.open("rb") as file:
        while line := file.readline(_MAX_LINE):
            line_number += 1
            if closed:
                return stopped(Kind.ALTERED, line_number, "lines follow the last seal")
            at += len(line)
            if not line.endswith(b"\n"):
                break
            if not line.startswith(SEAL):
                if line.startswith(RECORD):
                    waiting += 1
                elif line_number > 1:
                    return stopped(Kind.ALTERED, line_number, "not a line of a trail")
                running.update(line)
                continue
            seal = parse_seal(line[:-1], key)
            if seal is None:
                return stopped(Kind.ALTERED, line_number, "the seal is not the key holder's")
            if (seal.sequence, seal.count, seal.value) != (
                sequence + 1,
                waiting,
                running.digest(),
            ):
                return stopped(
                    Kind.ALTERED,
                    sealed_line + 1,
                    f"lines {sealed_line + 1} to {line_number} are not what was sealed",
                )
            sequence, value, closed = seal.sequence, seal.value, seal.last
            records, waiting = records + waiting, 0
            sealed, sealed_line = at, line_number
            running = sha256(value)
            if end is not None and at == end.length:
                met = (sequence, value.hex()) == (end.sequence, end.value)
    if not met:
        return stopped(
            Kind.TRUNCATED, sealed_line, "the next file continues from a seal that is not here"
        )
    torn = at - (end.length if end is not None and end.length else sealed)
    if torn > 0:
        return stopped(Kind.TORN, sealed_line + 1, f"{torn} bytes that no seal vouches for")
    return _Walked(records, closed, [])
