"""DeriveSharedSecret against Wycheproof's and NIST's vectors of ECDH.

The private keys are imported; the public keys go in as they are published.  Wycheproof's `pem` and
`webcrypto` files have the same points in forms that KMS does not take.  Of secp256k1 it has no keys for
agreement.
"""

import hashlib
from collections import Counter
from functools import partial

import pytest
from asymmetric import CURVES
from cryptography.hazmat.primitives.asymmetric import ec
from operations import (
    NOT_THE_MATERIAL,
    NOT_WELL_FORMED,
    brought,
    ec_key,
    is_key,
    spki,
    told,
    weighed,
)
from published import PYCA, PYCRYPTODOME, cases, nist

WYCHEPROOF = {
    "secp256r1": "ECC_NIST_P256",
    "secp384r1": "ECC_NIST_P384",
    "secp521r1": "ECC_NIST_P521",
}
NIST = {"P-256": "ECC_NIST_P256", "P-384": "ECC_NIST_P384", "P-521": "ECC_NIST_P521"}


@pytest.fixture(scope="module")
def derive(world):
    """The shared secret of a private number and a public key, or the code of the refusal."""
    kept = {}

    def ask(spec, secret, public):
        if (spec, secret) not in kept:
            material = ec_key(CURVES[spec], secret)
            kept[spec, secret] = brought(world, spec, "KEY_AGREEMENT", material)
        members = {"KeyId": kept[spec, secret], "KeyAgreementAlgorithm": "ECDH"}
        answer = told(world, "DeriveSharedSecret", **members, PublicKey=public)
        return answer if isinstance(answer, str) else answer["SharedSecret"]

    return ask


def compared(got, shared):
    return got if isinstance(got, str) else got == shared


# Compressed points are taken: whether AWS takes them is not known.  Curves that are told by their
# numbers and keys that are not DER are refused.
@pytest.mark.parametrize(
    ("curve", "agreed", "not_der"),
    [
        ("secp256r1", {"valid": 330, "invalid": 52}, 222),
        ("secp384r1", {"valid": 771, "invalid": 46}, 222),
        ("secp521r1", {"valid": 632, "invalid": 56}, 220),
    ],
)
def test_wycheproof(derive, curve, agreed, not_der):
    ask = partial(derive, WYCHEPROOF[curve])
    rows = (
        (
            test,
            compared(
                ask(int(test["private"], 16), bytes.fromhex(test["public"])),
                bytes.fromhex(test["shared"]),
            ),
        )
        for _, test in cases(f"Protocol/ecdh_{curve}")
    )
    assert weighed(rows, NOT_WELL_FORMED) == (
        agreed,
        {
            ("CompressedPublic", True): 1,
            ("InvalidAsn", NOT_WELL_FORMED): not_der,
            ("WrongOrder", NOT_WELL_FORMED): 2,
            ("ModifiedGenerator", NOT_WELL_FORMED): 2,
            ("ModifiedCofactor", NOT_WELL_FORMED): 1,
            ("NoCofactor", NOT_WELL_FORMED): 1,
            ("ModifiedCurveParameter", NOT_WELL_FORMED): 1,
        },
    )


@pytest.mark.parametrize(
    ("curve", "refused"), [("secp256r1", 24), ("secp384r1", 18), ("secp521r1", 28)]
)
def test_wycheproof_points(derive, curve, refused):
    """Points that are none, within an SPKI.  Those that are good stand in the other files too; some are
    sent bare here, as they are published, and refused.
    """
    spec = WYCHEPROOF[curve]
    front = public(spec, b"")
    seen = Counter()
    for _, test in cases(f"Protocol/ecdh_{curve}_ecpoint"):
        secret, bare = int(test["private"], 16), bytes.fromhex(test["public"])
        if test["result"] == "valid" and seen["valid"] == 20:
            continue
        whole = bare if test["result"] == "valid" else front + bare
        assert derive(spec, secret, whole) == NOT_WELL_FORMED, test["tcId"]
        seen[test["result"]] += 1
    assert seen == {"valid": 20, "invalid": refused, "acceptable": 1}  # that one is compressed


