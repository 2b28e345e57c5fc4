"""DeriveSharedSecret, Encapsulate, Decapsulate, GetPublicKey, and RSA's Encrypt and Decrypt."""

import pytest
from answers import DRY, members, refused
from asymmetric import CURVES, NIST, RSA, USAGES
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from tests.flipping import flipped

SPKI = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(scope="module")
def kms(endpoint):
    return endpoint.client("kms", "agreement-1")


@pytest.fixture(scope="module")
def made(kms):
    """The ARN of a key of a spec and a usage, made once."""
    kept = {}

    def of(spec, usage):
        if (spec, usage) not in kept:
            kept[spec, usage] = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"]
        return kept[spec, usage]

    return of


def oaep(algorithm):
    hash_ = hashes.SHA1() if algorithm.endswith("SHA_1") else hashes.SHA256()
    return padding.OAEP(padding.MGF1(hash_), hash_, None)


MOST = {
    "RSA_2048": {"RSAES_OAEP_SHA_1": 214, "RSAES_OAEP_SHA_256": 190},
    "RSA_3072": {"RSAES_OAEP_SHA_1": 342, "RSAES_OAEP_SHA_256": 318},
    "RSA_4096": {"RSAES_OAEP_SHA_1": 470, "RSAES_OAEP_SHA_256": 446},
}


