"""What happens to every request, in order: `Dispatcher.dispatch`.

    route - verify - decode - handle - encode - record - answer

Rules kept here:

* The signature is verified before the content is decoded.  An operation that needs none (`signed`)
  is asked by nobody until its handler has settled who it is.
* Every request leaves one record, refusals included, and no answer leaves before its record was
  handed to the operating system (`server.record`).
* Operations that answer from memory run here and now, and await nothing.  What is not in memory
  yet is awaited, and then the request is dispatched again from its start: nothing has happened
  to it so far.  Operations that read or write what is kept run in a thread; work that is slow is
  done by another process (`Aside`, `Slow`).
* A Fault is an answer.  Anything else that a handler raises is a mistake of ours: it is logged
  by the request's id, its kind and where it happened, without its message, which may quote the
  request; and answered with InternalFailure.
"""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from typing import Protocol as Interface

from strongroom.errors import Fault, InternalFailure, NotReady, Unavailable, Undecided
from strongroom.server.exchange import Exchange
from strongroom.server.http import Answer, Reply, Request
from strongroom.server.log import Log
from strongroom.server.operations import Endpoint, Offered, table
from strongroom.server.routing import Router, protocol_of, region_of_host
from strongroom.services.call import Aside, Call, Outcome, Prepare, Slow
from strongroom.services.operation import Way
from strongroom.services.principal import NOBODY, Principal
from strongroom.sigv4.verify import Verifier
from strongroom.wire import faults
from strongroom.wire.shape import Shape

_MEMORY = Way.MEMORY  # to ask an enumeration for a member takes as long as four comparisons
_PATIENCE = 5.0  # seconds in which a request is dispatched again when something was lacking
_SOON = 1.0  # seconds within which a database that breaks off is asked once more


class Credential(Interface):
    """An access key: what signs with it, and for whose account it speaks."""

    @property
    def key_id(self) -> str: ...
    @property
    def secret(self) -> str: ...
    @property
    def account(self) -> str: ...


class Memory(Interface):
    """What is held in memory, which may lag behind what other workers commit."""

    def require_current(self) -> None:
        """NotReady if there is something to catch up with."""


class Ledger(Interface):
    """What is kept.  Both run in a thread; the block of `writing` is durable when it returns."""

    def reading(self, work: Callable[[Any], Any]) -> Any: ...
    def writing(self, work: Callable[[Any], Any]) -> Any: ...


class SlowWork(Interface):
    """Has a piece of work of an account done elsewhere (`backings.helpers`)."""

    def __call__(self, account: str, piece: Any, told: Callable[[Outcome], None]) -> None: ...

    async def result(self, account: str, piece: Any) -> Any:
        """What it gave, or raised."""


@dataclass(frozen=True, slots=True)
class Threads:
    """Where what may block is run.  One thread writes, so a worker's writers do not contend."""

    reading: Executor
    writing: Executor


