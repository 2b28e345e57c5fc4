"""The protocols, and the header lines that an answer in each of them carries.

The lines of a success are ready-made: `SUCCESS[protocol] + request_id + END`.  Whoever sends them
adds Content-Length, Date and Connection.

INVARIANT: no byte of a header comes from a caller.  A request id is ours; `request_id_line`
lets nothing through that could end the line.

Source: KMS answers as observed (Cache-Control, Expires, Pragma on every one); Smithy RPC v2 CBOR.
"""

from enum import Enum, auto

END = b"\r\n"


class Protocol(Enum):
    JSON11 = auto()
    CBOR = auto()
    QUERY = auto()


CONTENT_TYPE = {
    Protocol.JSON11: b"application/x-amz-json-1.1",
    Protocol.CBOR: b"application/cbor",
    Protocol.QUERY: b"text/xml",
}

_REQUEST_ID = b"x-amzn-RequestId: "

EXTRA = {
    Protocol.JSON11: (
        b"Cache-Control: no-cache, no-store, must-revalidate, private\r\n"
        b"Expires: 0\r\n"
        b"Pragma: no-cache\r\n"
    ),
    Protocol.CBOR: b"smithy-protocol: rpc-v2-cbor\r\n",
    Protocol.QUERY: b"",
}
"""What every answer has beside its content type and its request id."""

SUCCESS = {
    protocol: b"Content-Type: " + CONTENT_TYPE[protocol] + END + EXTRA[protocol] + _REQUEST_ID
    for protocol in Protocol
}
"""The lines of an answer up to where its request id stands; that and `END` complete them."""

SUCCESS_WITHOUT_BODY = SUCCESS | {Protocol.CBOR: EXTRA[Protocol.CBOR] + _REQUEST_ID}
"""The same where the body is empty: CBOR then names no content type, the others do."""


def request_id_line(request_id: str) -> bytes:
    """The header line of a request id, with whatever is not plain ASCII text left out."""
    plain = request_id
    if not (plain.isascii() and plain.isprintable()):
        plain = "".join(char for char in plain if " " <= char <= "~")
    return _REQUEST_ID + plain.encode("ascii") + END
