"""From an issuer to where its keys are, by what it publishes itself.

Source: OpenID Connect Discovery 1.0, 3 and 4; IAM User Guide, "Create an OpenID Connect (OIDC)
identity provider in IAM" (HTTPS, without a port).
"""

import re
from collections.abc import Callable

import msgspec

from strongroom.issuers.jwks import Unusable

_URL = re.compile(
    r"https://[A-Za-z0-9.-]+(?:/[\x21\x24-\x3e\x40-\x7e]*)?(?:\?[\x21-\x22\x24-\x7e]*)?"
)


class _Configuration(msgspec.Struct):
    issuer: str
    jwks_uri: str


def discovered(issuer: str, get: Callable[[str], bytes]) -> bytes:
    """An issuer's key set; Unusable if it publishes none, and whatever `get` raises."""
    document = get(require_url(f"{issuer.rstrip('/')}/.well-known/openid-configuration"))
    try:
        configuration = msgspec.json.decode(document, type=_Configuration)
    except (msgspec.DecodeError, RecursionError):
        raise Unusable("its configuration names no issuer and no keys") from None
    if configuration.issuer != issuer:
        raise Unusable("its configuration is another issuer's")
    return get(require_url(configuration.jwks_uri))


def require_url(url: str) -> str:
    """`url`, if it is one of HTTPS, without a port and without a password; else Unusable."""
    if not _URL.fullmatch(url):
        raise Unusable("its keys are at a URL that may not be asked")
    return url
