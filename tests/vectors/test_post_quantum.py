"""Sign, Verify and Decapsulate against Wycheproof's and NIST's vectors of ML-DSA and ML-KEM.

KMS imports no such keys: they are made by CreateKey, from the seed that a vector tells in place of a
random one.  Wycheproof's `verify` files have public keys alone and go through the method that Verify
calls.  Its `noseed` files have expanded private keys, its files of encapsulation tell the randomness,
and ML-KEM-512 is not made: they stay out.
"""

import hashlib
from collections import Counter
from itertools import islice

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import mldsa
from operations import DOES_NOT_OPEN, NOT_THE_SIGNATURE, told, weighed
from published import PYCA, acvp, cases

from strongroom.keys.pqc import MlDsaKey, MlKemKey

DSA = ("44", "65", "87")
KEM = ("768", "1024")
PUBLIC = {
    "44": mldsa.MLDSA44PublicKey,
    "65": mldsa.MLDSA65PublicKey,
    "87": mldsa.MLDSA87PublicKey,
}


@pytest.fixture(scope="module")
def made(world, secrets):
    """The id of a key with that seed, made once, and its raw public key."""
    kept = {}

    def key(spec, seed):
        if (spec, seed) not in kept:
            secrets.next = seed
            usage = "SIGN_VERIFY" if spec.startswith("ML_DSA") else "ENCAPSULATE_DECAPSULATE"
            answer = world.ask("CreateKey", {"KeySpec": spec, "KeyUsage": usage})
            key_id = answer["KeyMetadata"]["KeyId"]
            der = told(world, "GetPublicKey", KeyId=key_id)["PublicKey"]
            public = serialization.load_der_public_key(der)
            kept[spec, seed] = key_id, public.public_bytes_raw()
        return kept[spec, seed]

    return key


@pytest.fixture(scope="module")
def verify(world):
    """True, or the code of the refusal."""

    def ask(key, message, signature, kind="RAW"):
        members = {"KeyId": key, "SigningAlgorithm": "ML_DSA_SHAKE_256", "MessageType": kind}
        answer = told(world, "Verify", **members, Message=message, Signature=signature)
        return answer if isinstance(answer, str) else answer["SignatureValid"]

    return ask


def sign(world, key, message, kind="RAW"):
    members = {"KeyId": key, "SigningAlgorithm": "ML_DSA_SHAKE_256", "MessageType": kind}
    return told(world, "Sign", **members, Message=message)["Signature"]


@pytest.mark.parametrize(("size", "raw", "mus"), [("44", 68, 82), ("65", 78, 101), ("87", 69, 92)])
def test_wycheproof_with_seeds(world, made, verify, size, raw, mus):
    """What was signed outside is verified, and so is what is signed here, of messages and of mu.

    KMS has no contexts: a signature with one is good for its mu alone.
    """
    pushed = Counter()
    for group, test in cases(f"Signature/mldsa_{size}_sign_seed"):
        seed = bytes.fromhex(group["privateSeed"])
        if len(seed) != 32:
            with pytest.raises(ValueError, match="seed"):
                MlDsaKey(f"ML_DSA_{size}", seed)
        if test["result"] == "invalid":
            pushed[test["flags"][0]] += 1
            continue
        key, public = made(f"ML_DSA_{size}", seed)
        assert public.hex() == group["publicKey"]
        signature = bytes.fromhex(test["sig"])
        if test.get("msg") and not test.get("ctx"):
            message = bytes.fromhex(test["msg"])
            assert verify(key, message, signature) is True, test["tcId"]
            assert verify(key, message + b"\0", signature) == NOT_THE_SIGNATURE
            assert verify(key, message, sign(world, key, message)) is True
            pushed["RAW"] += 1
        elif test.get("msg"):
            assert verify(key, bytes.fromhex(test["msg"]), signature) == NOT_THE_SIGNATURE
            pushed["with a context"] += 1
        mu = bytes.fromhex(test["mu"])
        assert verify(key, mu, signature, "EXTERNAL_MU") is True, test["tcId"]
        assert verify(key, mu[::-1], signature, "EXTERNAL_MU") == NOT_THE_SIGNATURE
        pushed["EXTERNAL_MU"] += 1
    assert verify(key, mu, sign(world, key, mu, "EXTERNAL_MU"), "EXTERNAL_MU") is True
    assert pushed == {
        "RAW": raw,
        "EXTERNAL_MU": mus,
        "with a context": 3,
        "IncorrectPrivateKeyLength": 3,
        "InvalidContext": 1,  # one that is too long
    }


@pytest.mark.parametrize(
    ("size", "agreed"),
    [
        ("44", {"valid": 75, "invalid": 105}),
        ("65", {"valid": 77, "invalid": 133}),
        ("87", {"valid": 69, "invalid": 172}),
    ],
)
def test_wycheproof_verify(size, agreed):
    """By `MlDsaKey.verify` of a public key alone.  Two signatures of each are good with a context."""

    def rows():
        for group, test in cases(f"Signature/mldsa_{size}_verify"):
            parts = group["publicKey"], test["msg"], test["sig"]
            good = verified(size, *map(bytes.fromhex, parts))
            with_context = {"result": "invalid"} if test.get("ctx") else {}
            yield test | with_context, good or NOT_THE_SIGNATURE

    assert weighed(rows(), NOT_THE_SIGNATURE) == (agreed, {})


