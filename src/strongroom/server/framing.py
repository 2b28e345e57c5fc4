"""Where a request begins and ends in a connection's bytes: the strict reading.

Rules kept here:

* What two readers could take for two different things is refused, and the connection with it.
  The framing of a request is exactly one of: nothing, one Content-Length, one
  `Transfer-Encoding: chunked` (HTTP/1.1 only).
* llhttp reads each head with a parser of its own; a body of known length is counted out here, a
  chunked one is `chunks`'.  INVARIANT: no parser outlives its request, so nothing that is sent
  can be read in the light of what was sent before it.
* Where llhttp is lenient (codings before `chunked`, chunks in HTTP/1.0, a missing or second
  `Host`), the check stands here, or in `request_line`.  `Upgrade` is ignored: this is HTTP/1.1
  and stays so.
* One request at a time: `next` gives the second when it is asked again.

No sockets and no clock: times are `listener`'s.

Source: RFC 9112 (HTTP/1.1), 2.2, 3, 5, 6, 9.3 and 11.2; RFC 9110, 7.2 and 10.1.1.
"""

from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from strongroom.server.chunks import ChunkedBody
from strongroom.server.http import Request, is_form
from strongroom.server.limits import Limits
from strongroom.server.refusals import Refused
from strongroom.server.request_line import origin_form, request_line, require_host

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

# What an answer has to say of the connection; HTTP/1.1 stays open without a word.
STAY: Final = b""
STAY_1_0: Final = b"Connection: keep-alive\r\n"
CLOSE: Final = b"Connection: close\r\n"

# What a reader waits for.
IDLE: Final = 0  # the first byte of a request
HEAD: Final = 1  # the rest of a head
BODY: Final = 2  # the rest of a body

_CHUNKED = -1  # as a length
_DIGITS = 15  # of a Content-Length, leading zeros included

_NO_LINE = b"\r\n\r\n\0"  # begins no head: a head has its first empty line at its end


