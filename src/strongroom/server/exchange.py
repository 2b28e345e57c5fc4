"""One request on its way to its answer."""

from strongroom.errors import Fault
from strongroom.server.http import Answer, Reply, Request
from strongroom.server.operations import Endpoint
from strongroom.services.call import Call
from strongroom.sigv4.header import Scope
from strongroom.wire.protocol import Protocol
from strongroom.wire.shape import Shape


class Exchange:
    """What is known of a request so far; a field is None until its step has been taken."""

    __slots__ = (
        "account",
        "answer",
        "asked",
        "began",
        "call",
        "endpoint",
        "fault",
        "given",
        "id",
        "key_id",
        "protocol",
        "reply",
        "request",
        "scope",
        "tries",
    )

    def __init__(self, request: Request, reply: Reply, request_id: str, began: float) -> None:
        self.request = request
        self.reply = reply
        self.id = request_id
        self.began = began  # seconds, of `time.perf_counter`
        self.tries = 0
        self.protocol = Protocol.JSON11
        self.endpoint: Endpoint | None = None
        self.account: str | None = None  # once the signature is verified
        self.key_id: str | None = None
        self.scope: Scope | None = None
        self.asked: Shape | None = None
        self.call: Call | None = None
        self.given: Shape | None = None
        self.fault: Fault | None = None
        self.answer: Answer | None = None
