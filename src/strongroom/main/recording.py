"""From a finished exchange to its record, its count and its answer.

INVARIANT: the answer is handed to the client by `released`, and that is called once the record
is with the operating system; if the record could not be written, what leaves is a refusal.
"""

from collections.abc import Callable
from functools import lru_cache, partial

from strongroom.arn import Arn
from strongroom.audit import event
from strongroom.audit.event import Kind, Recorder
from strongroom.audit.identifiers import event_of
from strongroom.errors import Unavailable
from strongroom.server.dispatch import refusal
from strongroom.server.exchange import Exchange
from strongroom.server.operations import Endpoint
from strongroom.services.call import Call, Elsewhere
from strongroom.wire import faults, redaction

_UNROUTED = Kind("strongroom.unknown", "Unknown", read_only=True)
_NULL = b"null"
_ANONYMOUS = event.anonymous()

Append = Callable[[bytes, Callable[[bool], None]], None]
"""Queue a record; the callback learns whether it was written."""


class Recording:
    """Records exchanges; one for each worker."""

    def __init__(
        self,
        append: Append,
        count: Callable[[Exchange], None],
        note: Callable[[Exchange], None],
        now: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        self._append = append
        self._count = count
        self._note = note
        self._now = now
        self._new_id = new_id
        self._record = Recorder().record
        self._kinds: dict[Endpoint | None, Kind] = {}

    def __call__(self, exchange: Exchange) -> None:
        """Record, and answer once that is done; what succeeded is a usage of its keys."""
        self._append(self._event(exchange), partial(self._released, exchange))
        if exchange.fault is None:
            call = exchange.call
            if call is not None and call.elsewhere is not None:
                self._append(self._event_elsewhere(exchange, call, call.elsewhere), nobody_waits)
            self._note(exchange)

    def _released(self, exchange: Exchange, written: bool) -> None:
        answer = exchange.answer
        if answer is None or not written:
            exchange.fault = Unavailable("The audit record could not be written.")
            answer = refusal(exchange, exchange.fault)
        self._count(exchange)
        exchange.reply(answer)

    def _event(self, exchange: Exchange) -> bytes:
        request, endpoint, fault = exchange.request, exchange.endpoint, exchange.fault
        headers = request.headers
        call, scope = exchange.call, exchange.scope
        # Whom a handler has recognized it says in the call.
        who = exchange.who if call is None else call.who
        region = scope.region if scope is not None else "" if call is None else call.region
        return self._record(
            self._kinds.get(endpoint) or self._kind(endpoint),
            _ANONYMOUS if who is None else who.identity_json or _ANONYMOUS,
            at=self._now(),
            region=region,
            source_ip=request.peer,
            user_agent=headers.get(b"user-agent", b""),
            request_id=exchange.id,
            event_id=event_of(exchange.id),
            account="" if who is None else who.caller.account,
            request=_parameters(exchange),
            response=_elements(exchange),
            additional=_additional(call),
            resources=b"" if call is None else resources(call.resources),
            error=None
            if fault is None
            else (faults.named(exchange.protocol, fault)[0], fault.message),
            tls=request.tls,
            host=headers.get(b"host", b""),
        )

    def _event_elsewhere(self, exchange: Exchange, call: Call, elsewhere: Elsewhere) -> bytes:
        """As CloudTrail has it of UpdatePrimaryRegion: KMS asks itself there, for the same caller."""
        request, key = exchange.request, elsewhere.key
        identity = call.who.identity_json or _ANONYMOUS
        return self._record(
            _change(elsewhere.operation),
            b'%b,"invokedBy":"kms.amazonaws.com"}' % identity[:-1],
            at=self._now(),
            region=key.region,
            source_ip=request.peer,
            user_agent=request.headers.get(b"user-agent", b""),
            request_id=exchange.id,
            event_id=event_of(self._new_id()),
            account=call.account,
            request=redaction.of(elsewhere.asked),
            response=with_key(_NULL, key.arn)
            if elsewhere.given is None
            else redaction.of(elsewhere.given),
            resources=resources([key.arn]),
            tls=request.tls,
            host=request.headers.get(b"host", b""),
        )

    def _kind(self, endpoint: Endpoint | None) -> Kind:
        if endpoint is None:
            return _UNROUTED
        kind = Kind(endpoint.service.source, endpoint.name, endpoint.read_only)
        self._kinds[endpoint] = kind
        return kind


def nobody_waits(_written: bool) -> None:
    """For a record that no answer waits for."""


@lru_cache(maxsize=16)
def _change(operation: str) -> Kind:
    return Kind("kms.amazonaws.com", operation, read_only=False)


def _parameters(exchange: Exchange) -> bytes:
    return _NULL if exchange.asked is None else redaction.of(exchange.asked)


def _elements(exchange: Exchange) -> bytes:
    """What a change answered, perhaps with its key; of what only reads, CloudTrail keeps nothing,
    but for the sessions that STS gives.
    """
    given, endpoint = exchange.given, exchange.endpoint
    if exchange.fault is not None or endpoint is None or not endpoint.shows_answer:
        return _NULL
    shown = _NULL if given is None else redaction.of(given)
    if not endpoint.names_key or exchange.call is None:
        return shown
    key = next((arn for arn in exchange.call.resources if ":key/" in arn), None)
    return shown if key is None else with_key(shown, key)


def with_key(shown: bytes, arn: str) -> bytes:
    """Response elements, and the ARN of the key beside them."""
    before = b"{" if shown == _NULL else shown[:-1] + b","
    return b'%b"keyId":%b}' % (before, event.quoted(arn))


def _additional(call: Call | None) -> bytes:
    if call is None:
        return b""
    told = _told(call)
    if not call.recipient:
        return told
    return b'%b"recipient":%b}' % (told[:-1] + b"," if told else b"{", call.recipient)


def _told(call: Call) -> bytes:
    if call.explanation:
        return b'{"authorization":%b}' % call.explanation
    if call.grant_id:
        return b'{"grantId":"%b"}' % call.grant_id.encode()
    if not call.material_id:
        return b""
    return b'{"keyMaterialId":"%b"}' % call.material_id.hex().encode()


def resources(arns: list[str]) -> bytes:
    """The record's member of that name, for keys and aliases; nothing if there are none."""
    if not arns:
        return b""
    if len(arns) == 1:
        return b"[%b]" % _resource(arns[0])
    return b"[%b]" % b",".join([_resource(arn) for arn in dict.fromkeys(arns)])


@lru_cache(maxsize=256)  # more would cost who uses very many keys more than it saves
def _resource(arn: str) -> bytes:
    stem, _, name = arn.rpartition("/")
    return b"%b/%b}" % (_up_to_name(stem), event.quoted(name)[1:])


@lru_cache(maxsize=4096)
def _up_to_name(stem: str) -> bytes:
    """What stands before the slash and the name."""
    return b'{"accountId":%b,"type":"AWS::KMS::Key","ARN":%b' % (
        event.quoted(Arn.parse(stem).account),
        event.quoted(stem)[:-1],
    )
