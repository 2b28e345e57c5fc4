"""A fault as the caller sees it: status, headers and body, by protocol.

    JSON 1.1   {"__type":"NotFoundException","message":"..."}
    CBOR       the same as a map
    query      <ErrorResponse><Error><Type/><Code/><Message/></Error><RequestId/></ErrorResponse>

Rules:
* A fault without a message has no message member; in XML the element is there and empty.
* AWS's framework itself says `Message` where most of its services say `message`:
  AccessDeniedException, and SerializationException in answers recorded from other services of the
  framework.  Faults of a service that says `Message` know it (`Fault.message_name`).
* A fault that has a `Reason` tells it in JSON and CBOR; no service of the query protocol has any.
* The query protocol has names and statuses of its own for the faults that every service shares;
  all others keep their status and lose the suffix `Exception`.

Source: KMS facts on error bodies; STS API Reference, "Common errors"; for statuses, what clients
have reported of sts.amazonaws.com (IncompleteSignature 400, ExpiredToken 403).
"""

from typing import NamedTuple

import cbor2
import msgspec

from strongroom.errors import Fault
from strongroom.wire import markup
from strongroom.wire.protocol import CONTENT_TYPE, EXTRA, Protocol, request_id_line

_UPPER_CASE_MESSAGE = frozenset({"AccessDeniedException", "SerializationException"})

# JSON's code -> the query protocol's code and status.
_QUERY = {
    "AccessDeniedException": ("AccessDenied", 403),
    "DependencyTimeoutException": ("ServiceUnavailable", 503),
    "ExpiredIdentityTokenException": ("ExpiredTokenException", 400),  # of a web identity
    "ExpiredTokenException": ("ExpiredToken", 403),
    "IncompleteSignatureException": ("IncompleteSignature", 400),
    "InvalidAuthorizationMessageException": ("InvalidAuthorizationMessageException", 400),
    "InvalidSignatureException": ("SignatureDoesNotMatch", 403),
    "KMSInternalException": ("InternalFailure", 500),
    "LimitExceededException": ("LimitExceeded", 409),
    "MissingAuthenticationTokenException": ("MissingAuthenticationToken", 403),
    "SerializationException": ("MalformedInput", 400),
    "ThrottlingException": ("Throttling", 400),
    "UnknownOperationException": ("InvalidAction", 400),
    "UnrecognizedClientException": ("InvalidClientTokenId", 403),
    "ValidationException": ("ValidationError", 400),
}


class Refusal(NamedTuple):
    status: int
    content_type: bytes
    headers: bytes  # further lines, each with its line end
    body: bytes


def answer(protocol: Protocol, fault: Fault, request_id: str, *, xmlns: str = "") -> Refusal:
    """What to send for `fault`; `xmlns` is the service's, for the query protocol."""
    code, status = named(protocol, fault)
    # A message may quote a caller; what UTF-8 cannot say must not make an error of an error.
    message = fault.message.encode("utf-8", "replace").decode("utf-8")
    match protocol:
        case Protocol.QUERY:
            body = xml(code, status, message, request_id, xmlns)
        case Protocol.JSON11:
            body = msgspec.json.encode(_document(fault, message))
        case Protocol.CBOR:
            body = cbor2.dumps(_document(fault, message))
    headers = EXTRA[protocol] + request_id_line(request_id)
    return Refusal(status, CONTENT_TYPE[protocol], headers, body)


def named(protocol: Protocol, fault: Fault) -> tuple[str, int]:
    """The code and the status by which `protocol` knows a fault."""
    if protocol is not Protocol.QUERY:
        return fault.code, fault.status
    return _QUERY.get(fault.code, (fault.code.removesuffix("Exception"), fault.status))


def _document(fault: Fault, message: str) -> dict[str, str]:
    document = {"__type": fault.code}
    if message:
        upper = fault.code in _UPPER_CASE_MESSAGE
        document["Message" if upper else fault.message_name] = message
    if fault.reason:
        document["Reason"] = fault.reason
    return document


def xml(code: str, status: int, message: str, request_id: str, xmlns: str = "") -> bytes:
    """The query protocol's document of a refusal."""
    error = (
        markup.element("Type", "Sender" if status < 500 else "Receiver")
        + markup.element("Code", markup.text(code))
        + markup.element("Message", markup.text(message))
    )
    content = markup.element("Error", error) + markup.element("RequestId", markup.text(request_id))
    return markup.element("ErrorResponse", content, xmlns=xmlns).encode()
