"""OpenID Connect ID tokens: what one says, and whether its issuer says it.

    read(token)                    its header and claims, of which nothing is proven yet
    require_current(claims, now)   neither over nor yet to come
    verify(token, keys)            returns if one of its issuer's keys signed it

Rules kept here:

* The algorithms are those that AWS takes, each with one kind of key: `none` and HMAC are among
  neither, so a public key is never a secret.
* Which key is meant the token says (`kid`); without that there must be one key alone that fits.
* Whatever a token demands to be understood (`crit`) is not.
* A token is good for five minutes beyond its `exp`, since clocks differ, and five before its `nbf`.

Whose tokens are trusted, and for whom they are made, is `web_identity`'s affair.

Source: RFC 7515, 7517, 7518, 7519 (2: NumericDate); OpenID Connect Core, 2; STS API Reference,
AssumeRoleWithWebIdentity, `WebIdentityToken`; IAM User Guide, "OIDC federation" (the five minutes),
"Passing session tags using AssumeRoleWithWebIdentity" (both forms of them).
"""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, field

from strongroom.errors import ExpiredIdentityToken, InvalidIdentityToken
from strongroom.wire.shapes.sts import Tag

Jwk = Mapping[str, object]
"""A public key as a JSON Web Key."""

_KEYS = {
    "RS256": ("RSA", None),
    "RS384": ("RSA", None),
    "RS512": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
}
"""Algorithm: the type of its keys, and their curve."""

_SKEW = 300  # seconds
_NO_JWT = (
    "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
)

_MALFORMED = "A claim of the token is not what it has to be"

_TAGS = "https://aws.amazon.com/tags"
_Text = Annotated[str, Meta(min_length=1, max_length=255)]
_SourceIdentity = Annotated[
    str, Meta(min_length=2, max_length=64, pattern=r"\A[A-Za-z0-9_+=,.@-]*\Z")
]


class _Header(msgspec.Struct):
    alg: str
    kid: Annotated[str, Meta(max_length=1_024)] | None = None
    crit: object = None


_OneValue = str | Annotated[list[str], Meta(min_length=1, max_length=1)]


class _Tags(msgspec.Struct):
    principal_tags: dict[str, _OneValue] = {}
    transitive_tag_keys: list[str] = []


class Claims(msgspec.Struct):
    """The claims that count here; times are seconds since the epoch, which may have fractions."""

    iss: _Text
    sub: _Text
    aud: _Text | list[_Text]
    exp: float
    iat: float
    nbf: float | None = None
    azp: _Text | None = None
    amr: list[_Text] | None = None
    tags: _Tags = field(name=_TAGS, default_factory=_Tags)
    transitive_tag_keys: list[str] = field(
        name=f"{_TAGS}/transitive_tag_keys", default_factory=list
    )
    source_identity: _SourceIdentity | None = field(
        name="https://aws.amazon.com/source_identity", default=None
    )

    @property
    def audience(self) -> str | None:
        """Whom the token is made for: the party it was issued to, if it says that, else the only
        one it is meant for; None if there are several.
        """
        if self.azp is not None:
            return self.azp
        if isinstance(self.aud, str):
            return self.aud
        return self.aud[0] if len(self.aud) == 1 else None


_REQUIRED = ("iss", "sub", "aud", "exp", "iat")


class Token(NamedTuple):
    text: str
    algorithm: str
    key_id: str | None
    claims: Claims
    tags: list[tuple[str, str]]  # session tags
    transitive: list[str]  # keys of those that go along


def read(text: str) -> Token:
    """A token taken apart; InvalidIdentityToken if it is none, or says what cannot be used."""
    try:
        head, body, _ = text.split(".")
        header = msgspec.json.decode(_bytes(head), type=_Header)
        content = _bytes(body)
        present = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    except (ValueError, RecursionError):  # msgspec's are ValueErrors
        raise InvalidIdentityToken(_NO_JWT) from None
    for name in _REQUIRED:
        if name not in present:
            raise InvalidIdentityToken(f"Missing a required claim: {name}")
    try:
        claims = msgspec.json.decode(content, type=Claims)
        tags = list(map(_tag, (*claims.tags.principal_tags.items(), *_flat(present))))
    except (ValueError, RecursionError):
        raise InvalidIdentityToken(_MALFORMED) from None
    if header.alg not in _KEYS or header.crit is not None:
        raise InvalidIdentityToken("The token is signed by an algorithm that is not supported")
    return Token(
        text,
        header.alg,
        header.kid,
        claims,
        tags,
        [*claims.tags.transitive_tag_keys, *claims.transitive_tag_keys],
    )


def _tag(given: tuple[str, str | list[str]]) -> tuple[str, str]:
    """A session tag, under the rules that those of AssumeRole have."""
    key, value = given
    tag = msgspec.convert({"Key": key, "Value": value if isinstance(value, str) else value[0]}, Tag)
    return tag.Key, tag.Value


def _flat(present: Mapping[str, msgspec.Raw]) -> Iterator[tuple[str, str | list[str]]]:
    """Session tags that are claims of their own, as providers without nested claims write them."""
    prefix = f"{_TAGS}/principal_tags/"
    for name, value in present.items():
        if name.startswith(prefix):
            yield name.removeprefix(prefix), msgspec.json.decode(value, type=_OneValue)


def require_current(claims: Claims, now: float) -> None:
    """ExpiredIdentityToken or InvalidIdentityToken for a token that is over, or yet to come."""
    if claims.exp + _SKEW <= now:
        raise ExpiredIdentityToken(
            f"Token expired: current date/time {int(now)} must be before the expiration date/time "
            f"{int(claims.exp)}"
        )
    if max(claims.iat, claims.nbf or 0) - _SKEW > now:
        raise InvalidIdentityToken("The token is not valid yet")


def verify(token: Token, keys: Sequence[Jwk]) -> None:
    """InvalidIdentityToken unless one of `keys`, the issuer's, signed the token."""
    fitting = [
        key
        for key in keys
        if (token.key_id is None or key.get("kid") == token.key_id) and _fits(key, token.algorithm)
    ]
    if not fitting or (token.key_id is None and len(fitting) > 1):
        raise InvalidIdentityToken(InvalidIdentityToken.NO_KEY)
    import jwt  # a tenth of a second, and few servers need it

    verifier = jwt.PyJWS(algorithms=list(_KEYS), options={"enforce_minimum_key_length": True})
    try:
        key = jwt.PyJWK(dict(fitting[0]), token.algorithm)
        verifier.decode_complete(token.text, key, algorithms=[token.algorithm])
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        # What the issuer publishes may be no key at all; whose fault it is does not matter here.
        raise InvalidIdentityToken("The signature of the token is not valid") from None


def _fits(key: Jwk, algorithm: str) -> bool:
    """Whether a key is of the kind that an algorithm needs, and may verify."""
    kind, curve = _KEYS[algorithm]
    operations = key.get("key_ops")
    return (
        key.get("kty") == kind
        and (curve is None or key.get("crv") == curve)
        and key.get("use") in (None, "sig")
        and key.get("alg") in (None, algorithm)
        and (operations is None or (isinstance(operations, list) and "verify" in operations))
    )


def _bytes(part: str) -> bytes:
    """A part of a token, decoded; ValueError if it is not base64url without padding."""
    if not part.isascii() or not set(part) <= _LETTERS:
        raise ValueError
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error:
        raise ValueError from None


_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
