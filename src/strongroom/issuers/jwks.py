"""JSON Web Key Sets, as files and answers have them.

What is not a key set is refused as a whole; a key of a kind that is of no use here is left to
whoever looks for one that fits.

Source: RFC 7517, 5; IAM User Guide, "IAM and AWS STS quotas" (a hundred RSA and a hundred EC keys).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

MOST_BYTES = 256 * 1024
_MOST_KEYS = 200

Jwk = Mapping[str, object]


class Unusable(Exception):
    """What was found is no key set, or leads to none.  The message is for the operator."""


class _Set(msgspec.Struct):
    keys: list[dict[str, Any]]


def keys_of(text: bytes) -> tuple[Jwk, ...]:
    """The keys of a set; Unusable if it is none, or too large."""
    if len(text) > MOST_BYTES:
        raise Unusable(f"it has more than {MOST_BYTES} bytes")
    try:
        keys = msgspec.json.decode(text, type=_Set).keys
    except (msgspec.DecodeError, RecursionError):
        raise Unusable("it is not a JSON object with a list of keys") from None
    if len(keys) > _MOST_KEYS:
        raise Unusable(f"it has more than {_MOST_KEYS} keys")
    return tuple(keys)


def read(file: Path) -> tuple[Jwk, ...]:
    """The keys of a file; OSError, Unusable."""
    with file.open("rb") as opened:
        return keys_of(opened.read(MOST_BYTES + 1))
