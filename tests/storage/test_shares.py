"""A root key split among people."""

import base64
import hashlib
import itertools
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.keys.hierarchy import RootKey
from strongroom.storage.shares import Share, ShareError, combine, split

# Interpolation at 0 over GF(2^128) with x^128 + x^7 + x^2 + x + 1, written anew from the definition.

POLYNOMIAL = (1 << 128) | 0x87


def times(a, b):
    product = 0
    while b:
        if b & 1:
            product ^= a
        a <<= 1
        if a >> 128:
            a ^= POLYNOMIAL
        b >>= 1
    return product


def inverse(a):
    result = 1
    for _ in range(127):  # a^(2^128 - 2)
        a = times(a, a)
        result = times(result, a)
    return result


def at_zero(points):
    secret = 0
    for x, y in points:
        term = y
        for other, _ in points:
            if other != x:
                term = times(term, times(other, inverse(other ^ x)))
        secret ^= term
    return secret.to_bytes(16)


def opened_elsewhere(lines):
    """A root key, by its shares' lines alone."""
    halves = []
    for part in (slice(16), slice(16, None)):
        points = []
        for line in lines:
            _, _, number, encoded, _ = line.split()
            points.append((int(number), int.from_bytes(base64.b64decode(encoded)[part])))
        halves.append(at_zero(points))
    return b"".join(halves)


def test_any_three_of_five_open_it_here_and_by_other_code(root):
    shares = split(root, 3, 5)
    for some in itertools.permutations(shares, 3):
        assert root == combine(some, shares[0].of, 3)
    for some in itertools.combinations(shares, 3):
        assert root == opened_elsewhere([str(share) for share in some])
    for some in itertools.combinations(shares, 2):
        assert root != opened_elsewhere([str(share) for share in some])
        with pytest.raises(ShareError, match="3 different shares are wanted, and there are 2"):
            combine([*some, some[0]], shares[0].of, 3)


@settings(max_examples=20)
@given(st.binary(min_size=32, max_size=32), st.data())
def test_any_so_many_of_any_number(secret, data):
    count = data.draw(st.integers(2, 255))
    wanted = data.draw(st.integers(2, min(count, 8)))
    shares = split(RootKey(secret), wanted, count)
    some = data.draw(st.permutations(shares))[:wanted]
    assert combine([Share.read(str(share)) for share in some], shares[0].of, wanted) == secret


@pytest.mark.parametrize(("wanted", "count"), [(1, 3), (0, 0), (4, 3), (2, 256), (-1, 2)])
def test_what_is_no_way_to_split(root, wanted, count):
    with pytest.raises(ShareError, match="not a way to split a key"):
        split(root, wanted, count)


def test_shares_of_two_splittings_do_not_go_together(root):
    one, other = split(root, 2, 3), split(root, 2, 3)
    with pytest.raises(ShareError, match=f"share 2 is of another splitting .{other[1].of}, not "):
        combine([one[0], other[1]], one[0].of, 2)


def test_a_line_that_is_no_share(root):
    line = str(split(root, 2, 2)[0])
    tag, of, number, value, check = line.split(" ")
    assert Share.read(f"  {line}\n") == Share.read(line)
    for at in range(len(line)):
        altered = line[:at] + ("0" if line[at] != "0" else "1") + line[at + 1 :]
        with pytest.raises(ShareError, match=r"damaged|no share"):
            Share.read(altered)
    short = base64.b64encode(os.urandom(31)).decode()
    for told in (
        "",
        "x",
        f"{of} {number} {value}",
        f"strongroom-root-key-1 {of} {number} {value}",
        f"{tag} {of} 0 {value}",
        f"{tag} {of} 256 {value}",
        f"{tag} {of} {'9' * 5000} {value}",
        f"{tag} {of} {number} {short}",
        f"{tag} {of} {number} {value} {check}",
    ):
        whole = f"{told} {hashlib.sha256(told.encode()).hexdigest()[:8]}"
        with pytest.raises(ShareError, match="no share"):
            Share.read(whole)


def test_a_share_is_not_told_by_chance(root):
    share = split(root, 2, 2)[0]
    assert str(share.value) not in repr(share)
    assert base64.b64encode(share.value).decode() not in f"{share!r} {[share]}"
