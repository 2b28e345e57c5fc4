"""What is answered to bytes that never became a request.

They are told as AWS's JSON services tell them, which is short, and as a rule nobody knows yet which
protocol the client means to speak.  Who sends a form speaks the query protocol, whose clients find
no code in JSON.

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

    def answer(self, *, form: bool = False) -> Answer:
        code, request_id = _CODES.get(self.status, _MALFORMED), str(uuid4())
        if form:
            # The listener brings no other room until somebody sends a form that is refused.
            from strongroom.wire import faults

            kind, name = "text/xml", code.removesuffix("Exception")
            body = faults.xml(name, self.status, self.message, request_id)
        else:
            kind = "application/x-amz-json-1.1"
            body = msgspec.json.encode({"__type": code, "message": self.message})
        headers = f"Content-Type: {kind}\r\nx-amzn-RequestId: {request_id}\r\n"
        return Answer(self.status, headers.encode(), body)
