"""How a root key is sealed, as `strongroom.json` says it, and what opens each seal.

{"kind": "file", "path": PATH}                     it stands in a file of its own
{"kind": "passphrase", "argon2id": {...}}          it stands here, under a passphrase
{"kind": "shares", "set": NAME, "wanted": K, "shares": N}
                                                   it is split among N people, of whom K open it
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from strongroom.keys.hierarchy import RootKey, fingerprint
from strongroom.storage import rootkey, shares
from strongroom.storage.rootkey import PassphraseSeal, RootKeyError
from strongroom.storage.shares import MOST_SHARES, Share

Seal = dict[str, Any]


class UnknownSeal(RootKeyError):
    """A seal of a later release, or no seal."""


def _no_passphrase() -> str:
    raise RootKeyError("a passphrase is wanted")


def _no_shares(_wanted: int) -> Iterator[str]:
    raise RootKeyError("shares of the root key are wanted")


class Opener(NamedTuple):
    """What an operator has at hand to open a root key with; asked for only what the seal wants."""

    root_key: Path | None = None
    """The root key's file, if it is not where the seal says."""
    passphrase: Callable[[], str] = _no_passphrase
    shares: Callable[[int], Iterator[str]] = _no_shares
    """Lines of shares, one after the other, when told how many are wanted."""


def in_file(path: Path) -> Seal:
    return {"kind": "file", "path": str(path)}


def under_passphrase(root: RootKey, passphrase: str) -> Seal:
    """RootKeyError if the passphrase is too short."""
    return {"kind": "passphrase", "argon2id": PassphraseSeal.make(root, passphrase).to_dict()}


def among(root: RootKey, wanted: int, count: int) -> tuple[Seal, list[Share]]:
    """The seal and the shares to hand out; ShareError if there cannot be so many."""
    handed = shares.split(root, wanted, count)
    return {"kind": "shares", "set": handed[0].of, "wanted": wanted, "shares": count}, handed


def signed(root: RootKey, seal: Seal) -> Seal:
    """A seal with the fingerprint, by which a wrong root key is told from the right one."""
    return {**seal, "fingerprint": fingerprint(root).hex()}


def open_sealed(seal: Any, opener: Opener) -> RootKey:
    """The root key under a `signed` seal.

    RootKeyError or ShareError, with what to do, if what is at hand does not open it; UnknownSeal.
    """
    match seal:
        case {"kind": "file", "path": str(path)}:
            root = rootkey.read_file(opener.root_key or Path(path))
        case {"kind": "passphrase", "argon2id": dict(parameters)}:
            root = PassphraseSeal.of(parameters).open(opener.passphrase())
        case {"kind": "shares", "set": str(of), "wanted": int(wanted)} if 0 < wanted <= MOST_SHARES:
            root = shares.combine(map(Share.read, opener.shares(wanted)), of, wanted)
        case _:
            raise UnknownSeal(
                "the root key's seal is one that this release does not know; use the release that "
                "made it, or a later one"
            )
    if fingerprint(root).hex() != seal.get("fingerprint"):
        raise RootKeyError(
            "this is a root key, but not this data folder's; name the right one with --root-key"
            if seal["kind"] == "file"
            else "what was given opens a root key, but not this data folder's; give what belongs to it"
        )
    return root
