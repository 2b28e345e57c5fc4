"""A body that comes in chunks, read by llhttp with a parser of its own.

Rules kept here:

* Trailer fields are refused: no client of AWS's sends any, and what comes after a body must not be
  able to change what was said before it.
* Sizes and extensions may not outweigh the data by more than an honest sender needs, from one
  read to the next.
* llhttp cannot be stopped at the end of a message.  What it is fed behind the end is lost, and
  `overrun` says so: the connection cannot go on, the body is whole nevertheless.

Source: RFC 9112, 7.1.
"""

from httptools import HttpParserError, HttpRequestParser

from strongroom.server.refusals import Refused

_HEAD = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"

# Bytes of sizes and extensions that are let pass.  The worst honest sender, with one byte to a
# chunk, needs five for each byte of data.
_FRAMING_FREE = 16_384
_FRAMING_PER_BYTE = 8


class ChunkedBody:
    """Feed it until `whole` is there."""

    __slots__ = ("_limit", "_parser", "_raw", "_seen", "data", "whole")

    def __init__(self, limit: int) -> None:
        self.data = bytearray()
        self.whole: bytes | None = None
        self._limit = limit  # bytes of data
        self._raw = 0  # bytes fed
        self._seen = _Seen(self.data)
        self._parser = HttpRequestParser(self._seen)
        self._parser.feed_data(_HEAD)
        self._seen.trailers = False

    @property
    def overrun(self) -> bool:
        return self._seen.messages > 1

    def feed(self, part: bytes) -> None:
        """Raises Refused for malformed or oversize chunks and for trailers."""
        self._raw += len(part)
        seen = self._seen
        try:
            self._parser.feed_data(part)
        except HttpParserError as error:
            raise Refused(400, f"the chunks of the body are malformed: {error}") from None
        length = len(self.data) if seen.end is None else seen.end
        if length > self._limit:
            raise Refused(413, f"the body is larger than {self._limit} bytes; send less")
        if seen.trailers:
            raise Refused(400, "trailer fields after a chunked body are not taken; send headers")
        framing = 0 if self.overrun else self._raw - length
        if framing > _FRAMING_FREE + _FRAMING_PER_BYTE * length:
            raise Refused(400, "the chunks of the body carry more framing than data")
        if seen.end is not None:
            self.whole = bytes(self.data[: seen.end])


class _Seen:
    """llhttp's calls.  Those of a second message must not touch what the first one said."""

    __slots__ = ("_data", "end", "messages", "on_body", "trailers")

    def __init__(self, data: bytearray) -> None:
        self._data = data
        self.on_body = data.extend
        self.messages = 0
        self.trailers = False
        self.end: int | None = None  # where the body ends in `data`

    def on_message_begin(self) -> None:
        self.messages += 1

    def on_header(self, _name: bytes, _value: bytes) -> None:
        self.trailers = self.trailers or self.end is None

    def on_message_complete(self) -> None:
        if self.end is None:
            self.end = len(self._data)
