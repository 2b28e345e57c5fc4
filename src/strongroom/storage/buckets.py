"""Very many small records in little memory: each is a part of a `bytes` object that a few share.

A dictionary of objects takes ten times what is in them, and all of them are looked through whenever
Python collects garbage; what is here takes some 10 bytes beside each record and its name, and is nothing to the
collector.  It is for what is looked up seldom enough that a microsecond more does not matter.

    bucket  = *entry                     the one that was put last comes last
    entry   = length of the record (2) || name || record

Names are bytes, all of the same length.
"""

import struct

_LENGTH = struct.Struct("<H")
_LENGTH_BYTES = _LENGTH.size
_length = _LENGTH.unpack_from
_LOOKED_AT = 20_000  # buckets at a time


class Buckets:
    """At most so many records.  One more takes the place of the oldest of its bucket, or of the next."""

    def __init__(self, most: int, each: int, name_bytes: int) -> None:
        """`each`: how many are to be in a bucket, when all are here: on average, so that many have twice as many.

        More take longer, and what has more than 512 bytes Python does not keep as densely: a million records of 82
        bytes take 127 MiB with four in a bucket, 120 with two.
        """
        self._most = most
        self._head = _LENGTH_BYTES + name_bytes
        self._buckets = [b""] * (-(-most // each))
        self.count = 0  # records

    def find(self, name: bytes) -> bytes | None:
        bucket = self._buckets[hash(name) % len(self._buckets)]
        at = 0
        while at < len(bucket):  # as `_entry`, which would take as long to call
            begins = at + self._head
            ends = begins + _length(bucket, at)[0]
            if bucket.startswith(name, at + _LENGTH_BYTES):
                return bucket[begins:ends]
            at = ends
        return None

    def put(self, name: bytes, record: bytes) -> None:
        """In place of what stood under the name."""
        number = hash(name) % len(self._buckets)
        bucket = self._buckets[number]
        at, ends = self._entry(bucket, name)
        if ends:
            bucket = bucket[:at] + bucket[ends:]
        else:
            self.count += 1
        self._buckets[number] = b"".join((bucket, _LENGTH.pack(len(record)), name, record))
        if self.count > self._most:
            self._drop_first(number if bucket else number + 1)

    def drop(self, name: bytes) -> None:
        number = hash(name) % len(self._buckets)
        bucket = self._buckets[number]
        at, ends = self._entry(bucket, name)
        if ends:
            self._buckets[number] = bucket[:at] + bucket[ends:]
            self.count -= 1

    def some(self, begin: int, least: int) -> tuple[list[tuple[bytes, bytes]], int]:
        """Names and records of whole buckets, from the one of that number on, until there are so many; and the number
        to go on with, which is 0 after the last bucket.

        It looks into some thousand buckets and no more, whatever it has found.
        """
        found: list[tuple[bytes, bytes]] = []
        number = begin
        last = min(begin + _LOOKED_AT, len(self._buckets))
        while number < last and len(found) < least:
            bucket = self._buckets[number]
            at = 0
            while at < len(bucket):
                ends = self._ends(bucket, at)
                begins = at + self._head
                found.append((bucket[at + _LENGTH_BYTES : begins], bucket[begins:ends]))
                at = ends
            number += 1
        return found, number % len(self._buckets)

    def clear(self) -> None:
        self._buckets = [b""] * len(self._buckets)
        self.count = 0

    def _drop_first(self, number: int) -> None:
        """The oldest of a bucket, or of the next that has one."""
        number %= len(self._buckets)
        while not self._buckets[number]:
            number = (number + 1) % len(self._buckets)
        bucket = self._buckets[number]
        self._buckets[number] = bucket[self._ends(bucket, 0) :]
        self.count -= 1

    def _entry(self, bucket: bytes, name: bytes) -> tuple[int, int]:
        """Where the entry of a name begins and ends; 0 and 0 if there is none."""
        at = 0
        while at < len(bucket):
            ends = self._ends(bucket, at)
            if bucket.startswith(name, at + _LENGTH_BYTES):
                return at, ends
            at = ends
        return 0, 0

    def _ends(self, bucket: bytes, at: int) -> int:
        length: int = _length(bucket, at)[0]
        return at + self._head + length