def test_nist_primitive(derive):
    """SP 800-56A's ECC CDH, both ways: each side's private number and the other's point."""
    agreed = Counter()
    for block in nist(PYCRYPTODOME / "Protocol" / "KAS_ECC_CDH_PrimitiveTest.txt"):
        spec = NIST.get(block[""])
        if spec and "ZIUT" in block:
            public = point(spec, block["QCAVSx"], block["QCAVSy"])
            got = derive(spec, int(block["dIUT"], 16), public)
            assert got == bytes.fromhex(block["ZIUT"]), block["COUNT"]
            agreed[spec] += 1
    assert agreed == dict.fromkeys(NIST.values(), 25)


SETS = {
    "EC - SHA256": ("ECC_NIST_P256", "sha256"),
    "ED - SHA384": ("ECC_NIST_P384", "sha384"),
    "EE - SHA512": ("ECC_NIST_P521", "sha512"),
}


@pytest.mark.parametrize("role", ["init", pytest.param("resp", marks=pytest.mark.long)])
def test_nist_validity(world, role):
    """NIST's KAS: each side's key may be flawed, and the hash of the secret be another.

    The key on this side is imported with the public key that is said to be its own, and refused if it
    is not.
    """
    outcomes = Counter()
    file = PYCA / "asymmetric" / "ECDH" / f"KASValidityTest_ECCStaticUnified_NOKC_ZZOnly_{role}.fax"
    for block in nist(file):
        if block[""] not in SETS or "Result" not in block:
            continue
        spec, hash_ = SETS[block[""]]
        verdict = block["Result"].partition("(")[2].partition(" ")[0]
        key = brought(world, spec, "KEY_AGREEMENT", told_pair(spec, block))
        if is_key(key):
            other = point(spec, block["QsCAVSx"], block["QsCAVSy"])
            members = {"KeyId": key, "KeyAgreementAlgorithm": "ECDH", "PublicKey": other}
            key = told(world, "DeriveSharedSecret", **members)
            if not isinstance(key, str):
                got = hashlib.new(hash_, key["SharedSecret"]).hexdigest()
                key = got == block["CAVSHashZZ"]
        outcomes[verdict, key] += 1
    assert outcomes == {
        ("0", True): 48,
        ("1", NOT_WELL_FORMED): 6,  # the other's x
        ("2", NOT_WELL_FORMED): 6,  # the other's y
        ("5", NOT_THE_MATERIAL): 6,  # our x
        ("6", NOT_THE_MATERIAL): 6,  # our y
        ("7", NOT_THE_MATERIAL): 6,  # our private number
        ("8", False): 6,  # another secret was told
        ("13", True): 6,  # one that begins with zeros
    }


def test_secp256k1_is_for_signatures_alone(world):
    members = {"KeySpec": "ECC_SECG_P256K1", "KeyUsage": "KEY_AGREEMENT", "Origin": "EXTERNAL"}
    assert told(world, "CreateKey", **members) == NOT_WELL_FORMED


def size_of(spec):
    return (CURVES[spec].key_size + 7) // 8


def public(spec, point_):
    """SPKI of a point, or of anything that stands in its place."""
    whole = spki(ec.derive_private_key(1, CURVES[spec]).public_key())
    return whole[: -1 - 2 * size_of(spec)] + point_


def point(spec, x, y):
    """SPKI of two coordinates in hex, whether they are a point of the curve or not."""
    return public(spec, b"\x04" + coordinates(spec, x, y))


def coordinates(spec, x, y):
    return b"".join(int(each, 16).to_bytes(size_of(spec), "big") for each in (x, y))


def told_pair(spec, block):
    """PKCS#8 of a private number and a public key, whether they are such and belong together or not."""
    size = size_of(spec)
    like = ec_key(CURVES[spec], 1)
    one = (1).to_bytes(size, "big")
    assert like.count(one) == 1
    own = coordinates(spec, block["QsIUTx"], block["QsIUTy"])
    return like.replace(one, int(block["dsIUT"], 16).to_bytes(size, "big"))[: -2 * size] + own
