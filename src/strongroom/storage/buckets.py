"""Very many small records in little memory: each is a part of a `bytes` object that a few share.

A dictionary of objects takes ten times what is in them, and all of them are looked through whenever
Python collects garbage; what is here takes some 30 bytes beside each record, and is nothing to the
collector.  It is for what is looked up seldom enough that a microsecond more does not matter.

    bucket  = *entry                     the one that was put last comes last
    entry   = length of the record (2) || tag (8) || record

A tag is what Python's `hash` makes of a name, under a key that each process draws for itself.  A record
is found by it alone, so who reads one looks whether it is the right one.
"""

import struct
from collections.abc import Hashable

_HEAD = struct.Struct("<HQ")
_EACH = 2  # records in a bucket, when all are here
_LOOKED_AT = 20_000  # buckets at a time
_TAG = 0xFFFF_FFFF_FFFF_FFFF


class Buckets:
    """At most so many records.  One more takes the place of the oldest of its bucket, or of the next."""

    def __init__(self, most: int) -> None:
        self._most = most
        count = 1
        while count * _EACH < most:
            count *= 2
        self._mask = count - 1
        self._buckets = [b""] * count
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def find(self, name: Hashable) -> bytes | None:
        tag = hash(name) & _TAG
        bucket = self._buckets[tag & self._mask]
        found = _entry(bucket, tag)
        return None if found is None else bucket[found[0] + _HEAD.size : found[1]]

    def put(self, name: Hashable, record: bytes) -> None:
        """In place of what stood under the name."""
        tag = hash(name) & _TAG
        number = tag & self._mask
        bucket = self._buckets[number]
        found = _entry(bucket, tag)
        if found is None:
            self._count += 1
        else:
            bucket = bucket[: found[0]] + bucket[found[1] :]
        self._buckets[number] = bucket + _HEAD.pack(len(record), tag) + record
        if self._count > self._most:
            self._drop_first(number if bucket else number + 1)

    def drop(self, name: Hashable) -> None:
        tag = hash(name) & _TAG
        number = tag & self._mask
        bucket = self._buckets[number]
        found = _entry(bucket, tag)
        if found is not None:
            self._buckets[number] = bucket[: found[0]] + bucket[found[1] :]
            self._count -= 1

    def some(self, begin: int, least: int) -> tuple[list[bytes], int]:
        """The records of whole buckets, from the one of that number on, until there are so many; and the number to go
        on with, which is 0 after the last bucket.

        It looks into some thousand buckets and no more, whatever it has found.
        """
        found: list[bytes] = []
        number = begin
        ends = min(begin + _LOOKED_AT, len(self._buckets))
        while number < ends and len(found) < least:
            bucket = self._buckets[number]
            at = 0
            while at < len(bucket):
                ends_at = _ends(bucket, at)
                found.append(bucket[at + _HEAD.size : ends_at])
                at = ends_at
            number += 1
        return found, number & self._mask

    def clear(self) -> None:
        self._buckets = [b""] * len(self._buckets)
        self._count = 0

    def _drop_first(self, number: int) -> None:
        """The oldest of a bucket, or of the next that has one."""
        number &= self._mask
        while not self._buckets[number]:
            number = (number + 1) & self._mask
        bucket = self._buckets[number]
        self._buckets[number] = bucket[_ends(bucket, 0) :]
        self._count -= 1


def _entry(bucket: bytes, tag: int) -> tuple[int, int] | None:
    """Where the entry of a tag begins and ends."""
    at = 0
    while at < len(bucket):
        length, found = _HEAD.unpack_from(bucket, at)
        ends = at + _HEAD.size + length
        if found == tag:
            return at, ends
        at = ends
    return None


def _ends(bucket: bytes, at: int) -> int:
    length, _ = _HEAD.unpack_from(bucket, at)
    return at + _HEAD.size + int(length)
