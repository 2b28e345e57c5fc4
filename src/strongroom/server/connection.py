"""One client's connection: its requests one after the other, its answers in their order.

A connection is in one of these phases.  Each has its time, which the listener's sweep watches;
an answer under way has none, because work that was begun is finished.

    phase    entered                                    left
    IDLE     an answer went out, nothing more is here   a byte comes; `idle_time`
    HEAD     at the start; a byte of a head came        the head is whole; `head_time`
    BODY     the head is whole, the body is not         the body is whole; `body_rate`
    BUSY     the app has the request                    the app replies
    LINGER   a refusal went out                         the client closes; `linger_time`
    CLOSING  the last answer went out                   it is flushed; `linger_time`

Beside the phase there is `stuck`: the client does not take its answers.  No further request is
run while it lasts, and `unsent_time` ends it.

A refused client is lingered on (RFC 9112, 9.6): closing a socket that still has bytes to read
resets the connection, and the reset may overtake the answer.
"""

import asyncio
from functools import partial
from ssl import SSLObject
from typing import Final, cast

from strongroom.server.desk import Desk
from strongroom.server.framing import BODY, CLOSE, CONTINUE, HEAD, IDLE, Reader
from strongroom.server.http import Answer, Request, is_form
from strongroom.server.log import where
from strongroom.server.refusals import Refused

BUSY: Final = 3
LINGER: Final = 4
CLOSING: Final = 5


