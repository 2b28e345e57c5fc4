"""What a request line may be, and what it must agree with.

llhttp takes more than is meant here: several blanks between the words, HTTP/0.9 and 2.0, the
methods of RTSP and others, fragments in the target.

Source: RFC 9112, 3; RFC 9110, 7.2 and 9.
"""

import re
from typing import Final

from strongroom.server.refusals import Refused

METHODS: Final = frozenset({b"POST", b"GET", b"HEAD", b"PUT", b"DELETE", b"PATCH", b"OPTIONS"})

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VERSION = re.compile(rb"HTTP/\d\.\d")
# A name or an IPv4 address, or an IPv6 address in brackets, then a port.  RFC 3986 has commas in
# names; here one means that Host was sent twice.
_HOST = re.compile(rb"(?:[A-Za-z0-9._~%!$&'()*+;=-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_ABSOLUTE = re.compile(rb"https?://([^/?]*)(.*)", re.IGNORECASE)


def request_line(line: bytes, limit: int) -> tuple[bytes, bytes, bytes]:
    """Method, target and version (1.0 or 1.1) of a line without its CRLF; Refused if it is not one.

    `limit` is the length it may have.
    """
    if len(line) > limit:
        raise Refused(414, f"the request line is over {limit} bytes")
    try:
        method, target, version = line.split(b" ")
    except ValueError:
        raise Refused(400, "the request line is not `METHOD /target HTTP/1.1`") from None
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        if _VERSION.fullmatch(version):
            raise Refused(505, "this server speaks HTTP/1.1; use that version")
        raise Refused(400, "the request line does not end in `HTTP/1.1`")
    if method not in METHODS:
        if _TOKEN.fullmatch(method):
            raise Refused(501, "the method of the request is not one this server knows")
        raise Refused(400, "the method of the request is not a word")
    if not target or b"#" in target:
        raise Refused(400, "the target of the request is empty or has a fragment")
    return method, target, version


def require_host(host: bytes) -> None:
    """Refused unless it is one host, with at most a port."""
    if not _HOST.fullmatch(host):
        raise Refused(400, "the `Host` header field is not one host name with at most a port")


def origin_form(method: bytes, target: bytes, host: bytes | None) -> bytes:
    """Path and query of a target that is not just these; `*` stays `*`."""
    if target == b"*" and method == b"OPTIONS":
        return target
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise Refused(400, "the target of the request does not begin with `/`")
    authority, rest = absolute.groups()
    if host is None or authority.lower() != host.lower():
        raise Refused(400, "the target of the request and its `Host` header field name two hosts")
    return bytes(rest if rest.startswith(b"/") else b"/" + rest)
