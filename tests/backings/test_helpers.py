"""Helper processes, real ones: what they give, their bounds, their deaths, and what they know.

A helper is held up by stopping its process (SIGSTOP).
"""

import asyncio
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psutil
import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key
from tests.backings.children import helping
from tests.flipping import flipped
from tests.waiting import wait_ended

from strongroom.backings import helpers
from strongroom.backings.helper import AHEAD, Gave, Order
from strongroom.backings.helpers import Helpers, Pool
from strongroom.errors import IncorrectKeyMaterial, InvalidCiphertext, Throttled, Unavailable
from strongroom.keys.encoding import NotAKey
from strongroom.keys.hierarchy import material_id
from strongroom.keys.private import Private, fresh
from strongroom.keys.work import Agree, Decrypt, Fresh, FreshPair, Piece, Sign, Unwrap, Verify

PSS, OAEP = "RSASSA_PSS_SHA_256", "RSAES_OAEP_SHA_256"


def key(spec="RSA_2048", number=0):
    return _key(spec, number)


@cache
def _key(spec, number):
    secret = fresh(spec)
    return Private.of(material_id(f"key-{number}", secret), spec, secret)


def signing(message=b"m", spec="RSA_2048", algorithm=PSS, number=0):
    return Piece(Sign(algorithm, message, False), spec, key(spec, number))


def is_signed(signature, message=b"m", number=0):
    return key(number=number).tool.verify(PSS, message, signature, hashed=False)


class Running:
    """A pool on a running loop, and what it logs."""

    def __init__(self, count, most, share):
        self.logged = []
        self.has_logged = asyncio.Event()
        self.pool = Pool(count, self._log, most=most, share=share, ahead=AHEAD)
        self.order = []

    def _log(self, event, **fields):
        self.logged.append({"event": event, **fields})
        self.has_logged.set()

    def ask(self, piece, account="a"):
        """What the piece gives, or raises, in time; raises at once if there is no room."""
        done = asyncio.get_running_loop().create_future()

        def told(outcome):
            self.order.append(piece)
            try:
                done.set_result(outcome())
            except Exception as raised:  # noqa: BLE001 - it is compared
                done.set_result(raised)

        self.pool(account, piece, told)
        return done

    @contextmanager
    def held(self):
        """The helper does nothing until the block ends, or it is killed."""
        [process] = helping()
        process.suspend()
        try:
            yield process
        finally:
            if process.is_running():
                process.resume()


def run(use, *, count=1, most=100, share=100):
    async def main():
        running = Running(count, most, share)
        try:
            await use(running)
        finally:
            await running.pool.close()
        assert helping() == []
        assert not running.pool._of  # nothing is kept of accounts that have nothing there

    asyncio.run(main())


# What they give


def test_every_slow_work_gives_what_it_gives_here():
    async def use(on):
        assert is_signed(await on.ask(signing()))
        for spec, algorithm in (("ECC_NIST_P384", "ECDSA_SHA_384"), ("ML_DSA_65", "")):
            made = key(spec).tool.sign(algorithm, b"m", hashed=False)
            for signature, right in ((made, True), (flipped(made), False)):
                work = Verify(algorithm, b"m", signature, False)
                assert await on.ask(Piece(work, spec, key(spec))) is right
        sealed = key().tool.encrypt(OAEP, b"plain")
        assert await on.ask(Piece(Decrypt(OAEP, sealed), "RSA_2048", key())) == b"plain"
        ours, theirs = key("ECC_NIST_P521"), key("ECC_NIST_P521", 1)
        shared = await on.ask(Piece(Agree(theirs.tool.public), "ECC_NIST_P521", ours))
        assert shared == theirs.tool.agree(ours.tool.public)
        assert Private.of(b"", "RSA_3072", await on.ask(Piece(Fresh("RSA_3072"), "RSA_3072")))
        pair = await on.ask(Piece(FreshPair("RSA_2048"), "RSA_2048"))
        public = load_der_private_key(pair.private, None).public_key()
        assert public == load_der_public_key(pair.public)
        wrapped = key().tool.encrypt(OAEP, b"s" * 32)
        work = Unwrap("SYMMETRIC_DEFAULT", key().secret, OAEP, wrapped)
        assert await on.ask(Piece(work, "SYMMETRIC_DEFAULT")) == b"s" * 32
        assert on.logged == []

    run(use)


