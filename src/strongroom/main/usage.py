"""What a worker notes of the keys that it uses, until it is written down.

To write down each use would cost as much as the use.  So the last one of each key is kept here, where there are very
many in little memory (`storage.buckets`), and rounds are made: from time to time through all that is noted, some keys at
a time and no more often than is needed, so that requests hardly feel it.  With a million keys in use, a round takes 42
minutes; AWS tells of a usage within an hour.
"""

import asyncio
import struct
from concurrent.futures import Executor
from functools import partial
from time import monotonic
from uuid import UUID

from strongroom.audit.identifiers import event_of
from strongroom.keys.envelope import KEY_ID_BYTES, key_id_bytes, key_id_text
from strongroom.keys.key import Place
from strongroom.keys.usage import TRACKED, LastUsage
from strongroom.server.exchange import Exchange
from strongroom.storage.buckets import Buckets
from strongroom.storage.store import Store

_EVERY = 60.0  # seconds from the beginning of one round to that of the next, at least
_BATCH = 100  # keys in one transaction, so that others get their turn in between
_MOST = 1_000_000  # keys of which something is noted
_EACH = 8  # keys in a bucket
_LONGEST = 2_400.0  # seconds that a round may take
_MOST_PAUSE = 1.0  # seconds between two transactions of it, if it is not to take longer
_LOOSE = 100_000  # keys of which it is not packed, some 400 bytes each; at most twice as many
_FEW_LOOSE = 5_000  # the same where there are more keys: less than four times as many, in the end

_Loose = dict[str, tuple[str, float, str]]
"""Operation, time and request id, by the key's ARN."""
_HOME = struct.Struct("<I")
_RECORD = struct.Struct("<Bd16s")  # operation, time, request id
_OPERATIONS = tuple(sorted(TRACKED))
_NUMBERS = {operation: number for number, operation in enumerate(_OPERATIONS)}


class Noted:
    """Used on the loop's thread, but for `of`.

    What is noted goes from `_young` to `_old`, from there to `_packed`, if there is too much of it, and to
    `_writing`.  INVARIANT: it is in the next before it is no more in the one before, for another thread may ask.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._young: _Loose = {}
        self._old: _Loose = {}
        self._packed = Buckets(_MOST, _EACH, KEY_ID_BYTES + _HOME.size)  # by id and home
        self._homes: list[tuple[str, str]] = []  # accounts and Regions
        self._home_numbers: dict[tuple[str, str], int] = {}
        self._writing: dict[Place, LastUsage] = {}
        self._at = 0  # the bucket that the round has come to
        self._under_way = False
        self._next_round = monotonic() + _EVERY
        self._pause = 0.0
        self._next_batch = 0.0

    def note(self, exchange: Exchange) -> None:
        """Of a request that succeeded: each key that it was about."""
        call, endpoint = exchange.call, exchange.endpoint
        if call is None or endpoint is None or endpoint.name not in TRACKED:
            return
        usage = endpoint.name, call.now, exchange.id
        for arn in call.resources:
            self._young[arn] = usage
        if len(self._young) > _FEW_LOOSE and (len(self._young) > _LOOSE or self._packed.count):
            self._make_room()

    def of(self, arn: str) -> LastUsage | None:
        """What is not written down yet."""
        usage = self._young.get(arn) or self._old.get(arn)
        if usage is not None:
            return _usage(*usage)
        place = account, region, key_id = _place(arn)
        home = self._home_numbers.get((account, region))  # another thread adds none
        record = None if home is None else self._packed.find(_name(home, key_id))
        return self._writing.get(place) if record is None else _read(record)

    async def write(self, executor: Executor) -> None:
        """Go on with the round, or begin one if it is time; what cannot be written is noted still."""
        now = monotonic()
        if not self._under_way:
            if now < self._next_round:
                return
            self._next_round = now + _EVERY
            self._under_way = True
            self._grow_old()
            self._pause = min(_MOST_PAUSE, _LONGEST * _BATCH / max(1, self._count()))
        if now < self._next_batch:
            return
        self._next_batch = now + self._pause
        self._under_way = await self._write_some(executor)

    async def write_all(self, executor: Executor, within: float) -> int:
        """As much as can be in so many seconds; how many are left, that nobody will know of."""
        ends = monotonic() + within
        self._at = 0
        while (left := self._count()) and monotonic() < ends:
            self._grow_old()
            await self._write_some(executor)
        return left

    def _count(self) -> int:
        return len(self._young) + len(self._old) + self._packed.count

    def _grow_old(self) -> None:
        if not self._old:
            self._old, self._young = self._young, {}

    def _make_room(self) -> None:
        """Two are packed for one that is noted, so the young are not for long twice as many as they may be."""
        self._grow_old()
        for _ in range(min(2, len(self._old))):
            arn = next(reversed(self._old))
            self._hold(_place(arn), *self._old[arn])
            self._old.popitem()

    async def _write_some(self, executor: Executor) -> bool:
        """Whether there may be more of the round.

        What is packed comes first: where it grows, `_old` is never empty, and goes there by itself.
        """
        taken: dict[Place, LastUsage] = {}
        self._writing = taken
        if self._packed.count:
            records, self._at = self._packed.some(self._at, _BATCH)
            taken.update((self._place(name), _read(record)) for name, record in records)
            for name, _ in records:
                self._packed.drop(name)
        else:
            self._at = 0
            while self._old and len(taken) < _BATCH:
                arn = next(reversed(self._old))
                taken[_place(arn)] = _usage(*self._old[arn])
                self._old.popitem()
        more = self._at > 0 or bool(self._old and not self._packed.count)
        if taken:
            try:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(executor, partial(self._put, taken))
            except BaseException:
                for place, usage in taken.items():
                    if self._packed.find(self._named(place)) is None:
                        self._hold(place, usage.operation, usage.at, usage.request_id)
                raise
            finally:
                self._writing = {}
        return more

    def _put(self, taken: dict[Place, LastUsage]) -> None:
        with self._store.writing() as books:
            books.put_usages(taken)

    def _hold(self, place: Place, operation: str, at: float, request_id: str) -> None:
        request = bytes.fromhex(request_id.replace("-", ""))
        self._packed.put(self._named(place), _RECORD.pack(_NUMBERS[operation], at, request))

    def _named(self, place: Place) -> bytes:
        account, region, key_id = place
        home = account, region
        number = self._home_numbers.get(home)
        if number is None:
            number = self._home_numbers[home] = len(self._homes)
            self._homes.append(home)
        return _name(number, key_id)

    def _place(self, name: bytes) -> Place:
        (number,) = _HOME.unpack_from(name, KEY_ID_BYTES)
        return (*self._homes[number], key_id_text(name[:KEY_ID_BYTES]))


def _name(home: int, key_id: str) -> bytes:
    return key_id_bytes(key_id) + _HOME.pack(home)


def _read(record: bytes) -> LastUsage:
    operation, at, request = _RECORD.unpack(record)
    return _usage(_OPERATIONS[operation], at, str(UUID(bytes=request)))


def _usage(operation: str, at: float, request_id: str) -> LastUsage:
    return LastUsage(operation, at, request_id, event_of(request_id))


def _place(arn: str) -> Place:
    _, _, _, region, account, resource = arn.split(":", 5)
    return account, region, resource.removeprefix("key/")
