"""A process that does slow work with keys for a worker, one piece after the other.

    worker -> helper   Order    a slot, the secret that is to be put there if it is not there yet, the work
    helper -> worker   answers, each to an order, in the order of these:
                       Gave     what the work gave
                       Raised   the kind of what it raised, and where; no message, which may quote something

Each line is one packet of a socket that keeps packets whole.

A slot holds an opened key until another is put there: which key is in which slot, the worker decides.
The helper ends when the worker's end of the socket is closed, or the worker dies.
"""

import os
import signal
import socket
import sys
import traceback
from collections import deque
from contextlib import suppress
from pathlib import Path

import msgspec

from strongroom.attestation.trust import Attest
from strongroom.harden import die_with_parent, harden
from strongroom.keys.private import Pair, Private, Tool
from strongroom.keys.work import AnyWork

MOST_BYTES = 16 * 1024
"""Of an order: a secret has at most 2,400, and a request brings a message of 4,096 and one of 6,144."""

MOST_ANSWERED = 64 * 1024
"""In one packet: eight signatures of ML-DSA-87 have 37,000."""

AHEAD = 16
"""Orders that a helper should have at most."""

SLOTS = 1_024
_NO_SLOT = -1
NICER = 15  # than the worker: who encrypts with AES does not wait for who signs with RSA


AnyOrder = AnyWork | Attest


class Order(msgspec.Struct, frozen=True, array_like=True):
    work: AnyOrder
    slot: int = _NO_SLOT  # of the key, for work that needs one
    spec: str = ""  # of the secret
    secret: bytes = b""  # to be opened and put into the slot

    def __repr__(self) -> str:
        return "Order()"


class Gave(msgspec.Struct, frozen=True, array_like=True, tag=True):
    value: bytes | bool | Pair

    def __repr__(self) -> str:
        return "Gave()"


class Raised(msgspec.Struct, frozen=True, array_like=True, tag=True):
    kind: str
    where: str  # "ec.py:48 < work.py:30"


def main(fd: int) -> None:
    # Signals are the worker's: a terminal and systemd send them to all processes at once.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    die_with_parent()
    harden()
    os.nice(NICER)
    with socket.socket(fileno=fd) as worker:
        _serve(worker)


def _serve(worker: socket.socket) -> None:
    """Do half of what is there, answer it in one packet, look for more, until nobody can ask any more.

    Each time the worker wakes it sets the helper aside, and goes to work from caches that the helper
    has filled: eight answers at once cost it little more than one.  The other half keeps the helper
    busy meanwhile.
    """
    decode = msgspec.msgpack.Decoder(Order).decode
    encode = msgspec.msgpack.Encoder().encode
    keys: dict[int, Tool] = {}
    orders: deque[Order] = deque()
    while True:
        if not orders:
            packet = worker.recv(MOST_BYTES)
            if not packet:
                return
            orders.append(decode(packet))
        with suppress(BlockingIOError):
            while packet := worker.recv(MOST_BYTES, socket.MSG_DONTWAIT):
                orders.append(decode(packet))
        answers = []
        for _ in range((len(orders) + 1) // 2):
            answers.append(_done(keys, orders.popleft()))
            # Else the kernel leaves the core to us until its next tick, up to 4 ms, though a worker waits.
            os.sched_yield()
        worker.send(encode(answers))


def _done(keys: dict[int, Tool], order: Order) -> Gave | Raised:
    if order.secret:
        # INVARIANT: a secret that does not open ends the process.  The worker thinks it open.
        keys[order.slot] = Private.of(b"", order.spec, order.secret).tool
    try:
        return Gave(order.work.do(keys.get(order.slot)))
    except BaseException as raised:  # noqa: BLE001 - it is told to whoever waits; a library's panic is none but this
        frames = traceback.extract_tb(raised.__traceback__)
        where = " < ".join(f"{Path(one.filename).name}:{one.lineno}" for one in reversed(frames))
        return Raised(type(raised).__name__, where)


if __name__ == "__main__":
    main(int(sys.argv[1]))
