"""One request on its way to its answer."""

import msgspec

from strongroom.errors import Fault
from strongroom.server.http import Answer, Reply, Request
from strongroom.server.operations import Endpoint
from strongroom.services.call import Call
from strongroom.services.principal import Principal
from strongroom.sigv4.header import Scope
from strongroom.wire.protocol import Protocol
from strongroom.wire.shape import Shape


class Exchange(msgspec.Struct, gc=False):
    """What is known of a request so far; a field is None until its step has been taken.

    A struct of msgspec's because it is made for every request: 0.2 us, against 1.5 for a class of
    our own.  `gc=False` is sound because nothing in here leads back to the exchange: of a fault its
    traceback is taken away before it is kept (`dispatch`).
    """

    request: Request
    reply: Reply
    id: str
    began: float  # seconds, of `time.perf_counter`
    protocol: Protocol = Protocol.JSON11
    endpoint: Endpoint | None = None
    scope: Scope | None = None  # once the signature is verified
    who: Principal | None = None  # likewise
    asked: Shape | None = None
    call: Call | None = None
    given: Shape | None = None
    fault: Fault | None = None
    answer: Answer | None = None

    def __repr__(self) -> str:
        return f"Exchange({self.id})"
