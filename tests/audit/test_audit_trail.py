"""No answer leaves before its record; no caller and no disk stops the others."""

import asyncio
import threading
from contextlib import asynccontextmanager
from unittest import mock

import pytest
import uvloop
from trails import KEY, names, rec, sound

from strongroom.audit.trail import Trail

BOTH = pytest.mark.parametrize("durable", [False, True], ids=["handed over", "durable"])


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request):
    return request.param


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "trail"


@asynccontextmanager
async def opened(folder, durable, **how):
    trail = Trail(folder, 0, key=KEY, durable=durable, loop=asyncio.get_running_loop(), **how)
    try:
        yield trail
    finally:
        await trail.close()


def put(trail, name):
    """Append a record; a future of what its release was told."""
    told = asyncio.get_running_loop().create_future()
    trail.append(rec(name), told.set_result)
    return told


def failing(error=28):
    return mock.Mock(side_effect=OSError(error, "No space left on device"))


@BOTH
def test_a_release_comes_after_its_record_is_in_the_file(run, folder, durable):
    async def main():
        async with opened(folder, durable) as trail:
            (path,) = folder.iterdir()

            def check(written):
                assert written
                seen.append(rec("a") in path.read_bytes())
                done.set()

            seen, done = [], asyncio.Event()
            trail.append(rec("a"), check)
            assert rec("a") not in path.read_bytes()
            await done.wait()
            assert seen == [True]

    run(main())
    assert sound(folder)


@BOTH
def test_records_of_one_turn_are_one_batch_in_their_order(run, folder, durable):
    async def main():
        async with opened(folder, durable) as trail:
            order = []
            waiting = [put(trail, n) for n in range(100)]
            for n, told in enumerate(waiting):
                told.add_done_callback(lambda _, n=n: order.append(n))
            assert await asyncio.gather(*waiting) == [True] * 100
            assert order == list(range(100))

    run(main())
    assert names(folder) == [str(n) for n in range(100)]
    (path,) = folder.iterdir()
    assert path.read_bytes().count(b'"count":100,') == 1


@BOTH
def test_releases_run_on_the_loops_thread(run, folder, durable):
    async def main():
        async with opened(folder, durable) as trail:
            told = asyncio.get_running_loop().create_future()
            trail.append(rec("a"), lambda _: told.set_result(threading.get_ident()))
            assert await told == threading.get_ident()

    run(main())


@BOTH
def test_a_release_that_fails_stops_nobody_else(run, folder, durable):
    async def main():
        complaints = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, complaint: complaints.append(str(complaint["exception"]))
        )
        async with opened(folder, durable) as trail:

            def closed_client(_):
                raise ConnectionResetError("gone")

            first = put(trail, "a")
            trail.append(rec("b"), closed_client)
            third = put(trail, "c")
            assert await asyncio.gather(first, third) == [True, True]
            assert await put(trail, "d")
        assert complaints == ["gone"]

    run(main())
    assert names(folder) == list("abcd")


@BOTH
def test_a_release_may_append_again(run, folder, durable):
    async def main():
        async with opened(folder, durable) as trail:
            again = []
            told = asyncio.get_running_loop().create_future()

            def more(written):
                assert written
                again.append(1)
                if len(again) < 5:
                    trail.append(rec(len(again)), more)
                else:
                    told.set_result(None)

            trail.append(rec(0), more)
            await told

    run(main())
    assert names(folder) == list("01234")


@BOTH
def test_a_disk_that_fails_is_told_to_every_caller_and_heals(run, folder, durable):
    async def main():
        async with opened(folder, durable) as trail:
            assert await put(trail, "a")
            with mock.patch("os.write", failing()):
                assert await asyncio.gather(*(put(trail, "lost") for _ in range(3))) == [False] * 3
                assert trail.failure.errno == 28
                assert await put(trail, "lost") is False
            assert await put(trail, "b")
            assert trail.failure is None

    run(main())
    assert names(folder) == ["a", "b"]
    assert sound(folder)


def test_a_durable_batch_waits_for_the_flush_and_the_loop_does_not(run, folder):
    async def main():
        flushing, go_on = threading.Event(), threading.Event()

        def slow(fd):
            flushing.set()
            assert go_on.wait(10)

        async with opened(folder, durable=True) as trail:
            with mock.patch("os.fdatasync", slow):
                told = put(trail, "a")
                assert await asyncio.to_thread(flushing.wait, 10)
                later = [put(trail, n) for n in range(5)]  # gather while the disk is busy
                await asyncio.sleep(0.01)
                assert not told.done()
                go_on.set()
                assert await asyncio.gather(told, *later) == [True] * 6

    run(main())
    (path,) = folder.iterdir()
    counts = [line for line in path.read_bytes().splitlines() if line.startswith(b'{"seal"')]
    assert [b'"count":1,' in counts[1], b'"count":5,' in counts[2]] == [True, True]


def test_durable_batches_begin_two_milliseconds_apart(folder):
    async def main():
        async with opened(folder, durable=True) as trail:
            for _ in range(3):
                await put(trail, "warm")
            loop = asyncio.get_running_loop()
            started = loop.time()
            for n in range(20):
                await put(trail, n)
            return loop.time() - started

    assert 0.035 <= asyncio.run(main()) < 2


@BOTH
def test_closing_writes_what_waits_and_takes_no_more(run, folder, durable):
    async def main():
        trail = Trail(folder, 0, key=KEY, durable=durable, loop=asyncio.get_running_loop())
        first = put(trail, "a")
        await asyncio.sleep(0)
        second = put(trail, "b")
        await trail.close()
        assert await asyncio.gather(first, second) == [True, True]
        assert await put(trail, "late") is False
        await trail.close()

    run(main())
    assert names(folder) == ["a", "b"]
    (path,) = folder.iterdir()
    assert path.read_bytes().count(b'"last":true') == 1


@BOTH
def test_closing_on_a_full_disk_refuses_what_waits(run, folder, durable):
    async def main():
        trail = Trail(folder, 0, key=KEY, durable=durable, loop=asyncio.get_running_loop())
        told = put(trail, "a")
        with mock.patch("os.write", failing()):
            await trail.close()
        assert await told is False
        assert trail.failure.errno == 28

    run(main())
    assert names(folder) == []


def test_a_record_of_several_lines_is_our_mistake(folder):
    async def main():
        async with opened(folder, durable=False) as trail:
            with pytest.raises(ValueError, match="line break"):
                trail.append(b'{"eventVersion":"1.11"}\n{"seal":', print)

    asyncio.run(main())


@BOTH
def test_under_load_every_record_is_answered_once_and_written_once(run, folder, durable):
    """Twenty clients, some of which fail in their release, across several rotations."""

    async def client(trail, name, answered):
        for n in range(50):
            told = asyncio.get_running_loop().create_future()

            def release(written, told=told, n=n):
                assert not told.done()
                told.set_result(written)
                if n % 7 == 0:
                    raise ConnectionResetError

            trail.append(rec(f"{name}.{n}"), release)
            if await told:
                answered.append(f"{name}.{n}")

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        answered = []
        async with opened(folder, durable, max_file_bytes=20_000) as trail:
            await asyncio.gather(*(client(trail, name, answered) for name in range(20)))
        return answered

    answered = run(main())
    assert len(answered) == 1000
    assert sorted(answered) == sorted(names(folder))
    assert len(list(folder.iterdir())) > 2
    assert sound(folder)
