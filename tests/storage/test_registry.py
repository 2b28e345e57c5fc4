"""What a worker holds in memory, while others write."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from keeping import (
    HERE,
    NOW,
    STRANGER,
    keep_alias,
    keep_grant,
    keep_identities,
    keep_key,
    keep_organization,
)
from sqlalchemy import select, update

from strongroom.errors import NotReady, Unavailable
from strongroom.keys.credential import Credential
from strongroom.keys.sealing import Tampered
from strongroom.keys.states import KeyState
from strongroom.policy.entities import Group
from strongroom.policy.organization import ALONE, Member
from strongroom.storage import changes
from strongroom.storage import registry as registry_module
from strongroom.storage.page import Page
from strongroom.storage.registry import Registry
from strongroom.storage.schema import epoch
from strongroom.storage.store import Store
from strongroom.storage.tree import Tree


@pytest.fixture(params=["at hand", "sqlite", "in_postgresql"])
def database(request):
    """What is read on the loop is read by other threads too, where the disk is slow."""
    if request.param == "at hand":
        return request.getfixturevalue("sqlite")
    database = request.getfixturevalue(request.param)
    database.at_hand = False
    return database


BY_THREADS = pytest.mark.parametrize("database", ["sqlite", "in_postgresql"], indirect=True)


@pytest.fixture
def threads():
    with ThreadPoolExecutor(2) as executor:
        yield executor


async def ask(registry, find):
    """What a request is told: it waits for what is missing, and asks again."""
    for _ in range(12):
        try:
            registry.require_current()
            return find(registry)
        except NotReady as missing:
            await missing.prepare()
    raise AssertionError("never ready")


def finding(key):
    return lambda registry: registry.key(key.account, key.region, key.id)


def aliased(name):
    return lambda registry: registry.alias(*HERE, name)


def disable(store, key):
    with store.writing() as books:
        return books.change_key(books.key(key.account, key.region, key.id), state=KeyState.DISABLED)


def test_what_one_worker_commits_the_other_sees_at_once(
    database, root, page, store, backing, threads
):
    mine = Registry(store, page, threads)
    theirs = Registry(Store(database, root, page), page, threads)
    key = keep_key(store, backing)
    credential = Credential("AKIAAAAAAAAAAAAAAAAA", "s" * 40, HERE[0])

    async def scenario():
        for registry in (mine, theirs):
            assert (await ask(registry, finding(key))).state is KeyState.ENABLED
            assert await ask(registry, aliased("alias/a")) is None
            assert await ask(registry, lambda r: r.credential(credential.key_id)) is None
        disable(store, key)
        keep_alias(store, key)
        with store.writing() as books:
            books.add_credential(credential, NOW)
        for registry in (mine, theirs):
            assert (await ask(registry, finding(key))).state is KeyState.DISABLED
            assert (await ask(registry, aliased("alias/a"))).target == key.id
            found = await ask(registry, lambda r: r.credential(credential.key_id))
            assert credential == found
        with store.writing() as books:
            books.delete_key(books.key(*HERE, key.id))
        for registry in (mine, theirs):
            assert await ask(registry, finding(key)) is None
            assert await ask(registry, aliased("alias/a")) is None

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "change",
    [
        lambda books, user, _: books.put_inline_policy(user, "more", "{}"),
        lambda books, user, _: books.put_iam_tags(user.account, user.id, {}),
        lambda books, user, group: books.remove_member(group, user),
        lambda books, _, group: books.delete_inline_policy(group, "inline"),
        lambda books, user, _: books.detach(user, books.attached_to(user)[0]),
        lambda books, user, _: books.put_entity(replace(user, name="two")),
        lambda books, user, _: books.delete_entity(user),
    ],
)
def test_no_change_of_an_identity_goes_unnoticed(database, root, page, store, threads, change):
    registry = Registry(Store(database, root, page), page, threads)
    user, _ = keep_identities(store, HERE[0])
    keep_identities(store, STRANGER[0])
    names = ("user/one", user.id)

    async def scenario():
        before = [await ask(registry, lambda r, n=n: r.identity(HERE[0], n)) for n in names]
        await ask(registry, lambda r: r.identity(STRANGER[0], "role/one"))
        assert await ask(registry, lambda r: r.identity(HERE[0], "user/two")) is None
        assert before[0] == before[1] and before[0].arn == user.arn
        with store.writing() as books:
            change(books, user, books.named(Group, HERE[0], "one"))
        after = [await ask(registry, lambda r, n=n: r.identity(HERE[0], n)) for n in names]
        with store.reading() as books:
            assert after == [
                books.identity(HERE[0], "user", "one"),
                books.identity_by_id(HERE[0], user.id),
            ]
        assert after != before
        registry.identity(STRANGER[0], "role/one")  # another account's are still held

    asyncio.run(scenario())


def test_what_is_held_costs_the_database_nothing(database, root, page, store, backing, threads):
    registry = Registry(store, page, threads)
    key = keep_key(store, backing)

    async def scenario():
        await ask(registry, finding(key))
        assert await ask(registry, aliased("alias/never")) is None
        database.close()
        registry._store = None
        registry.require_current()
        assert finding(key)(registry).id == key.id
        assert aliased("alias/never")(registry) is None

    asyncio.run(scenario())


def test_a_change_that_was_not_announced_is_found_all_the_same(
    database, root, page, store, backing, threads
):
    """Whoever dies between commit and announcement leaves the page as it was."""
    silent = Store(database, root, Page.blank())
    registry = Registry(store, page, threads)
    key = keep_key(store, backing)

    async def scenario():
        await ask(registry, finding(key))
        disable(silent, key)
        registry.require_current()  # it cannot know
        await registry.catch_up()  # as every worker does four times a second
        assert (await ask(registry, finding(key))).state is KeyState.DISABLED

    asyncio.run(scenario())


class Held(ThreadPoolExecutor):
    """Runs the next thing it is given, and keeps the result back until told."""

    def __init__(self):
        super().__init__(3)
        self.hold = False
        self.done = threading.Event()
        self.release = threading.Event()

    def submit(self, work, /, *arguments):
        if not self.hold:
            return super().submit(work, *arguments)
        self.hold = False

        def held():
            result = work(*arguments)
            self.done.set()
            assert self.release.wait(10)
            return result

        return super().submit(held)


@BY_THREADS
def test_a_reader_overtaken_by_a_writer_does_not_put_yesterdays_key_back(
    database, root, page, store, backing
):
    key = keep_key(store, backing)
    with Held() as threads:
        registry = Registry(store, page, threads)

        async def scenario():
            await ask(registry, aliased("alias/x"))
            threads.hold = True
            reading = asyncio.create_task(ask(registry, finding(key)))
            # It has read the key, and says so to nobody yet.
            assert await asyncio.to_thread(threads.done.wait, 10)
            disable(store, key)
            with pytest.raises(NotReady) as behind:
                registry.require_current()
            await behind.value.prepare()
            threads.release.set()
            assert (await reading).state is KeyState.DISABLED
            assert finding(key)(registry).state is KeyState.DISABLED

        asyncio.run(scenario())


@BY_THREADS
def test_a_key_made_while_it_was_looked_for_is_not_missing_for_ever(
    database, root, page, store, backing
):
    with Held() as threads:
        registry = Registry(store, page, threads)
        key = keep_key(Store(database, root, page), backing)
        with store.writing() as books:
            books.delete_key(books.key(*HERE, key.id))

        async def scenario():
            await ask(registry, aliased("alias/x"))
            threads.hold = True
            reading = asyncio.create_task(ask(registry, finding(key)))
            assert await asyncio.to_thread(threads.done.wait, 10)
            with store.writing() as books:
                books.add_key(key)
            await registry.catch_up()
            threads.release.set()
            assert await reading is not None

        asyncio.run(scenario())


def test_those_who_catch_up_together_read_once(store, page, backing, threads, monkeypatch):
    registry = Registry(store, page, threads)
    keep_key(store, backing)
    readings = []
    read = store.changes
    monkeypatch.setattr(store, "changes", lambda seen: readings.append(1) or read(seen))

    async def scenario():
        await asyncio.gather(*(registry.catch_up() for _ in range(20)))

    asyncio.run(scenario())
    assert len(readings) == 1


def test_who_is_cancelled_while_it_is_caught_up_stays_cancelled(store, page, threads):
    """A server that is told to stop just then would go on for ever."""
    registry = Registry(store, page, threads)

    async def scenario():
        registry._catching_up = caught_up = asyncio.get_running_loop().create_future()
        keeper = asyncio.create_task(registry.catch_up())
        await asyncio.sleep(0)
        caught_up.set_result(None)
        keeper.cancel()
        with pytest.raises(asyncio.CancelledError):
            await keeper

    asyncio.run(scenario())


def test_who_waited_is_not_told_of_the_next_reading(store, page, threads):
    """Which somebody has begun by the time that the first one's answer is taken."""
    registry = Registry(store, page, threads)

    async def scenario():
        loop = asyncio.get_running_loop()
        registry._catching_up = caught_up = loop.create_future()
        waiting = asyncio.create_task(registry.catch_up())
        await asyncio.sleep(0)
        caught_up.set_result(None)
        registry._catching_up = loop.create_future()
        await waiting

    asyncio.run(scenario())


