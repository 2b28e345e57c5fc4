"""What a worker notes of the keys that it uses, through all that it goes through until it is written."""

import asyncio
import itertools
import uuid
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from keeping import ELSEWHERE, HERE, NOW, keep_key

from strongroom.audit.identifiers import event_of
from strongroom.errors import Unavailable
from strongroom.keys.usage import LastUsage
from strongroom.main import usage as usage_module
from strongroom.main.usage import Noted


@pytest.fixture
def database(sqlite):
    return sqlite


@pytest.fixture
def threads():
    with ThreadPoolExecutor(1) as executor:
        yield executor


def use(noted, arn, at, operation="Encrypt"):
    """What a finished exchange says that is asked of it here."""
    request = str(uuid.uuid4())
    noted.note(
        SimpleNamespace(
            id=request,
            endpoint=SimpleNamespace(name=operation),
            call=SimpleNamespace(now=at, resources=[arn]),
        )
    )
    return LastUsage(operation, at, request, event_of(request))


def kept(store, key):
    with store.reading() as books:
        return books.last_usage(key)


def test_what_is_no_use_is_not_noted(store):
    noted = Noted(store)
    use(noted, "arn:aws:kms:r:a:key/00000000-0000-4000-8000-000000000000", NOW, "DescribeKey")
    assert noted.of("arn:aws:kms:r:a:key/00000000-0000-4000-8000-000000000000") is None


def test_to_ask_for_a_key_changes_nothing(store):
    """Another thread asks: two that number a home at once could give one number to two."""
    noted = Noted(store)
    assert noted.of("arn:aws:kms:r:a:key/00000000-0000-4000-8000-000000000000") is None
    assert noted._homes == [] and noted._home_numbers == {}


def test_the_last_use_of_each_is_known_until_it_is_written(store, backing, threads, monkeypatch):
    monkeypatch.setattr(usage_module, "_LOOSE", 6)
    monkeypatch.setattr(usage_module, "_FEW_LOOSE", 6)
    monkeypatch.setattr(usage_module, "_MOST_PAUSE", 0.0)
    monkeypatch.setattr(usage_module, "_BATCH", 4)
    noted = Noted(store)
    keys = [keep_key(store, backing, place) for place in (HERE, ELSEWHERE) for _ in range(12)]
    last = {}

    def known():
        for key in keys:
            found = [each for each in (noted.of(key.arn), kept(store, key)) if each is not None]
            assert max(found, key=lambda each: each.at, default=None) == last.get(key.arn)

    async def scenario():
        for number, key in enumerate([*keys, *keys[::3], *keys[:20:2]]):
            last[key.arn] = use(noted, key.arn, NOW + number)
            known()
        assert noted._young and noted._old and noted._packed.count  # wherever it can be
        await noted.write(threads)
        assert all(kept(store, key) is None for key in keys)  # its time has not come
        noted._next_round = 0.0
        for number in range(60):
            await noted.write(threads)
            known()
            if number == 2:
                last[keys[5].arn] = use(noted, keys[5].arn, NOW + 500, "Decrypt")
        assert not noted._under_way
        assert not noted._old and not noted._packed.count  # a round goes through both
        assert await noted.write_all(threads, 10.0) == 0
        for key in keys:
            assert noted.of(key.arn) is None
            assert kept(store, key) == last[key.arn]

    asyncio.run(scenario())


def test_who_uses_many_keys_all_the_time_does_not_keep_the_others_from_being_written(
    store, backing, threads, monkeypatch
):
    monkeypatch.setattr(usage_module, "_EVERY", 0.0)
    monkeypatch.setattr(usage_module, "_LOOSE", 20)
    monkeypatch.setattr(usage_module, "_FEW_LOOSE", 20)
    monkeypatch.setattr(usage_module, "_MOST_PAUSE", 0.0)
    monkeypatch.setattr(usage_module, "_BATCH", 2)
    noted = Noted(store)
    others = [keep_key(store, backing) for _ in range(4)]
    arns = itertools.cycle(f"arn:aws:kms:test-1:000000000000:key/{uuid.uuid4()}" for _ in range(40))

    async def scenario():
        for key in others:
            use(noted, key.arn, NOW)
        noted._next_round = 0.0
        for _ in range(100):
            for _ in range(17):
                use(noted, next(arns), NOW)
            await noted.write(threads)
        assert all(kept(store, key) is not None for key in others)

    asyncio.run(scenario())


def test_a_round_begins_after_a_minute_and_ends(store, backing, threads):
    noted = Noted(store)
    key = keep_key(store, backing)

    async def scenario():
        use(noted, key.arn, NOW)
        noted._next_round = 0.0
        for _ in range(3):
            await noted.write(threads)
        written = kept(store, key)
        assert written.at == NOW
        use(noted, key.arn, NOW + 1)
        for _ in range(3):
            await noted.write(threads)
        assert kept(store, key) == written

    asyncio.run(scenario())


def test_what_cannot_be_written_is_noted_still(store, backing, threads, monkeypatch):
    noted = Noted(store)
    keys = [keep_key(store, backing) for _ in range(5)]
    last = [use(noted, key.arn, NOW + number) for number, key in enumerate(keys)]

    def fail(_taken):
        use(noted, keys[0].arn, NOW + 100)  # meanwhile
        raise Unavailable("The key database does not answer.")

    async def scenario():
        noted._next_round = 0.0
        with monkeypatch.context() as patched:
            patched.setattr(noted, "_put", fail)
            with pytest.raises(Unavailable):
                await noted.write(threads)
        assert noted.of(keys[0].arn).at == NOW + 100
        assert [noted.of(key.arn) for key in keys[1:]] == last[1:]
        assert await noted.write_all(threads, 10.0) == 0
        assert kept(store, keys[0]).at == NOW + 100
        assert [kept(store, key) for key in keys[1:]] == last[1:]

    asyncio.run(scenario())


def test_who_has_no_time_says_what_is_lost(store, backing, threads):
    noted = Noted(store)
    for _ in range(3):
        use(noted, keep_key(store, backing).arn, NOW)
    assert asyncio.run(noted.write_all(threads, 0.0)) == 3


def test_of_a_key_that_is_gone_or_used_since_nothing_is_kept(store, backing):
    gone, used, new = (keep_key(store, backing) for _ in range(3))
    with store.writing() as books:
        books.delete_key(books.key(*HERE, gone.id))
        books.put_usages({(*HERE, used.id): LastUsage("Encrypt", NOW + 9, "r", "e")})
    with store.writing() as books:
        books.put_usages(
            {
                (*HERE, key.id): LastUsage("Decrypt", NOW + number, "r", "e")
                for number, key in enumerate((gone, used, new))
            }
        )
    assert kept(store, gone) is None
    assert kept(store, used) == LastUsage("Encrypt", NOW + 9, "r", "e")
    assert kept(store, new) == LastUsage("Decrypt", NOW + 2, "r", "e")
