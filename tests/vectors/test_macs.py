"""GenerateMac and VerifyMac against RFC 4231, and as what HKDF and NIST's KDFs are made of.

Wycheproof's HMAC files are not among the packages; its HKDF files are, and each step of HKDF is an HMAC.
Keys whose length KMS refuses go in as RFC 2104 has them taken: padded with zeros, or hashed.
"""

import hashlib
from collections import Counter

import pytest
from operations import NOT_THE_MATERIAL, NOT_THE_TAG, NOT_WELL_FORMED, brought, told
from published import PYCA, cases, nist

SHORTEST = {"224": 28, "256": 32, "384": 48, "512": 64}  # bytes
LONGEST = {"224": 64, "256": 64, "384": 128, "512": 128}


def suited(bits, secret):
    """The same key in a length that KMS takes."""
    if len(secret) > LONGEST[bits]:  # which is the length of the hash's block
        secret = hashlib.new(f"sha{bits}", secret).digest()
    return secret.ljust(SHORTEST[bits], b"\0")


@pytest.fixture(scope="module")
def asked(world):
    """What to send to have the MAC of a message under a secret, which is imported once."""
    kept = {}

    def members(bits, secret, message):
        if (bits, secret) not in kept:
            material = suited(bits, secret)
            kept[bits, secret] = brought(world, f"HMAC_{bits}", "GENERATE_VERIFY_MAC", material)
        key = kept[bits, secret]
        return {"KeyId": key, "MacAlgorithm": f"HMAC_SHA_{bits}", "Message": message}

    return members


@pytest.fixture(scope="module")
def mac(world, asked):
    return lambda *of: told(world, "GenerateMac", **asked(*of))["Mac"]


def others(tag):
    """What Wycheproof's HMAC files change in a tag, and tags that are cut off."""
    n = len(tag)
    flips = (0, 1, 7, 31, 63, 64, 127, 8 * n - 2, 8 * n - 1)
    for bit in flips:
        yield bytes(b ^ (1 << bit % 8 if i == bit // 8 else 0) for i, b in enumerate(tag))
    yield bytes(b ^ 0xFF for b in tag)
    yield bytes(b ^ 0x80 for b in tag)
    yield bytes(b ^ 0x01 for b in tag)
    yield b"\0" * n
    yield b"\xff" * n
    yield from (tag[:length] for length in range(1, n))
    yield tag + b"\0"
    yield tag + tag


@pytest.mark.parametrize("bits", SHORTEST)
def test_rfc_4231(world, asked, bits):
    """Of the six keys all are too short or too long to be imported as they are, as KMS has it."""
    pushed = Counter()
    for block in nist(PYCA / "HMAC" / f"rfc-4231-sha{bits}.txt"):
        if "Key" not in block:
            continue
        secret, tag = bytes.fromhex(block["Key"]), bytes.fromhex(block["MD"])
        members = asked(bits, secret, bytes.fromhex(block["Msg"]))
        assert told(world, "GenerateMac", **members)["Mac"] == tag
        assert told(world, "VerifyMac", **members, Mac=tag)["MacValid"] is True
        for other in others(tag):
            assert told(world, "VerifyMac", **members, Mac=other) == NOT_THE_TAG, other
        assert told(world, "VerifyMac", **members, Mac=b"") == NOT_WELL_FORMED
        changed = members | {"Message": members["Message"] + b"\0"}
        assert told(world, "VerifyMac", **changed, Mac=tag) == NOT_THE_TAG
        pushed[brought(world, f"HMAC_{bits}", "GENERATE_VERIFY_MAC", secret)] += 1
    assert pushed == {NOT_THE_MATERIAL: 6}


@pytest.mark.parametrize(
    ("bits", "good"),
    [
        ("256", 83),
        pytest.param("384", 80, marks=pytest.mark.long),
        pytest.param("512", 80, marks=pytest.mark.long),
    ],
)
def test_hkdf(mac, bits, good):
    """RFC 5869: the pseudorandom key is one tag, each block of what comes out is another."""
    pushed = Counter()
    for _, test in cases(f"Protocol/hkdf_sha{bits}"):
        pushed[test["result"]] += 1
        if test["result"] == "invalid":  # no question of a tag: more than 255 blocks are asked for
            continue
        salt, ikm, info = (bytes.fromhex(test[name]) for name in ("salt", "ikm", "info"))
        key = mac(bits, salt, ikm)
        made, block, counter = b"", b"", 0
        while len(made) < test["size"]:
            counter += 1
            block = mac(bits, key, block + info + bytes((counter,)))
            made += block
        assert made[: test["size"]].hex() == test["okm"], test["tcId"]
    assert pushed == {"valid": good, "invalid": 3}


@pytest.mark.parametrize(
    ("step", "of_each"),
    [(20, 6), pytest.param(1, 120, marks=pytest.mark.long)],
    ids=["a twentieth", "all"],
)
@pytest.mark.parametrize("bits", SHORTEST)
def test_nist_counter_mode(mac, bits, step, of_each):
    """SP 800-108: each block is the tag of a counter within, before or after fixed bytes."""
    pushed = Counter()
    for block in blocks_of_counter_mode(f"HMAC_SHA{bits}"):
        if int(block["COUNT"]) % step:
            continue
        wanted, made = block["KO"], ""
        for message in block["instring"]:
            made += mac(bits, bytes.fromhex(block["KI"]), bytes.fromhex(message)).hex()
        assert made[: len(wanted)] == wanted, block
        pushed[block["RLEN"]] += 1
    assert pushed == dict.fromkeys(("8_BITS", "16_BITS", "24_BITS", "32_BITS"), of_each)


def blocks_of_counter_mode(prf):
    """Those of one function; under "instring" the messages, one for each block."""
    of, block = {}, {}
    for line in (PYCA / "KDF" / "nist-800-108-KBKDF-CTR.txt").read_text().splitlines():
        name, _, value = (part.strip() for part in line.strip(" \t[]").partition("="))
        if line.startswith("["):
            of[name] = value
        elif of.get("PRF") != prf or not name:
            continue
        elif name == "COUNT":
            block = {**of, name: value, "instring": []}
        elif name == "instring":
            block[name].append(value)
        else:
            block[name] = value
            if name == "KO":
                yield block
