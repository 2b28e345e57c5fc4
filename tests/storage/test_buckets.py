"""Many records in little memory, beside a dictionary that is told the same."""

from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.storage.buckets import Buckets

NAMES = st.integers(0, 40).map(lambda number: b"%02d" % number)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), NAMES, st.binary(max_size=300)),
        st.tuples(st.just("drop"), NAMES, st.none()),
        st.tuples(st.just("clear"), st.none(), st.none()),
    ),
    max_size=120,
)


def all_of(buckets):
    found, at = [], 0
    while True:
        some, at = buckets.some(at, 3)
        found += some
        if at == 0:
            return found


@given(STEPS, st.integers(1, 60))
def test_it_is_a_dictionary(steps, each):
    buckets, known = Buckets(100, each, 2), {}
    for step, name, record in steps:
        match step:
            case "put":
                buckets.put(name, record)
                known[name] = record
            case "drop":
                buckets.drop(name)
                known.pop(name, None)
            case _:
                buckets.clear()
                known.clear()
        assert buckets.count == len(known)
    for number in range(41):
        name = b"%02d" % number
        assert buckets.find(name) == known.get(name)
    assert dict(all_of(buckets)) == known


@settings(max_examples=50)
@given(st.integers(1, 30), st.integers(1, 8), st.lists(st.integers(0, 200), max_size=300))
def test_there_are_never_more_than_so_many_and_the_last_is_among_them(most, each, numbers):
    buckets, seen = Buckets(most, each, 3), set()
    for number in numbers:
        buckets.put(b"%03d" % number, b"%d" % number)
        seen.add(number)
        assert buckets.find(b"%03d" % number) == b"%d" % number
        assert buckets.count == min(most, buckets.count) == len(all_of(buckets))
    held = [number for number in seen if buckets.find(b"%03d" % number) is not None]
    assert len(held) == buckets.count
    assert all(buckets.find(b"%03d" % number) == b"%d" % number for number in held)
    if len(seen) <= most:
        assert set(held) == seen


def test_of_a_bucket_the_oldest_goes_first():
    buckets = Buckets(2, 2, 1)  # one bucket
    for name in (b"a", b"b", b"c", b"b"):
        buckets.put(name, name)
    buckets.put(b"d", b"d")
    assert [buckets.find(name) for name in (b"a", b"b", b"c", b"d")] == [None, b"b", None, b"d"]


def test_what_is_alone_in_its_bucket_makes_another_bucket_lose_one():
    buckets = Buckets(2, 1, 1)
    names = [b"%c" % each for each in range(256)]
    there, *others = (name for name in names if hash(name) % 2)
    here = [name for name in names if hash(name) % 2 == 0][:2]
    for name in (*here, there):
        buckets.put(name, b"")
    assert [buckets.find(name) for name in (*here, there)] == [None, b"", b""]
    buckets.put(others[0], b"")
    assert buckets.find(others[0]) == b""


def test_a_name_within_a_record_is_no_name():
    buckets = Buckets(10, 10, 4)
    buckets.put(b"none", b"\x02\x00name??" + b"name")
    assert buckets.find(b"name") is None


def test_a_walk_looks_into_so_many_buckets_at_a_time(monkeypatch):
    monkeypatch.setattr("strongroom.storage.buckets._LOOKED_AT", 4)
    buckets = Buckets(64, 2, 1)
    buckets.put(b"x", b"x")
    at, rounds = 0, 0
    while True:
        _, at = buckets.some(at, 10)
        rounds += 1
        if at == 0:
            break
    assert rounds == len(buckets._buckets) / 4
