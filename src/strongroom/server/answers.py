"""Answers to bytes.

The lines that are the same for every answer of a second (status, server, date) are made once a
second for each status.  Clients correct their clocks by `Date`, so it is the true time and never
more than a second old.

Source: RFC 9112, 4 and 6; RFC 9110, 5.6.7 (dates), 6.4.1 and 15 (statuses).
"""

import time

from strongroom.server.http import Answer

_PHRASES = {
    200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 206: "Partial Content",
    301: "Moved Permanently", 302: "Found", 304: "Not Modified", 307: "Temporary Redirect",
    308: "Permanent Redirect",
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 406: "Not Acceptable", 408: "Request Timeout", 409: "Conflict",
    411: "Length Required", 412: "Precondition Failed", 413: "Content Too Large",
    414: "URI Too Long", 415: "Unsupported Media Type", 416: "Range Not Satisfiable",
    417: "Expectation Failed", 422: "Unprocessable Content", 429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway",
    503: "Service Unavailable", 504: "Gateway Timeout", 505: "HTTP Version Not Supported",
}  # fmt: skip
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_BODILESS = frozenset({204, 304})  # no Content-Length either
_KEPT = 16_384  # lengths whose line is kept


def http_date(at: float) -> bytes:
    """`Mon, 23 Nov 2026 19:36:05 GMT`, in no locale but this one."""
    t = time.gmtime(at)
    return (
        f"{_DAYS[t.tm_wday]}, {t.tm_mday:02} {_MONTHS[t.tm_mon - 1]} {t.tm_year} "
        f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} GMT"
    ).encode()


class _Starts(dict[int, bytes]):
    """Status to the lines that begin its answers, within one second."""

    date = b""

    def __missing__(self, status: int) -> bytes:
        lines = b"HTTP/1.1 %d %b\r\nServer: strongroom\r\nDate: %b\r\n" % (
            status,
            _PHRASES.get(status, "").encode(),
            self.date,
        )
        self[status] = lines
        return lines


class _Ends(dict[int, bytes]):
    """Length of a body to the lines that end its head."""

    def __missing__(self, length: int) -> bytes:
        lines = b"Content-Length: %d\r\n\r\n" % length
        if length < _KEPT:
            self[length] = lines
        return lines


class Printer:
    """Answers as they go to the wire.  One per worker; `tick` it once a second."""

    def __init__(self, now: float) -> None:
        self._second = -1
        self._starts = _Starts()
        self._ends = _Ends()
        self.tick(now)

    def tick(self, now: float) -> None:
        """Let answers be dated `now`, in seconds since the epoch."""
        if int(now) != self._second:
            self._second = int(now)
            self._starts.clear()
            self._starts.date = http_date(now)

    def print(self, answer: Answer, connection: bytes, method: bytes) -> bytes:
        """`connection` is a whole header line, or nothing; `method` is the request's."""
        status, headers, body = answer.status, answer.headers, answer.body
        start = self._starts[status]
        if method == b"HEAD" or status in _BODILESS:
            end = b"\r\n" if status in _BODILESS else self._ends[len(body)]
            return b"".join((start, headers, connection, end))
        return b"".join((start, headers, connection, self._ends[len(body)], body))
