"""Decrypt, Sign and Verify against Wycheproof's, NIST's and PKCS#1's vectors of RSA.

Wycheproof's signatures come with public keys alone, but each of those keys stands in another of its
files with the private one: they are imported from there.
"""

import hashlib
from collections import Counter
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from operations import (
    DOES_NOT_OPEN,
    NOT_THE_MATERIAL,
    NOT_THE_SIGNATURE,
    NOT_WELL_FORMED,
    brought,
    pkcs8,
    told,
    weighed,
)
from published import PYCRYPTODOME, cases, nist, wycheproof
from tests.flipping import flipped

SIZES = ("2048", "3072", "4096")
HASHES = {"SHA-256": "SHA_256", "SHA-384": "SHA_384", "SHA-512": "SHA_512"}
SCHEMES = {"pkcs1": "RSASSA_PKCS1_V1_5_", "pss": "RSASSA_PSS_"}


@cache
def privates():
    """PKCS#8 of Wycheproof's private keys, by modulus."""
    folders = {
        "Cipher": ("rsa_oaep_", "rsa_pkcs1_"),
        "Signature": ("rsa_pkcs1_",),
    }
    found = {}
    for folder, begin in folders.items():
        for file in (PYCRYPTODOME / folder / "wycheproof").iterdir():
            if file.name.startswith(begin) and file.name.endswith("_test.json"):
                for group in wycheproof(f"{folder}/{file.name.removesuffix('_test.json')}"):
                    der = bytes.fromhex(group["privateKeyPkcs8"])
                    found[int(group["privateKey"]["modulus"], 16)] = der
    return found


@pytest.fixture(scope="module")
def key_of(world):
    """A key of PKCS#8, imported once for each usage; or the code of the refusal."""
    kept = {}

    def key(der, size, usage):
        if (der, usage) not in kept:
            kept[der, usage] = brought(world, f"RSA_{size}", usage, der)
        return kept[der, usage]

    return key


@pytest.fixture(scope="module")
def decrypt(world, key_of):
    """The plaintext, or the code of the refusal."""

    def ask(der, size, algorithm, ciphertext):
        key = key_of(der, size, "ENCRYPT_DECRYPT")
        members = {"KeyId": key, "EncryptionAlgorithm": algorithm}
        answer = told(world, "Decrypt", **members, CiphertextBlob=ciphertext)
        return answer if isinstance(answer, str) else answer["Plaintext"]

    return ask


def opened(decrypt, group, test, algorithm):
    """True if what comes out is the message, or the code of the refusal."""
    der = bytes.fromhex(group["privateKeyPkcs8"])
    got = decrypt(der, group["keySize"], algorithm, bytes.fromhex(test["ct"]))
    return got if isinstance(got, str) else got == bytes.fromhex(test["msg"])


@pytest.mark.parametrize(
    ("name", "algorithm", "valid", "labelled"),
    [
        ("rsa_oaep_2048_sha1_mgf1sha1", "RSAES_OAEP_SHA_1", 10, 7),
        ("rsa_oaep_2048_sha256_mgf1sha256", "RSAES_OAEP_SHA_256", 10, 8),
        ("rsa_oaep_3072_sha256_mgf1sha256", "RSAES_OAEP_SHA_256", 10, 8),
        ("rsa_oaep_4096_sha256_mgf1sha256", "RSAES_OAEP_SHA_256", 10, 8),
    ],
)
def test_wycheproof_oaep(decrypt, name, algorithm, valid, labelled):
    """KMS has no labels: what is good with one does not open.  No ciphertext at all is not well formed."""

    def rows():
        for group, test in cases(f"Cipher/{name}"):
            got = opened(decrypt, group, test, algorithm)
            if not test["ct"]:
                assert got == NOT_WELL_FORMED
                got = DOES_NOT_OPEN
            yield (test | {"result": "invalid"} if test["label"] else test), got

    assert weighed(rows(), DOES_NOT_OPEN) == ({"valid": valid, "invalid": 19 + labelled}, {})


