"""Sign and Verify against RFC 8032's, SUPERCOP's and Wycheproof's vectors of Ed25519.

Ed25519 is deterministic: Sign must give the very signature.  Ed25519ph's vector in RFC 8032 is of a
message of 3 bytes, and KMS takes 64 alone: it stands in tests/keys/test_known_answers.py.
"""

from collections import Counter

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from operations import NOT_THE_SIGNATURE, NOT_WELL_FORMED, brought, pkcs8, told, weighed
from published import PYCA, wycheproof
from tests.flipping import flipped

from strongroom.keys.edwards import SPEC, EdwardsKey

# Wycheproof published the private key of its first groups in earlier versions of the file; those of
# the rest are RFC 8032's, or have none.
WYCHEPROOF_SECRET = "add4bb8103785baf9ac534258e8aaf65f5f1adb5ef5f3df19bb80ab989c4d64b"


def published():
    """Secret, message, signature; the first ones are those of RFC 8032."""
    for line in (PYCA / "asymmetric" / "Ed25519" / "sign.input").read_text().splitlines():
        secret, _, message, signed = line.split(":")[:4]
        yield (*map(bytes.fromhex, (secret[:64], message)), bytes.fromhex(signed)[:64])


class Asked:
    def __init__(self, world, secret):
        self.private = Ed25519PrivateKey.from_private_bytes(secret)
        key = brought(world, SPEC, "SIGN_VERIFY", pkcs8(self.private))
        self._world = world
        self._members = {"KeyId": key, "SigningAlgorithm": "ED25519_SHA_512"}

    def sign(self, message):
        """The signature, or the code of the refusal."""
        answer = told(self._world, "Sign", **self._members, Message=message)
        return answer if isinstance(answer, str) else answer["Signature"]

    def verify(self, message, signature):
        """True, or the code of the refusal."""
        members = {**self._members, "Message": message, "Signature": signature}
        answer = told(self._world, "Verify", **members)
        return answer if isinstance(answer, str) else answer["SignatureValid"]


@pytest.mark.parametrize(
    ("step", "count"),
    [(32, 32), pytest.param(1, 1023, marks=pytest.mark.long)],
    ids=["some", "all"],
)
def test_supercop(world, step, count):
    """A key for each message, which are from 0 to 1023 bytes long; KMS takes no empty message."""
    pushed = Counter()
    for secret, message, signature in published():
        if len(message) % step and len(message) > 2:
            continue
        key = Asked(world, secret)
        got = key.sign(message)
        pushed["message" if message else got] += 1
        if not message:
            continue
        assert got == signature
        assert key.verify(message, signature) is True
        for bad in (flipped(signature, 0), signature[:63], signature + b"\0"):
            assert key.verify(message, bad) == NOT_THE_SIGNATURE
        assert key.verify(message + b"\0", signature) == NOT_THE_SIGNATURE
    assert pushed == {NOT_WELL_FORMED: 1, "message": count if step == 1 else count + 1}


def test_wycheproof(world):
    """By Verify where a private key is known, and by what Verify calls where there is none.

    Signatures by keys of small or mixed order are acceptable, and accepted; no private key that can be
    imported has such a public key.
    """
    secrets = {secret for secret, *_ in published()} | {bytes.fromhex(WYCHEPROOF_SECRET)}
    known = {
        Ed25519PrivateKey.from_private_bytes(each).public_key().public_bytes_raw().hex(): each
        for each in secrets
    }
    kept, ways = {}, Counter()

    def rows():
        for group in wycheproof("Signature/ed25519"):
            public = group["publicKey"]["pk"]
            if public in known and public not in kept:
                kept[public] = Asked(world, known[public])
            for test in group["tests"]:
                message, signature = (bytes.fromhex(test[name]) for name in ("msg", "sig"))
                if public in known and message and signature:
                    ways["operation"] += 1
                    yield test, kept[public].verify(message, signature)
                else:
                    ways["method"] += 1
                    yield test, verified(public, message, signature) or NOT_THE_SIGNATURE

    assert weighed(rows(), NOT_THE_SIGNATURE) == (
        {"valid": 117, "invalid": 64},
        {("SmallOrderPublicKey", True): 8, ("MixedOrderPublicKey", True): 21},
    )
    assert ways == {"operation": 72, "method": 138}


def verified(public, message, signature):
    """By the method that Verify calls, on the attribute that it reads."""
    tool = EdwardsKey.__new__(EdwardsKey)
    tool._public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
    return tool.verify("ED25519_SHA_512", message, signature, hashed=False)
