"""Vouching for all rows together: that none is missing, there twice, or back as it once was.

A row's MAC says that the row was written by us and belongs where it stands, not that it is still to be
there.  So every MAC has a weight, a number that only the root key's holder can tell, and sums are kept
beside the rows:

    total     of a `Thing`: of the weights of the rows that are read together, such as a key's; it stands
              sealed in a leaf
    branch    of the weights of the leaves whose names begin alike
    Whole     of what the branches add to it

So whoever reads a thing reads its rows, the leaves of one branch, and what it holds of the branches in
memory.  Sums change by what is added and taken away, so a transaction need not read what it does not change.

Sums are kept sealed, each bound to its place: whoever could watch them change would learn weights, and
could then look for other rows of the same sum.  What nothing of this can notice is that everything was
put back together; for that the number of commits is kept elsewhere too (`storage.anchor`).

Source: D. Clarke et al., "Incremental Multiset Hash Functions and Their Application to Memory Integrity
Checking" (MSet-Add-Hash, with a secret key and its sum kept secret).
"""

import hmac
import struct
from collections.abc import Iterable
from typing import NamedTuple

from strongroom.keys.derive import derive
from strongroom.keys.hierarchy import RootKey
from strongroom.keys.sealing import Tampered, names, seal, unseal

MODULUS = 1 << 256  # of all sums
BRANCHES = 1 << 14
NAME_BYTES = 16  # of a leaf
_WHOLE = struct.Struct(">QQ32s")
_MAC_BYTES = 32


class Place(NamedTuple):
    """Where a row stands: its table, account and Region ("" where it has none)."""

    table: str
    account: str
    region: str


class Thing(NamedTuple):
    """Rows that are read together, and so have a total (`storage.things`)."""

    kind: str
    account: str
    region: str
    name: str


class Whole(NamedTuple):
    """The state of everything after a commit."""

    commits: int  # that there have been
    number: int  # of the last change (`storage.changes`)
    total: int  # over all branches

    def moved(self, number: int, difference: int) -> "Whole":
        """After a further commit."""
        return Whole(self.commits + 1, number, (self.total + difference) % MODULUS)


NOTHING = Whole(0, 0, 0)


class Witness:
    """The keys that weigh rows and seal sums; of a root key."""

    def __init__(self, root: RootKey) -> None:
        self._weighing = derive(root, b"strongroom/v1/witness-weights", b"")
        self._sealing = derive(root, b"strongroom/v1/witness-sums", b"")
        self._marking = derive(root, b"strongroom/v1/witness-marks", b"")

    def __repr__(self) -> str:
        return "Witness()"

    def weight(self, place: Place, mac: object) -> int:
        """What one row adds to the total of its thing.  Tampered if it has no MAC."""
        if not isinstance(mac, bytes):
            raise Tampered(f"a row of `{place.table}` was altered outside Strongroom")
        return self._number(names("row", *place, mac))

    def name(self, thing: Thing) -> bytes:
        """Of the thing's leaf; nobody can choose things whose leaves are of one branch."""
        return hmac.digest(self._weighing, names("thing", *thing), "sha256")[:NAME_BYTES]

    def leaf(self, name: bytes, sealed: bytes) -> int:
        """What a leaf adds to its branch."""
        return self.leaves([(name, sealed)])

    def leaves(self, leaves: Iterable[tuple[bytes, bytes]]) -> int:
        """What these, by their names and what is sealed in them, are together."""
        key, digest, number = self._weighing, hmac.digest, int.from_bytes
        weights = [number(digest(key, _LEAF + name + sealed, "sha256")) for name, sealed in leaves]
        return sum(weights) % MODULUS

    def share(self, branch: int, total: int) -> int:
        """What a branch adds to the whole; nothing if there is nothing on it."""
        return self._number(names("branch", str(branch), _bytes(total))) if total % MODULUS else 0

    def _number(self, text: bytes) -> int:
        return int.from_bytes(hmac.digest(self._weighing, text, "sha256"))

    def seal_total(self, thing: Thing, total: int) -> bytes:
        return seal(self._sealing, _bytes(total), names("total", *thing))

    def open_total(self, of: Thing | Place, sealed: bytes) -> int:
        """Tampered if it is not a total of this thing, or of this place, as the release before summed."""
        return int.from_bytes(unseal(self._sealing, sealed, names("total", *of)))

    def seal_branch(self, branch: int, commit: int, total: int) -> bytes:
        return seal(self._sealing, _bytes(total), names("branch", str(branch), str(commit)))

    def open_branch(self, branch: int, commit: int, sealed: bytes) -> int:
        """Tampered if it is not of this branch, or not by that commit."""
        belongs = names("branch", str(branch), str(commit))
        return int.from_bytes(unseal(self._sealing, sealed, belongs))

    def seal_whole(self, whole: Whole) -> bytes:
        return seal(self._sealing, _packed(whole), names("whole"))

    def open_whole(self, sealed: bytes) -> Whole:
        """Tampered if it is none."""
        commits, number, total = _WHOLE.unpack(unseal(self._sealing, sealed, names("whole")))
        return Whole(commits, number, int.from_bytes(total))

    def share_of_place(self, place: Place, total: int) -> int:
        """What a place added to the whole, as the release before summed."""
        return self._number(names("place", *place, _bytes(total))) if total % MODULUS else 0

    def digest(self, whole: Whole) -> bytes:
        """By which a state is known again; it tells nothing of the sum."""
        return self.mark("state", _packed(whole))

    def mark(self, purpose: str, *parts: bytes) -> bytes:
        """A MAC for what has no domain: a note of what has changed, a page of the anchor."""
        return hmac.digest(self._marking, names(purpose, *parts), "sha256")

    def require(self, mac: object, purpose: str, *parts: bytes) -> None:
        """Tampered if `mac` is not the mark of these."""
        if not isinstance(mac, bytes) or not hmac.compare_digest(self.mark(purpose, *parts), mac):
            raise Tampered(f"a {purpose} was altered outside Strongroom")


_LEAF = names("leaf")  # before a name of a fixed length and all that is sealed


def branch_of(name: bytes) -> int:
    """The branch of a leaf: the first 14 bits of its name."""
    return int.from_bytes(name[:2]) >> 2


def _packed(whole: Whole) -> bytes:
    return _WHOLE.pack(whole.commits, whole.number, _bytes(whole.total))


def _bytes(total: int) -> bytes:
    return (total % MODULUS).to_bytes(_MAC_BYTES)
