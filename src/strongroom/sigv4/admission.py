"""What a request must be before its signature is computed at all, told in AWS's order.

Which headers must be signed: `host`, since one endpoint's request is none of another's; every
`x-amz-*`, since `x-amz-target` names the operation and an unsigned one would make a captured
signature good for any operation with the same body; and the content type, where it says how the body
is read.  It need not be signed where it says nothing: beside a target, which is signed and decides
(AWS's SDK for JavaScript 2 and others leave it out), and where it is the form's, which curl adds
after signing.

A Region is any name that could be one: each is a Region of its own here.

Source: IAM User Guide, "Create a signed AWS API request"; sentences as recorded from AWS's JSON
services.
"""

import re
from collections.abc import Mapping

from strongroom.errors import InvalidSignature
from strongroom.sigv4 import header, moment
from strongroom.sigv4.header import TERMINATOR, Authorization, shown
from strongroom.sigv4.moment import Moment

_REGION = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
TARGET = b"x-amz-target"
_FORM = b"application/x-www-form-urlencoded"


def admitted(
    authorization: bytes, headers: Mapping[bytes, bytes], service: str, now: float
) -> tuple[Authorization, Moment]:
    """The Authorization header and the date of a request whose signature is worth computing.

    Raises: MissingAuthenticationToken, IncompleteSignature, InvalidSignature, or UnrecognizedClient
    for an id that no key can have.
    """
    date = headers.get(b"x-amz-date") or headers.get(b"date", b"")
    read = header.parse(authorization, dated=bool(date))
    signed_at = moment.read(date)
    moment.require_current(signed_at, now)
    _require_signed(read.signed, headers)
    _require_scope(read, signed_at, service)
    return read, signed_at


def may_stay_unsigned(name: bytes) -> bool:
    """Whether a header of this name may come unsigned, whatever its value."""
    return not name.startswith(b"x-amz-") and name != b"content-type"


def _require_signed(signed: tuple[bytes, ...], headers: Mapping[bytes, bytes]) -> None:
    if b"host" not in signed:
        raise InvalidSignature(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        )
    for name in sorted(headers.keys() - signed):
        if not may_stay_unsigned(name) and not (
            name == b"content-type"
            and (TARGET in headers or headers[name].partition(b";")[0].strip().lower() == _FORM)
        ):
            raise InvalidSignature(
                f"'{shown(name)}' must be a 'SignedHeader' in the AWS Authorization."
            )


def _require_scope(read: Authorization, signed_at: Moment, service: str) -> None:
    scope = read.scope
    amiss = []
    if _REGION.fullmatch(scope.region) is None:
        amiss.append(f"Credential should be scoped to a valid region, not '{shown(scope.region)}'.")
    if scope.service != service:
        amiss.append(f"Credential should be scoped to correct service: '{service}'.")
    if read.terminator != TERMINATOR:
        amiss.append(
            f"Credential should be scoped with a valid terminator: '{TERMINATOR}', "
            f"not '{shown(read.terminator)}'."
        )
    if scope.date != signed_at.date:
        amiss.append(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
            f"HTTP: '{shown(scope.date)}' != '{signed_at.date}', from '{signed_at.basic}'."
        )
    if amiss:
        raise InvalidSignature(" ".join(amiss))
