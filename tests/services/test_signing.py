"""Sign and Verify, GenerateMac and VerifyMac, against code that is not ours."""

import hashlib
import hmac

import pytest
from answers import DRY, members, one, refused, violated
from asymmetric import ALGORITHMS, HMAC, ML_DSA, SIGNING, digest, mu, verify
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from tests.flipping import flipped

MESSAGE = b"a message of no particular length"
EDWARDS = "ECC_NIST_EDWARDS25519"


@pytest.fixture(scope="module")
def made(endpoint):
    """A signing key of a spec, made once: its ARN."""
    kms = endpoint.client("kms", "signing-1")
    kept = {}

    def of(spec, usage="SIGN_VERIFY"):
        if (spec, usage) not in kept:
            kept[spec, usage] = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"]
        return kept[spec, usage]

    return of


@pytest.fixture(scope="module")
def kms(endpoint):
    return endpoint.client("kms", "signing-1")


def type_of(algorithm):
    return "DIGEST" if "_PH_" in algorithm else "RAW"


def message_of(algorithm):
    """The digest is what Ed25519ph is given."""
    return hashlib.sha512(MESSAGE).digest() if "_PH_" in algorithm else MESSAGE


@pytest.mark.parametrize(("spec", "algorithm"), SIGNING)
def test_a_signature_is_verified_outside_and_here(kms, made, spec, algorithm):
    key, message = made(spec), message_of(algorithm)
    asked = {
        "KeyId": key,
        "Message": message,
        "MessageType": type_of(algorithm),
        "SigningAlgorithm": algorithm,
    }
    signed = kms.sign(**asked)
    assert members(signed) == {"KeyId", "Signature", "SigningAlgorithm"}
    assert (signed["KeyId"], signed["SigningAlgorithm"]) == (key, algorithm)
    public = kms.get_public_key(KeyId=key)["PublicKey"]
    verify(public, algorithm, message, signed["Signature"])

    answer = kms.verify(**asked, Signature=signed["Signature"])
    assert {name: answer[name] for name in members(answer)} == {
        "KeyId": key,
        "SignatureValid": True,
        "SigningAlgorithm": algorithm,
    }
    with pytest.raises((InvalidSignature, ValueError)):
        verify(public, algorithm, message[:-1] + b"x", signed["Signature"])
    for wrong in (
        {"Message": flipped(message)},
        {"Signature": flipped(signed["Signature"])},
        {"Signature": signed["Signature"][:-1]},
        {"Signature": signed["Signature"] + b"\x00"},
        {"Signature": b"\x00"},
    ):
        with refused("KMSInvalidSignatureException", ""):
            kms.verify(**{**asked, "Signature": signed["Signature"], **wrong})


@pytest.mark.parametrize(
    ("spec", "algorithm"),
    [(spec, algorithm) for spec, algorithm in SIGNING if algorithm[:5] in ("RSASS", "ECDSA")],
)
def test_a_digest_is_not_hashed_again(kms, made, spec, algorithm):
    key = made(spec)
    hashed = digest(algorithm, MESSAGE)
    signed = kms.sign(KeyId=key, Message=hashed, MessageType="DIGEST", SigningAlgorithm=algorithm)[
        "Signature"
    ]
    verify(kms.get_public_key(KeyId=key)["PublicKey"], algorithm, MESSAGE, signed)
    asked = {"KeyId": key, "SigningAlgorithm": algorithm, "Signature": signed}
    assert kms.verify(**asked, Message=MESSAGE)["SignatureValid"]
    assert kms.verify(**asked, Message=hashed, MessageType="DIGEST")["SignatureValid"]
    with refused("KMSInvalidSignatureException", ""):
        kms.verify(**asked, Message=hashed)
    for wrong in (hashed[:-1], hashed + b"x", MESSAGE):
        with refused("ValidationException", f"Digest is invalid length for algorithm {algorithm}."):
            kms.sign(KeyId=key, Message=wrong, MessageType="DIGEST", SigningAlgorithm=algorithm)


