"""What is done with private keys, as values: so that it can be done in another process.

A `Work` says all but the key, and does it when it is given one.  A `Piece` is a work with its key.
The values are msgspec's, arrays with a tag; nothing of them is ever kept.
"""

from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import msgspec

from strongroom.errors import IncorrectKeyMaterial
from strongroom.keys import ec, edwards, pqc, private, rsa, wrapping
from strongroom.keys.ec import EcKey
from strongroom.keys.encoding import NotAKey
from strongroom.keys.mac import MacKey
from strongroom.keys.pqc import MlKemKey
from strongroom.keys.private import Pair, Private, Tool
from strongroom.keys.rsa import RsaKey

Given = TypeVar("Given")
Kind = TypeVar("Kind", bound=Tool)


class Work(msgspec.Struct, Generic[Given], frozen=True, array_like=True, tag=True):
    makes_key: ClassVar[bool] = False
    """It may take seconds, where other slow work takes milliseconds."""

    def do(self, tool: Tool | None) -> Given:
        """`tool` is that of the key, for work that needs one."""
        raise NotImplementedError

    def __repr__(self) -> str:  # what is inside may be secret
        return f"{type(self).__name__}()"


class Sign(Work[bytes], frozen=True):
    algorithm: str
    message: bytes
    hashed: bool  # of `keys.messages`

    def do(self, tool: Tool | None) -> bytes:
        return _signer(tool).sign(self.algorithm, self.message, hashed=self.hashed)


class Verify(Work[bool], frozen=True):
    algorithm: str
    message: bytes
    signature: bytes
    hashed: bool

    def do(self, tool: Tool | None) -> bool:
        return _signer(tool).verify(
            self.algorithm, self.message, self.signature, hashed=self.hashed
        )


class Decrypt(Work[bytes], frozen=True):
    algorithm: str
    ciphertext: bytes

    def do(self, tool: Tool | None) -> bytes:
        """InvalidCiphertext whatever is wrong with it."""
        return of_kind(tool, RsaKey).decrypt(self.algorithm, self.ciphertext)


class Agree(Work[bytes], frozen=True):
    other: bytes

    def do(self, tool: Tool | None) -> bytes:
        """NotAKey if `other` is not the SPKI of a point on the key's curve."""
        return of_kind(tool, EcKey).agree(self.other)


class Fresh(Work[bytes], frozen=True):
    """A fresh secret of `keys.private`."""

    makes_key: ClassVar[bool] = True
    spec: str

    def do(self, tool: Tool | None) -> bytes:  # noqa: ARG002
        return private.fresh(self.spec)


class FreshPair(Work[Pair], frozen=True):
    makes_key: ClassVar[bool] = True
    spec: str

    def do(self, tool: Tool | None) -> Pair:  # noqa: ARG002
        return private.pair(self.spec)


class Unwrap(Work[bytes], frozen=True):
    """The secret of a key of `spec`, wrapped for the private key `wrapping`."""

    makes_key: ClassVar[bool] = True  # to check an RSA key takes 0.1 s
    spec: str
    wrapping: bytes
    algorithm: str
    wrapped: bytes

    def do(self, tool: Tool | None) -> bytes:  # noqa: ARG002
        """InvalidCiphertext if it does not open; IncorrectKeyMaterial if it is not of this spec."""
        material = wrapping.unwrap(self.wrapping, self.algorithm, self.wrapped)
        try:
            return private.imported(self.spec, material)
        except NotAKey:
            raise IncorrectKeyMaterial from None


AnyWork = Sign | Verify | Decrypt | Agree | Fresh | FreshPair | Unwrap

_SLOW: dict[str, tuple[type[AnyWork], ...]] = {
    **dict.fromkeys(rsa.BITS, (Sign, Decrypt, Fresh, FreshPair, Unwrap)),
    **dict.fromkeys(ec.SLOW, (Sign, Verify, Agree)),
    **dict.fromkeys(pqc.SIGNING, (Sign, Verify)),
}


class Piece(NamedTuple):
    """Work to be done with a key of `spec`, or to get one of it."""

    work: Work[Any]
    spec: str
    key: Private | None = None

    @property
    def slow(self) -> bool:
        """Whether it takes longer than to send it to another process and back, which is some 50 us.

        The algorithm matters with Ed25519 alone: its prehashed form is PyCryptodome's, which is slower.

        Measured with OpenSSL 4.0: RSA-4096 signs in 1.5 ms, ML-DSA-65 in 0.9, P-384 in 0.2; P-256 in
        25 us, Ed25519 in 31; RSA encrypts and verifies in 24 to 66, ML-KEM in 30.
        """
        work = self.work
        return work.__class__ in _SLOW.get(self.spec, ()) or (
            isinstance(work, Sign | Verify) and work.algorithm == edwards.PREHASHED
        )

    def do(self) -> Any:
        return self.work.do(None if self.key is None else self.key.tool)


def of_kind(tool: Tool | None, kind: type[Kind]) -> Kind:
    if not isinstance(tool, kind):
        raise _unable(tool)
    return tool


def _signer(tool: Tool | None) -> private.Signer:
    if tool is None or isinstance(tool, MlKemKey | MacKey):
        raise _unable(tool)
    return tool


def _unable(tool: Tool | None) -> TypeError:
    """A mistake of ours: who may do what was settled before."""
    return TypeError(f"{type(tool).__name__} cannot do that")