@BY_THREADS
def test_memory_is_bounded(store, page, backing, threads):
    registry = Registry(store, page, threads, capacity=3)
    keys = [keep_key(store, backing) for _ in range(8)]  # three ready, three packed

    async def scenario():
        for key in [*keys, *keys]:
            assert (await ask(registry, finding(key))).id == key.id
            assert len(registry._keys._held) <= 3
            assert len(registry._packed) <= 3
        missing = 0
        for key in keys:
            try:
                finding(key)(registry)
            except NotReady:
                missing += 1
        assert missing >= 1
        for number in range(1_100):
            await ask(registry, aliased(f"alias/{number}"))
        assert len(registry._aliases._missing) == 1_000

    asyncio.run(scenario())


def test_what_is_asked_for_often_is_ready(store, page, backing, threads, monkeypatch):
    """And what is not seldom takes the place of what is."""
    monkeypatch.setattr("strongroom.storage.registry._READY", 2)
    monkeypatch.setattr("strongroom.storage.registry._ONE_IN", 5)
    registry = Registry(store, page, threads)
    keys = [keep_key(store, backing) for _ in range(12)]
    often, *others = keys

    async def scenario():
        for key in keys:
            await ask(registry, finding(key))

        def held(key):
            return (key.account, key.region, key.id) in registry._keys._held

        assert not held(often)  # others were read since
        for _ in range(5):
            assert not held(often)
            assert finding(often)(registry) == often
        assert held(often)
        assert finding(often)(registry) is finding(often)(registry)
        for key in others:
            assert finding(key)(registry) == key
            finding(often)(registry)
        assert held(often)
        assert sum(map(held, others)) == 1

    asyncio.run(scenario())


