"""Sign and Verify against NIST's, RFC 6979's and Wycheproof's vectors of ECDSA.

KMS verifies with keys of its own, so what goes through Verify needs a private key.  NIST and RFC 6979
publish them.  Wycheproof does not, but signatures of twelve of its keys for each curve were made with
a known nonce, from which the private key follows.  All other signatures of Wycheproof's go through
`EcKey.verify` of a tool that has the public key alone: the method that Verify calls, on the same
attribute.
"""

import hashlib
from collections import Counter
from functools import cache
from itertools import islice

import pytest
from asymmetric import ALGORITHMS, CURVES, verify
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from operations import NOT_THE_SIGNATURE, brought, ec_key, spki, told, weighed
from published import PYCA, der_of, nist, wycheproof

from strongroom.keys.ec import EcKey
from strongroom.keys.encoding import public_key

NIST = {
    "P-256,SHA-256": "ECC_NIST_P256",
    "P-384,SHA-384": "ECC_NIST_P384",
    "P-521,SHA-512": "ECC_NIST_P521",
    "K-256,SHA-256": "ECC_SECG_P256K1",
}
WYCHEPROOF = {
    "secp256r1_sha256": "ECC_NIST_P256",
    "secp384r1_sha384": "ECC_NIST_P384",
    "secp521r1_sha512": "ECC_NIST_P521",
    "secp256k1_sha256": "ECC_SECG_P256K1",
}


def hash_of(spec, message):
    return hashlib.new(f"sha{ALGORITHMS[spec][0][-3:]}", message).digest()


class Asked:
    """Sign and Verify with a key."""

    def __init__(self, world, spec, material):
        self._world = world
        key = brought(world, spec, "SIGN_VERIFY", material)
        self._members = {"KeyId": key, "SigningAlgorithm": ALGORITHMS[spec][0]}

    def verify(self, message, signature, kind="RAW"):
        """True, or the code of the refusal."""
        members = {**self._members, "Message": message, "MessageType": kind}
        answer = told(self._world, "Verify", **members, Signature=signature)
        return answer if isinstance(answer, str) else answer["SignatureValid"]

    def sign(self, message, kind="RAW"):
        members = {**self._members, "Message": message, "MessageType": kind}
        return told(self._world, "Sign", **members)["Signature"]

    def public(self):
        return told(self._world, "GetPublicKey", KeyId=self._members["KeyId"])["PublicKey"]


def nist_blocks(section):
    """Numbers by their names, and the message."""
    file = "SECP256K1" if section.startswith("K") else "FIPS_186-3"
    for block in nist(PYCA / "asymmetric" / "ECDSA" / file / "SigGen.txt"):
        if block[""] == section and "Msg" in block:
            numbers = {name: int(block[name], 16) for name in ("d", "Qx", "Qy", "R", "S")}
            yield numbers, bytes.fromhex(block["Msg"])


@pytest.mark.parametrize(
    ("section", "most"),
    [
        ("P-256,SHA-256", 15),
        ("P-384,SHA-384", 15),
        ("P-521,SHA-512", 15),
        ("K-256,SHA-256", 15),
        pytest.param("K-256,SHA-256", 225, marks=pytest.mark.long),
    ],
)
def test_nist(world, section, most):
    spec, pushed = NIST[section], 0
    n = CURVES[spec].group_order
    for numbers, message in islice(nist_blocks(section), most):
        r, s = numbers["R"], numbers["S"]
        key = Asked(world, spec, ec_key(CURVES[spec], numbers["d"]))
        point = ec.EllipticCurvePublicNumbers(numbers["Qx"], numbers["Qy"], CURVES[spec])
        public = spki(point.public_key())
        assert key.public() == public
        digest = hash_of(spec, message)
        for good in ((r, s), (r, n - s)):  # ECDSA is malleable, and KMS does not say otherwise
            assert key.verify(message, encode_dss_signature(*good)) is True
            assert key.verify(digest, encode_dss_signature(*good), "DIGEST") is True
        der = encode_dss_signature(r, s)
        assert key.verify(message + b"\0", der) == NOT_THE_SIGNATURE
        assert key.verify(hash_of(spec, digest), der, "DIGEST") == NOT_THE_SIGNATURE
        for bad in flawed(r, s, n) if pushed < 3 else ():
            assert key.verify(message, bad) == NOT_THE_SIGNATURE, bad
        for made in (key.sign(message), key.sign(digest, "DIGEST")):
            verify(public, ALGORITHMS[spec][0], message, made)
        pushed += 1
    assert pushed == most


def flawed(r, s, n):
    """Signatures with other numbers, without DER, too long, too short."""
    numbers = ((r ^ 1, s), (r, s ^ 1), (s, r), (r, s + n), (r + n, s), (0, s), (r, 0), (n, s))
    yield from (encode_dss_signature(*each) for each in numbers)
    size = (n.bit_length() + 7) // 8
    yield r.to_bytes(size, "big") + s.to_bytes(size, "big")
    der = encode_dss_signature(r, s)
    yield from (der + b"\0", der[:-1])


RFC_KEYS = {"P-256": "ECC_NIST_P256", "P-384": "ECC_NIST_P384", "P-521": "ECC_NIST_P521"}


