"""`/livez`, `/readyz` and `/metrics`: what those who run the server ask it, without a signature.

Only a GET or HEAD without an Authorization header is taken; everything else goes to the app, so
that S3 buckets of these names stay within reach.

`/livez` says that the worker's loop turns; `/readyz` that it would serve, or why not.  Each
answers for its own worker.
"""

from collections.abc import Callable

from strongroom.server.http import Answer, App, Reply, Request

_PLAIN = b"Content-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n"
# Source: Prometheus, "Exposition formats", text format 0.0.4.
_METRICS = b"Content-Type: text/plain; version=0.0.4; charset=utf-8\r\nCache-Control: no-store\r\n"

_READS = frozenset({b"GET", b"HEAD"})

Readiness = Callable[[], str | None]
"""None for ready, else why not, in a few words that may be public."""


def with_health(
    app: App, *, not_ready: Readiness, metrics: Callable[[], bytes] | None = None
) -> App:
    """An app that answers the pages itself and hands on the rest.

    `metrics` gives the text of `/metrics`; without it there is no such page.
    """

    def livez() -> Answer:
        return Answer(200, _PLAIN, b"ok\n")

    def readyz() -> Answer:
        reason = not_ready()
        if reason is None:
            return Answer(200, _PLAIN, b"ok\n")
        return Answer(503, _PLAIN, f"not ready: {reason}\n".encode())

    pages = {b"/livez": livez, b"/readyz": readyz}
    if metrics is not None:
        text = metrics
        pages[b"/metrics"] = lambda: Answer(200, _METRICS, text())

    def door(request: Request, reply: Reply) -> None:
        if (
            request.target in pages
            and request.method in _READS
            and b"authorization" not in request.headers
        ):
            reply(pages[request.target]())
        else:
            app(request, reply)

    return door