def test_who_missed_changes_forgets_everything(database, root, page, store, backing, threads):
    registry = Registry(store, page, threads)
    key = keep_key(store, backing)

    async def scenario():
        await ask(registry, finding(key))
        disable(Store(database, root, Page.blank()), key)
        with store.writing() as books:  # so much happens that the change is no longer on record
            for number in range(changes.KEPT + 1):
                books._touch(changes.Kind.ALIAS, *HERE, f"alias/{number}")
        assert (await ask(registry, finding(key))).state is KeyState.DISABLED

    asyncio.run(scenario())


def test_who_was_there_before_the_first_change_may_miss_some_too(store, page, backing, threads):
    registry = Registry(store, page, threads)

    async def scenario():
        assert await ask(registry, aliased("alias/a")) is None  # of a database without a change
        keep_alias(store, keep_key(store, backing))
        with store.writing() as books:
            for number in range(changes.KEPT):
                books._touch(changes.Kind.ALIAS, *HERE, f"alias/{number}")
        assert await ask(registry, aliased("alias/a")) is not None

    asyncio.run(scenario())


def test_a_transaction_that_fails_leaves_and_announces_nothing(store, page, backing, threads):
    registry = Registry(store, page, threads)
    kept = keep_key(store, backing)
    announced = page.last_change

    class Stop(Exception):
        pass

    with pytest.raises(Stop), store.writing() as books:
        books.change_key(kept, description="never")
        books.own_domain("111122223333", "nowhere-1")
        raise Stop
    assert announced == page.last_change
    assert ("111122223333", "nowhere-1") not in store._domains
    assert asyncio.run(ask(registry, finding(kept))).description == ""