def test_rfc_6979(world):
    """Of OpenSSL's file of them; the private keys are PKCS#8 without the public key."""
    file = PYCA / "asymmetric" / "ECDSA" / "RFC6979" / "evppkey_ecdsa_rfc6979.txt"
    keys, outcomes = {}, Counter()
    for paragraph in file.read_text().split("\n\n"):
        first, _, rest = paragraph.strip().partition("\n")
        lines = dict(line.split(" = ") for line in paragraph.splitlines() if " = " in line)
        name = lines.get("Key", first.removeprefix("PrivateKey=")).partition("_")[0]
        if name not in RFC_KEYS:
            continue
        spec = RFC_KEYS[name]
        if first.startswith("PrivateKey="):
            keys[spec] = Asked(world, spec, der_of(rest))
        elif lines.get("DigestVerify") == f"SHA{ALGORITHMS[spec][0][-3:]}":
            message, signature = lines["Input"].strip('"').encode(), lines["Output"]
            got = keys[spec].verify(message, bytes.fromhex(signature))
            outcomes[spec, lines.get("Result", "good"), got] += 1
    assert outcomes == {
        (spec, *outcome): 2
        for spec in RFC_KEYS.values()
        for outcome in (("good", True), ("VERIFY_ERROR", NOT_THE_SIGNATURE))
    }


@pytest.mark.parametrize(
    ("name", "agreed"),
    [
        ("secp256r1_sha256", {"valid": 174, "invalid": 310}),
        ("secp384r1_sha384", {"valid": 194, "invalid": 310}),
        ("secp521r1_sha512", {"valid": 232, "invalid": 310}),
        ("secp256k1_sha256", {"valid": 168, "invalid": 308}),
    ],
)
def test_wycheproof(name, agreed):
    """No BER, no number that is out of range, nothing behind; all of it by `EcKey.verify`."""
    spec = WYCHEPROOF[name]

    def rows():
        for group in wycheproof(f"Signature/ecdsa_{name}"):
            verified = verifier(spec, group)
            for test in group["tests"]:
                got = verified(bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]))
                yield test, got or NOT_THE_SIGNATURE

    assert weighed(rows(), NOT_THE_SIGNATURE) == (agreed, {})


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("secp256r1_sha256", {"valid": 173, "invalid": 89}),
        ("secp384r1_sha384", {"valid": 193, "invalid": 87}),
        ("secp521r1_sha512", {"valid": 231, "invalid": 87}),
        ("secp256k1_sha256", {"valid": 167, "invalid": 85}),
    ],
)
def test_wycheproof_signatures_that_are_not_der(name, count):
    """IEEE P1363's form, two numbers side by side: KMS takes DER alone."""
    spec, refused = WYCHEPROOF[name], Counter()
    for group in wycheproof(f"Signature/ecdsa_{name}_p1363"):
        verified = verifier(spec, group)
        for test in group["tests"]:
            got = verified(bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]))
            assert not got, test["tcId"]
            refused[test["result"]] += 1
    assert refused == count


def test_wycheproof_high_s():
    """Bitcoin refuses the greater of the two `s` that are good; ECDSA does not, and so KMS."""
    spec, pushed, taken = "ECC_SECG_P256K1", 0, Counter()
    for group in wycheproof("Signature/ecdsa_secp256k1_sha256_bitcoin"):
        verified = verifier(spec, group)
        for test in group["tests"]:
            got = verified(bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]))
            pushed += 1
            if got != (test["result"] == "valid"):
                assert got, test["tcId"]
                _, s = decode_dss_signature(bytes.fromhex(test["sig"]))
                assert s > CURVES[spec].group_order // 2, test["tcId"]
                taken[test["flags"][0]] += 1
    assert pushed == 464
    assert taken == {"SignatureMalleabilityBitcoin": 1, "ArithmeticError": 1}


def verifier(spec, group):
    """`EcKey.verify` of a public key alone."""
    tool = EcKey.__new__(EcKey)
    der = bytes.fromhex(group["publicKeyDer"])
    tool._public = public_key(der, ec.EllipticCurvePublicKey)
    return lambda message, signature: tool.verify(
        ALGORITHMS[spec][0], message, signature, hashed=False
    )


@cache
def nonces(spec):
    """By the x coordinate of their points, modulo the order: nonces that Wycheproof calls extreme."""
    n = CURVES[spec].group_order
    powers = [pow(2, each, n) for each in range(n.bit_length())]
    few = [*range(1, 64), *powers, *(pow(k, -1, n) for k in (2, 3)), n // 2, n // 2 + 1]
    return {
        ec.derive_private_key(k, CURVES[spec]).public_key().public_numbers().x % n: k for k in few
    }


def secret_of(spec, group):
    """The private key, if a signature of the group was made with such a nonce."""
    n = CURVES[spec].group_order
    for test in group["tests"]:
        if test["result"] != "valid":
            continue
        r, s = decode_dss_signature(bytes.fromhex(test["sig"]))
        h = hash_of(spec, bytes.fromhex(test["msg"]))
        z = int.from_bytes(h, "big") >> max(0, 8 * len(h) - n.bit_length())
        k = nonces(spec).get(r, 0)
        for nonce in (k, n - k):
            secret = (s * nonce - z) * pow(r, -1, n) % n
            if k and secret:
                found = ec.derive_private_key(secret, CURVES[spec])
                if spki(found.public_key()).hex() == group["publicKeyDer"]:
                    return secret
    return None


@pytest.mark.parametrize("name", WYCHEPROOF)
def test_wycheproof_by_the_operation(world, name):
    spec, keys = WYCHEPROOF[name], []

    def rows():
        for group in wycheproof(f"Signature/ecdsa_{name}"):
            secret = secret_of(spec, group)
            if secret is None:
                continue
            keys.append(Asked(world, spec, ec_key(CURVES[spec], secret)))
            for test in group["tests"]:
                message, signature = bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"])
                yield test, keys[-1].verify(message, signature)

    assert weighed(rows(), NOT_THE_SIGNATURE) == ({"valid": 12}, {})
    assert len(keys) == 12
