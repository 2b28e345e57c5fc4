"""Attestation documents, verified by a helper: six signatures, of which one takes longer than a request.

Their verdicts are held for a while, as what is read from the database is: what is not held raises
`NotReady`, and whoever awaited that asks again.  Used on the loop's thread alone.
"""

from collections import OrderedDict
from functools import partial
from hashlib import sha256
from typing import NamedTuple

from strongroom.attestation.document import Document, read
from strongroom.attestation.trust import Attest, Attested, attested
from strongroom.backings.helpers import Helpers
from strongroom.errors import NotReady, Validation
from strongroom.keys.work import Piece

_SECONDS = 60.0  # that a verdict is held
_MOST_HELD = 1_024


class _Verdict(NamedTuple):
    at: float  # seconds since the epoch
    said: Attested | str  # or the words of the refusal


class Vouching:
    """Says what documents say that a root vouches for; in place of `attestation.trust.Roots`."""

    def __init__(self, helpers: Helpers, pem: bytes) -> None:
        """`pem` has the roots."""
        self._helpers = helpers
        self._pem = pem
        self._held: OrderedDict[bytes, _Verdict] = OrderedDict()

    def attested(self, account: str, document: bytes, now: float) -> Attested:
        """What a document says; Validation if it is none, or not to be believed.

        NotReady if that is not known yet.  `account` is the caller's, whose share of the helpers it takes.
        """
        name = sha256(document).digest()
        verdict = self._held.get(name)
        if verdict is None or not verdict.at <= now < verdict.at + _SECONDS:
            raise NotReady(partial(self._ask, name, account, read(document), document, now))
        if isinstance(verdict.said, str):
            raise Validation(verdict.said)
        return verdict.said

    async def _ask(
        self, name: bytes, account: str, found: Document, document: bytes, now: float
    ) -> None:
        piece = Piece(Attest(self._pem, document, now), "")
        refusal: bytes = await self._helpers.result(account, piece)
        self._held[name] = _Verdict(now, refusal.decode() or _said(found))
        self._held.move_to_end(name)
        if len(self._held) > _MOST_HELD:
            self._held.popitem(last=False)


def _said(believed: Document) -> Attested | str:
    try:
        return attested(believed)
    except Validation as why:
        return why.message
