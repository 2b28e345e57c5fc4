"""Grant tokens: what CreateGrant gives beside the grant's id, and other operations take.

    offset  length  field
    0       1       version, 0x01
    1       5       account that owns the key, as a number, big endian
    6       32      grant id
    38      16      random
    54      32      HMAC-SHA-256 of the 54 bytes before, under the domain's token key

in base64 for URLs without padding, 115 characters.  The domain is that of the key, so a token is
good in one Region only.  Nothing of it is kept: every token of a grant is as good as another.

A token says nothing of whether its grant still exists.  AWS documents that a token makes a new
grant usable before it is known everywhere, and that a malformed one is refused with
InvalidGrantTokenException; what a token of a grant that was retired or revoked does, it does not
say.  Here such a token is without effect.

Source: KMS API Reference, CreateGrant; Developer Guide, "Grant token".  Drawn with a known answer
in docs/formats/grant-tokens.md.
"""

import base64
import binascii
import os
from typing import NamedTuple, Protocol

from strongroom.errors import InvalidGrantToken

RANDOM_BYTES = 16

_VERSION = b"\x01"
_ACCOUNT_BYTES = 5
_ID_BYTES = 32
_SIGNED = len(_VERSION) + _ACCOUNT_BYTES + _ID_BYTES + RANDOM_BYTES
_LENGTH = _SIGNED + 32


class Signer(Protocol):
    """The account of a domain, and the domain's token key: `keys.hierarchy.Domain`."""

    @property
    def account(self) -> str: ...
    def token_mac(self, token: bytes) -> bytes: ...
    def is_token(self, token: bytes, mac: bytes) -> bool: ...


class Token(NamedTuple):
    """A token that has the right form; `require` says whether it is genuine."""

    account: str
    grant_id: str
    signed: bytes
    mac: bytes

    def require(self, domain: Signer | None) -> None:
        """InvalidGrantToken unless the token was made in `domain`, the one of its account."""
        if domain is None or not domain.is_token(self.signed, self.mac):
            raise invalid()


def invalid() -> InvalidGrantToken:
    """One answer for what is malformed, altered, made elsewhere or in another Region."""
    return InvalidGrantToken("The grant token is not valid.")


def mint(domain: Signer, grant_id: str) -> str:
    """A new token of a grant on a key of `domain`."""
    return mint_with(os.urandom(RANDOM_BYTES), domain, grant_id)


def mint_with(random: bytes, domain: Signer, grant_id: str) -> str:
    """`mint` with its 16 random bytes given: for test vectors, and for nothing else."""
    account = int(domain.account).to_bytes(_ACCOUNT_BYTES, "big")
    signed = _VERSION + account + bytes.fromhex(grant_id) + random
    return _text(signed + domain.token_mac(signed))


def parse(text: str) -> Token:
    """The parts of a token; InvalidGrantToken if it cannot be one of ours.

    There is one spelling of each token: bits that base64 would leave unread must be zero.
    """
    try:
        token = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise invalid() from None
    if len(token) != _LENGTH or not token.startswith(_VERSION) or _text(token) != text:
        raise invalid()
    account, grant_id = token[1:6], token[6:38]
    return Token(
        f"{int.from_bytes(account, 'big'):012}", grant_id.hex(), token[:_SIGNED], token[_SIGNED:]
    )


def _text(token: bytes) -> str:
    return base64.urlsafe_b64encode(token).rstrip(b"=").decode()
