"""Slow work with keys, done by processes of their own: RSA, most elliptic curves, post-quantum signatures.

A process holds nothing that the event loop wants, as a thread does, which has to hand it the interpreter
to begin and to end; and it gives way to the loops of all workers, so who encrypts with AES does not
wait for who signs with RSA.

Rules kept here:

* Work is begun in the order in which it came.  No account may have more than its share of what waits,
  so that one that asks for much is throttled before all others are.
* A helper is started when it is first needed.  It is sent pieces ahead, so that it never waits for the
  loop, and each key once (`helper.Order`).
* Everybody is told something.  When a helper dies, what it had is done once more, each piece alone; one
  at which a second helper dies is refused.  When helper after helper dies before it has done anything,
  all that waits is refused.
* All of this is to be used on the loop's thread, which is where outcomes are told.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, cast

import msgspec

from strongroom.backings import helper
from strongroom.backings.helper import (
    AHEAD,
    MOST_ANSWERED,
    MOST_BYTES,
    SLOTS,
    AnyOrder,
    Gave,
    Order,
    Raised,
)
from strongroom.errors import IncorrectKeyMaterial, InvalidCiphertext, Throttled, Unavailable
from strongroom.keys.encoding import NotAKey
from strongroom.keys.work import Piece

Outcome = Callable[[], Any]
Told = Callable[[Outcome], None]

_BARREN = 3  # helpers in a row that died without having done anything
_LAST = 1.0  # seconds that a piece which was begun has left when the pool is closed
_KNOWN: dict[str, type[Exception]] = {
    kind.__name__: kind for kind in (InvalidCiphertext, IncorrectKeyMaterial, NotAKey)
}
_INHERITED = ("PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH")
_DIED = "The process that was to do this has died."
_STOPPING = "The server is stopping."

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Gave | Raised]).decode


class Log(Protocol):
    def __call__(self, event: str, /, **fields: str | int) -> None: ...


@dataclass(slots=True)
class _Waiting:
    account: str
    piece: Piece
    told: Told
    suspect: bool = False  # a helper has died that had it


class Helpers:
    """Those of a worker.  What makes keys takes up to seconds, and has a helper of its own."""

    def __init__(self, cores: int, log: Log) -> None:
        self._using = Pool(cores, log, most=2_000, share=500, ahead=AHEAD)
        self._making = Pool(1, log, most=32, share=8, ahead=1)

    def __call__(self, account: str, piece: Piece, told: Told) -> None:
        """Throttled if too much is waiting already, or too much of this account's."""
        pool = self._making if piece.work.makes_key else self._using
        pool(account, piece, told)

    async def result(self, account: str, piece: Piece) -> Any:
        """What a piece gives, or raises, for who can wait."""
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def told(outcome: Outcome) -> None:
            if not done.cancelled():
                done.set_result(outcome)

        self(account, piece, told)
        return (await done)()

    async def close(self) -> None:
        await asyncio.gather(self._using.close(), self._making.close())


class Pool:
    """Helpers that do one sort of work; called as `Helpers`."""

    def __init__(self, helpers: int, log: Log, *, most: int, share: int, ahead: int) -> None:
        """`most` pieces may wait, besides `ahead` that each helper has; of one account `share` in all."""
        self._loop = asyncio.get_running_loop()
        self._log = log
        self._most = most
        self._share = share
        self._ahead = ahead
        self._waiting: deque[_Waiting] = deque()
        self._of: Counter[str] = Counter()  # by account
        self._helpers = [_Helper(self._loop, self._answered, self._lost) for _ in range(helpers)]
        self._barren = 0
        self._closed = False
        self._done = asyncio.Event()  # after `_closed`, when the helpers have nothing any more

    def __call__(self, account: str, piece: Piece, told: Told) -> None:
        if self._closed:
            raise Unavailable(_STOPPING)
        if len(self._waiting) >= self._most or self._of[account] >= self._share:
            raise Throttled
        self._of[account] += 1
        self._waiting.append(_Waiting(account, piece, told))
        self._hand_out()

    async def close(self) -> None:
        """Refuse what waits, and see to the end of what was begun, if that comes soon."""
        self._closed = True
        self._refuse(_STOPPING)
        if any(each.has for each in self._helpers):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._done.wait(), _LAST)
        for each in self._helpers:
            self._waiting.extend(each.has)
            each.end()
        self._refuse(_STOPPING)

    def _hand_out(self) -> None:
        while self._waiting:
            idlest = min(self._helpers, key=lambda each: len(each.has))
            alone = self._waiting[0].suspect or (idlest.has and idlest.has[0].suspect)
            if len(idlest.has) >= (1 if alone else self._ahead):
                return
            idlest.send(self._waiting.popleft())

    def _answered(self, done: list[tuple[_Waiting, Gave | Raised]]) -> None:
        self._barren = 0
        self._hand_out()  # first, so that the helper need not wait
        for waiting, answer in done:
            if isinstance(answer, Raised) and answer.kind not in _KNOWN:
                self._log("helper-mistake", kind=answer.kind, where=answer.where)
            self._tell(waiting, partial(_given, answer))

    def _lost(self, dead: "_Helper") -> None:
        """See to what a helper had that died."""
        had = tuple(dead.has)
        self._barren += bool(had) and not dead.has_answered
        self._log("helper-died", how=dead.end())
        if len(had) == 1 and had[0].suspect:
            self._tell(had[0], _refused(_DIED))
        else:
            for waiting in had:
                waiting.suspect = True
            self._waiting.extendleft(reversed(had))
        if self._closed:
            self._refuse(_STOPPING)
        elif self._barren >= _BARREN:
            self._barren = 0
            self._refuse(_DIED)
        else:
            self._hand_out()

    def _refuse(self, why: str) -> None:
        while self._waiting:
            self._tell(self._waiting.popleft(), _refused(why))

    def _tell(self, waiting: _Waiting, outcome: Outcome) -> None:
        self._of[waiting.account] -= 1
        if not self._of[waiting.account]:
            del self._of[waiting.account]
        if self._closed and not any(each.has for each in self._helpers):
            self._done.set()
        try:
            waiting.told(outcome)
        except Exception as mistake:  # noqa: BLE001 - others wait behind it
            self._log("helper-mistake", kind=type(mistake).__name__, where="told")


