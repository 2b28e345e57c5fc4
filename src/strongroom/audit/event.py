"""One event, in CloudTrail's members and their order.

`Event` says what a record is, and reads one.  `Recorder.record` writes one: the same bytes that
encoding an `Event` gives, put together from parts made beforehand, since every request writes one
(1.3 microseconds against 2.9; a test keeps the two equal).

The rules kept here:

* what a caller chose freely - user agent, host, names in an error - is escaped down to printable
  ASCII, so that a record is one line and safe to look at on a terminal;
* a text longer than 1 KB is cut, and parameters longer than 100 KB (additional data: 28 KB) are
  replaced by a note of their size, as CloudTrail does;
* members that have nothing to say are left out, but `requestParameters` and `responseElements`
  are always there, `null` if empty.

What of a request may be logged at all is `wire.redaction`'s, which hands over finished JSON.

Source: CloudTrail User Guide, "CloudTrail record contents" and "userIdentity element", 1.11.
"""

import json
from typing import Final, NamedTuple

import msgspec

from strongroom.clock import iso8601

_VERSION: Final = "1.11"
_MAX_TEXT = 1024  # bytes: userAgent, errorCode, errorMessage
_MAX_PARAMETERS = 100 * 1024  # bytes: requestParameters, responseElements, serviceEventDetails
_MAX_ADDITIONAL = 28 * 1024  # bytes
_MAX_REMEMBERED = 1024  # frames, made of texts of at most _MAX_TEXT each
_NULL = b"null"
_ABSENT = msgspec.Raw()

_encode = msgspec.json.Encoder().encode


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event as it stands in a trail.  Members named as on the wire."""

    eventVersion: str
    userIdentity: msgspec.Raw
    eventTime: str
    eventSource: str
    eventName: str
    awsRegion: str
    sourceIPAddress: str
    userAgent: str | None = None
    errorCode: str | None = None
    errorMessage: str | None = None
    requestParameters: msgspec.Raw
    responseElements: msgspec.Raw
    additionalEventData: msgspec.Raw = _ABSENT
    requestID: str
    eventID: str
    readOnly: bool
    resources: msgspec.Raw = _ABSENT
    eventType: str
    managementEvent: bool
    recipientAccountId: str | None = None
    eventCategory: str
    serviceEventDetails: msgspec.Raw = _ABSENT
    tlsDetails: msgspec.Raw = _ABSENT


class Kind:
    """An operation's constant part, made once: `Kind("kms.amazonaws.com", "Encrypt", True)`."""

    __slots__ = ("head", "middle", "tail")

    def __init__(
        self, source: str, name: str, read_only: bool, *, event_type: str = "AwsApiCall"
    ) -> None:
        self.head = b'","eventSource":%b,"eventName":%b,"awsRegion":' % (
            quoted(source),
            quoted(name),
        )
        self.middle = b'","readOnly":true' if read_only else b'","readOnly":false'
        self.tail = b',"eventType":%b,"managementEvent":true' % quoted(event_type)


def anonymous(claimed_key_id: str = "") -> bytes:
    """`userIdentity` of somebody who did not show who they are, as S3 logs it.

    The key id that such a request named is kept: it is a claim, and the error beside it says so.
    """
    claim = b',"accessKeyId":' + quoted(claimed_key_id) if claimed_key_id else b""
    return b'{"type":"AWSAccount","principalId":"","accountId":"ANONYMOUS_PRINCIPAL"%b}' % claim


def internal(account: str) -> bytes:
    """`userIdentity` of the service itself: rotation, deletion when its time has come."""
    return b'{"accountId":%b,"invokedBy":"AWS Internal"}' % quoted(account)


def quoted(text: str | bytes) -> bytes:
    """A text as JSON in printable ASCII, cut to 1 KB of UTF-8; never invalid, whatever it holds."""
    if isinstance(text, str):
        if len(text) <= _MAX_TEXT and text.isascii() and text.isprintable():
            return _encode(text)  # as the last line would, but faster
        text = text.encode("utf-8", "replace")
    whole = text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT]
    # A cut through a character leaves no half of it; any other wrong byte is shown as U+FFFD.
    decoded = whole.decode("utf-8", "replace" if whole is text else "ignore")
    return json.dumps(decoded).replace("\x7f", "\\u007f").encode()


