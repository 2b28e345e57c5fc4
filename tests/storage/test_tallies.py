"""Whether there are as many as there may be is told rightly, and rarely by counting them."""

import contextlib
import random
from dataclasses import replace

import pytest
from keeping import ELSEWHERE, HERE, NOW, keep_alias, keep_grant, keep_key
from sqlalchemy import event

from strongroom.keys.alias import Alias
from strongroom.keys.specs import Manager
from strongroom.storage import changes, tallies
from strongroom.storage.page import Page
from strongroom.storage.store import Store


def has(store, key, count):
    with store.writing() as books:
        return books.has_grants(key, count)


@contextlib.contextmanager
def countings(database):
    """The statements that count grants or keys meanwhile."""
    counted = []

    def note(_connection, _cursor, statement, *_):
        if "count(*)" in statement and ("FROM grants" in statement or "FROM keys" in statement):
            counted.append(statement)

    engine = database._kind.writing
    event.listen(engine, "before_cursor_execute", note)
    yield counted
    event.remove(engine, "before_cursor_execute", note)


def test_it_is_told_rightly_whoever_adds_and_ends(database, root, store, backing):
    """Two workers and two keys, beside the same by sets."""
    draw = random.Random(1)
    stores = [store, Store(database, root, Page.blank())]
    keys = [keep_key(store, backing) for _ in range(2)]
    grants = {key.id: [] for key in keys}
    for _ in range(150):
        key, worker = draw.choice(keys), draw.choice(stores)
        held = grants[key.id]
        match draw.choice(["add", "add", "end", "other", "fails"]):
            case "add":
                held.append(keep_grant(worker, key))
            case "end" if held:
                with worker.writing() as books:
                    books.remove_grant(held.pop())
            case "other":
                keep_alias(worker, key, f"alias/{draw.random()}")
            case "fails":
                with contextlib.suppress(ZeroDivisionError), worker.writing() as books:
                    for grant in held:
                        books.remove_grant(grant)
                    assert not books.has_grants(key, 1)
                    raise ZeroDivisionError
        wanted = draw.randrange(1, 30)
        assert has(draw.choice(stores), key, wanted) == (len(held) >= wanted)


def test_they_are_counted_once_while_they_cannot_be_too_many(database, store, backing):
    key, other = keep_key(store, backing), keep_key(store, backing)
    with countings(database) as counted:
        for _ in range(10):
            keep_grant(store, key)
            assert not has(store, key, 12)
        assert len(counted) == 1
        for _ in range(3):  # these might have been grants of the key
            keep_grant(store, other)
        assert not has(store, key, 12)
        assert len(counted) == 1, "but they were not"
        with store.writing() as books:
            books.put_tags(key, {"a": "b"})
        keep_grant(store, key)
        assert not has(store, key, 12)
        assert len(counted) == 2, "the tag might have been a grant"
        keep_grant(store, key)
        assert has(store, key, 12)
        assert len(counted) == 3


def test_who_is_full_is_not_counted_again_whatever_others_do(database, store, backing):
    key, other = keep_key(store, backing), keep_key(store, backing)
    for _ in range(3):
        keep_grant(store, key)
    assert has(store, key, 3)
    with countings(database) as counted:
        for _ in range(5):
            keep_grant(store, other)
            assert has(store, key, 3)
    assert counted == []


def test_what_is_no_longer_known_of_is_counted(database, store, backing, monkeypatch):
    monkeypatch.setattr(changes, "KEPT", 4)
    key = keep_key(store, backing)
    keep_grant(store, key)
    assert has(store, key, 1)
    for number in range(5):
        keep_alias(store, key, f"alias/{number}")
    with countings(database) as counted:
        assert has(store, key, 1)
    assert len(counted) == 1


def test_what_a_transaction_added_itself_counts(store, backing):
    key = keep_key(store, backing)
    grant = keep_grant(store, key)
    with pytest.raises(ZeroDivisionError), store.writing() as books:
        assert not books.has_grants(key, 2)
        for number in range(2):
            books.add_grant(replace(grant, id=f"{number}" * 64))
        assert books.has_grants(key, 3)
        assert not books.has_grants(key, 4)
        raise ZeroDivisionError
    assert not has(store, key, 2)


def test_of_how_many_it_is_known_is_bounded(store, backing, monkeypatch):
    monkeypatch.setattr(tallies, "_MOST_KEPT", 3)
    keys = [keep_key(store, backing) for _ in range(5)]
    for key in keys:
        assert not has(store, key, 1)
    assert len(store._tallies._known) == 2


# Keys of an account in a Region


def holds(store, count, place=HERE):
    with store.writing() as books:
        return books.holds(*place, count)


def keep_managed_key(store, backing, service):
    """As `managed.provide` keeps one."""
    key = keep_key(store, backing, manager=Manager.AWS)
    with store.writing() as books:
        books.put_alias(Alias(*HERE, f"alias/aws/{service}", key.id, NOW, NOW))


def test_keys_are_counted_where_they_are(database, root, store, backing):
    """Two workers, beside the same by lists."""
    draw = random.Random(2)
    stores = [store, Store(database, root, Page.blank())]
    keys, services = {HERE: [], ELSEWHERE: []}, iter(range(1_000))
    for _ in range(150):
        place, worker = draw.choice([HERE, ELSEWHERE]), draw.choice(stores)
        match draw.choice(["add", "add", "add", "delete", "managed", "alias", "tag", "fails"]):
            case "add":
                keys[place].append(keep_key(worker, backing, place))
            case "delete" if keys[place]:
                with worker.writing() as books:
                    books.delete_key(keys[place].pop())
            case "managed":
                keep_managed_key(worker, backing, next(services))
            case "alias" if keys[place]:
                keep_alias(worker, keys[place][0], f"alias/awsome{draw.random()}")
            case "tag" if keys[place]:
                with worker.writing() as books:
                    books.put_tags(keys[place][0], {"a": str(draw.random())})
            case "fails":
                with contextlib.suppress(ZeroDivisionError), worker.writing() as books:
                    for key in keys[place]:
                        books.delete_key(key)
                    assert not books.holds(*place, 1)
                    raise ZeroDivisionError
        for place, there in keys.items():
            wanted = max(1, len(there) + draw.randrange(-3, 4))
            told = holds(draw.choice(stores), wanted, place)
            assert told == (len(there) >= wanted)


def test_keys_are_counted_once_while_they_cannot_be_too_many(database, store, backing):
    keep_managed_key(store, backing, "s3")
    with countings(database) as counted:
        for _ in range(4):
            keep_key(store, backing)
            assert not holds(store, 6)
        assert len(counted) == 1
        for _ in range(2):
            keep_key(store, backing)
        assert holds(store, 6)
        for _ in range(5):
            keep_key(store, backing, ELSEWHERE)
            assert holds(store, 6)
        assert len(counted) == 2
