"""What is answered to bytes that never became a request.

The form is that of AWS's JSON services, whatever protocol the client meant to speak: it is short,
every client shows it, and at this point nobody knows which one that is.

Source: KMS API Reference, "Common errors", for the codes; RFC 9110, 15, for the statuses.
"""

from uuid import uuid4

import msgspec

from strongroom.server.http import Answer

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

    def answer(self) -> Answer:
        body = {"__type": _CODES.get(self.status, _MALFORMED), "message": self.message}
        headers = f"Content-Type: application/x-amz-json-1.1\r\nx-amzn-RequestId: {uuid4()}\r\n"
        return Answer(self.status, headers.encode(), msgspec.json.encode(body))
