"""The threads for slow work, and what becomes of what it gives and raises."""

import asyncio
import os
import threading
from contextlib import contextmanager

import pytest

from strongroom.errors import Disabled, Throttled, Unavailable
from strongroom.server.aside import Pool


def run(use, *, most=100, share=100):
    """Use a pool of one thread on a running loop."""

    async def main():
        pool = Pool(1, asyncio.get_running_loop(), most=most, share=share)
        try:
            return await use(pool)
        finally:
            pool.close()

    return asyncio.run(main())


def told(pool, work, account="a"):
    """What the work gives and raises, in time; raises at once if there is no room."""
    done = asyncio.get_running_loop().create_future()
    pool(account, work, lambda given, failure: done.set_result((given, failure)))
    return done


@contextmanager
def held(pool, account="a"):
    """The pool's thread is busy with work of an account."""
    running, let_go = threading.Event(), threading.Event()

    def work():
        running.set()
        let_go.wait(10)
        return threading.current_thread()

    first = told(pool, work, account)
    assert running.wait(10)
    try:
        yield first
    finally:
        let_go.set()


def test_what_it_gives_and_what_it_raises():
    async def use(pool):
        assert await told(pool, lambda: 3) == (3, None)
        fault = Disabled("x")

        def raise_():
            raise fault

        assert await told(pool, raise_) == (None, fault)
        assert await told(pool, lambda: 4) == (4, None)

    run(use)


def test_even_a_panic_is_told_and_the_thread_goes_on():
    class Panic(BaseException):
        pass

    async def use(pool):
        def panic():
            raise Panic("secret")

        given, failure = await told(pool, panic)
        assert (given, type(failure), str(failure)) == (None, RuntimeError, "Panic")
        assert await told(pool, lambda: 4) == (4, None)

    run(use)


def test_the_loop_goes_on_and_the_thread_gives_way_to_it():
    async def use(pool):
        with held(pool) as waiting:
            await asyncio.sleep(0.01)
            assert not waiting.done()
        thread, _ = await waiting
        assert thread is not threading.main_thread()
        nice, _ = await told(
            pool, lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        )
        assert nice > os.getpriority(os.PRIO_PROCESS, 0)

    run(use)


def test_too_much_waiting_is_throttled_and_later_there_is_room_again():
    async def use(pool):
        with held(pool) as first:
            others = [told(pool, lambda: 1, account) for account in "bc"]
            with pytest.raises(Throttled):
                told(pool, lambda: 1, "d")
        await asyncio.gather(first, *others)
        assert await told(pool, lambda: 5, "d") == (5, None)

    run(use, most=2)


def test_nobody_may_have_more_than_a_share_of_what_waits():
    async def use(pool):
        with held(pool, "greedy") as first:
            second = told(pool, lambda: 2, "greedy")
            with pytest.raises(Throttled):
                told(pool, lambda: 3, "greedy")
            other = told(pool, lambda: 4, "other")
        await asyncio.gather(first, second, other)
        assert await told(pool, lambda: 5, "greedy") == (5, None)

    run(use, share=2)


def test_to_close_it_is_to_finish_what_was_begun_and_to_refuse_the_rest():
    async def main():
        pool = Pool(1, asyncio.get_running_loop(), most=100, share=100)
        with held(pool) as begun:
            waiting = [told(pool, lambda: 1) for _ in range(20)]
            closing = asyncio.get_running_loop().run_in_executor(None, pool.close)
            await asyncio.sleep(0.01)
        await closing
        thread, failure = await begun
        assert isinstance(thread, threading.Thread)
        assert failure is None
        for each in waiting:
            given, refusal = await each
            assert (given, type(refusal)) == (None, Unavailable)

    asyncio.run(main())