@pytest.mark.parametrize("spec", RSA)
@pytest.mark.parametrize("algorithm", ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"])
def test_oaep_with_the_public_key_outside(kms, made, spec, algorithm):
    key = made(spec, "ENCRYPT_DECRYPT")
    most = MOST[spec][algorithm]
    public = serialization.load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
    plaintext = b"x" * most
    answer = kms.decrypt(
        KeyId=key,
        CiphertextBlob=public.encrypt(plaintext, oaep(algorithm)),
        EncryptionAlgorithm=algorithm,
    )
    assert members(answer) == {"KeyId", "Plaintext", "EncryptionAlgorithm"}
    assert (answer["KeyId"], answer["Plaintext"]) == (key, plaintext)
    answer = kms.encrypt(KeyId=key, Plaintext=plaintext, EncryptionAlgorithm=algorithm)
    assert (answer["KeyId"], answer["EncryptionAlgorithm"]) == (key, algorithm)
    asked = {"KeyId": key, "EncryptionAlgorithm": algorithm}
    assert kms.decrypt(CiphertextBlob=answer["CiphertextBlob"], **asked)["Plaintext"] == plaintext
    with refused(
        "ValidationException",
        f"Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than {most} bytes.",
    ):
        kms.encrypt(Plaintext=b"x" * (most + 1), **asked)
    other = next(name for name in MOST[spec] if name != algorithm)
    for wrong in (
        {"EncryptionAlgorithm": other},
        {"CiphertextBlob": answer["CiphertextBlob"][:-1]},
        {"CiphertextBlob": b"\x00" + answer["CiphertextBlob"]},
        {"CiphertextBlob": b"\xff" * len(answer["CiphertextBlob"])},
    ):
        with refused("InvalidCiphertextException", ""):
            kms.decrypt(**{**asked, "CiphertextBlob": answer["CiphertextBlob"], **wrong})


def test_what_rsa_needs_to_be_told(kms, made):
    key = made("RSA_2048", "ENCRYPT_DECRYPT")
    algorithm = "RSAES_OAEP_SHA_256"
    with refused(
        "InvalidKeyUsageException",
        "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.",
    ):
        kms.encrypt(KeyId=key, Plaintext=b"x")
    blob = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionAlgorithm=algorithm)["CiphertextBlob"]
    with refused("InvalidCiphertextException", ""):
        kms.decrypt(KeyId=key, CiphertextBlob=blob)
    with refused(
        "ValidationException",
        "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member "
        "must not be null",
    ):
        kms.decrypt(CiphertextBlob=blob, EncryptionAlgorithm=algorithm)
    for call in (
        lambda **more: kms.encrypt(KeyId=key, Plaintext=b"x", **more),
        lambda **more: kms.decrypt(KeyId=key, CiphertextBlob=blob, **more),
    ):
        with refused(
            "ValidationException", f"Algorithm {algorithm} does not take an encryption context."
        ):
            call(EncryptionAlgorithm=algorithm, EncryptionContext={"a": "b"})
    symmetric = kms.create_key()["KeyMetadata"]
    with refused(
        "InvalidKeyUsageException",
        f"Algorithm {algorithm} is incompatible with key spec SYMMETRIC_DEFAULT.",
    ):
        kms.encrypt(KeyId=symmetric["KeyId"], Plaintext=b"x", EncryptionAlgorithm=algorithm)
    sealed = kms.encrypt(KeyId=symmetric["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    with refused(
        "IncorrectKeyException",
        "The key ID in the request does not identify a CMK that can perform this operation.",
    ):
        kms.decrypt(KeyId=key, CiphertextBlob=sealed)
    for call in (
        lambda: kms.generate_data_key(KeyId=key, KeySpec="AES_256"),
        lambda: kms.generate_data_key_without_plaintext(KeyId=key, KeySpec="AES_256"),
    ):
        with refused(
            "InvalidKeyUsageException",
            "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.",
        ):
            call()


def test_re_encrypt_between_rsa_and_symmetric_keys(kms, made):
    rsa, algorithm = made("RSA_2048", "ENCRYPT_DECRYPT"), "RSAES_OAEP_SHA_256"
    aes = kms.create_key()["KeyMetadata"]
    blob = kms.encrypt(KeyId=rsa, Plaintext=b"x", EncryptionAlgorithm=algorithm)["CiphertextBlob"]
    to_aes = kms.re_encrypt(
        CiphertextBlob=blob,
        SourceKeyId=rsa,
        SourceEncryptionAlgorithm=algorithm,
        DestinationKeyId=aes["KeyId"],
        DestinationEncryptionContext={"a": "b"},
    )
    assert members(to_aes) == {
        "CiphertextBlob",
        "SourceKeyId",
        "KeyId",
        "SourceEncryptionAlgorithm",
        "DestinationEncryptionAlgorithm",
        "DestinationKeyMaterialId",
    }
    assert to_aes["DestinationKeyMaterialId"] == aes["CurrentKeyMaterialId"]
    sealed = to_aes["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=sealed, EncryptionContext={"a": "b"})["Plaintext"] == b"x"
    to_rsa = kms.re_encrypt(
        CiphertextBlob=sealed,
        SourceEncryptionContext={"a": "b"},
        DestinationKeyId=rsa,
        DestinationEncryptionAlgorithm=algorithm,
    )
    assert to_rsa["SourceKeyMaterialId"] == aes["CurrentKeyMaterialId"]
    assert "DestinationKeyMaterialId" not in to_rsa
    asked = {"KeyId": rsa, "EncryptionAlgorithm": algorithm}
    assert kms.decrypt(CiphertextBlob=to_rsa["CiphertextBlob"], **asked)["Plaintext"] == b"x"
    with refused("DryRunOperationException", DRY):
        kms.decrypt(CiphertextBlob=blob, DryRun=True, **asked)
    with refused("InvalidCiphertextException", ""):
        kms.decrypt(CiphertextBlob=b"x", DryRun=True, **asked)
    long = kms.encrypt(KeyId=aes["KeyId"], Plaintext=b"x" * 191)["CiphertextBlob"]
    with refused(
        "ValidationException",
        f"Algorithm {algorithm} and key spec RSA_2048 cannot encrypt data larger than 190 bytes.",
    ):
        kms.re_encrypt(
            CiphertextBlob=long, DestinationKeyId=rsa, DestinationEncryptionAlgorithm=algorithm
        )


@pytest.mark.parametrize("spec", NIST)
def test_ecdh_with_a_key_outside(kms, made, spec):
    key = made(spec, "KEY_AGREEMENT")
    outside = ec.generate_private_key(CURVES[spec])
    public = serialization.load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
    answer = kms.derive_shared_secret(
        KeyId=key,
        PublicKey=outside.public_key().public_bytes(*SPKI),
        KeyAgreementAlgorithm="ECDH",
    )
    assert members(answer) == {"KeyId", "SharedSecret", "KeyAgreementAlgorithm", "KeyOrigin"}
    assert answer["SharedSecret"] == outside.exchange(ec.ECDH(), public)
    assert (answer["KeyId"], answer["KeyOrigin"]) == (key, "AWS_KMS")
    with refused("DryRunOperationException", DRY):
        kms.derive_shared_secret(
            KeyId=key,
            PublicKey=outside.public_key().public_bytes(*SPKI),
            KeyAgreementAlgorithm="ECDH",
            DryRun=True,
        )


def test_public_keys_that_are_no_points_of_the_curve(kms, made):
    good = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(*SPKI)
    off = flipped(good)
    at_infinity = good[: -65 - 1] + b"\x00" + b"\x00"
    for wrong in (
        b"x",
        good[:-1],
        good + b"\x00",
        off,
        at_infinity,
        ec.generate_private_key(ec.SECP384R1()).public_key().public_bytes(*SPKI),
        ec.generate_private_key(ec.SECP256K1()).public_key().public_bytes(*SPKI),
        ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(*SPKI),
        b"0" * 8192,
        b"\x30\x80" * 2000,
    ):
        with refused("ValidationException", ""):
            kms.derive_shared_secret(
                KeyId=made("ECC_NIST_P256", "KEY_AGREEMENT"),
                PublicKey=wrong,
                KeyAgreementAlgorithm="ECDH",
            )


@pytest.mark.parametrize(("spec", "length"), [("ML_KEM_768", 1088), ("ML_KEM_1024", 1568)])
def test_ml_kem_with_the_public_key_outside(kms, made, spec, length):
    key = made(spec, "ENCAPSULATE_DECAPSULATE")
    public = serialization.load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
    secret, blob = public.encapsulate()
    asked = {"KeyId": key, "EncapsulationAlgorithm": "ML_KEM"}
    answer = kms.decapsulate(SharedSecretCiphertextBlob=blob, **asked)
    assert members(answer) == {"KeyId", "SharedSecret", "EncapsulationAlgorithm"}
    assert answer["SharedSecret"] == secret
    answer = kms.encapsulate(**asked)
    made_here = answer["SharedSecretCiphertextBlob"]
    assert (len(made_here), len(answer["SharedSecret"])) == (length, 32)
    opened = kms.decapsulate(SharedSecretCiphertextBlob=made_here, **asked)
    assert opened["SharedSecret"] == answer["SharedSecret"]

    altered = flipped(made_here)
    rejected = kms.decapsulate(SharedSecretCiphertextBlob=altered, **asked)["SharedSecret"]
    assert rejected != answer["SharedSecret"]
    assert len(rejected) == 32
    for wrong in (made_here[:-1], made_here + b"x", b"x"):
        with refused("InvalidCiphertextException", ""):
            kms.decapsulate(SharedSecretCiphertextBlob=wrong, **asked)
    with refused("DryRunOperationException", DRY):
        kms.encapsulate(**asked, DryRun=True)
    with refused("DryRunOperationException", DRY):
        kms.decapsulate(SharedSecretCiphertextBlob=made_here, **asked, DryRun=True)


_LISTS = {
    "ENCRYPT_DECRYPT": "EncryptionAlgorithms",
    "SIGN_VERIFY": "SigningAlgorithms",
    "KEY_AGREEMENT": "KeyAgreementAlgorithms",
    "ENCAPSULATE_DECAPSULATE": "EncapsulationAlgorithms",
}


@pytest.mark.parametrize(
    ("spec", "usage"),
    [(spec, usage) for spec, usages in USAGES.items() for usage in usages if "HMAC" not in spec],
)
def test_public_keys(kms, made, spec, usage):
    key = made(spec, usage)
    answer = kms.get_public_key(KeyId=key)
    described = kms.describe_key(KeyId=key)["KeyMetadata"]
    list_ = _LISTS[usage]
    assert members(answer) == {
        "KeyId",
        "PublicKey",
        "CustomerMasterKeySpec",
        "KeySpec",
        "KeyUsage",
        list_,
    }
    assert (answer["KeyId"], answer["KeySpec"], answer["KeyUsage"]) == (key, spec, usage)
    assert answer[list_] == described[list_]
    assert {name for name in described if name.endswith("Algorithms")} == {list_}
    assert "CurrentKeyMaterialId" not in described
    public = serialization.load_der_public_key(answer["PublicKey"])
    assert public.public_bytes(*SPKI) == answer["PublicKey"]
    if spec in RSA:
        numbers = public.public_numbers()
        assert (numbers.e, numbers.n.bit_length()) == (65537, int(spec[-4:]))


def test_keys_without_a_public_half(kms, made):
    symmetric = kms.create_key()["KeyMetadata"]["Arn"]
    for key, spec in (
        (symmetric, "SYMMETRIC_DEFAULT"),
        (made("HMAC_256", "GENERATE_VERIFY_MAC"), "HMAC_256"),
    ):
        with refused(
            "UnsupportedOperationException",
            f"{key} key spec is {spec} which is not valid for this operation.",
        ):
            kms.get_public_key(KeyId=key)


def test_ml_kem_512_is_refused_openly(kms):
    with refused(
        "NotImplementedException", "CreateKey with KeySpec ML_KEM_512 is not implemented yet.", 501
    ):
        kms.create_key(KeySpec="ML_KEM_512", KeyUsage="ENCAPSULATE_DECAPSULATE")
