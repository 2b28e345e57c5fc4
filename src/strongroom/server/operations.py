"""Every operation of every service, as the door sees them: made once at start.

An operation that a service's model has and its package has not is here too: it answers
NotImplementedException and its name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from strongroom.errors import NotImplementedHere
from strongroom.server.http import Answer
from strongroom.services.operation import Operation, Way
from strongroom.wire import cbor, json11, markup, query
from strongroom.wire.protocol import END, SUCCESS, SUCCESS_WITHOUT_BODY, Protocol
from strongroom.wire.shape import OperationShapes, Service, Shape


@dataclass(frozen=True, slots=True, eq=False)
class Offered:
    """A service as `main` puts it together."""

    wire: Service
    protocols: tuple[Protocol, ...]
    source: str  # the audit log's name for it: "kms.amazonaws.com"
    shapes: Mapping[str, OperationShapes]
    operations: Mapping[str, Operation]
    memory: Any  # the world of operations that answer from memory, and of those apart
    books: Callable[[Any], Any]  # from opened books to the world of those that read or write


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """One operation in one protocol.  Compared by identity: there is one of each."""

    name: str
    service: Offered
    protocol: Protocol
    decode: Callable[[Any], Shape]  # from a body, or from a query form's parameters
    encode: Callable[[Shape | None, str], Answer]  # with the request id
    handler: Callable[[Any, Any, Any], Any]
    way: Way
    read_only: bool
    signed: bool
    names_key: bool
    shows_answer: bool


Table = dict[tuple[Protocol, str, str], Endpoint]
"""By protocol, the service's target prefix (for the query protocol: its version) and operation."""


def table(services: list[Offered]) -> Table:
    """All operations of `services`, in each protocol that the service may be asked in."""
    made: Table = {}
    for service in services:
        for protocol in service.protocols:
            in_query = protocol is Protocol.QUERY
            place = service.wire.version if in_query else service.wire.target_prefix
            for name, shapes in service.shapes.items():
                made[protocol, place, name] = _endpoint(service, name, shapes, protocol)
    return made


def _endpoint(service: Offered, name: str, shapes: OperationShapes, protocol: Protocol) -> Endpoint:
    operation = service.operations.get(name) or _missing(name)
    return Endpoint(
        name=name,
        service=service,
        protocol=protocol,
        decode=_decoder(protocol, shapes.input),
        encode=_encoder(protocol, name, service.wire, has_body=shapes.output is not None),
        handler=operation.handler,
        way=operation.way,
        read_only=operation.read_only,
        signed=operation.signed,
        names_key=operation.names_key,
        shows_answer=operation.shows_answer or not operation.read_only,
    )


def _missing(name: str) -> Operation:
    def refuse(*_: object) -> None:
        raise NotImplementedHere(f"{name} is not implemented yet.")

    return Operation(refuse, Way.MEMORY, read_only=True)


def _decoder(protocol: Protocol, shape: type[Shape]) -> Callable[[Any], Shape]:
    match protocol:
        case Protocol.JSON11:
            return json11.decoder(shape)
        case Protocol.CBOR:
            return cbor.decoder(shape)
        case Protocol.QUERY:
            return query.decoder(shape)


def _encoder(
    protocol: Protocol, name: str, wire: Service, *, has_body: bool
) -> Callable[[Shape | None, str], Answer]:
    head = (SUCCESS if has_body else SUCCESS_WITHOUT_BODY)[protocol]
    if protocol is Protocol.QUERY:

        def in_xml(given: Shape | None, request_id: str) -> Answer:
            body = markup.answer(name, given, wire.xmlns, request_id)
            return Answer(200, head + request_id.encode() + END, body)

        return in_xml
    to_bytes = json11.encode if protocol is Protocol.JSON11 else cbor.encode

    def encode(given: Shape | None, request_id: str) -> Answer:
        return Answer(200, head + request_id.encode() + END, to_bytes(given))

    return encode
