"""One call of an operation, and what may stand in the way of answering it at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from strongroom.arn import partition_of
from strongroom.keys.key import Key
from strongroom.keys.work import Piece
from strongroom.policy.decide import Decision, decide
from strongroom.policy.explain import explain
from strongroom.policy.layers import Layers, Question
from strongroom.policy.told import recorded
from strongroom.policy.variables import Context
from strongroom.services.principal import Principal
from strongroom.wire.shape import Shape

Given = TypeVar("Given")

_MOST_EXPLANATION = 24 * 1024  # bytes; CloudTrail's additionalEventData has at most 28 KB


class Elsewhere(msgspec.Struct, frozen=True):
    """What a call has done in another Region, and is recorded there too, as an operation of its own."""

    operation: str
    key: Key
    asked: Shape
    given: Shape | None  # None: CloudTrail shows the key's ARN


class Call(msgspec.Struct):
    """Who calls from where, settled at the door; and what the audit record will say besides."""

    who: Principal  # of a request that needs no signature, whom its handler recognizes
    region: str
    now: float  # seconds since the epoch
    source_ip: str = ""
    headers: Mapping[bytes, bytes] = {}  # of the request; names in lower case
    secure: bool = False  # it came over TLS
    resources: list[str] = []  # ARNs of keys and aliases, for the audit record
    material_id: bytes = b""  # of the key material that was used, likewise
    grant_id: str = ""  # of the grant that was retired, likewise
    recipient: bytes = (
        b""  # what an attestation document said of whom the answer is for, JSON, likewise
    )
    rotated: tuple[Key, bytes] | None = None  # on demand: as it was, and its material now; likewise
    shared: Key | None = (
        None  # a primary key, if what it shares with its replicas is another now; likewise
    )
    elsewhere: Elsewhere | None = None  # likewise
    made: Any = None  # what `Slow` work gave
    explanation: bytes = b""  # why the caller was denied, JSON (`policy.told`), likewise

    def decide(self, question: Question, layers: Layers, context: Context) -> Decision:
        """The decision; why it was a denial is kept, to be told when the policies are others."""
        decision = decide(question, layers, context)
        if not decision.allows:
            self.explanation = recorded(explain(question, layers, context), _MOST_EXPLANATION)
        return decision

    @property
    def account(self) -> str:
        return self.who.caller.account

    @property
    def principal(self) -> str:
        """The caller's ARN."""
        return self.who.caller.arn

    @property
    def partition(self) -> str:
        return partition_of(self.region)


Outcome = Callable[[], Any]
"""Gives what some work gave, or raises what it raised."""


@dataclass(frozen=True, slots=True)
class Aside(Generic[Given]):
    """An answer still to be made, from the outcome of work that is too slow for the event loop.

    An operation that answers from memory may give it in place of an answer: the door has the work
    done in another process.  `then`, on the loop again, makes the answer.
    """

    piece: Piece
    then: Callable[[Outcome], Given]


def aside(piece: Piece, then: Callable[[Outcome], Given]) -> Given | Aside[Given]:
    """The answer that `then` makes of the work's outcome, or if the work is slow, will make."""
    return Aside(piece, then) if piece.slow else then(piece.do)


class Slow(Exception):
    """Within a transaction something is wanted that takes too long for one.

    The door leaves the transaction, has the piece of work done in another process, and makes the call again, with
    what it gave in `Call.made`.
    """

    def __init__(self, piece: Piece) -> None:
        super().__init__()
        self.piece = piece


class Prepare(Exception):
    """Something must be written before the call can be answered.

    The door runs `work` on the books of a transaction, and then makes the call again.
    """

    def __init__(self, work: Callable[[Any], None]) -> None:
        super().__init__()
        self.work = work