def test_wycheproof_oaep_of_many_kinds(decrypt):
    """Of 128 keys and parameters, those that KMS has."""
    pushed = Counter()
    for group, test in cases("Cipher/rsa_oaep_misc"):
        algorithm = f"RSAES_OAEP_{group['sha'].replace('-', '_')}"
        if group["sha"] not in ("SHA-1", "SHA-256") or group["sha"] != group["mgfSha"]:
            continue
        if str(group["keySize"]) in SIZES:
            wanted = DOES_NOT_OPEN if test["label"] else True
            assert opened(decrypt, group, test, algorithm) == wanted, test["tcId"]
            pushed[algorithm, wanted] += 1
    assert pushed == {
        ("RSAES_OAEP_SHA_1", True): 9,
        ("RSAES_OAEP_SHA_256", True): 9,
    }


def test_keys_of_other_lengths_are_refused(world):
    refused = Counter()
    for group in wycheproof("Cipher/rsa_oaep_misc"):
        if str(group["keySize"]) not in SIZES and not refused[group["keySize"]]:
            der = bytes.fromhex(group["privateKeyPkcs8"])
            for size in SIZES:
                assert brought(world, f"RSA_{size}", "SIGN_VERIFY", der) == NOT_THE_MATERIAL
                refused[group["keySize"]] += 1
    assert refused == dict.fromkeys((1024, 1536, 2688, 3104, 4032, 8192), 3)


@pytest.mark.parametrize(
    ("begin", "count"),
    [
        ("rsa_oaep_2048_", 639),
        ("rsa_pkcs1_2048", 132),
        *(
            pytest.param(begin, count, marks=pytest.mark.long)
            for begin, count in (
                ("rsa_oaep_3072_", 354),
                ("rsa_oaep_4096_", 228),
                ("rsa_oaep_misc", 402),
                ("rsa_pkcs1_3072", 132),
                ("rsa_pkcs1_4096", 132),
            )
        ),
    ],
)
def test_other_paddings_do_not_open(decrypt, begin, count):
    """Another hash of the label or of the mask, or PKCS#1 v1.5: good elsewhere, and not here."""
    pushed = 0
    for file in (PYCRYPTODOME / "Cipher" / "wycheproof").iterdir():
        name = file.name.removesuffix("_test.json")
        if not name.startswith(begin):
            continue
        for group, test in cases(f"Cipher/{name}"):
            if str(group["keySize"]) not in SIZES or not test["ct"]:
                continue
            for algorithm in ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"):
                hash_ = algorithm.removeprefix("RSAES_OAEP_").replace("_", "-")
                if (group.get("sha"), group.get("mgfSha")) != (hash_, hash_):
                    assert opened(decrypt, group, test, algorithm) == DOES_NOT_OPEN, test["tcId"]
                    pushed += 1
    assert pushed == count


@pytest.fixture(scope="module")
def verify(world, key_of):
    """True, or the code of the refusal."""

    def ask(der, size, algorithm, message, signature, kind="RAW"):
        members = {"KeyId": key_of(der, size, "SIGN_VERIFY"), "SigningAlgorithm": algorithm}
        members |= {"Message": message, "MessageType": kind, "Signature": signature}
        answer = told(world, "Verify", **members)
        return answer if isinstance(answer, str) else answer["SignatureValid"]

    return ask


def signatures(verify, name, algorithm):
    """The vectors of a file whose keys can be imported, and what Verify says.

    An empty message or signature is not well formed: such a message goes in as its digest.
    """
    for group, test in cases(f"Signature/{name}"):
        if group["publicKey"]["publicExponent"] != "010001":
            continue
        der = privates()[int(group["publicKey"]["modulus"], 16)]
        message, kind = bytes.fromhex(test["msg"]), "RAW"
        if not message:
            message, kind = hashlib.new(f"sha{algorithm[-3:]}").digest(), "DIGEST"
        got = verify(der, group["keySize"], algorithm, message, bytes.fromhex(test["sig"]), kind)
        if not test["sig"]:
            assert got == NOT_WELL_FORMED
            got = NOT_THE_SIGNATURE
        yield test, got