def verified(size, public, message, signature):
    """By the method that Verify calls, on the attribute that it reads; False if there is no such key."""
    tool = MlDsaKey.__new__(MlDsaKey)
    try:
        tool._public = PUBLIC[size].from_public_bytes(public)
    except ValueError:
        return False
    return tool.verify("", message, signature, hashed=False)


@pytest.mark.parametrize("most", [10, pytest.param(100, marks=pytest.mark.long)])
@pytest.mark.parametrize("size", DSA)
def test_kat_signatures(made, verify, size, most):
    """Each has a context, so it verifies as mu alone, which is made outside with any context."""
    pushed = 0
    file = PYCA / "asymmetric" / "MLDSA" / f"kat_MLDSA_{size}_det_pure.rsp"
    for block in islice(blocks(file), most):
        key, public = made(f"ML_DSA_{size}", block["xi"])
        assert public == block["pk"]
        message, context = block["msg"], block["ctx"]
        signature = block["sm"][: -len(message)]
        assert block["sm"][len(signature) :] == message
        assert verify(key, message, signature) == NOT_THE_SIGNATURE
        front = hashlib.shake_256(public).digest(64) + bytes((0, len(context))) + context
        mu = hashlib.shake_256(front + message).digest(64)
        assert verify(key, mu, signature, "EXTERNAL_MU") is True
        pushed += 1
    assert pushed == most


def blocks(file):
    """Of a file in which each line that counts begins another; the values as bytes, numbers left out."""
    block = {}
    with file.open() as lines:
        for line in lines:
            name, _, value = (part.strip() for part in line.partition("="))
            if name == "count":
                if block:
                    yield block
                block = {}
            elif not name.endswith("len") and name:
                block[name] = bytes.fromhex(value)
    yield block


@pytest.mark.parametrize("size", DSA)
def test_acvp_keys(made, size):
    """NIST's ACVP: the public key of a seed."""
    found = 0
    for group, test in acvp("ML-DSA-keyGen-FIPS204"):
        if group["parameterSet"] == f"ML-DSA-{size}":
            _, public = made(f"ML_DSA_{size}", bytes.fromhex(test["seed"]))
            assert public == bytes.fromhex(test["pk"])
            found += 1
    assert found == 3


@pytest.fixture(scope="module")
def decapsulate(world):
    """The shared secret, or the code of the refusal."""

    def ask(key, ciphertext):
        members = {"KeyId": key, "EncapsulationAlgorithm": "ML_KEM"}
        answer = told(world, "Decapsulate", **members, SharedSecretCiphertextBlob=ciphertext)
        return answer if isinstance(answer, str) else answer["SharedSecret"]

    return ask


@pytest.mark.parametrize(("size", "valid"), [("768", 161), ("1024", 162)])
def test_wycheproof_kem(made, decapsulate, size, valid):
    """Ciphertexts that were tampered with give the secret of implicit rejection; those of other
    lengths are refused.  Seeds of other lengths make no key.
    """
    pushed = Counter()

    def rows():
        for _, test in cases(f"Protocol/mlkem_{size}"):
            seed, ciphertext = bytes.fromhex(test["seed"]), bytes.fromhex(test["c"])
            if len(seed) != 64:
                with pytest.raises(ValueError, match="seed"):
                    MlKemKey(f"ML_KEM_{size}", seed)
                pushed["no seed", test["result"]] += 1
                continue
            key, public = made(f"ML_KEM_{size}", seed)
            assert public.hex() == test["ek"]
            got = decapsulate(key, ciphertext)
            yield test, got if isinstance(got, str) else got.hex() == test["K"]

    assert weighed(rows(), DOES_NOT_OPEN) == ({"valid": valid, "invalid": 20}, {})
    assert pushed == {("no seed", "invalid"): 20}


@pytest.mark.parametrize("size", KEM)
def test_wycheproof_kem_keys(made, size):
    for _, test in cases(f"Protocol/mlkem_{size}_keygen_seed"):
        _, public = made(f"ML_KEM_{size}", bytes.fromhex(test["seed"]))
        assert public.hex() == test["ek"]
    assert len(cases(f"Protocol/mlkem_{size}_keygen_seed")) == 100


@pytest.mark.parametrize("most", [10, pytest.param(1000, marks=pytest.mark.long)])
@pytest.mark.parametrize("size", KEM)
def test_kat_secrets(world, made, decapsulate, size, most):
    """A secret that was encapsulated, and what comes of a ciphertext that nobody made."""
    pushed = 0
    file = PYCA / "asymmetric" / "MLKEM" / f"kat_MLKEM_{size}.rsp"
    for block in islice(blocks(file), most):
        key, public = made(f"ML_KEM_{size}", block["d"] + block["z"])
        assert public == block["pk"]
        assert decapsulate(key, block["ct"]) == block["ss"]
        assert decapsulate(key, block["ct_n"]) == block["ss_n"]
        assert decapsulate(key, block["ct"][:-1]) == DOES_NOT_OPEN
        pushed += 1
    assert pushed == most