class Dispatcher:
    """The app that the listener serves."""

    def __init__(
        self,
        services: list[Offered],
        *,
        credential: Callable[[str, bytes | None], Credential | None],
        principal: Callable[[Any, str], Principal],
        memory: Memory,
        ledger: Ledger,
        threads: Threads,
        slow_work: SlowWork,
        record: Callable[[Exchange], None],
        log: Log,
        new_id: Callable[[], str],
        now: Callable[[], float],
        true_now: Callable[[], float] = time.time,
    ) -> None:
        self._route = Router(table(services))
        self._verify = Verifier().verify
        self._credential = credential
        self._principal = principal
        self._memory = memory
        self._ledger = ledger
        self._threads = threads
        self._slow_work = slow_work
        self._record = record
        self._log = log
        self._now = now
        self._true_now = true_now
        self._new_id = new_id
        self._waiting: set[asyncio.Task[None]] = set()

    def __call__(self, request: Request, reply: Reply) -> None:
        self.dispatch(Exchange(request, reply, self._new_id(), time.perf_counter()))

    def dispatch(self, exchange: Exchange) -> None:
        """Everything that happens to a request, in order."""
        request = exchange.request
        try:
            self._memory.require_current()
            endpoint, content = self._route(request)
            exchange.endpoint = endpoint
            exchange.protocol = endpoint.protocol
            if endpoint.signed:
                credential, scope = self._verify(
                    request.method,
                    request.target,
                    request.headers,
                    request.body,
                    service=endpoint.service.wire.signing_name,
                    now=self._true_now(),
                    lookup=self._credential,
                )
                exchange.scope = scope
                exchange.who = who = self._principal(credential, scope.region)
                region = scope.region
            else:
                who, region = NOBODY, region_of_host(request)
            asked = exchange.asked = endpoint.decode(content)
            call = exchange.call = Call(
                who,
                region,
                self._now(),
                request.peer,
                request.headers,
                request.tls is not None,
            )
            if endpoint.way is not _MEMORY:
                self._later(self._in_thread(exchange, endpoint, call, asked))
                return
            given = endpoint.handler(endpoint.service.memory, call, asked)
            if given.__class__ is Aside:
                then = partial(self._done_aside, exchange, endpoint, given.then)
                self._slow_work(call.account, given.piece, then)
                return
            self._answer(exchange, endpoint, given)
        except NotReady as missing:
            self._again(exchange, missing.prepare)
        except Prepare as first:
            self._again(exchange, partial(self._write, first.work))
        except Fault as fault:
            self._refuse(exchange, fault)
        except Exception as mistake:  # noqa: BLE001 - this is the door
            self._fail(exchange, mistake)

    # How it ends

    def _answer(self, exchange: Exchange, endpoint: Endpoint, given: Shape | None) -> None:
        exchange.given = given
        exchange.answer = endpoint.encode(given, exchange.id)
        self._record(exchange)

    def _refuse(self, exchange: Exchange, fault: Fault) -> None:
        endpoint = exchange.endpoint
        if endpoint is None:
            exchange.protocol = protocol_of(exchange.request)
        xmlns = "" if endpoint is None else endpoint.service.wire.xmlns
        # INVARIANT: the traceback stays behind.  It leads to frames that hold the exchange, and
        # no collector looks at exchanges: each would be kept for ever, with its request.
        exchange.fault = fault.with_traceback(None)
        fault.__context__ = fault.__cause__ = None
        exchange.answer = refusal(exchange, fault, xmlns)
        self._record(exchange)

    def _fail(self, exchange: Exchange, mistake: Exception) -> None:
        operation = "" if exchange.endpoint is None else exchange.endpoint.name
        where = " < ".join(
            f"{Path(frame.filename).name}:{frame.lineno}"
            for frame in reversed(traceback.extract_tb(mistake.__traceback__))
        )
        kind = type(mistake).__name__
        self._log("mistake", request=exchange.id, operation=operation, kind=kind, where=where)
        self._refuse(exchange, InternalFailure())

    # What cannot be done here and now

    async def _in_thread(
        self, exchange: Exchange, endpoint: Endpoint, call: Call, asked: Shape
    ) -> None:
        loop = asyncio.get_running_loop()
        handler, service = endpoint.handler, endpoint.service
        try:
            match endpoint.way:
                case Way.WRITING:
                    change = partial(self._write_once_made, call)
                    given = await self._again_if_safe(
                        call, change, lambda books: handler(service.books(books), call, asked)
                    )
                case Way.READING:
                    given = await self._again_if_safe(
                        call, self._read, lambda books: handler(service.books(books), call, asked)
                    )
                case _:
                    work = partial(handler, service.memory, call, asked)
                    given = await loop.run_in_executor(self._threads.writing, work)
            self._answer(exchange, endpoint, given)
        except NotReady as missing:
            self._again(exchange, missing.prepare)
        except Fault as fault:
            self._refuse(exchange, fault)
        except Exception as mistake:  # noqa: BLE001 - this is the door
            self._fail(exchange, mistake)

    def _done_aside(
        self,
        exchange: Exchange,
        endpoint: Endpoint,
        then: Callable[[Outcome], Shape | None],
        outcome: Outcome,
    ) -> None:
        try:
            self._answer(exchange, endpoint, then(outcome))
        except Fault as fault:
            self._refuse(exchange, fault)
        except Exception as mistake:  # noqa: BLE001 - this is the door
            self._fail(exchange, mistake)

    async def _again_if_safe(
        self,
        call: Call,
        attempt: Callable[[Callable[[Any], Any]], Awaitable[Any]],
        work: Callable[[Any], Any],
    ) -> Any:
        """What an attempt gives, or the next one, if nothing came of the first and that was soon known: all
        connections break when a database is begun anew, or another takes over.
        """
        began = time.perf_counter()
        try:
            return await attempt(work)
        except Unavailable as failure:
            if isinstance(failure, Undecided) or time.perf_counter() - began > _SOON:
                raise
        call.resources.clear()
        return await attempt(work)

    async def _read(self, work: Callable[[Any], Any]) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads.reading, self._ledger.reading, work)

    async def _write_once_made(self, call: Call, work: Callable[[Any], Any]) -> Any:
        """What the work gives, which may want something `Slow` first."""
        try:
            return await self._write(work)
        except Slow as wanted:
            call.made = await self._slow_work.result(call.account, wanted.piece)
            call.resources.clear()
        return await self._write(work)

    async def _write(self, work: Callable[[Any], Any]) -> Any:
        loop = asyncio.get_running_loop()
        write = partial(self._ledger.writing, work)
        return await loop.run_in_executor(self._threads.writing, write)

    def _again(self, exchange: Exchange, prepare: Callable[[], Awaitable[Any]]) -> None:
        """Dispatch once more when `prepare` is done."""
        if time.perf_counter() - exchange.began > _PATIENCE:
            self._refuse(exchange, Unavailable("What was asked for is changing too fast."))
        else:
            self._later(self._prepared(exchange, prepare))

    async def _prepared(self, exchange: Exchange, prepare: Callable[[], Awaitable[Any]]) -> None:
        try:
            await prepare()
        except Fault as fault:
            self._refuse(exchange, fault)
        except Exception as mistake:  # noqa: BLE001 - this is the door
            self._fail(exchange, mistake)
        else:
            self.dispatch(exchange)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        # The loop keeps only a weak reference to a task.
        task = asyncio.get_running_loop().create_task(work)
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)


def refusal(exchange: Exchange, fault: Fault, xmlns: str = "") -> Answer:
    """The answer that tells a fault, in the exchange's protocol."""
    told = faults.answer(exchange.protocol, fault, exchange.id, xmlns=xmlns)
    content_type = b"Content-Type: %b\r\n" % told.content_type
    return Answer(told.status, content_type + told.headers, told.body)