def _given(answer: Gave | Raised) -> Any:
    if isinstance(answer, Raised):
        raise _KNOWN.get(answer.kind, RuntimeError)()
    return answer.value


def _refused(why: str) -> Outcome:
    def outcome() -> Any:
        raise Unavailable(why)

    return outcome


class _Helper:
    """The worker's end of a helper, which runs from when it is first sent something."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        answered: Callable[[list[tuple[_Waiting, Gave | Raised]]], None],
        lost: Callable[["_Helper"], None],
    ) -> None:
        self._loop = loop
        self._answered = answered
        self._lost = lost
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        # By spec and id of the material, that used last at the end.
        self._slots: dict[tuple[str, bytes], int] = {}
        self.has: deque[_Waiting] = deque()
        self.has_answered = False

    def send(self, waiting: _Waiting) -> None:
        try:
            order = _encode(self._order(waiting.piece))
        except Exception as mistake:  # noqa: BLE001 - told to whoever waits
            # INVARIANT: `has` is what the helper has been sent: answers are told in its order.
            self._slots.clear()  # its key may not have been sent
            self._answered([(waiting, Raised(type(mistake).__name__, "helpers.py"))])
            return
        self.has.append(waiting)
        try:
            if self._socket is None:
                self._socket = self._started()
            self._socket.send(order)
        except OSError:
            self._lost(self)

    def end(self) -> str:
        """How it ended, by itself or now; nothing is left of it."""
        how = "could not be started"
        if self._socket is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
        if self._process is not None:
            self._process.kill()
            how = _how(self._process.wait())
        self._process = self._socket = None
        self._slots.clear()
        self.has.clear()
        self.has_answered = False
        return how

    def _started(self) -> socket.socket:
        """Of its environment and its descriptors it has what it needs.

        It stays in this session: between sessions, some kernels divide the time first, and only then
        by priority.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - this program
                    [sys.executable, "-P", "-m", helper.__name__, str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    env={name: os.environ[name] for name in _INHERITED if name in os.environ},
                )
            except OSError:
                ours.close()
                raise
        ours.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, AHEAD * MOST_BYTES)
        self._loop.add_reader(ours.fileno(), self._read, ours)
        return ours

    def _order(self, piece: Piece) -> Order:
        work = cast("AnyOrder", piece.work)
        if piece.key is None:
            return Order(work)
        name = piece.spec, piece.key.id  # seeds may give two keys one id, and one secret
        slot = self._slots.pop(name, None)
        known = slot is not None
        if slot is None:
            full = len(self._slots) >= SLOTS
            slot = self._slots.pop(next(iter(self._slots))) if full else len(self._slots)
        self._slots[name] = slot
        if known:
            return Order(work, slot)
        return Order(work, slot, piece.spec, piece.key.secret)

    def _read(self, socket_: socket.socket) -> None:
        done: list[tuple[_Waiting, Gave | Raised]] = []
        died = False
        try:
            while packet := socket_.recv(MOST_ANSWERED):
                done += [(self.has.popleft(), answer) for answer in _decode(packet)]
                if not self.has:
                    break
            else:
                died = True
        except BlockingIOError:
            pass
        except (OSError, msgspec.MsgspecError):
            died = True
        self.has_answered |= bool(done)
        if died:
            self._lost(self)
        if done:
            self._answered(done)


def _how(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
