"""Sums over rows, against the words of `docs/formats/keys-at-rest.md` by other code."""

import hmac
import struct

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode
from hypothesis import given
from hypothesis import strategies as st

from strongroom.keys.sealing import Tampered
from strongroom.keys.witness import NOTHING, Place, Thing, Whole, Witness, branch_of
from strongroom.storage.anchor import Anchor
from strongroom.storage.rootkey import new_root_key

ROOT = new_root_key()
WITNESS = Witness(ROOT)
HERE = Place("keys", "111122223333", "eu-central-1")
KEY = Thing("key", "111122223333", "eu-central-1", "4a4f")
MOD = 1 << 256
macs = st.lists(st.binary(min_size=32, max_size=32), max_size=8)


def derived(label, secret=ROOT, context=b""):
    """NIST SP 800-108 in counter mode, by `cryptography`."""
    kdf = KBKDFHMAC(
        hashes.SHA256(),
        Mode.CounterMode,
        32,
        4,
        4,
        CounterLocation.BeforeFixed,
        label,
        context,
        None,
    )
    return kdf.derive(secret)


def texts(*parts):
    return b"".join(
        struct.pack(">I", len(part)) + part
        for part in (each if isinstance(each, bytes) else each.encode() for each in parts)
    )


def opened(sealed, *parts):
    key = derived(b"strongroom/v1/seal", derived(b"strongroom/v1/witness-sums"), sealed[1:17])
    return AESGCM(key).decrypt(sealed[17:29], sealed[29:], b"\x01" + texts(*parts))


def weighed(*parts):
    key = derived(b"strongroom/v1/witness-weights")
    return int.from_bytes(hmac.digest(key, texts(*parts), "sha256"))


def marked(*parts):
    return hmac.digest(derived(b"strongroom/v1/witness-marks"), texts(*parts), "sha256")


def test_every_number_is_as_the_format_says():
    mac = bytes(range(32))
    weight = WITNESS.weight(HERE, mac)
    assert weight == weighed("row", *HERE, mac)
    total = weight.to_bytes(32)
    sealed = WITNESS.seal_total(KEY, weight)
    assert opened(sealed, "total", *KEY) == total
    name = WITNESS.name(KEY)
    assert name == weighed("thing", *KEY).to_bytes(32)[:16]
    leaf = WITNESS.leaf(name, sealed)
    assert leaf == int.from_bytes(
        hmac.digest(
            derived(b"strongroom/v1/witness-weights"), texts("leaf") + name + sealed, "sha256"
        )
    )
    assert WITNESS.leaves([(name, sealed)] * 3) == leaf * 3 % MOD
    branch = int(f"{int(name.hex(), 16):0128b}"[:14], 2)
    assert branch_of(name) == branch
    assert opened(WITNESS.seal_branch(branch, 8, leaf), "branch", str(branch), "8") == (
        leaf.to_bytes(32)
    )
    share = WITNESS.share(branch, leaf)
    assert share == weighed("branch", str(branch), leaf.to_bytes(32))
    whole = NOTHING.moved(9, share)
    packed = struct.pack(">QQ", 1, 9) + share.to_bytes(32)
    assert opened(WITNESS.seal_whole(whole), "whole") == packed
    assert WITNESS.digest(whole) == marked("state", packed)
    assert WITNESS.mark("change", b"1", b"key") == marked("change", "1", "key")


def test_a_page_of_the_anchor_is_as_the_format_says(tmp_path):
    anchor = Anchor.make(tmp_path / "anchor", WITNESS)
    anchor.set_to(Whole(5, 9, 7))
    anchor.set_to(Whole(6, 9, 7))
    anchor.close()
    read = (tmp_path / "anchor").read_bytes()
    assert len(read) == 256
    pages = [struct.unpack(">32sQ88s", read[at : at + 128]) for at in (0, 128)]
    for turn, commits in ((0, 5), (1, 6)):
        (mac, _, body) = next(page for page in pages if page[1] == turn)
        digest = marked("state", struct.pack(">QQ", commits, 9) + (7).to_bytes(32))
        assert body == struct.pack(">Q", commits) + digest + bytes(48)
        assert mac == marked("anchor", "0", str(turn), body)


def total(rows):
    return sum(WITNESS.weight(HERE, mac) for mac in rows) % MOD


@given(macs, macs)
def test_a_sum_tells_which_rows_there_are_and_no_order(one, other):
    assert (total(one) == total(other)) == (sorted(one) == sorted(other))


@given(macs, st.binary(min_size=32, max_size=32))
def test_what_came_and_went_leaves_the_sum_as_it_was(rows, mac):
    assert total([*rows, mac]) - WITNESS.weight(HERE, mac) in (total(rows), total(rows) - MOD)


def test_what_the_release_before_kept_is_as_its_format_said():
    mac = bytes(range(32))
    weight = WITNESS.weight(HERE, mac)
    assert WITNESS.share_of_place(HERE, weight) == weighed("place", *HERE, weight.to_bytes(32))
    assert WITNESS.share_of_place(HERE, 0) == 0


def test_a_branch_with_nothing_on_it_counts_for_nothing():
    assert WITNESS.share(7, 0) == WITNESS.share(7, MOD) == 0
    assert WITNESS.share(7, 1) != WITNESS.share(8, 1)


def test_what_is_sealed_opens_in_its_place_alone():
    sealed = WITNESS.seal_total(KEY, 7)
    assert WITNESS.open_total(KEY, sealed) == 7
    for other in (
        KEY._replace(kind="grants"),
        KEY._replace(account="1"),
        KEY._replace(region=""),
        KEY._replace(name="4a4"),
    ):
        with pytest.raises(Tampered):
            WITNESS.open_total(other, sealed)
    with pytest.raises(Tampered):
        WITNESS.open_whole(sealed)
    with pytest.raises(Tampered):
        Witness(new_root_key()).open_total(KEY, sealed)
    branch = WITNESS.seal_branch(7, 9, 1)
    assert WITNESS.open_branch(7, 9, branch) == 1
    for number, commit in ((8, 9), (7, 8)):
        with pytest.raises(Tampered):
            WITNESS.open_branch(number, commit, branch)


@pytest.mark.parametrize("mac", [None, 7, "x" * 32])
def test_what_is_no_mac(mac):
    with pytest.raises(Tampered):
        WITNESS.weight(HERE, mac)
    with pytest.raises(Tampered):
        WITNESS.require(mac, "change", b"1")


def test_nothing_of_it_is_shown():
    assert repr(WITNESS) == "Witness()"
