"""A root key split among people, any so many of whom open it together (A. Shamir, "How to Share a Secret").

A share is one line of text:

    strongroom-root-key-share-1 SET NUMBER BASE64 CHECK

SET are 16 hex digits, drawn when the key is split, for shares of two splittings do not go together; NUMBER
counts from 1; BASE64 are 32 bytes; CHECK is the first 8 hex digits of the SHA-256 of all before it.  The
key's halves of 16 bytes are shared one by one, over GF(2^128) as PyCryptodome has it: what `ssss` calls a
share with its diffusion layer off is another, for it adds a power of the share's number.
"""

import base64
import hashlib
import os
from collections.abc import Iterable
from typing import NamedTuple, Self

from strongroom.errors import SetupError
from strongroom.keys.hierarchy import RootKey

MOST_SHARES = 255
_TAG = "strongroom-root-key-share-1"
_HALF = 16  # bytes, of the key and of a share
_SET_BYTES = 8


class ShareError(SetupError):
    """Shares that open nothing; the message says what to do."""


class Share(NamedTuple):
    """One person's; `repr` does not tell it."""

    of: str  # the set's name
    number: int
    value: bytes

    def __repr__(self) -> str:
        return f"Share({self.of!r}, {self.number})"

    def __str__(self) -> str:
        """The line that is handed out."""
        told = f"{_TAG} {self.of} {self.number} {base64.b64encode(self.value).decode()}"
        return f"{told} {_check(told)}"

    @classmethod
    def read(cls, line: str) -> Self:
        """The share of a line; ShareError if it is none."""
        told, _, check = line.strip().rpartition(" ")
        try:
            tag, of, number, encoded = told.split(" ")
            share = cls(of, int(number), base64.b64decode(encoded, validate=True))
        except ValueError:
            tag = ""
        if tag != _TAG or not (0 < share.number <= MOST_SHARES and len(share.value) == 2 * _HALF):
            raise ShareError(
                "this is no share of a root key; give the whole line as it was handed out"
            )
        if _check(told) != check:
            raise ShareError(f"share {share.number} is damaged; give the line as it was handed out")
        return share


def split(root: RootKey, wanted: int, shares: int) -> list[Share]:
    """As many shares of which `wanted` open the key; ShareError if there cannot be such."""
    from Crypto.Protocol.SecretSharing import Shamir

    if not 2 <= wanted <= shares <= MOST_SHARES:
        raise ShareError(
            f"{wanted} of {shares} shares is not a way to split a key: at least 2 must be wanted, at most as "
            f"many as there are, and there can be {MOST_SHARES}"
        )
    of = os.urandom(_SET_BYTES).hex()
    halves = (Shamir.split(wanted, shares, part) for part in (root[:_HALF], root[_HALF:]))
    return [
        Share(of, number, one + other) for (number, one), (_, other) in zip(*halves, strict=True)
    ]


def combine(shares: Iterable[Share], of: str, wanted: int) -> RootKey:
    """The key that so many shares of a set open; whether it is the right one, its fingerprint tells.

    No more are taken than are wanted.  ShareError if one is of another set, or if there are too few
    different ones.
    """
    from Crypto.Protocol.SecretSharing import Shamir

    known: dict[int, Share] = {}
    for share in shares:
        if share.of != of:
            raise ShareError(
                f"share {share.number} is of another splitting ({share.of}, not {of}); give one of this"
            )
        known[share.number] = share
        if len(known) == wanted:
            break
    else:
        raise ShareError(f"{wanted} different shares are wanted, and there are {len(known)}")
    halves = (
        Shamir.combine([(share.number, share.value[part]) for share in known.values()])
        for part in (slice(_HALF), slice(_HALF, None))
    )
    return RootKey(b"".join(halves))


def _check(told: str) -> str:
    return hashlib.sha256(told.encode()).hexdigest()[:8]