def test_there_is_room_for_the_longest_orders_and_answers_all_at_once():
    async def use(on):
        await on.ask(signing())
        with on.held():
            work = Verify("ECDSA_SHA_384", b"m" * 4_096, b"s" * 6_144, False)
            piece = Piece(work, "ECC_NIST_P384", key("ECC_NIST_P384"))
            asked = [on.ask(piece) for _ in range(AHEAD)]
            signed = [on.ask(signing(b"m" * 4_096, "ML_DSA_87", "")) for _ in range(2 * AHEAD)]
        assert set(await asyncio.gather(*asked)) == {False}
        for signature in await asyncio.gather(*signed):
            assert key("ML_DSA_87").tool.verify("", b"m" * 4_096, signature, hashed=False)
        work = Unwrap("RSA_4096", key("RSA_4096").secret, OAEP, b"w" * 6_144)
        assert type(await on.ask(Piece(work, "RSA_4096"))) is InvalidCiphertext
        assert on.logged == []

    run(use)


def test_what_a_caller_is_told_of_is_raised_as_it_was():
    async def use(on):
        work = Decrypt(OAEP, b"x" * 256)
        assert type(await on.ask(Piece(work, "RSA_2048", key()))) is InvalidCiphertext
        piece = Piece(Agree(b"x"), "ECC_NIST_P384", key("ECC_NIST_P384"))
        assert type(await on.ask(piece)) is NotAKey
        short = key().tool.encrypt(OAEP, b"s" * 31)
        work = Unwrap("SYMMETRIC_DEFAULT", key().secret, OAEP, short)
        assert type(await on.ask(Piece(work, "SYMMETRIC_DEFAULT"))) is IncorrectKeyMaterial
        assert on.logged == []

    run(use)


def test_a_mistake_is_logged_without_its_message_and_the_helper_goes_on():
    async def use(on):
        await on.ask(signing())
        before = helping()
        raised = await on.ask(signing(algorithm="quoted"))
        assert (type(raised), str(raised)) == (RuntimeError, "")
        [line] = on.logged
        assert (line["event"], line["kind"]) == ("helper-mistake", "KeyError")
        assert line["where"].startswith("rsa.py:")
        assert is_signed(await on.ask(signing()))
        assert helping() == before

    run(use)


def test_each_key_signs_with_its_own_secret_when_there_are_more_than_slots(monkeypatch):
    monkeypatch.setattr(helpers, "SLOTS", 2)

    async def use(on):
        for number in (0, 1, 2, 0, 0, 2, 1, 1, 0):
            signature = await on.ask(signing(b"%d" % number, number=number))
            assert is_signed(signature, b"%d" % number, number)
            assert not is_signed(signature, b"%d" % number, (number + 1) % 3)
        [one] = on.pool._helpers
        assert set(one._slots.values()) == {0, 1}

    run(use)


def test_keys_of_one_material_and_two_specs_are_two():
    """A seed may give two Regions a key with the same id and the same seed, of which ML-DSA makes either."""
    secret = fresh("ML_DSA_44")
    name = material_id("key", secret)
    two = [Private.of(name, spec, secret) for spec in ("ML_DSA_44", "ML_DSA_87")]

    async def use(on):
        for spec, each in zip(("ML_DSA_44", "ML_DSA_87"), two, strict=True):
            signature = await on.ask(Piece(Sign("", b"m", False), spec, each))
            assert each.tool.verify("", b"m", signature, hashed=False)

    run(use)


def test_what_cannot_be_sent_is_told_so_and_nobody_is_told_what_is_anothers():
    async def use(on):
        work = Sign(PSS, object(), False)
        for _ in range(2):
            raised = await on.ask(Piece(work, "RSA_2048", key(number=1)))
            assert type(raised) is RuntimeError
            assert is_signed(await on.ask(signing(b"next")), b"next")
            assert is_signed(await on.ask(signing(b"same", number=1)), b"same", 1)

    run(use)


def test_one_who_cannot_be_told_keeps_nothing_from_the_others():
    def failing(_outcome):
        raise OSError

    async def use(on):
        await on.ask(signing())
        with on.held():
            on.pool("a", signing(), failing)
            rest = [on.ask(signing(b"%d" % at)) for at in range(7)]
        for at, signature in enumerate(await asyncio.wait_for(asyncio.gather(*rest), 5)):
            assert is_signed(signature, b"%d" % at)

    run(use)


def test_a_key_is_sent_once():
    sent = []

    async def use(on):
        await on.ask(signing())
        [one] = on.pool._helpers
        orders = [one._order(signing()), one._order(signing(number=1)), one._order(signing())]
        sent.extend(bool(order.secret) for order in orders)

    run(use)
    assert sent == [False, True, False]


