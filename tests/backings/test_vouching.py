"""Attestation documents are verified by a helper, once a minute each."""

import asyncio
import sys
import time
from pathlib import Path

import msgspec
import pytest
from tests.backings.children import helping
from tests.flipping import flipped

from strongroom.attestation.document import MOST_BYTES
from strongroom.attestation.trust import MOST_PEM_BYTES, Attest, alone
from strongroom.backings import helper
from strongroom.backings.helpers import Helpers
from strongroom.backings.vouching import Vouching
from strongroom.errors import NotReady, Throttled, Unavailable, Validation

sys.path.insert(0, str(Path(__file__).parents[1] / "attestation"))

from enclaves import Enclave, Hypervisor

HYPERVISOR = Hypervisor()
ENCLAVE = Enclave()
DOCUMENT = HYPERVISOR.document(ENCLAVE.public_key)
FORGED = flipped(DOCUMENT)
CHANGED = "The attestation document is not valid: its signature does not match."


class Asked:
    """Real helpers, and how often they were asked."""

    def __init__(self):
        self.count = 0
        self._helpers = Helpers(1, lambda *_, **__: None)
        self.close = self._helpers.close

    def result(self, *piece):
        self.count += 1
        return self._helpers.result(*piece)


def run(use):
    async def main():
        asked = Asked()
        try:
            await use(asked, Vouching(asked, HYPERVISOR.pem))
        finally:
            await asked.close()

    asyncio.run(main())


async def told(vouching, document=DOCUMENT, now=None):
    """What it says, or its refusal, however often it has to be asked."""
    now = time.time() if now is None else now
    while True:
        try:
            return vouching.attested("a", document, now)
        except Validation as refused:
            return refused.message
        except NotReady as missing:
            await missing.prepare()


def test_a_verdict_is_held_for_a_minute():
    async def use(asked, vouching):
        now = time.time()
        for at in (now, now + 59, now + 61, now + 62, now + 30):
            said = await told(vouching, now=at)
            assert said.key.public_numbers() == ENCLAVE.key.public_key().public_numbers()
        assert asked.count == 3, "at the beginning, after a minute, and when the clock goes back"

    run(use)


def test_a_refusal_is_held_too_and_is_of_its_document_alone():
    async def use(asked, vouching):
        for _ in range(3):
            assert await told(vouching, FORGED) == CHANGED
            assert (await told(vouching)).is_enclave
        assert asked.count == 2

    run(use)


def test_what_is_no_document_never_reaches_a_helper():
    async def use(asked, vouching):
        for junk in (b"x", b"x" * 100_000):
            assert "is not valid" in await told(vouching, junk)
        assert asked.count == 0

    run(use)


def test_it_is_held_up_to_a_number(monkeypatch):
    monkeypatch.setattr("strongroom.backings.vouching._MOST_HELD", 3)

    async def use(asked, vouching):
        others = [HYPERVISOR.document(ENCLAVE.public_key, nonce=b"%d" % at) for at in range(3)]
        for document in (DOCUMENT, *others):
            await told(vouching, document)
        assert asked.count == 4
        await told(vouching, others[-1])
        assert asked.count == 4
        await told(vouching)
        assert asked.count == 5

    run(use)


def test_a_helper_that_dies_and_one_that_is_busy():
    async def use(asked, vouching):
        await told(vouching, FORGED)
        [process] = helping()
        process.suspend()
        waiting = asyncio.create_task(told(vouching))
        await asyncio.sleep(0.1)
        process.kill()
        assert (await waiting).is_enclave, "another one has done it"

    run(use)


def test_an_account_has_its_share():
    async def use(asked, vouching):
        full = asyncio.gather(
            *(
                told(vouching, HYPERVISOR.document(ENCLAVE.public_key, nonce=b"%d" % at))
                for at in range(501)
            ),
            return_exceptions=True,
        )
        assert [type(each) for each in await full if isinstance(each, Exception)] == [Throttled]

    run(use)


def test_a_server_that_stops():
    async def use(asked, vouching):
        await asked.close()
        with pytest.raises(Unavailable):
            await told(vouching)

    run(use)


def test_the_largest_document_and_the_most_roots_fit_into_an_order():
    """One that did not would end the helper that reads it, and with it the work of others."""
    work = Attest(b"x" * MOST_PEM_BYTES, b"x" * MOST_BYTES, time.time())
    assert len(msgspec.msgpack.encode(helper.Order(work))) <= helper.MOST_BYTES


def test_roots_are_sent_without_what_stands_beside_them():
    assert alone(b"Certificate:\n    Data: 1\n" + HYPERVISOR.pem * 2) == HYPERVISOR.pem * 2
