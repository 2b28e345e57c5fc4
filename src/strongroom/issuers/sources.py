"""Where the keys of an issuer are, as an operator says it: `ISSUER=FILE` or `ISSUER=URL`."""

from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from strongroom.errors import SetupError
from strongroom.issuers import jwks
from strongroom.issuers.jwks import Unusable

_ADVICE = "give https://issuer.example=keys.json or https://issuer.example=https://host/keys"


class Source(NamedTuple):
    """One of the two is given."""

    file: Path | None = None
    url: str = ""


def sources(settings: Iterable[str]) -> dict[str, Source]:
    """Issuers to where their keys are; SetupError for what cannot be used."""
    found: dict[str, Source] = {}
    for setting in settings:
        issuer, equals, place = setting.partition("=")
        if not equals or not place or not issuer.startswith("https://"):
            raise SetupError(f"`{setting}` does not say where an issuer's keys are; {_ADVICE}")
        if issuer in found:
            raise SetupError(f"`{issuer}` is given twice; one place has an issuer's keys")
        found[issuer] = _source(place)
    return found


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _source(place: str) -> Source:
    if "://" not in place:
        file = Path(place).absolute()
        try:
            jwks.read(file)
        except OSError as failure:
            raise SetupError(f"`{place}` cannot be read: {failure.strerror or failure}") from None
        except Unusable as failure:
            raise SetupError(f"`{place}` is not a JSON Web Key Set: {failure}") from None
        return Source(file=file)
    try:
        url = urlsplit(place)
        host, _port = url.hostname or "", url.port
    except ValueError:
        raise SetupError(f"`{place}` is not a URL; {_ADVICE}") from None
    if url.scheme not in ("http", "https") or not host or url.username is not None:
        raise SetupError(f"`{place}` is not a URL that can be used; {_ADVICE}")
    if url.scheme == "http" and not is_loopback(host):
        raise SetupError(
            f"`{place}` is not safe from whoever is on the way; give an https:// URL, http:// is for "
            "this machine alone"
        )
    return Source(url=place)