# Order and bounds


def test_they_are_begun_in_order_and_nothing_is_started_before_it_is_needed():
    async def use(on):
        assert helping() == []
        await on.ask(signing())
        pieces = [signing(b"%d" % at) for at in range(2 * AHEAD)]
        with on.held():
            asked = [
                on.ask(piece, account) for piece, account in zip(pieces, "abcd" * 8, strict=True)
            ]
            await asyncio.sleep(0.05)
            assert not any(each.done() for each in asked)
        await asyncio.gather(*asked)
        assert on.order[1:] == pieces

    run(use)


def test_two_share_the_work():
    async def use(on):
        asked = [on.ask(signing(b"%d" % at)) for at in range(40)]
        assert len(helping()) == 2
        for at, signature in enumerate(await asyncio.gather(*asked)):
            assert is_signed(signature, b"%d" % at)

    run(use, count=2)


def test_too_much_waiting_is_throttled_and_later_there_is_room_again():
    async def use(on):
        await on.ask(signing())
        with on.held():
            begun = [on.ask(signing()) for _ in range(AHEAD)]
            others = [on.ask(signing(), account) for account in "bc"]
            with pytest.raises(Throttled):
                on.ask(signing(), "d")
        await asyncio.gather(*begun, *others)
        assert is_signed(await on.ask(signing(), "d"))

    run(use, most=2)


def test_nobody_may_have_more_than_a_share_of_what_waits():
    async def use(on):
        await on.ask(signing())
        with on.held():
            greedy = [on.ask(signing(), "greedy") for _ in range(6)]
            with pytest.raises(Throttled):
                on.ask(signing(), "greedy")
            other = on.ask(signing(), "other")
        await asyncio.gather(*greedy, other)
        assert is_signed(await on.ask(signing(), "greedy"))

    run(use, share=6)


def test_making_keys_holds_up_no_signature():
    async def main():
        pools = Helpers(1, lambda event, **fields: pytest.fail(event))
        told = []
        try:
            pools("a", Piece(Fresh("RSA_4096"), "RSA_4096"), lambda _: told.append("made"))
            [making] = helping()
            making.suspend()
            done = asyncio.Event()
            pools("a", signing(), lambda _: (told.append("signed"), done.set()))
            await asyncio.wait_for(done.wait(), 10)
            assert told == ["signed"]
        finally:
            await pools.close()
        assert told == ["signed", "made"]

    asyncio.run(main())


# Deaths


def test_what_a_killed_helper_had_is_done_by_the_next_in_the_same_order():
    async def use(on):
        await on.ask(signing())
        pieces = [signing(b"%d" % at) for at in range(AHEAD + 7)]
        with on.held() as process:
            asked = [on.ask(piece) for piece in pieces]
            process.kill()
        for at, signature in enumerate(await asyncio.wait_for(asyncio.gather(*asked), 20)):
            assert is_signed(signature, b"%d" % at)
        assert on.order[1:] == pieces
        assert on.logged == [{"event": "helper-died", "how": "was killed by SIGKILL"}]

    run(use)


def test_one_that_is_killed_while_it_has_nothing_is_replaced_when_it_is_needed():
    async def use(on):
        await on.ask(signing())
        [process] = helping()
        process.kill()
        await asyncio.wait_for(on.has_logged.wait(), 10)
        assert helping() == []
        assert is_signed(await on.ask(signing()))

    run(use)


def test_a_piece_at_which_two_helpers_die_is_refused_and_the_others_are_done():
    async def use(on):
        await on.ask(signing())
        with on.held() as process:
            deadly, *others = [on.ask(signing()) for _ in range(6)]
            process.kill()
        await asyncio.wait_for(on.has_logged.wait(), 10)
        helping()[0].kill()  # it is still starting
        refusal = await asyncio.wait_for(deadly, 20)
        assert (type(refusal), refusal.message) == (Unavailable, helpers._DIED)
        assert all(is_signed(each) for each in await asyncio.gather(*others))
        assert len(on.logged) == 2

    run(use)