@pytest.mark.parametrize(
    ("size", "bits", "invalid"),
    [
        ("2048", "256", 249),
        ("2048", "384", 250),
        ("2048", "512", 250),
        ("3072", "256", 250),
        ("4096", "512", 251),
        pytest.param("3072", "384", 251, marks=pytest.mark.long),
        pytest.param("3072", "512", 251, marks=pytest.mark.long),
        pytest.param("4096", "256", 250, marks=pytest.mark.long),
        pytest.param("4096", "384", 251, marks=pytest.mark.long),
    ],
)
def test_wycheproof_pkcs1(verify, size, bits, invalid):
    """Bleichenbacher's forgeries and all BER are refused, and so is a DigestInfo without NULL."""
    rows = signatures(verify, f"rsa_signature_{size}_sha{bits}", f"RSASSA_PKCS1_V1_5_SHA_{bits}")
    assert weighed(rows, NOT_THE_SIGNATURE) == (
        {"valid": 7, "invalid": invalid},
        {("MissingNull", NOT_THE_SIGNATURE): 1},
    )


@pytest.mark.parametrize(
    ("size", "bits", "agreed"),
    [
        ("2048", "256", {"valid": 63, "invalid": 45}),
        ("2048", "384", {"valid": 95, "invalid": 46}),
        ("3072", "256", {"valid": 63, "invalid": 45}),
        ("4096", "256", {"valid": 63, "invalid": 45}),
        ("4096", "384", {"valid": 95, "invalid": 46}),
        ("4096", "512", {"valid": 132, "invalid": 47}),
    ],
)
def test_wycheproof_pss(verify, size, bits, agreed):
    salt = int(bits) // 8
    rows = signatures(verify, f"rsa_pss_{size}_sha{bits}_mgf1_{salt}", f"RSASSA_PSS_SHA_{bits}")
    assert weighed(rows, NOT_THE_SIGNATURE) == (agreed, {})


@pytest.mark.parametrize(
    ("name", "bits", "valid", "invalid"),
    [
        ("2048_sha256_mgf1_0", "256", 61, 42),
        ("2048_sha256_mgf1sha1_20", "256", 63, 45),
        ("2048_sha1_mgf1_20", "256", 42, 46),
        ("2048_sha512_224_mgf1_28", "512", 53, 47),
        ("2048_sha512_mgf1sha256_32_params", "512", 132, 46),
        ("4096_sha512_mgf1_32", "512", 132, 45),
    ],
)
def test_other_parameters_of_pss_are_refused(verify, name, bits, valid, invalid):
    """Salts of other lengths, masks by other hashes: good elsewhere, and not here."""
    refused = Counter()
    for test, got in signatures(verify, f"rsa_pss_{name}", f"RSASSA_PSS_SHA_{bits}"):
        refused[test["result"]] += 1
        # That is what is wrong with it in its file, where salts are empty; and right here.
        good = name == "2048_sha256_mgf1_0" and test["comment"] == "s_len changed to 32"
        assert got == (True if good else NOT_THE_SIGNATURE), (test["tcId"], test["comment"])
    assert refused == {"valid": valid, "invalid": invalid}


@pytest.fixture(scope="module")
def sign(world, key_of):
    """The signature in hex, of the message and of its digest."""

    def ask(der, size, algorithm, message):
        members = {"KeyId": key_of(der, size, "SIGN_VERIFY"), "SigningAlgorithm": algorithm}
        digest = hashlib.new(f"sha{algorithm[-3:]}", message).digest()
        made = told(world, "Sign", **members, Message=digest, MessageType="DIGEST")["Signature"]
        if message:
            assert told(world, "Sign", **members, Message=message)["Signature"] == made
        return made.hex()

    return ask


