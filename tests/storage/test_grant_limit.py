"""Whether a key has its most grants is told rightly, and rarely by counting them."""

import contextlib
import random
from dataclasses import replace

import pytest
from keeping import keep_alias, keep_grant, keep_key
from sqlalchemy import event

from strongroom.storage.books import grants as grants_module
from strongroom.storage.page import Page
from strongroom.storage.store import Store


def has(store, key, count):
    with store.writing() as books:
        return books.has_grants(key, count)


@contextlib.contextmanager
def countings(database):
    """The statements that count grants meanwhile."""
    counted = []

    def note(_connection, _cursor, statement, *_):
        if "count(*)" in statement:
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
    key = keep_key(store, backing)
    with countings(database) as counted:
        for _ in range(10):
            keep_grant(store, key)
            assert not has(store, key, 12)
        assert len(counted) == 1
        for number in range(2):  # these might have been grants, and the last two
            keep_alias(store, key, f"alias/{number}")
        assert not has(store, key, 12)
        assert len(counted) == 2
        keep_grant(store, key)
        assert not has(store, key, 12)
        keep_grant(store, key)
        assert has(store, key, 12)
        assert has(store, key, 12)


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


def test_of_how_many_keys_it_is_known_is_bounded(store, backing, monkeypatch):
    monkeypatch.setattr(grants_module, "_MOST_COUNTED", 3)
    keys = [keep_key(store, backing) for _ in range(5)]
    for key in keys:
        assert not has(store, key, 1)
    assert len(store._counted) == 2
