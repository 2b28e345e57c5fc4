"""What is answered to bytes that never became a request.

They are told as AWS's JSON services tell them, which is short, and as a rule nobody knows yet which
protocol the client means to speak.  Who sends a form speaks the query protocol, whose clients find
no code in JSON.

Source: KMS API Reference, "Common errors", for the codes; RFC 9110, 15, for the statuses.
"""

from uuid import uuid4

import msgspec

from strongroom.server.http import Answer
from strongroom.wire import faults
from strongroom.wire.protocol import CONTENT_TYPE, Protocol, request_id_line

_CODES = {
    408: "RequestTimeoutException",
    413: "RequestEntityTooLargeException",
    500: "InternalFailure",
    503: "ServiceUnavailableException",
}
_MALFORMED = "MalformedHttpRequestException"  # every other


class Refused(Exception):
    """The request cannot be run and nothing after it can be trusted: answer, then close."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def answer(self, *, form: bool = False) -> Answer:
        code, request_id = _CODES.get(self.status, _MALFORMED), str(uuid4())
        if form:
            name = code.removesuffix("Exception")
            body = faults.xml(name, self.status, self.message, request_id)
        else:
            body = msgspec.json.encode({"__type": code, "message": self.message})
        kind = CONTENT_TYPE[Protocol.QUERY if form else Protocol.JSON11]
        headers = b"Content-Type: %b\r\n" % kind + request_id_line(request_id)
        return Answer(self.status, headers, body)
