"""The byte formats, against answers that other code made."""

import contextlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.flipping import flipped

from strongroom.errors import InvalidCiphertext, Validation
from strongroom.keys import context, envelope, sealing
from strongroom.keys.derive import derive
from strongroom.keys.envelope import Material
from strongroom.keys.hierarchy import (
    Domain,
    material_id,
    new_domain,
    new_material,
    open_domain,
)
from strongroom.keys.sealing import Tampered
from strongroom.storage.rootkey import new_root_key

FOLDER = Path(__file__).parents[2] / "vectors" / "ciphertext"
VECTORS = json.loads((FOLDER / "vectors.json").read_text())
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
ID_BYTES = envelope.key_id_bytes(KEY_ID)
MATERIAL = new_material(KEY_ID)
CONTEXT = context.canonical({"tenant": "blue"})
BLOB = envelope.seal(ID_BYTES, MATERIAL, b"attack at dawn", CONTEXT)

named = pytest.mark.parametrize("v", VECTORS["ciphertexts"], ids=lambda v: v["name"])


def of(v):
    return Material(bytes.fromhex(v["material_id"]), bytes.fromhex(v["secret"]))


@named
def test_sealing_gives_the_known_ciphertext(v):
    sealed = envelope.seal_with(
        bytes.fromhex(v["random"]),
        envelope.key_id_bytes(v["key_id"]),
        of(v),
        bytes.fromhex(v["plaintext"]),
        context.canonical(v["context"]),
    )
    assert v["ciphertext"] == sealed.hex()


@named
def test_the_known_ciphertext_names_its_key_and_opens(v):
    blob = bytes.fromhex(v["ciphertext"])
    assert (v["key_id"], bytes.fromhex(v["material_id"])) == envelope.parse(blob)
    opened = envelope.unseal(blob, of(v), context.canonical(v["context"]))
    assert v["plaintext"] == opened.hex()


@named
def test_the_material_id_is_of_the_key_and_its_secret(v):
    assert v["material_id"] == material_id(v["key_id"], bytes.fromhex(v["secret"])).hex()


@pytest.mark.parametrize("v", VECTORS["sealed"], ids=lambda v: v["name"])
def test_boxes_are_the_known_ones(v):
    secret, belongs = bytes.fromhex(v["secret"]), sealing.names(*v["belongs"])
    random, plaintext = bytes.fromhex(v["random"]), bytes.fromhex(v["plaintext"])
    assert v["box"] == sealing.seal_with(random, secret, plaintext, belongs).hex()
    assert plaintext == sealing.unseal(secret, bytes.fromhex(v["box"]), belongs)


def test_row_macs_are_the_known_ones():
    v = VECTORS["row_mac"]
    row = dict(v["row"])
    row["created"] = row["created"]["double"]
    row["material"] = bytes.fromhex(row["material"]["bytes"])
    mac = derive(bytes.fromhex(v["domain_secret"]), b"strongroom/v1/domain-mac", b"")
    assert v["mac"] == Domain("111122223333", "", b"", mac, b"").row_mac(v["table"], row).hex()


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js, which made the vectors")
def test_the_vectors_are_what_other_code_makes():
    made = subprocess.run(["node", FOLDER / "make.mjs"], capture_output=True, check=True).stdout
    assert json.loads(made) == VECTORS


@pytest.mark.parametrize("at", range(19))
def test_a_changed_head_is_refused_or_names_another_key(at):
    with contextlib.suppress(InvalidCiphertext):
        assert envelope.parse(_altered(at)).key_id != KEY_ID


@pytest.mark.parametrize("at", range(len(BLOB)))
def test_no_byte_may_change_even_with_the_right_material_at_hand(at):
    with pytest.raises(InvalidCiphertext):
        envelope.unseal(_altered(at), MATERIAL, CONTEXT)


def _altered(at):
    return flipped(BLOB, at)


@pytest.mark.parametrize("length", range(len(BLOB)))
def test_no_byte_may_be_missing(length):
    with pytest.raises(InvalidCiphertext):
        envelope.parse(BLOB[:length])
        envelope.unseal(BLOB[:length], MATERIAL, CONTEXT)


@pytest.mark.parametrize("other", [{}, {"tenant": "red"}, {"Tenant": "blue"}, {"tenantb": "lue"}])
def test_another_context_does_not_open(other):
    with pytest.raises(InvalidCiphertext):
        envelope.unseal(BLOB, MATERIAL, context.canonical(other))


def test_no_two_messages_share_salt_and_nonce():
    seen = {envelope.seal(ID_BYTES, MATERIAL, b"x", context.EMPTY)[51:79] for _ in range(20_000)}
    assert len(seen) == 20_000


def test_secrets_stay_out_of_repr():
    assert MATERIAL.secret.hex() not in repr(MATERIAL)
    assert repr(MATERIAL.secret)[2:-1] not in repr(MATERIAL)
    root = new_root_key()
    domain = open_domain(
        root, "111122223333", "eu-west-1", new_domain(root, "111122223333", "eu-west-1")
    )
    assert "wrapping" not in repr(domain)
    assert "mac" not in repr(domain)


contexts = st.dictionaries(st.text(), st.text(), max_size=6)


@given(contexts, contexts)
def test_two_contexts_share_an_encoding_only_if_they_are_the_same(one, other):
    assert (context.canonical(one) == context.canonical(other)) == (one == other)


@given(contexts)
def test_the_order_of_pairs_does_not_matter(pairs):
    turned = dict(reversed(pairs.items()))
    assert context.canonical(pairs) == context.canonical(turned)


def test_a_context_has_a_size():
    context.canonical({"k": "v" * (context.MOST_BYTES - 1)})
    with pytest.raises(Validation):
        context.canonical({"k": "v" * context.MOST_BYTES})


@given(st.binary(max_size=200), st.lists(st.text(max_size=8), min_size=1, max_size=4))
def test_a_box_opens_only_where_it_belongs(plaintext, belongs):
    box = sealing.seal(b"s" * 32, plaintext, sealing.names(*belongs))
    assert plaintext == sealing.unseal(b"s" * 32, box, sealing.names(*belongs))
    for other in ([*belongs, ""], [*belongs[:-1], belongs[-1] + "x"], ["", *belongs]):
        with pytest.raises(Tampered):
            sealing.unseal(b"s" * 32, box, sealing.names(*other))


@given(st.binary(max_size=64))
def test_garbage_is_no_box(garbage):
    with pytest.raises(Tampered):
        sealing.unseal(b"s" * 32, garbage, b"")


def test_a_domain_key_is_its_own_accounts_and_regions():
    root = new_root_key()
    sealed = new_domain(root, "111122223333", "eu-west-1")
    open_domain(root, "111122223333", "eu-west-1", sealed)
    for account, region in (("111122223334", "eu-west-1"), ("111122223333", "eu-west-2")):
        with pytest.raises(Tampered):
            open_domain(root, account, region, sealed)
    with pytest.raises(Tampered):
        open_domain(new_root_key(), "111122223333", "eu-west-1", sealed)
