"""The Authorization header, read.

    AWS4-HMAC-SHA256 Credential=<key id>/<date>/<region>/<service>/aws4_request,
    SignedHeaders=<name;name;...>, Signature=<64 lower-case hex digits>

The rules kept here:

* parameters come in any order, separated by commas, each at most once; those we do not know are
  passed over, as AWS does;
* the canonical request has the signed names in lower case, sorted and once, so they are read so,
  in whatever order they are listed;
* what is missing is told all at once, the date included, since AWS tells it in the same sentence;
* the header is never repeated to the caller: it is named by its hash, as AWS does since 2023, so
  that a secret put into it by mistake does not come back in an answer or a log.

Whether the scope is the right one, and whether the right headers are signed, is `verify`'s.

Source: IAM User Guide, "Elements of an AWS API request signature"; the sentences and their order
as AWS's JSON services were recorded to give them (docs/divergences.md says what is not known).
"""

import re
from base64 import b64encode
from hashlib import sha256
from typing import NamedTuple

from strongroom.errors import IncompleteSignature, MissingAuthenticationToken, UnrecognizedClient

ALGORITHM = b"AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
_MAX_HEADER = 8192  # bytes; the SDKs send about 250
_MAX_SIGNED = 100  # header names
_REQUIRED = (b"Credential", b"Signature", b"SignedHeaders")
_KEY_ID = re.compile(r"[\x21-\x7e]{1,128}")


class Scope(NamedTuple):
    key_id: str
    date: str  # YYYYMMDD
    region: str
    service: str


class Authorization(NamedTuple):
    scope: Scope
    terminator: str
    signed: tuple[bytes, ...]  # header names, lower case, sorted, each once
    signature: bytes
    signature_is_last: bool  # the header's last bytes are the signature


def parse(value: bytes, *, dated: bool) -> Authorization:
    """Split an Authorization header; `dated` says that the request carries a date.

    Raises: MissingAuthenticationToken when it is another scheme's, IncompleteSignature when it is
    SigV4's and malformed, UnrecognizedClient when no key could have such an id.
    """
    algorithm, _, rest = value.strip().partition(b" ")
    if not algorithm.startswith(b"AWS4-"):
        raise MissingAuthenticationToken
    if algorithm != ALGORITHM:
        raise IncompleteSignature(f"Unsupported AWS 'algorithm': '{shown(algorithm)}'.")
    if len(value) > _MAX_HEADER:
        raise IncompleteSignature(
            f"the authorization header is {len(value)} bytes long; send at most {_MAX_HEADER}"
        )
    parameters = _parameters(rest, value)
    _require(parameters, value, dated=dated)
    signed = tuple(sorted(set(parameters[b"SignedHeaders"].lower().split(b";"))))
    if len(signed) > _MAX_SIGNED:
        raise IncompleteSignature(
            f"the authorization header names {len(signed)} signed headers; sign at most {_MAX_SIGNED}"
        )
    scope, terminator = _credential(parameters[b"Credential"])
    signature = parameters[b"Signature"]
    is_last = next(reversed(parameters)) == b"Signature" and value.endswith(b"=" + signature)
    return Authorization(scope, terminator, signed, signature, is_last)


def _parameters(rest: bytes, whole: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for part in rest.split(b","):
        name, equals, value = part.strip().partition(b"=")
        if not equals:
            raise IncompleteSignature(
                "Invalid key=value pair (missing equal-sign) in Authorization header "
                f"(hashed with SHA-256 and encoded with Base64): '{_hashed(whole)}'."
            )
        if name in found:
            raise IncompleteSignature(
                f"the authorization header has `{shown(name)}` twice; send each parameter once"
            )
        found[name] = value
    return found


def _require(parameters: dict[bytes, bytes], whole: bytes, *, dated: bool) -> None:
    missing = [
        f"Authorization header requires '{name.decode()}' parameter."
        for name in _REQUIRED
        if not parameters.get(name)
    ]
    if not dated:
        missing.append(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        )
    if missing:
        missing.append(
            f"(Hashed with SHA-256 and encoded with Base64) Authorization={_hashed(whole)}"
        )
        raise IncompleteSignature(" ".join(missing))


def _credential(value: bytes) -> tuple[Scope, str]:
    text = value.decode("latin-1")
    parts = text.split("/")
    if len(parts) != 5:
        raise IncompleteSignature(
            "Credential must have exactly 5 slash-delimited elements, "
            f"e.g. keyid/date/region/service/term, got '{shown(value)}'"
        )
    key_id, date, region, service, terminator = parts
    if _KEY_ID.fullmatch(key_id) is None:
        raise UnrecognizedClient
    return Scope(key_id, date, region, service), terminator


def _hashed(value: bytes) -> str:
    return b64encode(sha256(value).digest()).decode()


def shown(value: bytes | str) -> str:
    """A caller's words, fit for a sentence: cut, and printable ASCII only."""
    text = value[:256] if isinstance(value, str) else value[:256].decode("latin-1")
    return "".join(c if "\x20" <= c <= "\x7e" else "?" for c in text)
