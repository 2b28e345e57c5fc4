"""The values that pass between the listener and what answers.

The listener makes one `Request` of the bytes of each request and hands it to an `App` with a
`Reply`.  The app calls the reply once, with an `Answer`, in the same turn of the loop or much
later.  A client that has gone away in the meantime is the listener's affair: the reply may still
be called, and does nothing.

What an app must keep: it runs on the loop's thread, it does not block, it does not raise.
"""

from collections.abc import Callable, Mapping

import msgspec


class Request(msgspec.Struct, gc=False):
    """One request, whole.

    `gc=False` is sound because nothing in here can lead back to the request.
    """

    method: bytes  # b"POST"
    target: bytes  # path and query as sent, b"/?a=b"; of an absolute-form target, that part of it
    headers: dict[bytes, bytes]
    """Names in lower case to values without the blanks around them.  The values of a name that
    was sent more than once are joined with b","."""
    body: bytes
    peer: str  # "192.0.2.7" or "2001:db8::7", without the port
    tls: tuple[str, str] | None  # version and cipher: ("TLSv1.3", "TLS_AES_256_GCM_SHA384")

    def __repr__(self) -> str:
        """Nothing that was sent: it may be plaintext, or a signature."""
        return f"Request({len(self.body)} bytes)"


class Answer(msgspec.Struct, frozen=True, gc=False):
    status: int
    headers: bytes
    """Whole header lines, each with its CRLF.  Content-Length, Date, Connection and Server are
    added by the listener and must not be among them."""
    body: bytes

    def __repr__(self) -> str:
        """Nothing that is answered: it may be a key."""
        return f"Answer({self.status}, {len(self.body)} bytes)"


_FORM = b"application/x-www-form-urlencoded"


def is_form(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a request with these headers has a form for its body, as the query protocol has it."""
    return headers.get(b"content-type", b"").partition(b";")[0].strip().lower() == _FORM


Reply = Callable[[Answer], None]
"""Call exactly once, on the loop's thread, now or later; RuntimeError at the second call."""

App = Callable[[Request, Reply], None]
"""Must not block and must not raise."""
