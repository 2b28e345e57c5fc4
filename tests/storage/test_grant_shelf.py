"""Grants held in memory, without a registry."""

import random

import pytest
from keeping import ELSEWHERE, HERE

from strongroom.storage.grant_shelf import GrantShelf


def test_the_newest_is_held_however_large_it_is():
    shelf = GrantShelf(2)
    place, other = (*HERE, "k"), (*HERE, "l")
    shelf.hold(place, "a", ())
    shelf.hold(place, "b", ("g",) * 5)
    assert (shelf.find(place, "b"), shelf.weight) == (("g",) * 5, 5)
    with pytest.raises(KeyError):
        shelf.find(place, "a")
    shelf.hold(other, "a", ("g",))
    with pytest.raises(KeyError):
        shelf.find(place, "b")
    shelf.hold(other, "a", ())
    shelf.drop(place)
    assert (shelf.find(other, "a"), shelf.weight) == ((), 1)
    shelf.hold(other, "b", ("g",) * 3)
    shelf.clear()
    assert (shelf.weight, shelf._held, shelf._eras) == (0, {}, {})


def test_grants_that_were_dropped_are_not_found_again():
    """Beside the same written plainly, as long as there is room; and with too little."""
    draw = random.Random(1)
    wide, narrow, plain = GrantShelf(10_000), GrantShelf(7), {}
    places = [(*HERE, "k"), (*HERE, "l"), (*ELSEWHERE, "k")]
    for step in range(20_000):
        place, grantee = draw.choice(places), draw.choice("abcd")
        match draw.choice(["hold", "find", "find", "drop"]):
            case "hold":
                grants = tuple(range(step, step + draw.randrange(4)))
                plain[place, grantee] = grants
                wide.hold(place, grantee, grants)
                narrow.hold(place, grantee, grants)
            case "find":
                held = plain.get((place, grantee))
                assert found_in(wide, place, grantee) == held
                assert found_in(narrow, place, grantee) in (held, None)
            case "drop":
                plain = {name: held for name, held in plain.items() if name[0] != place}
                wide.drop(place)
                narrow.drop(place)
        for shelf in (wide, narrow):
            held = [grants for _, grants in shelf._held.values()]
            assert shelf.weight == sum(max(1, len(grants)) for grants in held)
            current = [era for era, _ in shelf._held.values() if era in shelf._eras.values()]
            assert sum(era.held for era in shelf._eras.values()) == len(current)
            assert all(era.held for era in shelf._eras.values())
        assert narrow.weight <= 7


def found_in(shelf, place, grantee):
    try:
        return shelf.find(place, grantee)
    except KeyError:
        return None


def test_to_drop_many_grants_stops_nobody():
    """A change of one grant lets go of all of a key's: what it touches does not grow with them."""
    shelf, place = GrantShelf(1_000), (*HERE, "k")
    for number in range(1_000):
        shelf.hold(place, f"arn:{number}", ("g",))
    shelf.drop(place)
    assert len(shelf._held) == 1_000
    assert found_in(shelf, place, "arn:0") is None
    shelf.hold(place, "arn:0", ("h",))
    assert (shelf.find(place, "arn:0"), shelf.weight) == (("h",), 1_000)
    for number in range(1_000):  # those that are let go are the longest unused
        shelf.hold((*HERE, "l"), f"arn:{number}", ())
    assert {name[0] for name in shelf._held} == {(*HERE, "l")}
    assert list(shelf._eras) == [(*HERE, "l")]