class Connection(asyncio.Protocol):
    __slots__ = (
        "_app",
        "_desk",
        "_ended",
        "_held",
        "_held_bytes",
        "_peer",
        "_phase",
        "_print",
        "_reader",
        "_request",
        "_running",
        "_since",
        "_stuck_since",
        "_swallowed",
        "_tls",
        "_transport",
        "met",
    )

    def __init__(self, desk: Desk, peer: str) -> None:
        self._desk = desk
        self._app = desk.app
        self._print = desk.printer.print
        self._peer = peer
        self._phase: int = HEAD
        self._since = desk.now
        self._stuck_since: float | None = None
        self._request: Request | None = None  # the one the app has
        self._running = False  # inside _advance
        self._held = False  # reading is paused
        self._held_bytes = 0  # as noted with the desk
        self._ended = False  # the client will send no more
        self._swallowed = 0  # bytes since the refusal
        self._tls = False
        self._transport: asyncio.Transport | None = None
        self.met = False  # the loop has called connection_made, and will call connection_lost
        self._reader = Reader(desk.limits, peer, None)

    # What the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.met = True
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=self._desk.limits.unsent)
        tls: SSLObject | None = transport.get_extra_info("ssl_object")
        if tls is not None:
            self._tls = True
            cipher = tls.cipher()
            seen = (tls.version() or "", cipher[0] if cipher else "")
            self._reader = Reader(self._desk.limits, self._peer, seen)
        self._since = self._desk.now
        self._desk.joined(self)

    def data_received(self, data: bytes) -> None:
        if self._phase >= LINGER:
            self._swallow(len(data))
            return
        self._reader.feed(data)
        if self._request is None and self._stuck_since is None:
            self._advance()
        elif not self._within_held():
            self._drop()
        elif self._reader.ahead > self._desk.limits.pipelined:
            self._hold()

    def eof_received(self) -> bool:
        """Whether to stay open: for a client that has said all and waits for its answers."""
        self._ended = True
        owed = self._request is not None or self._stuck_since is not None
        return owed and not self._tls

    def connection_lost(self, _exc: Exception | None) -> None:
        self._transport = None
        self._phase = CLOSING
        if self._request is not None:
            self._desk.orphans += 1
        self._forget()
        self._desk.left(self)

    def pause_writing(self) -> None:
        self._stuck_since = self._desk.now

    def resume_writing(self) -> None:
        self._stuck_since = None
        if self._request is None and not self._running and self._phase < LINGER:
            self._advance()

    # What the listener calls

    def sweep(self, now: float) -> None:
        """Hold the client to its times."""
        limits = self._desk.limits
        waited = now - self._since
        if self._stuck_since is not None and now - self._stuck_since > limits.unsent_time:
            self._drop()
        elif self._phase == IDLE and waited > limits.idle_time:
            self._close()
        elif self._phase == HEAD and waited > limits.head_time:
            if self._reader.waits_for == IDLE:  # it connected and has said nothing
                self._close()
            else:
                self._refuse(Refused(408, f"the head took over {limits.head_time:g} seconds"))
        elif self._phase == BODY and waited > limits.body_grace:
            if self._reader.received < (waited - limits.body_grace) * limits.body_rate:
                floor = f"{limits.body_rate} bytes a second"
                self._refuse(Refused(408, f"the body came slower than {floor}; send it faster"))
        elif self._phase >= LINGER and waited > limits.linger_time:
            self.abort()

    def retire(self) -> None:
        """Close unless a request is under way; if one is, close after its answer."""
        if self._request is None and self._reader.waits_for == IDLE and self._phase < LINGER:
            self._close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # One request after the other

    def _advance(self) -> None:
        """Run the requests that are here whole, until one is not answered at once."""
        reader = self._reader
        self._running = True
        try:
            while self._stuck_since is None:
                request = reader.next()
                if request is None:
                    self._wait()
                    break
                self._request = request
                self._phase = BUSY
                try:
                    self._app(request, partial(self._answer, request))
                except Exception as mistake:  # noqa: BLE001  # the last door: a bug costs one answer
                    self._forgive(request, mistake)
                if self._phase != IDLE or not (reader.more or self._held or self._ended):
                    break
        except Refused as refused:
            self._refuse(refused)
        finally:
            self._running = False
        if (reader.more or self._held_bytes) and not self._within_held() and self._held_bytes:
            self._drop()

    def _answer(self, request: Request, answer: Answer) -> None:
        if request is not self._request:
            raise RuntimeError("a request was answered twice")
        self._request = None
        desk = self._desk
        if self._transport is None:
            desk.orphans -= 1
            desk.settled()
            return
        connection = CLOSE if desk.closing else self._reader.connection
        self._transport.write(self._print(answer, connection, request.method))
        if connection is CLOSE:
            self._close()
            return
        self._phase = IDLE
        self._since = desk.now
        if not self._running and (self._reader.more or self._ended or self._held):
            self._advance()

    def _wait(self) -> None:
        """There is no whole request here."""
        phase = self._reader.waits_for
        if phase != self._phase and not (phase == IDLE and self._phase == HEAD):
            self._phase = phase
            self._since = self._desk.now
        if self._ended or (phase == IDLE and self._desk.closing):
            self._close()
            return
        if phase != IDLE and not self._within_held():
            raise Refused(503, "too many requests are being sent at once; try again")
        self._go_on()
        if self._reader.continue_due and self._transport is not None:
            self._reader.continue_due = False
            self._transport.write(CONTINUE)

    def _within_held(self) -> bool:
        """Note what is held for this client; whether there is room for what is held for all."""
        held = self._reader.held
        self._desk.held += held - self._held_bytes
        self._held_bytes = held
        return self._desk.held <= self._desk.limits.held

    def _forget(self) -> None:
        """Nothing that was read will be used."""
        self._desk.held -= self._held_bytes
        self._held_bytes = 0
        self._reader = Reader(self._desk.limits, self._peer, None)

    def _hold(self) -> None:
        """Stop reading."""
        if self._transport is not None and not self._held:
            self._held = True
            self._transport.pause_reading()

    def _go_on(self) -> None:
        """Read again, if reading was stopped."""
        if self._transport is not None and self._held:
            self._held = False
            self._transport.resume_reading()

    def _forgive(self, request: Request, mistake: Exception) -> None:
        self._desk.log("app-raised", error=type(mistake).__name__, where=where(mistake))
        if self._request is request:
            self._answer(
                request, Refused(500, "an internal error").answer(form=is_form(request.headers))
            )

    # The end

    def _close(self) -> None:
        """Close once what was written is flushed."""
        self._phase = CLOSING
        self._since = self._desk.now
        if self._transport is not None:
            self._transport.close()

    def _refuse(self, refused: Refused) -> None:
        """Say why, and read on a little for nothing so that it arrives."""
        self._desk.counts.refused += 1
        self._phase = LINGER
        self._since = self._desk.now
        answer = refused.answer(form=self._reader.speaks_forms)
        self._forget()
        if self._transport is None:
            return
        self._transport.write(self._print(answer, CLOSE, b""))
        if self._ended:
            self._close()
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._go_on()

    def _drop(self) -> None:
        """Cut off a client that takes more than its part and cannot be told so."""
        self._desk.counts.dropped += 1
        self.abort()

    def _swallow(self, length: int) -> None:
        self._swallowed += length
        if self._swallowed > self._desk.limits.linger:
            self.abort()