def test_a_key_changed_by_two_is_changed_by_one(store, backing):
    """Each change says from which version it comes; the second finds another."""
    key = keep_key(store, backing)
    with store.writing() as books:
        books.change_key(key, description="first")
    with pytest.raises(RuntimeError, match="changed within"), store.writing() as books:
        books.change_key(key, description="second")
    with store.reading() as books:
        assert books.key(*HERE, key.id).description == "first"


def test_one_bad_row_is_not_held(database, store, page, backing, threads):
    registry = Registry(store, page, threads)
    key = keep_key(store, backing)
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE keys SET state = 'Disabled'")

    async def scenario():
        for _ in range(2):
            with pytest.raises(Tampered):
                await ask(registry, finding(key))

    asyncio.run(scenario())


# Grants


READER, WRITER = (f"arn:aws:iam::444455556666:role/{name}" for name in ("reader", "writer"))


def granted(key, *grantees):
    return lambda registry: registry.grants(key.account, key.region, key.id, grantees)


def test_the_grants_of_a_key_are_those_of_the_names_asked_for(
    database, root, page, store, backing, threads
):
    mine = Registry(store, page, threads)
    theirs = Registry(Store(database, root, page), page, threads)
    key, other = (keep_key(store, backing) for _ in range(2))
    to_reader, to_writer, also = (
        keep_grant(store, key, grantee=grantee) for grantee in (READER, WRITER, READER)
    )
    keep_grant(store, other, grantee=READER)

    async def scenario():
        for registry in (mine, theirs):
            assert set(await ask(registry, granted(key, READER))) == {to_reader, also}
            found = await ask(registry, granted(key, READER, WRITER, "s3.amazonaws.com", READER))
            assert (set(found), len(found)) == ({to_reader, to_writer, also}, 3)
            assert await ask(registry, granted(key, "s3.amazonaws.com")) == ()
            assert await ask(registry, granted(key)) == ()
        with store.writing() as books:
            books.remove_grant(also)
        for registry in (mine, theirs):
            assert await ask(registry, granted(key, READER)) == (to_reader,)
            assert await ask(registry, granted(key, "s3.amazonaws.com")) == ()
        new = keep_grant(store, key, grantee="s3.amazonaws.com")
        for registry in (mine, theirs):
            assert await ask(registry, granted(key, READER)) == (to_reader,)
            assert await ask(registry, granted(key, "s3.amazonaws.com")) == (new,)
        with store.writing() as books:
            books.delete_key(books.key(*HERE, key.id))
        for registry in (mine, theirs):
            assert await ask(registry, granted(key, READER, WRITER)) == ()
            assert len(await ask(registry, granted(other, READER))) == 1

    asyncio.run(scenario())


def test_held_grants_cost_the_database_nothing(database, store, page, backing, threads):
    registry = Registry(store, page, threads)
    key = keep_key(store, backing)
    grant = keep_grant(store, key, grantee=READER)

    async def scenario():
        await ask(registry, granted(key, READER, WRITER))
        database.close()
        registry._store = None
        registry.require_current()
        assert granted(key, READER)(registry) == (grant,)
        assert granted(key, WRITER)(registry) == ()

    asyncio.run(scenario())


@BY_THREADS
def test_those_who_miss_the_same_read_once(store, page, backing, threads):
    registry = Registry(store, page, threads)
    key = keep_key(store, backing)
    keep_grant(store, key, grantee=READER)
    readings = []
    hold = registry._hold
    registry._hold = lambda read: readings.append(read) or hold(read)

    async def scenario():
        await registry.catch_up()
        found = await asyncio.gather(*(ask(registry, granted(key, READER)) for _ in range(50)))
        assert {len(grants) for grants in found} == {1}
        await asyncio.gather(*(ask(registry, finding(key)) for _ in range(50)))
        assert len(readings) == 2
        assert registry._loading == {}

    asyncio.run(scenario())