@pytest.mark.parametrize(
    ("size", "pushed", "refused"),
    [
        ("2048", {"SHA-256": 8, "SHA-384": 8, "SHA-512": 8}, {"SHA-256": 2, "SHA-512": 1}),
        ("3072", {"SHA-256": 8, "SHA-384": 8, "SHA-512": 8}, {"SHA-256": 1, "SHA-512": 1}),
        ("4096", {"SHA-256": 8, "SHA-384": 8, "SHA-512": 8}, {}),
    ],
)
def test_wycheproof_signing(key_of, sign, size, pushed, refused):
    """PKCS#1 v1.5 is deterministic: Sign gives the very signature.  Keys whose exponent is 3 are refused."""
    found, small = Counter(), Counter()
    for group, test in cases(f"Signature/rsa_pkcs1_{size}_sig_gen"):
        if group["sha"] not in HASHES:
            continue
        der = bytes.fromhex(group["privateKeyPkcs8"])
        if group["privateKey"]["publicExponent"] != "010001":
            assert key_of(der, size, "SIGN_VERIFY") == NOT_THE_MATERIAL
            small[group["sha"]] += 1
            continue
        algorithm = SCHEMES["pkcs1"] + HASHES[group["sha"]]
        made = sign(der, size, algorithm, bytes.fromhex(test["msg"]))
        assert made == test["sig"], test["tcId"]
        found[group["sha"]] += 1
    assert (found, small) == (pushed, refused)


def nist_blocks(file):
    """Length, numbers of the key, hash, message, signature; of lengths and hashes that KMS has."""
    key = {}
    for block in nist(PYCRYPTODOME / "Signature" / file):
        key |= {name: int(block[name], 16) for name in ("n", "e", "d") if name in block}
        size = block[""].removeprefix("mod = ")
        hash_ = block.get("SHAAlg", "").replace("SHA", "SHA_")
        if size in SIZES and hash_ in HASHES.values():
            message, signature = (bytes.fromhex(block[name]) for name in ("Msg", "S"))
            yield size, (key["n"], key["e"], key["d"]), hash_, message, signature


def test_nist_pkcs1(sign, verify):
    pushed = Counter()
    for size, key, hash_, message, signature in nist_blocks("PKCS1-v1.5/SigGen15_186-2.txt"):
        der, algorithm = private_of(*key), SCHEMES["pkcs1"] + hash_
        assert sign(der, size, algorithm, message) == signature.hex()
        assert verify(der, size, algorithm, message, signature) is True
        changed = flipped(signature)
        for bad in (changed, signature[1:], signature + b"\0"):
            assert verify(der, size, algorithm, message, bad) == NOT_THE_SIGNATURE
        pushed[size] += 1
    assert pushed == dict.fromkeys(SIZES, 30)


@pytest.mark.parametrize(
    "sizes", [("2048",), pytest.param(("3072", "4096"), marks=pytest.mark.long)]
)
def test_nist_pss(verify, sizes):
    """The salts are of 20 bytes; KMS takes those that are as long as the hash."""
    refused = Counter()
    for size, key, hash_, message, signature in nist_blocks("PKCS1-PSS/SigGenPSS_186-2.txt"):
        if size not in sizes:
            continue
        algorithm = SCHEMES["pss"] + hash_
        got = verify(private_of(*key), size, algorithm, message, signature)
        assert got == NOT_THE_SIGNATURE
        refused[size] += 1
    assert refused == dict.fromkeys(sizes, 30)


@pytest.mark.parametrize("file", ["PKCS1-v1.5/SigGen15_186-3.txt", "PKCS1-PSS/SigGenPSS_186-3.txt"])
def test_keys_of_other_exponents_are_refused(key_of, file):
    refused = Counter()
    for size, key, *_ in nist_blocks(file):
        assert key_of(private_of(*key), size, "SIGN_VERIFY") == NOT_THE_MATERIAL
        refused[size] += 1
    assert refused == {"2048": 30, "3072": 30}


@cache
def private_of(n, e, d):
    """PKCS#8 of the numbers of a key."""
    p, q = rsa.rsa_recover_prime_factors(n, e, d)
    numbers = rsa.RSAPrivateNumbers(
        p,
        q,
        d,
        rsa.rsa_crt_dmp1(d, p),
        rsa.rsa_crt_dmq1(d, q),
        rsa.rsa_crt_iqmp(p, q),
        rsa.RSAPublicNumbers(e, n),
    )
    return pkcs8(numbers.private_key(unsafe_skip_rsa_key_validation=True))
