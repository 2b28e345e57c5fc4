"""Asymmetric and HMAC keys, against published answers."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from strongroom.keys import mac, private
from strongroom.keys.edwards import PREHASHED, EdwardsKey
from strongroom.keys.encoding import NotAKey, private_der
from strongroom.keys.mac import MacKey
from strongroom.keys.specs import SPECS

# RFC 8032, 7.3: Ed25519ph of "abc".
SECRET = bytes.fromhex("833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42")
SIGNATURE = bytes.fromhex(
    "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41"
    "31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406"
)


def test_ed25519ph():
    key = EdwardsKey(private_der(Ed25519PrivateKey.from_private_bytes(SECRET)))
    assert key.sign(PREHASHED, b"abc", hashed=True) == SIGNATURE
    assert key.verify(PREHASHED, b"abc", SIGNATURE, hashed=True)
    assert not key.verify(PREHASHED, b"abd", SIGNATURE, hashed=True)
    assert not key.verify(PREHASHED, hashlib.sha512(b"abc").digest(), SIGNATURE, hashed=True)
    assert not key.verify("ED25519_SHA_512", b"abc", SIGNATURE, hashed=False)


# RFC 4231: secret, message, and the beginnings of the tags of SHA-224, 256, 384, 512.
TAGS = [
    (
        b"\x0b" * 20,
        b"Hi There",
        ("896fb1128abbdf19", "b0344c61d8db3853", "afd03944d8489562", "87aa7cdea5ef619d"),
    ),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        ("95e9a0db962095ad", "60e431591ee0b67f", "4ece084485813e90", "80b24263c7c1a3eb"),
    ),
]


@pytest.mark.parametrize(("secret", "message", "tags"), TAGS)
def test_hmac(secret, message, tags):
    for spec, begin in zip(sorted(mac.SPECS), tags, strict=True):
        key = MacKey(spec, secret)
        tag = key.mac(message)
        assert tag.hex().startswith(begin)
        assert key.verify(message, tag)
        assert not key.verify(message + b"x", tag)
        assert not key.verify(message, tag[:-1])


@pytest.mark.parametrize("spec", sorted(private.MADE_HERE - {"SYMMETRIC_DEFAULT"}))
def test_a_secret_is_the_same_key_again_and_is_not_shown(spec):
    secret = private.fresh(spec)
    one, again = (private.Private.of(b"i" * 32, spec, secret) for _ in range(2))
    assert one == again
    if hasattr(one.tool, "public"):
        assert one.tool.public == again.tool.public
    shown = repr(one) + repr(one.tool)
    assert secret.hex() not in shown
    assert repr(secret) not in shown
    assert private.fresh(spec) != secret


def test_every_spec_that_kms_has_is_made_but_two():
    assert set(SPECS) - private.MADE_HERE == {"SM2", "ML_KEM_512"}


@pytest.mark.parametrize(
    ("spec", "shortest", "longest"),
    [("HMAC_224", 28, 64), ("HMAC_256", 32, 64), ("HMAC_384", 48, 128), ("HMAC_512", 64, 128)],
)
def test_the_lengths_of_hmac_secrets_from_outside(spec, shortest, longest):
    for length in (shortest, longest):
        assert private.imported(spec, b"x" * length) == b"x" * length
    for length in (0, shortest - 1, longest + 1):
        with pytest.raises(NotAKey):
            private.imported(spec, b"x" * length)


@pytest.mark.parametrize(
    "spec",
    ["RSA_2048", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519"],
)
def test_keys_from_outside_are_of_their_spec_or_refused(spec):
    good = private.fresh(spec)
    assert private.imported(spec, good) == good
    others = ("RSA_3072", "ECC_NIST_P521", "ECC_NIST_P256", "ECC_NIST_EDWARDS25519")
    for wrong in (
        b"",
        b"x",
        good[:-1],
        good + b"x",
        *(private.fresh(other) for other in others if other != spec),
    ):
        with pytest.raises(NotAKey):
            private.imported(spec, wrong)
