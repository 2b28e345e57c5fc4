"""Derivation of keys, beside `cryptography`'s."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode
from hypothesis import given
from hypothesis import strategies as st

from strongroom.keys.derive import Kdf, derive
from strongroom.keys.envelope import Material

labels = st.binary(min_size=1, max_size=80).filter(lambda label: b"\0" not in label)
contexts = st.binary(max_size=200)


def by_cryptography(secret, label, context):
    counter = (Mode.CounterMode, 32, 4, 4, CounterLocation.BeforeFixed)
    return KBKDFHMAC(SHA256(), *counter, label, context, None).derive(secret)


@given(secret=st.binary(min_size=1, max_size=150), label=labels, context=contexts)
def test_it_is_nists(secret, label, context):
    wanted = by_cryptography(secret, label, context)
    assert derive(secret, label, context) == wanted
    kdf = Kdf.of(secret)
    assert kdf(label, context) == kdf(label, context) == wanted


@given(secret=st.binary(min_size=32, max_size=32), salts=st.lists(contexts, min_size=3))
def test_a_material_gives_the_same_keys_however_often_it_was_used(secret, salts):
    material = Material(bytes(32), secret)
    for salt in salts:
        assert material.message_key(salt) == by_cryptography(secret, b"strongroom/v1/message", salt)