def test_ed25519_hashes_a_digest_once_more(kms, made):
    key = made(EDWARDS)
    hashed = hashlib.sha512(MESSAGE).digest()
    asked = {"KeyId": key, "SigningAlgorithm": "ED25519_PH_SHA_512", "MessageType": "DIGEST"}
    signed = kms.sign(**asked, Message=hashed)["Signature"]
    public = kms.get_public_key(KeyId=key)["PublicKey"]
    verify(public, "ED25519_PH_SHA_512", hashed, signed)
    with pytest.raises(ValueError, match="signature"):
        verify(public, "ED25519_PH_SHA_512", MESSAGE, signed)
    with refused(
        "ValidationException", "Digest is invalid length for algorithm ED25519_PH_SHA_512."
    ):
        kms.sign(**asked, Message=hashed[:-1])


@pytest.mark.parametrize("spec", ML_DSA)
def test_mu_made_outside(kms, made, spec):
    key = made(spec)
    public = kms.get_public_key(KeyId=key)["PublicKey"]
    asked = {"KeyId": key, "SigningAlgorithm": "ML_DSA_SHAKE_256"}
    outside = {**asked, "Message": mu(public, MESSAGE), "MessageType": "EXTERNAL_MU"}
    signed = kms.sign(**outside)["Signature"]
    serialization.load_der_public_key(public).verify(signed, MESSAGE)
    assert kms.verify(**asked, Message=MESSAGE, Signature=signed)["SignatureValid"]
    raw = kms.sign(**asked, Message=MESSAGE)["Signature"]
    assert kms.verify(**outside, Signature=raw)["SignatureValid"]
    with refused("KMSInvalidSignatureException", ""):
        kms.verify(**asked, Message=outside["Message"], Signature=raw)
    with refused("ValidationException", "Digest is invalid length for algorithm ML_DSA_SHAKE_256."):
        kms.sign(**{**outside, "Message": b"x" * 63})


@pytest.mark.parametrize(
    ("spec", "algorithm", "message_type"),
    [
        (EDWARDS, "ED25519_SHA_512", "DIGEST"),
        (EDWARDS, "ED25519_SHA_512", "EXTERNAL_MU"),
        (EDWARDS, "ED25519_PH_SHA_512", "RAW"),
        ("ML_DSA_44", "ML_DSA_SHAKE_256", "DIGEST"),
        ("ECC_NIST_P256", "ECDSA_SHA_256", "EXTERNAL_MU"),
    ],
)
def test_a_message_of_a_type_that_the_algorithm_does_not_take(
    kms, made, spec, algorithm, message_type
):
    asked = {"Message": b"x" * 64, "MessageType": message_type, "SigningAlgorithm": algorithm}
    with refused(
        "ValidationException",
        f"MessageType {message_type} is not compatible with algorithm {algorithm}.",
    ):
        kms.sign(KeyId=made(spec), **asked)


def test_ecdsa_signatures_are_der_and_ml_dsa_ones_as_long_as_fips_204_says(kms, made):
    for spec, bits in (("ECC_NIST_P256", 256), ("ECC_NIST_P384", 384), ("ECC_NIST_P521", 521)):
        (algorithm,) = ALGORITHMS[spec]
        signed = kms.sign(KeyId=made(spec), Message=b"x", SigningAlgorithm=algorithm)["Signature"]
        assert all(0 < number < 1 << bits for number in decode_dss_signature(signed))
    for spec, length in zip(ML_DSA, (2420, 3309, 4627), strict=True):
        asked = {"KeyId": made(spec), "Message": b"x", "SigningAlgorithm": "ML_DSA_SHAKE_256"}
        assert len(kms.sign(**asked)["Signature"]) == length


def test_the_longest_message_and_the_shortest(kms, unchecked, made):
    key = made("ECC_NIST_P256")
    asked = {"KeyId": key, "SigningAlgorithm": "ECDSA_SHA_256"}
    for message in (b"x", b"x" * 4096):
        signed = kms.sign(**asked, Message=message)["Signature"]
        assert kms.verify(**asked, Message=message, Signature=signed)["SignatureValid"]
    with refused(
        "ValidationException",
        "1 validation error detected: Value at 'message' failed to satisfy constraint: Member must "
        "have length less than or equal to 4096",
    ):
        kms.sign(**asked, Message=b"x" * 4097)


