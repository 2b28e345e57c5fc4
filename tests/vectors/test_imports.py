"""ImportKeyMaterial: how material is wrapped, and in which forms private keys come.

Wrapping keys are made by the server, so vectors of OAEP cannot go in: they go through
`wrapping.unwrap`, which ImportKeyMaterial calls.  Those of AES-KWP go through ImportKeyMaterial, each
behind its AES key.
"""

from collections import Counter
from functools import cache

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from operations import DOES_NOT_OPEN, NOT_THE_MATERIAL, brought, spki, told, waiting, weighed
from published import PYCA, PYCRYPTODOME, cases, der_of, nist

from strongroom.errors import InvalidCiphertext
from strongroom.keys import private, wrapping
from strongroom.keys.encoding import NotAKey

OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


def test_wycheproof_kwp(world):
    """AES-KWP, with 256 bits alone.  What unwraps is no private key: another refusal tells it apart."""
    _, bring = waiting(world, "ECC_NIST_P256", "SIGN_VERIFY")

    def rows():
        for group, test in cases("Cipher/aes_kwp"):
            aes, wrapped = (bytes.fromhex(test[name]) for name in ("key", "ct"))
            got = bring(behind(aes, wrapped))
            small = {"result": "invalid"} if group["keySize"] < 256 else {}
            yield test | small, got == NOT_THE_MATERIAL or got

    assert weighed(rows(), DOES_NOT_OPEN) == ({"valid": 25, "invalid": 69 + 85 + 75}, {})


def behind(aes, wrapped):
    """How a vector is wrapped as RSA_AES_KEY_WRAP has it."""
    return lambda _, public: serialization.load_der_public_key(public).encrypt(aes, OAEP) + wrapped


@pytest.fixture(scope="module")
def unwrap():
    """What comes out of a vector behind its AES key, or the code of the refusal."""
    pair = private.pair("RSA_2048")
    public = serialization.load_der_public_key(pair.public)

    def ask(aes, wrapped):
        try:
            blob = public.encrypt(aes, OAEP) + wrapped
            return wrapping.unwrap(pair.private, "RSA_AES_KEY_WRAP_SHA_256", blob)
        except InvalidCiphertext as refusal:
            return refusal.code

    return ask


@pytest.mark.parametrize("bits", ["128", "192", "256"])
def test_nist_kwp(unwrap, bits):
    outcomes = Counter()
    for block in nist(PYCA / "keywrap" / "kwtestvectors" / f"KWP_AD_{bits}.txt"):
        if "K" not in block:
            continue
        got = unwrap(bytes.fromhex(block["K"]), bytes.fromhex(block["C"]))
        good = bits == "256" and "P" in block
        assert got == (bytes.fromhex(block["P"]) if good else DOES_NOT_OPEN)
        outcomes["opens" if "P" in block else "does not"] += 1
    assert outcomes == {"opens": 400, "does not": 100}


@pytest.mark.parametrize(
    ("name", "algorithm", "valid", "invalid"),
    [
        ("rsa_oaep_2048_sha1_mgf1sha1", "RSAES_OAEP_SHA_1", 10, 19 + 7),
        ("rsa_oaep_2048_sha256_mgf1sha256", "RSAES_OAEP_SHA_256", 10, 19 + 8),
        ("rsa_oaep_3072_sha256_mgf1sha256", "RSAES_OAEP_SHA_256", 10, 19 + 8),
        ("rsa_oaep_4096_sha256_mgf1sha256", "RSAES_OAEP_SHA_256", 10, 19 + 8),
    ],
)
def test_wycheproof_oaep(name, algorithm, valid, invalid):
    """There are no labels."""

    def rows():
        for group, test in cases(f"Cipher/{name}"):
            secret, blob = bytes.fromhex(group["privateKeyPkcs8"]), bytes.fromhex(test["ct"])
            try:
                got = wrapping.unwrap(secret, algorithm, blob) == bytes.fromhex(test["msg"])
            except InvalidCiphertext as refusal:
                got = refusal.code
            yield (test | {"result": "invalid"} if test["label"] else test), got

    assert weighed(rows(), DOES_NOT_OPEN) == ({"valid": valid, "invalid": invalid}, {})


