"""One GET request, bounded in size and time, to addresses that are looked at before they are used.

The name is resolved once, and what it resolved to is what is connected to: a name that means
something else a moment later gains nothing.  Nothing is followed, nothing is sent but the request,
and settings of the environment (proxies) are not heeded.

Source: RFC 9110, RFC 9112.
"""

import socket
import ssl
import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httptools

from strongroom.issuers.addresses import Address, Admits
from strongroom.issuers.jwks import MOST_BYTES, Unusable

SECONDS = 5.0
_MOST_HEAD = 16 * 1024  # bytes of status line, headers and chunk sizes
_MOST_ADDRESSES = 4
_PORTS = {"http": 80, "https": 443}


class Unreachable(Exception):
    """Nobody answered, or not in time, or that they could not: it may go better later."""


Resolve = Callable[[str, int], list[str]]
"""From a host and a port to addresses; OSError if there are none."""


def resolved(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


def get(
    url: str,
    *,
    admits: Admits,
    trust: Callable[[], ssl.SSLContext],
    seconds: float = SECONDS,
    most: int = MOST_BYTES,
    resolve: Resolve = resolved,
) -> bytes:
    """The content behind a URL; Unreachable, Unusable."""
    deadline = time.monotonic() + seconds
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        addresses = [ip_address(text.partition("%")[0]) for text in resolve(host, port)]
        if not addresses or not all(map(admits, addresses)):
            raise Unusable("its name means addresses that may not be asked")
        with _connected(addresses[:_MOST_ADDRESSES], port, deadline) as plain:
            if parts.scheme == "http":
                return _exchange(plain, parts, most, deadline)
            with trust().wrap_socket(plain, server_hostname=host) as sock:
                return _exchange(sock, parts, most, deadline)
    except ssl.SSLCertVerificationError:
        raise Unusable("its certificate is not trusted") from None
    except ValueError:  # of names that IDNA cannot have, as `a..b`
        raise Unusable("its URL is one that cannot be asked") from None
    except OSError as failure:
        raise Unreachable(f"it does not answer: {type(failure).__name__}") from None


def _connected(addresses: list[Address], port: int, deadline: float) -> socket.socket:
    failure: OSError = TimeoutError()
    for address in addresses:
        try:
            sock = socket.create_connection((str(address), port), _left(deadline))
        except OSError as refused:
            failure = refused
        else:
            sock.settimeout(_left(deadline))
            return sock
    raise failure


def _exchange(sock: socket.socket, parts: SplitResult, most: int, deadline: float) -> bytes:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = parts.netloc.rpartition("@")[2]
    sock.sendall(
        f"GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: strongroom\r\n"
        "Accept: application/json\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n".encode(
            "ascii"
        )
    )
    answer = _Answer(most)
    parser: Any = httptools.HttpResponseParser(answer)
    received = 0
    while not answer.complete:
        sock.settimeout(_left(deadline))
        data = sock.recv(16 * 1024)
        received += len(data)
        if not data:
            if answer.headed and not answer.measured:
                break  # the end of the connection is the end of the content
            raise Unreachable("it hung up before it had answered")
        try:
            parser.feed_data(data)
        except httptools.HttpParserError:
            if answer.too_large:
                break
            raise Unusable("it does not answer in HTTP") from None
        if received > most + _MOST_HEAD:
            answer.too_large = True
            break
    if answer.too_large:
        raise Unusable(f"it answers with more than {most} bytes")
    status = parser.get_status_code()
    if status >= 500 or status == 429:
        raise Unreachable(f"it answers with status {status}")
    if status != 200:
        raise Unusable(f"it answers with status {status}")
    return bytes(answer.body)


class _Answer:
    """What the parser finds."""

    def __init__(self, most: int) -> None:
        self.body = bytearray()
        self.headed = self.measured = self.complete = self.too_large = False
        self._most = most

    def on_header(self, name: bytes, _value: bytes) -> None:
        self.measured = self.measured or name.lower() in (b"content-length", b"transfer-encoding")

    def on_headers_complete(self) -> None:
        self.headed = True

    def on_body(self, data: bytes) -> None:
        self.body += data
        self.too_large = self.too_large or len(self.body) > self._most

    def on_message_complete(self) -> None:
        self.complete = True


def _left(deadline: float) -> float:
    """Seconds until then; TimeoutError if there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