class Reader:
    """The requests of one connection, in order."""

    __slots__ = (
        "_at",
        "_body",
        "_chunks",
        "_data",
        "_headers",
        "_host",
        "_limits",
        "_line",
        "_method",
        "_missing",
        "_peer",
        "_repeated",
        "_searched",
        "_target",
        "_tls",
        "_version",
        "connection",
        "continue_due",
        "more",
    )

    def __init__(self, limits: Limits, peer: str, tls: tuple[str, str] | None) -> None:
        self._limits = limits
        self._peer = peer
        self._tls = tls
        self._data = b""  # read and not used yet, from `_at` on
        self._at = 0
        self._searched = 0  # no head ends before here
        self._headers: dict[bytes, bytes] = {}
        self._repeated = 0  # header fields whose name was there already
        # What was found good the last time, and is as a rule what comes the next.
        self._line = _NO_LINE  # a request line with its CRLF, and what it says:
        self._method = self._target = self._version = b""
        self._host: bytes | None = None
        self._body: bytearray | None = None  # of a request that is not whole yet
        self._missing = 0  # bytes, of a body of known length
        self._chunks: ChunkedBody | None = None
        self.connection = STAY  # what the answer to the last request has to say
        self.more = False  # there are bytes that `next` has not looked at, or not finished with
        self.continue_due = False  # the client waits for CONTINUE before it sends the body

    @property
    def waits_for(self) -> int:
        if self._body is not None:
            return BODY
        return HEAD if self._at < len(self._data) else IDLE

    @property
    def speaks_forms(self) -> bool:
        """Whether the last head that was read is that of a form."""
        return is_form(self._headers)

    @property
    def ahead(self) -> int:
        """Bytes read behind the last request."""
        return len(self._data) - self._at

    @property
    def received(self) -> int:
        """Bytes of the body under way."""
        return 0 if self._body is None else len(self._body)

    @property
    def held(self) -> int:
        """Bytes kept for requests that are not run yet."""
        return self.ahead + self.received

    def feed(self, data: bytes) -> None:
        if self._at == len(self._data):
            self._data = data
            self._searched = 0
        else:
            self._searched = max(self._searched - self._at, 0)
            self._data = self._data[self._at :] + data
        self._at = 0
        self.more = True

    def next(self) -> Request | None:
        """The next request if it is there whole; Refused if it, or its beginning, is not one."""
        data, at = self._data, self._at
        if at == len(data):
            self.more = False
            return None
        if self._body is not None:
            return self._go_on(self._body)
        end = data.find(b"\r\n\r\n", self._searched) + 4
        if end < 4:
            self._searched = max(at, len(data) - 3)
            self._look_over(data[at:])
            return None
        length = self._read_head(data[at:end])
        whole = end + length
        if end <= whole <= len(data):
            self._used(whole)
            return Request(
                self._method,
                self._target,
                self._headers,
                data[end:whole],
                self._peer,
                self._tls,
            )

        self._at = self._searched = end
        self._missing = length
        self._chunks = ChunkedBody(self._limits.body) if length == _CHUNKED else None
        self._body = bytearray() if self._chunks is None else self._chunks.data
        self.continue_due = b"expect" in self._headers and end == len(data)
        return self._go_on(self._body)

    def _read_head(self, head: bytes) -> int:
        """Take in a whole head; the length of the body, or _CHUNKED."""
        limits = self._limits
        if len(head) > limits.head:
            raise Refused(431, f"the head is over {limits.head} bytes; send fewer header fields")
        if not head.startswith(self._line):
            # RFC 9112, 2.2: one empty line before a request is let pass.
            line, crlf, _ = head.removeprefix(b"\r\n").partition(b"\r\n")
            self._method, self._target, self._version = request_line(line, limits.request_line)
            self._line = line + crlf

        headers: dict[bytes, bytes] = {}
        self._headers = headers
        self._repeated = 0
        try:
            HttpRequestParser(self).feed_data(head)
        except HttpParserUpgrade:
            pass  # the head was read to its end
        except HttpParserError as error:
            raise Refused(400, f"the head of the request is malformed: {error}") from None
        if len(headers) + self._repeated > limits.fields:
            raise Refused(431, f"there are over {limits.fields} header fields; send fewer")
        return self._framing(headers)

    def _framing(self, headers: dict[bytes, bytes]) -> int:
        if b"host" not in headers or headers[b"host"] != self._host:
            self._check_host(headers.get(b"host"))
        if self._target[0] != 0x2F:  # "/"
            self._target = origin_form(self._method, self._target, headers.get(b"host"))
            self._line = _NO_LINE  # to be looked at again each time
        if self._version == b"HTTP/1.1":
            self.connection = STAY
            if b"connection" in headers and b"close" in _words(headers[b"connection"]):
                self.connection = CLOSE
        else:
            self.connection = CLOSE
            if b"keep-alive" in _words(headers.get(b"connection", b"")):
                self.connection = STAY_1_0
            headers.pop(b"expect", None)  # RFC 9110, 10.1.1: ignored from HTTP/1.0
        if b"expect" in headers and headers[b"expect"].lower() != b"100-continue":
            raise Refused(417, "the only expectation this server meets is `100-continue`")
        return self._body_length(headers)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Llhttp's call for each field; it has dropped the blanks before the value, not after."""
        name = name.lower()
        if name in self._headers:
            self._repeated += 1
            self._headers[name] += b"," + value.rstrip()
        else:
            self._headers[name] = value.rstrip()

    def _check_host(self, host: bytes | None) -> None:
        if host is None:
            if self._version == b"HTTP/1.1":
                raise Refused(400, "there is no `Host` header field; HTTP/1.1 demands one")
        else:
            require_host(host)
            self._host = host

    def _body_length(self, headers: dict[bytes, bytes]) -> int:
        if b"transfer-encoding" in headers:
            alone = b"content-length" not in headers and self._version == b"HTTP/1.1"
            if headers[b"transfer-encoding"].lower() != b"chunked" or not alone:
                raise Refused(400, "`Transfer-Encoding` is not `chunked`, alone, in HTTP/1.1")
            return _CHUNKED
        length = headers.get(b"content-length")
        if length is None:
            return 0
        if not length.isdigit():
            raise Refused(400, "`Content-Length` is not one decimal number")
        if len(length) > _DIGITS or int(length) > self._limits.body:
            raise Refused(413, f"the body is larger than {self._limits.body} bytes; send less")
        return int(length)

    def _used(self, end: int) -> None:
        """Be done with the data up to `end`; what is done with is let go, it may be secret."""
        if end == len(self._data):
            self._data = b""
            self._at = self._searched = 0
            self.more = False
        else:
            self._at = self._searched = end
            self.more = True

    def _look_over(self, begun: bytes) -> None:
        """Refuse the beginning of a head that no continuation could make good."""
        line, crlf, _ = begun.removeprefix(b"\r\n").partition(b"\r\n")
        if crlf:
            request_line(line, self._limits.request_line)
        elif len(line) > self._limits.request_line:
            raise Refused(414, f"the request line is over {self._limits.request_line} bytes")
        elif not (line[:1].isalpha() or line in (b"", b"\r")):
            raise Refused(400, "this is not HTTP")
        if len(begun) > self._limits.head:
            raise Refused(431, f"the head is over {self._limits.head} bytes; send fewer fields")
        ends = begun.count(b"\r\n")
        if begun.count(b"\n") != ends or begun.count(b"\r") != ends + begun.endswith(b"\r"):
            raise Refused(400, "a line of the head ends in a bare CR or LF; lines end in CRLF")

    def _go_on(self, body: bytearray) -> Request | None:
        """Take more of a body; the request when that was the last of it."""
        part = self._data[self._at :]
        whole: bytes | None = None
        if self._chunks is None:
            part = part[: self._missing]
            body += part
            self._missing -= len(part)
            if not self._missing:
                whole = bytes(body)
        else:
            self._chunks.feed(part)
            whole = self._chunks.whole
            if self._chunks.overrun:
                self.connection = CLOSE
        self._used(self._at + len(part))
        if whole is None:
            return None
        self._body = self._chunks = None
        self.continue_due = False
        return Request(self._method, self._target, self._headers, whole, self._peer, self._tls)


def _words(value: bytes) -> list[bytes]:
    return [word.strip() for word in value.lower().split(b",")]