def test_grants_read_before_a_change_are_not_put_back_after_it(
    database, root, page, store, backing
):
    key = keep_key(store, backing)
    grant = keep_grant(store, key, grantee=READER)
    with Held() as threads:
        registry = Registry(store, page, threads)

        async def scenario():
            await ask(registry, aliased("alias/x"))
            threads.hold = True
            reading = asyncio.create_task(ask(registry, granted(key, READER)))
            assert await asyncio.to_thread(threads.done.wait, 10)
            with store.writing() as books:
                books.remove_grant(grant)
            await registry.catch_up()
            # Who asks now joins a reading that is behind, and still is not told its result.
            joined = asyncio.create_task(ask(registry, granted(key, READER)))
            await asyncio.sleep(0.05)
            threads.release.set()
            assert (await reading, await joined) == ((), ())

        asyncio.run(scenario())


def test_held_grants_are_bounded(store, page, backing, threads):
    registry = Registry(store, page, threads, most_grants=6)
    keys = [keep_key(store, backing) for _ in range(4)]
    for key in keys:
        for _ in range(3):
            keep_grant(store, key, grantee=READER)

    async def scenario():
        for key in keys[:2]:
            await ask(registry, granted(key, READER))
        granted(keys[0], READER)(registry)
        await ask(registry, granted(keys[2], READER))
        assert registry._grants.weight == 6
        assert len(granted(keys[0], READER)(registry)) == 3
        with pytest.raises(NotReady):
            granted(keys[1], READER)(registry)
        for number in range(20):
            assert await ask(registry, granted(keys[3], f"arn:{number}")) == ()
        assert registry._grants.weight == 6

    asyncio.run(scenario())


def test_a_domain_is_missing_only_until_it_has_something(store, page, backing, threads):
    registry = Registry(store, page, threads)

    async def scenario():
        assert await ask(registry, lambda r: r.domain(*STRANGER)) is None
        keep_key(store, backing, STRANGER)
        assert (await ask(registry, lambda r: r.domain(*STRANGER))).account == STRANGER[0]

    asyncio.run(scenario())


def test_who_missed_changes_forgets_grants_too(database, root, store, page, backing, threads):
    registry = Registry(store, page, threads)
    key = keep_key(store, backing)

    async def scenario():
        assert await ask(registry, granted(key, READER)) == ()
        keep_grant(Store(database, root, Page.blank()), key, grantee=READER)
        with store.writing() as books:
            for number in range(changes.KEPT + 1):
                books._touch(changes.Kind.ALIAS, *HERE, f"alias/{number}")
        assert len(await ask(registry, granted(key, READER))) == 1

    asyncio.run(scenario())


def test_a_standing_is_dropped_when_any_organization_changes(database, root, page, store, threads):
    """Also that of an account that was in none, and joins."""
    theirs = Registry(Store(database, root, page), page, threads)
    late = "777788889999"

    async def scenario():
        organization = keep_organization(store, HERE[0], "222233334444")
        member = await ask(theirs, lambda r: r.standing("222233334444"))
        assert member.organization == organization.id
        assert await ask(theirs, lambda r: r.standing("222233334444")) is member  # held
        assert await ask(theirs, lambda r: r.standing(late)) is ALONE
        before = theirs.organizations
        with store.writing() as books:
            books.put_member(Member(HERE[0], late, organization.root, "late", "", True, NOW))
        joined = await ask(theirs, lambda r: r.standing(late))
        assert joined.path == f"{organization.id}/{organization.root}/"
        assert theirs.organizations > before
        with store.writing() as books:
            books.delete_organization(organization)
        for account in ("222233334444", late, HERE[0]):
            assert await ask(theirs, lambda r, account=account: r.standing(account)) is ALONE

    asyncio.run(scenario())


def test_a_key_that_changes_makes_no_new_principals(store, page, threads, backing):
    """What belongs to no organization must not pay for those that do."""
    registry = Registry(store, page, threads)

    async def scenario():
        key = keep_key(store, backing)
        await ask(registry, finding(key))
        before = registry.organizations
        disable(store, key)
        await ask(registry, finding(key))
        assert registry.organizations == before

    asyncio.run(scenario())


