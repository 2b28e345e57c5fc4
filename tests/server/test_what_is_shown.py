"""Requests and answers are never shown, whoever prints what holds them."""

import asyncio
from functools import partial

from strongroom.server.exchange import Exchange
from strongroom.server.http import Answer, Request
from strongroom.server.serve import _report

SECRET = b"attack at dawn"
REQUEST = Request(b"POST", b"/?" + SECRET, {b"authorization": SECRET}, SECRET, "::1", None)
EXCHANGE = Exchange(REQUEST, lambda _: None, "an-id", 0.0, answer=Answer(200, SECRET, SECRET))


def test_nothing_of_it_is_in_a_repr():
    for thing in (REQUEST, EXCHANGE, EXCHANGE.answer, partial(print, EXCHANGE), [EXCHANGE]):
        assert SECRET.decode() not in repr(thing)


def test_what_the_loop_reports_shows_no_argument():
    said = []

    def log(event, **fields):
        said.append((event, fields))

    class Careless:
        def __repr__(self):
            return SECRET.decode()

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: _report(log, context))

        def fail(_careless):
            raise ValueError(SECRET.decode())

        loop.call_soon(fail, Careless())
        await asyncio.sleep(0.01)

    asyncio.run(main())
    ((event, fields),) = said
    assert (event, fields["error"]) == ("loop-error", "ValueError")
    assert fields["message"].startswith("Exception in callback")
    assert SECRET.decode() not in str(fields)