SPECS = {
    "RSA_2048": "rsa",
    "ECC_NIST_P256": "p256",
    "ECC_NIST_P384": "p384",
    "ECC_NIST_P521": "p521",
    "ECC_SECG_P256K1": "k1",
    "ECC_NIST_EDWARDS25519": "ed25519",
}
FOLDERS = (
    *(
        PYCA / "asymmetric" / name
        for name in (
            "DER_Serialization",
            "EC",
            "Ed25519",
            "PEM_Serialization",
            "PKCS8",
            "Traditional_OpenSSL_Serialization",
        )
    ),
    PYCRYPTODOME / "PublicKey" / "ECC",
    PYCRYPTODOME / "PublicKey" / "RSA",
)


@cache
def files():
    """By name: what stands in the packages' files of keys, as DER; PEM with more than one block left out."""
    found = {}
    for folder in FOLDERS:
        for file in folder.iterdir():
            name, content = f"{folder.name}/{file.name}", file.read_bytes()
            if file.name.endswith(".der"):
                found[name] = content
            elif file.name.endswith(".pem") and content.count(b"-----BEGIN") == 1:
                found[name] = der_of(content.decode())
    return {name: der for name, der in found.items() if der}


TAKEN = {
    "RSA_2048": """
        PKCS8/rsa_pss_2048.pem PKCS8/rsa_pss_2048_hash.pem PKCS8/rsa_pss_2048_hash_mask.pem
        PKCS8/rsa_pss_2048_hash_mask_diff.pem PKCS8/rsa_pss_2048_hash_mask_salt.pem
        PKCS8/wrong-pem-delimiter-rsa.pem RSA/rsa2048_private.pem RSA/rsa2048_pss_private.pem
    """,
    "ECC_NIST_P256": """
        EC/secp256r1-explicit-no-seed.pem EC/secp256r1-explicit-seed.pem
        ECC/ecc_p256_private_openssh_old.pem ECC/ecc_p256_private_openssh_pwd_old.pem
        ECC/ecc_p256_private_p8_clear.der ECC/ecc_p256_private_p8_clear.pem
        PKCS8/ec-consistent-curve.pem PKCS8/ec_private_key.pem
        PKCS8/ecc_private_with_rfc5915_ext.pem
    """,
    "ECC_NIST_P384": """
        EC/secp384r1-explicit-no-seed.pem EC/secp384r1-explicit-seed.pem
        ECC/ecc_p384_private_openssh_old.pem ECC/ecc_p384_private_openssh_pwd_old.pem
        ECC/ecc_p384_private_p8_clear.der ECC/ecc_p384_private_p8_clear.pem
    """,
    "ECC_NIST_P521": """
        EC/secp521r1-explicit-no-seed.pem EC/secp521r1-explicit-seed.pem
        ECC/ecc_p521_private_openssh_old.pem ECC/ecc_p521_private_openssh_pwd_old.pem
        ECC/ecc_p521_private_p8_clear.der ECC/ecc_p521_private_p8_clear.pem
    """,
    "ECC_SECG_P256K1": "ECC/ecc_secp256k1_private_p8_clear.der ECC/ecc_secp256k1_private_p8_clear.pem",
    "ECC_NIST_EDWARDS25519": """
        ECC/ecc_ed25519_private.der ECC/ecc_ed25519_private.pem
        Ed25519/ed25519-pkcs8.der Ed25519/ed25519-pkcs8.pem
    """,
}
"""PKCS#8 without a passphrase, whatever the file's name says.  Those that name RSASSA-PSS, or tell a
NIST curve by its numbers, are taken too; what AWS does with them is not known.
"""


@pytest.mark.parametrize("spec", SPECS)
def test_private_keys_that_are_taken(world, spec):
    names = TAKEN[spec].split()
    assert sorted(names) == sorted(name for name, der in files().items() if takes(spec, der))
    for name in names:
        der = files()[name]
        key = brought(world, spec, "SIGN_VERIFY", der)
        public = told(world, "GetPublicKey", KeyId=key)["PublicKey"]
        assert public == spki(serialization.load_der_private_key(der, None).public_key()), name


def test_all_other_files_are_refused(world):
    """Public keys, other algorithms and curves, PKCS#1, SEC 1, OpenSSH, passphrases, flaws."""
    others = sorted(files().keys() - set(" ".join(TAKEN.values()).split()))
    assert len(others) == 272
    for name in others[::8]:  # the test above had them all, one layer below
        spec = next((s for s, part in SPECS.items() if part in name.lower()), "ECC_NIST_P256")
        assert brought(world, spec, "SIGN_VERIFY", files()[name]) == NOT_THE_MATERIAL, name


def takes(spec, der):
    try:
        private.imported(spec, der)
    except NotAKey:
        return False
    return True