def test_what_was_not_compared_for_too_long_is_compared_first(store, page, backing, threads):
    async def scene():
        registry = Registry(store, page, threads, staleness=0.2)
        key = keep_key(store, backing)
        assert (await ask(registry, finding(key))).enabled
        elsewhere = Store(store._database, store._root, Page.blank())  # nothing tells of it here
        disable(elsewhere, key)
        assert finding(key)(registry).enabled
        await asyncio.sleep(0.25)
        with pytest.raises(NotReady):
            registry.require_current()
        assert not (await ask(registry, finding(key))).enabled

    asyncio.run(scene())


def test_a_database_that_hangs_is_not_waited_for_long(store, page, backing, threads, monkeypatch):
    monkeypatch.setattr("strongroom.storage.registry._PATIENCE", 0.2)

    async def scene():
        registry = Registry(store, page, threads, staleness=0.2)
        key = keep_key(store, backing)
        await ask(registry, finding(key))
        answers, release = store.changes, threading.Event()
        monkeypatch.setattr(store, "changes", lambda seen: release.wait(10) and answers(seen))
        await asyncio.sleep(0.25)
        began = asyncio.get_running_loop().time()
        for _ in range(2):
            with pytest.raises(Unavailable, match="does not say what has changed"):
                await ask(registry, finding(key))
        assert asyncio.get_running_loop().time() < began + 5
        release.set()
        assert (await ask(registry, finding(key))).enabled

    asyncio.run(scene())


def test_who_is_overtaken_by_a_writer_has_seen_no_older_database(store, backing, monkeypatch):
    keep_key(store, backing)
    whole, overtaken = Tree.whole, []

    def overtaking(tree, connection):
        found = whole(tree, connection)
        if not overtaken:
            overtaken.append(True)
            keep_key(store, backing)
        return found

    monkeypatch.setattr(Tree, "whole", overtaking)
    number, touched = store.changes(0)
    assert (number, len(touched)) == (1, 1)
    assert store.changes(0)[0] == 2


def test_a_database_that_went_back_is_not_believed(store, page, backing, threads):
    async def scene():
        registry = Registry(store, page, threads, staleness=0.2)
        key = keep_key(store, backing)
        await ask(registry, finding(key))
        with store._database.reading() as connection:
            older = dict(connection.execute(select(epoch)).mappings().one())
        keep_key(store, backing)
        await ask(registry, finding(key))
        with store._database.writing() as connection:
            connection.execute(update(epoch).values(older))
        await asyncio.sleep(0.25)
        with pytest.raises(Unavailable, match="an older one than it was"):
            await ask(registry, finding(key))

    asyncio.run(scene())


def test_a_disk_that_is_slow_is_read_by_other_threads(sqlite, root, page, backing, monkeypatch):
    """Once it stops the loop; then it does not for a while."""
    store = Store(sqlite, root, page)
    keys = [keep_key(store, backing) for _ in range(4)]
    moment = 100.0
    monkeypatch.setattr(registry_module, "monotonic", lambda: moment)
    took = 0.0
    asked = Store.key_at_hand

    def at_hand(self, *place):
        nonlocal moment
        moment += took
        return asked(self, *place)

    monkeypatch.setattr(Store, "key_at_hand", at_hand)
    registry = Registry(store, page, None)

    def find(key):
        return registry.key(key.account, key.region, key.id)

    assert find(keys[0]) == keys[0]
    took = 0.02
    assert find(keys[1]) == keys[1]
    took = 0.0
    with pytest.raises(NotReady):
        find(keys[2])
    assert find(keys[1]) == keys[1]  # it is held
    moment += 1.1
    assert find(keys[2]) == keys[2]


def test_postgresql_is_never_waited_for_on_the_loop(in_postgresql, root, page, backing):
    store = Store(in_postgresql, root, page)
    key = keep_key(store, backing)
    with pytest.raises(NotReady):
        Registry(store, page, None).key(key.account, key.region, key.id)
