"""One worker's life: listen, serve until told to stop, finish, return.

SIGTERM, SIGINT   stop; what is under way is finished within the grace
the same again    stop now
SIGHUP            read the certificate again
`orphaned` ends   the supervisor is gone: stop, as by SIGTERM
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator

from strongroom.server.http import App
from strongroom.server.limits import Limits
from strongroom.server.listener import Listener
from strongroom.server.log import Log, where
from strongroom.server.tls import Certificate, UnusableCertificate

_LONGEST_MESSAGE = 100  # characters


async def serve(
    app: App,
    sock: socket.socket,
    *,
    limits: Limits,
    log: Log,
    certificate: Certificate | None = None,
    ready: Callable[[], None] = lambda: None,
    stopping: Callable[[], None] = lambda: None,
    orphaned: int | None = None,
    watch: Callable[[Listener], None] = lambda _: None,
) -> None:
    """Serve `app` on a bound socket, on the main thread, until a signal says to stop.

    `ready` is called once connections are taken, `stopping` when the signal comes.  `orphaned` is a file
    descriptor that becomes readable when the supervisor dies.  `watch` is given the listener, for its
    counts.
    """
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: _report(log, context))
    listener = Listener(app, limits, log, certificate=certificate)
    stop = _Stop()
    with _signals(loop, stop, certificate, log, orphaned):
        listener.listen(sock)
        watch(listener)
        ready()
        await stop.asked.wait()
        stopping()
        log("stopping", connections=listener.open_connections)
        closing = asyncio.ensure_future(listener.close())
        insisting = asyncio.ensure_future(stop.insisted.wait())
        await asyncio.wait({closing, insisting}, return_when=asyncio.FIRST_COMPLETED)
        insisting.cancel()
        if not closing.done():
            closing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            if not await closing:
                log("stopped-unfinished", grace=limits.grace)


class _Stop:
    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.insisted = asyncio.Event()

    def __call__(self) -> None:
        (self.insisted if self.asked.is_set() else self.asked).set()


@contextlib.contextmanager
def _signals(
    loop: asyncio.AbstractEventLoop,
    stop: _Stop,
    certificate: Certificate | None,
    log: Log,
    orphaned: int | None,
) -> Iterator[None]:
    def reload() -> None:
        if certificate is None:
            return
        try:
            certificate.reload()
        except UnusableCertificate as error:
            log("certificate-kept", reason=f"{error}; the old certificate stays in use")
        else:
            log("certificate-reloaded")

    def abandoned() -> None:
        if orphaned is not None:
            loop.remove_reader(orphaned)
        log("supervisor-gone")
        stop()

    handlers: dict[int, Callable[[], None]]
    handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reload}
    if orphaned is not None:
        del handlers[signal.SIGINT]
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    if orphaned is not None:
        loop.add_reader(orphaned, abandoned)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
        if orphaned is not None:
            loop.remove_reader(orphaned)


def _report(log: Log, context: dict[str, object]) -> None:
    """What the loop caught: a mistake of ours, or the network's.

    Its message shows whatever a callback was to be called with, requests and answers too, so of that
    only what it begins with is said.
    """
    error = context.get("exception")
    if isinstance(error, BaseException):
        kind, at = type(error).__name__, where(error)
    else:
        kind = at = ""
    said = str(context.get("message")).partition("(")[0]
    log("loop-error", message=said[:_LONGEST_MESSAGE], error=kind, where=at)