@pytest.mark.parametrize("program", ["/bin/false", "/nowhere"])
def test_if_none_can_be_started_everybody_is_refused_and_later_all_is_well(monkeypatch, program):
    async def use(on):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", program)
            asked = [on.ask(signing(), account) for account in "abcdefgh" * 5]
            for refusal in await asyncio.wait_for(asyncio.gather(*asked), 10):
                assert type(refusal) is Unavailable
        assert {line["event"] for line in on.logged} == {"helper-died"}
        if (
            program == "/bin/false"
        ):  # the other is known to have failed before the next is asked for
            assert len(on.logged) < 20
        assert is_signed(await on.ask(signing()))

    run(use)


def test_signals_that_are_meant_for_the_worker_end_none():
    async def use(on):
        await on.ask(signing())
        [before] = helping()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            before.send_signal(number)
        assert is_signed(await on.ask(signing()))
        assert helping() == [before]

    run(use)


# The end


def test_to_close_it_is_to_finish_what_was_begun_and_to_refuse_the_rest():
    async def use(on):
        await on.ask(signing())
        with on.held():
            asked = [on.ask(signing()) for _ in range(20)]
            closing = asyncio.create_task(on.pool.close())
            await asyncio.sleep(0.05)
            assert [each.done() for each in asked] == [False] * AHEAD + [True] * (20 - AHEAD)
        await closing
        given = [await each for each in asked]
        assert all(is_signed(each) for each in given[:AHEAD])
        assert {type(each) for each in given[AHEAD:]} == {Unavailable}
        with pytest.raises(Unavailable):
            on.ask(signing())

    run(use)


def test_what_does_not_come_to_an_end_is_refused_soon():
    async def use(on):
        await on.ask(signing())
        with on.held():
            stuck = on.ask(signing())
            began = time.monotonic()
            await on.pool.close()
            assert time.monotonic() - began < helpers._LAST + 1
        assert type(await stuck) is Unavailable
        assert on.logged == []

    run(use)


def test_a_helper_that_dies_while_the_pool_is_closed_is_not_replaced():
    async def use(on):
        await on.ask(signing())
        with on.held() as process:
            asked = [on.ask(signing()) for _ in range(3)]
            closing = asyncio.create_task(on.pool.close())
            await asyncio.sleep(0.01)
            process.kill()
        await asyncio.wait_for(closing, helpers._LAST / 2)
        assert {type(await each) for each in asked} == {Unavailable}

    run(use)


WORKER = """
import asyncio, sys
from strongroom.backings.helpers import Pool
from strongroom.keys.work import Fresh, Piece

async def main():
    pool = Pool(1, print, most=9, share=9, ahead=8)
    pool("a", Piece(Fresh("RSA_2048"), "RSA_2048"), lambda _: print("ready", flush=True))
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("stopped", [False, True])
def test_a_killed_worker_leaves_none_behind(stopped):
    """Not even one that is busy, and does not see that the socket is closed."""
    with subprocess.Popen([sys.executable, "-c", WORKER], stdout=subprocess.PIPE) as worker:
        assert worker.stdout.readline() == b"ready\n"
        [helper] = psutil.Process(worker.pid).children()
        if stopped:
            helper.suspend()
        worker.kill()
        wait_ended([helper])


# What they know


def test_a_helper_gives_way_and_has_nothing_that_it_does_not_need(monkeypatch, tmp_path):
    monkeypatch.setenv("SECRET", "hush")
    inherited = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(inherited, True)

    async def use(on):
        await on.ask(signing())
        [process] = helping()
        about = Path(f"/proc/{process.pid}")
        assert process.nice() > psutil.Process().nice()
        assert set(process.environ()) <= {"LC_CTYPE", *helpers._INHERITED}
        descriptors = {one.readlink().name.split(":")[0] for one in (about / "fd").iterdir()}
        assert descriptors == {"null", "socket"}
        assert len(list((about / "fd").iterdir())) == 4
        assert resource.prlimit(process.pid, resource.RLIMIT_CORE) == (0, 0)
        assert about.joinpath("environ").stat().st_uid == 0  # of one that cannot be dumped
        shown = about.joinpath("cmdline").read_bytes() + about.joinpath("environ").read_bytes()
        secret = key().secret
        assert not any(secret[at : at + 8] in shown for at in range(0, len(secret) - 7, 8))
        assert os.getsid(process.pid) == os.getsid(0)

    try:
        run(use)
    finally:
        os.close(inherited)


def test_no_secret_is_shown():
    order = Order(Unwrap("RSA_2048", b"secret", OAEP, b"wrapped"), 1, "RSA_2048", b"secret")
    shown = repr([order, order.work, Gave(b"secret"), Piece(order.work, "RSA_2048", key())])
    assert "secret" not in shown
    assert str(key().secret) not in shown
