"""Many records in little memory, beside a dictionary that is told the same."""

from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.storage.buckets import Buckets

NAMES = st.integers(0, 40).map(lambda number: ("a", "r", f"key-{number}"))
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


@given(STEPS)
def test_it_is_a_dictionary(steps):
    buckets, known = Buckets(100), {}
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
        assert len(buckets) == len(known)
    for number in range(41):
        name = ("a", "r", f"key-{number}")
        assert buckets.find(name) == known.get(name)
    assert sorted(all_of(buckets)) == sorted(known.values())


@settings(max_examples=50)
@given(st.integers(1, 30), st.lists(st.integers(0, 200), max_size=300))
def test_there_are_never_more_than_so_many_and_the_last_is_among_them(most, numbers):
    buckets, seen = Buckets(most), set()
    for number in numbers:
        buckets.put(number, b"%d" % number)
        seen.add(number)
        assert buckets.find(number) == b"%d" % number
        assert len(buckets) == min(most, len(buckets)) == len(all_of(buckets))
    held = [number for number in seen if buckets.find(number) is not None]
    assert len(held) == len(buckets)
    assert all(buckets.find(number) == b"%d" % number for number in held)
    if len(seen) <= most:
        assert set(held) == seen


def test_of_a_bucket_the_oldest_goes_first():
    buckets = Buckets(2)  # one bucket
    for name in "abcb":
        buckets.put(name, name.encode())
    buckets.put("d", b"d")
    assert [buckets.find(name) for name in "abcd"] == [None, b"b", None, b"d"]


def test_records_of_one_tag_are_one():
    """So who finds one looks whether it is the right one."""

    class Named:
        def __hash__(self):
            return 7

    buckets = Buckets(10)
    buckets.put(Named(), b"one")
    buckets.put(Named(), b"other")
    assert (len(buckets), buckets.find(Named())) == (1, b"other")


def test_a_walk_looks_into_so_many_buckets_at_a_time(monkeypatch):
    monkeypatch.setattr("strongroom.storage.buckets._LOOKED_AT", 4)
    buckets = Buckets(64)
    buckets.put("x", b"x")
    at, rounds = 0, 0
    while True:
        _, at = buckets.some(at, 10)
        rounds += 1
        if at == 0:
            break
    assert rounds == len(buckets._buckets) // 4
