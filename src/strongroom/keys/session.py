"""Temporary credentials: a session, sealed into its own token.

A session token is all there is of a session: nothing is kept, so a token is good until it expires
or until what it speaks for is gone.  It is the base64 of a box of `keys.sealing` under a key
derived from the root key, bound to the access key id that it came with; inside is a `Session` as
JSON.  docs/formats/session-token.md draws it.

Access key ids of temporary credentials begin with ASIA, those of long-term ones with AKIA.  As on AWS
the account can be read from a temporary one: its 16 letters are 80 bits in base32, of which the 2nd
to the 41st are the account's number; the others are random.
"""

import base64
import binascii
import re
import secrets
import string
from typing import Literal

import msgspec

from strongroom.keys.derive import derive
from strongroom.keys.hierarchy import RootKey
from strongroom.keys.sealing import Tampered, names, seal, unseal

PREFIX = "ASIA"
_LONGEST = 16_384  # bytes of a token
_KEY_ID = re.compile(rf"{PREFIX}[A-Z2-7]{{16}}")
_ACCOUNT_AT = 39  # bits behind the account's number
_ACCOUNT_BITS = 40
_SECRET_LETTERS = string.ascii_letters + string.digits + "+/"


class Session(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What temporary credentials stand for.  Times are seconds since the epoch."""

    kind: Literal["role", "user", "federated", "root"]
    account: str
    of: str = ""  # the unique id of the role or the user; nothing for the root user
    name: str = ""  # of a role's or a federated user's session
    secret: str  # the secret access key
    issued: float
    expires: float
    policies: list[str] | None = None  # session policies; None where there were none
    tags: dict[str, str] = {}
    transitive: list[str] = []  # keys of the tags that go along when this session assumes a role
    source_identity: str = ""
    provider: str = ""  # the ARN of the identity provider that vouched for a role's session

    def __repr__(self) -> str:
        return f"Session({self.kind} {self.account} {self.of} {self.name})"


class Temporary(msgspec.Struct, frozen=True):
    """A session's credentials, as they are handed out."""

    key_id: str
    secret: str
    token: str

    def __repr__(self) -> str:
        return f"Temporary({self.key_id})"


def session_key(root: RootKey) -> bytes:
    """The key that all tokens of an installation are sealed under."""
    return derive(root, b"strongroom/v1/sessions", b"")


def new_secret() -> str:
    return "".join(secrets.choice(_SECRET_LETTERS) for _ in range(40))


def new_key_id(account: str) -> str:
    """A fresh access key id for temporary credentials of an account."""
    mask = (1 << _ACCOUNT_BITS) - 1 << _ACCOUNT_AT
    bits = secrets.randbits(80) & ~mask | int(account) << _ACCOUNT_AT
    return PREFIX + base64.b32encode(bits.to_bytes(10)).decode()


def account_of(key_id: str) -> str | None:
    """The account that an access key id of temporary credentials names; None if it names none.

    Whether there are such credentials it does not tell: nothing is kept of them.
    """
    if _KEY_ID.fullmatch(key_id) is None:
        return None
    bits = int.from_bytes(base64.b32decode(key_id.removeprefix(PREFIX)))
    number = bits >> _ACCOUNT_AT & (1 << _ACCOUNT_BITS) - 1
    return f"{number:012}" if number < 10**12 else None


def sealed(key: bytes, session: Session) -> Temporary:
    """Credentials for a session, under a fresh access key id."""
    key_id = new_key_id(session.account)
    box = seal(key, msgspec.json.encode(session), names("session", key_id))
    return Temporary(key_id, session.secret, base64.b64encode(box).decode())


def opened(key: bytes, key_id: str, token: bytes) -> Session | None:
    """The session of a token that came with this access key id; None if it is none of ours."""
    if len(token) > _LONGEST:
        return None
    try:
        box = base64.b64decode(token, validate=True)
        return msgspec.json.decode(unseal(key, box, names("session", key_id)), type=Session)
    except (binascii.Error, Tampered, msgspec.DecodeError):
        return None