def test_algorithms_of_other_keys(kms, made):
    key = made("ECC_NIST_P256")
    for operation in (kms.sign, lambda **asked: kms.verify(Signature=b"x", **asked)):
        with refused(
            "InvalidKeyUsageException",
            "Algorithm ECDSA_SHA_384 is incompatible with key spec ECC_NIST_P256.",
        ):
            operation(KeyId=key, Message=b"x", SigningAlgorithm="ECDSA_SHA_384")


def test_a_signature_of_another_key(kms, made):
    other = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    asked = {"Message": MESSAGE, "SigningAlgorithm": "ECDSA_SHA_256"}
    signed = kms.sign(KeyId=other, **asked)["Signature"]
    with refused("KMSInvalidSignatureException", ""):
        kms.verify(KeyId=made("ECC_NIST_P256"), Signature=signed, **asked)


def test_dry_runs(kms, made):
    for spec in ("ECC_NIST_P256", "ML_DSA_44", "RSA_2048"):
        asked = {
            "KeyId": made(spec),
            "Message": MESSAGE,
            "SigningAlgorithm": ALGORITHMS[spec][0],
        }
        with refused("DryRunOperationException", DRY):
            kms.sign(**asked, DryRun=True)
        signed = kms.sign(**asked)["Signature"]
        with refused("DryRunOperationException", DRY):
            kms.verify(**asked, Signature=signed, DryRun=True)
        with refused("KMSInvalidSignatureException", ""):
            kms.verify(**asked, Signature=b"x", DryRun=True)


# HMAC


@pytest.mark.parametrize("spec", HMAC)
def test_tags(kms, made, spec):
    bits = spec[-3:]
    algorithm = f"HMAC_SHA_{bits}"
    key = made(spec, "GENERATE_VERIFY_MAC")
    asked = {"KeyId": key, "Message": MESSAGE, "MacAlgorithm": algorithm}
    answer = kms.generate_mac(**asked)
    assert members(answer) == {"Mac", "MacAlgorithm", "KeyId"}
    tag = answer["Mac"]
    assert len(tag) == int(bits) // 8
    assert kms.generate_mac(**asked)["Mac"] == tag
    assert kms.verify_mac(**asked, Mac=tag)["MacValid"] is True
    for wrong in (
        {"Mac": tag[:-1]},
        {"Mac": tag + b"\x00"},
        {"Mac": flipped(tag)},
        {"Message": MESSAGE + b"x"},
    ):
        with refused("KMSInvalidMacException", ""):
            kms.verify_mac(**{**asked, "Mac": tag, **wrong})
    with refused("DryRunOperationException", DRY):
        kms.generate_mac(**asked, DryRun=True)
    with refused("DryRunOperationException", DRY):
        kms.verify_mac(**asked, Mac=tag, DryRun=True)
    with refused("KMSInvalidMacException", ""):
        kms.verify_mac(**asked, Mac=b"x", DryRun=True)


def test_mac_algorithms_of_other_keys(kms, made):
    key = made("HMAC_224", "GENERATE_VERIFY_MAC")
    with refused(
        "InvalidKeyUsageException",
        "Algorithm HMAC_SHA_256 is incompatible with key spec HMAC_224.",
    ):
        kms.generate_mac(KeyId=key, Message=b"x", MacAlgorithm="HMAC_SHA_256")
    with refused(
        "ValidationException",
        violated(
            one(
                "'INVALID'",
                "macAlgorithm",
                "satisfy enum value set: [HMAC_SHA_224, HMAC_SHA_256, HMAC_SHA_384, HMAC_SHA_512]",
            )
        ),
    ):
        kms.generate_mac(KeyId=key, Message=b"x", MacAlgorithm="INVALID")


def test_hmac_of_a_known_secret():
    """RFC 4231, case 1, by the tool that KMS's keys use."""
    from strongroom.keys.mac import MacKey

    secret, message = b"\x0b" * 32, b"Hi There"
    for bits in ("224", "256", "384", "512"):
        tag = MacKey(f"HMAC_{bits}", secret).mac(message)
        assert tag == hmac.new(secret, message, f"sha{bits}").digest()
