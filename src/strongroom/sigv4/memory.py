"""What a verifier remembers of requests that were signed well.

`Signer` is one Authorization header, its signature aside: a key, a day, a Region, a service and the
names of the signed headers.  `Stamp` is one date header.  Both hold what follows from the bytes they
were read from and, for a signer, from its key's secret; nothing else.
"""

from collections.abc import Callable, Collection, Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, TypeVar

from strongroom.sigv4 import canonical
from strongroom.sigv4.admission import TARGET, may_stay_unsigned
from strongroom.sigv4.header import ALGORITHM, TERMINATOR, Scope
from strongroom.sigv4.moment import Moment
from strongroom.sigv4.signing import Primed

if TYPE_CHECKING:
    from hashlib import _Hash

K = TypeVar("K")
V = TypeVar("V")
Values = tuple[bytes, ...]

_MAX_NAMES = 256  # of headers that need not be signed
_MAX_NAME = 64  # bytes
_MAX_BEGUN = 32  # operations times the seconds they are asked for in
_MAX_VALUES = 2_048  # bytes of the signed headers' values, together


class Stamp:
    """What one date header comes to."""

    __slots__ = ("at", "date", "line")

    def __init__(self, moment: Moment) -> None:
        self.at = moment.at
        self.date = moment.date
        self.line = ALGORITHM + b"\n" + moment.basic.encode() + b"\n"  # begins the string to sign


class Signer:
    """What one Authorization header comes to, its signature aside."""

    __slots__ = (
        "begun",
        "date",
        "dated",
        "harmless",
        "key",
        "key_id",
        "scope",
        "secret",
        "service",
        "stamp",
        "tail",
        "template",
        "values",
    )

    def __init__(self, scope: Scope, signed: tuple[bytes, ...]) -> None:
        self.scope = scope
        self.key_id, self.date, _, self.service = scope  # a slot is quicker than a tuple's name
        self.tail = f"{scope.date}/{scope.region}/{scope.service}/{TERMINATOR}\n".encode()
        self.template = canonical.template(signed)
        self.values = _values(signed)
        # Names a request may carry without another look: signed, or such as need not be.
        self.harmless = set(signed)
        if TARGET in signed:  # then every request of this signer has one, or lacks what it signed
            self.harmless.add(b"content-type")

        # What the secret made, and the secret that made it.
        self.secret = ""
        self.key: Primed | None = None
        # The inner hash after the string to sign up to the request's hash, for the latest stamp.
        self.stamp: Stamp | None = None
        self.dated: _Hash | None = None

        # Values of the signed headers -> SHA-256 after the canonical request of a POST to `/`
        # up to the body's hash.
        self.begun: dict[Values, _Hash] = {}

    def learn(self, secret: str, key: Primed, names: Collection[bytes]) -> None:
        """Take over a key that has just signed well, and the headers' names it came with."""
        if self.key is not key:
            self.secret, self.key, self.stamp, self.dated = secret, key, None, None
        if len(self.harmless) < _MAX_NAMES and not self.harmless.issuperset(names):
            self.harmless.update(
                name for name in names if may_stay_unsigned(name) and len(name) <= _MAX_NAME
            )

    def begin(self, values: Values, begun: "_Hash") -> None:
        if values not in self.begun and sum(map(len, values)) <= _MAX_VALUES:
            make_room(self.begun, _MAX_BEGUN)
            self.begun[values] = begun


def make_room(memory: dict[K, V], size: int) -> None:
    """Forget the oldest entry of a full memory."""
    if len(memory) >= size:
        del memory[next(iter(memory))]


def _values(signed: tuple[bytes, ...]) -> Callable[[Mapping[bytes, bytes]], Values]:
    if len(signed) == 1:
        (name,) = signed
        return lambda headers: (headers[name],)
    return itemgetter(*signed)