class _Frame(NamedTuple):
    """What the records of one caller's calls of one operation have in common."""

    start: bytes  # up to the time
    place: bytes  # from the time to the user agent
    end: bytes  # from the resources to the TLS details


class Recorder:
    """Writes records; one for each worker."""

    def __init__(self) -> None:
        self._frames: dict[tuple[Kind, bytes, str, str, bytes, str], _Frame] = {}
        self._tls: dict[tuple[tuple[str, str], bytes], bytes] = {}
        self._second = -1
        self._time = b""

    def record(
        self,
        kind: Kind,
        identity: bytes,
        *,
        at: float,
        region: str,
        source_ip: str,
        user_agent: bytes,
        request_id: str,
        event_id: str,
        account: str,
        request: bytes = _NULL,
        response: bytes = _NULL,
        additional: bytes = b"",
        resources: bytes = b"",
        error: tuple[str, str] | None = None,
        service_details: bytes = b"",
        tls: tuple[str, str] | None = None,
        host: bytes = b"",
    ) -> bytes:
        """One record, without a line break.

        `identity`, `request`, `response`, `additional`, `resources` and `service_details` are
        finished JSON, empty where the member is to be left out; the two ids are made by us and need
        no escaping; `error` is code and message, `tls` version and cipher.
        """
        second = int(at)
        if second != self._second:
            self._second, self._time = second, iso8601(second).encode()
        caller = (kind, identity, region, source_ip, user_agent, account)
        start, place, end = self._frames.get(caller) or self._frame(caller)
        if len(request) > _MAX_PARAMETERS:
            request = _omitted(request)
        if len(response) > _MAX_PARAMETERS:
            response = _omitted(response)
        return b"".join(
            (
                start,
                self._time,
                place,
                _error(error) if error else b"",
                b',"requestParameters":',
                request,
                b',"responseElements":',
                response,
                _additional(additional) if additional else b"",
                b',"requestID":"',
                request_id.encode(),
                b'","eventID":"',
                event_id.encode(),
                kind.middle,
                b',"resources":' if resources else b"",
                resources,
                end,
                _service(service_details) if service_details else b"",
                self._tls.get((tls, host)) or self._remember_tls(tls, host) if tls else b"",
                b"}",
            )
        )

    def _frame(self, caller: tuple[Kind, bytes, str, str, bytes, str]) -> _Frame:
        kind, identity, region, source_ip, user_agent, account = caller
        agent = b',"userAgent":' + quoted(user_agent) if user_agent else b""
        recipient = b',"recipientAccountId":' + quoted(account) if account else b""
        made = _Frame(
            b'{"eventVersion":%b,"userIdentity":%b,"eventTime":"' % (quoted(_VERSION), identity),
            b'%b%b,"sourceIPAddress":%b%b' % (kind.head, quoted(region), quoted(source_ip), agent),
            b'%b%b,"eventCategory":"Management"' % (kind.tail, recipient),
        )
        if max(map(len, (region, source_ip, user_agent))) <= _MAX_TEXT:
            if len(self._frames) >= _MAX_REMEMBERED:
                self._frames.clear()
            self._frames[caller] = made
        return made

    def _remember_tls(self, tls: tuple[str, str], host: bytes) -> bytes:
        made = b',"tlsDetails":{"tlsVersion":%b,"cipherSuite":%b,"clientProvidedHostHeader":%b}' % (
            quoted(tls[0]),
            quoted(tls[1]),
            quoted(host),
        )
        if len(host) <= _MAX_TEXT:
            if len(self._tls) >= _MAX_REMEMBERED:
                self._tls.clear()
            self._tls[tls, host] = made
        return made


def read(line: bytes) -> Event:
    """The event of one line; ValueError if it is none."""
    return msgspec.json.decode(line, type=Event)


def _error(error: tuple[str, str]) -> bytes:
    code, message = error
    said = b',"errorMessage":' + quoted(message) if message else b""
    return b',"errorCode":' + quoted(code) + said


def _additional(additional: bytes) -> bytes:
    if len(additional) > _MAX_ADDITIONAL:
        additional = _omitted(additional)
    return b',"additionalEventData":' + additional


def _service(details: bytes) -> bytes:
    if len(details) > _MAX_PARAMETERS:
        details = _omitted(details)
    return b',"serviceEventDetails":' + details


def _omitted(json_text: bytes) -> bytes:
    return b'{"omitted":true,"originalSize":%d,"reason":"maximum field size exceeded"}' % len(
        json_text
    )
