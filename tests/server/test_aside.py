"""The threads for slow work, and what becomes of what it gives and raises."""

import asyncio
import os
import threading
import time

import pytest

from strongroom.errors import Disabled, Throttled
from strongroom.server import aside
from strongroom.server.aside import Pool


def run(use):
    """Use a pool of one thread on a running loop."""

    async def main():
        pool = Pool(1, asyncio.get_running_loop())
        try:
            return await use(pool)
        finally:
            pool.close()

    return asyncio.run(main())


async def told(pool, work):
    done = asyncio.get_running_loop().create_future()
    pool(work, lambda given, failure: done.set_result((given, failure)))
    return await done


def test_what_it_gives_and_what_it_raises():
    async def use(pool):
        assert await told(pool, lambda: 3) == (3, None)
        fault = Disabled("x")

        def raise_():
            raise fault

        assert await told(pool, raise_) == (None, fault)
        assert await told(pool, lambda: 4) == (4, None)

    run(use)


def test_the_loop_goes_on_and_the_thread_gives_way_to_it():
    async def use(pool):
        running, let_go = threading.Event(), threading.Event()
        seen = {}

        def work():
            seen["nice"] = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
            running.set()
            let_go.wait(10)
            return threading.current_thread()

        waiting = asyncio.ensure_future(told(pool, work))
        await asyncio.to_thread(running.wait, 10)
        assert not waiting.done()
        let_go.set()
        thread, _ = await waiting
        assert thread is not threading.main_thread()
        assert seen["nice"] > os.getpriority(os.PRIO_PROCESS, 0)

    run(use)


def test_too_much_waiting_is_throttled_and_later_there_is_room_again(monkeypatch):
    monkeypatch.setattr(aside, "_MOST_WAITING", 2)

    async def use(pool):
        running, let_go = threading.Event(), threading.Event()

        def work():
            running.set()
            return let_go.wait(10)

        first = asyncio.ensure_future(told(pool, work))
        await asyncio.to_thread(running.wait, 10)
        others = [asyncio.ensure_future(told(pool, lambda: 1)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Throttled):
            pool(lambda: 1, lambda *_: None)
        let_go.set()
        await asyncio.gather(first, *others)
        assert await told(pool, lambda: 5) == (5, None)

    run(use)


def test_what_was_begun_is_finished():
    async def main():
        pool = Pool(2, asyncio.get_running_loop())
        given = []
        for at in range(20):
            pool(lambda at=at: (time.sleep(0.001), at)[1], lambda got, _: given.append(got))
        await asyncio.get_running_loop().run_in_executor(None, pool.close)
        await asyncio.sleep(0)
        assert sorted(given) == list(range(20))

    asyncio.run(main())
