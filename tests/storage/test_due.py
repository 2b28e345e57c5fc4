"""What is due is done in parts, none of which keeps others waiting for long."""

import itertools

import pytest
from keeping import NOW, keep_grant, keep_key

from strongroom import jobs
from strongroom.errors import Unavailable
from strongroom.keys.states import KeyState
from strongroom.services.kms import deletion


@pytest.fixture
def due(store, backing):
    """Three keys that are to be deleted, each with five grants, the first one first."""
    keys = []
    for number in range(3):
        waiting = {"state": KeyState.PENDING_DELETION, "deletion_window_days": 7}
        key = keep_key(store, backing, **waiting, deletion_date=NOW + number)
        for _ in range(5):
            keep_grant(store, key)
        keys.append(key)
    return keys


def parts(store, backing):
    return jobs.parts(store, backing, lambda: NOW + 10)


def deleted(done):
    return [key.id for key in done.deleted]


def test_what_little_hangs_on_goes_at_once(store, backing, due):
    (part,) = parts(store, backing)
    assert deleted(part) == [key.id for key in due]


def test_what_much_hangs_on_goes_alone(store, backing, due, monkeypatch):
    monkeypatch.setattr(deletion, "_MOST_ROWS", 5)  # a key, its material and five grants are seven
    assert [deleted(part) for part in parts(store, backing)] == [[key.id] for key in due]
    with store.reading() as books:
        for key in due:
            assert books.key(key.account, key.region, key.id) is None
            assert books.grants_of(key, None, "", 10) == []


def test_so_many_keys_are_one_part(store, backing, due, monkeypatch):
    monkeypatch.setattr(jobs, "_BATCH", 2)
    assert [len(part.deleted) for part in parts(store, backing)] == [2, 1]


def test_what_was_done_is_told_before_what_fails(store, backing, due, monkeypatch):
    monkeypatch.setattr(jobs, "_BATCH", 1)
    writing, times = store.writing, itertools.count()

    def fails_the_second_time():
        if next(times) == 1:
            raise Unavailable("The key database did not answer.")
        return writing()

    monkeypatch.setattr(store, "writing", fails_the_second_time)
    told = []
    with pytest.raises(Unavailable):
        for part in parts(store, backing):
            told += deleted(part)
    with store.reading() as books:
        there = [key.id for key in due if books.key(key.account, key.region, key.id)]
    assert told + there == [key.id for key in due]
    assert len(told) == 1


def test_where_nothing_is_due_nothing_is_written(store, backing, due, monkeypatch):
    monkeypatch.setattr(store, "writing", None)
    assert list(jobs.parts(store, backing, lambda: NOW - 1)) == []
