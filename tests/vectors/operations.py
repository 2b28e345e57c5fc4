"""Keys of published secrets, by the operations that import them; and what operations say of vectors."""

from collections import Counter

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from worlds import Refusal
from wrapped import LASTS, wrap

NOT_THE_MATERIAL = "IncorrectKeyMaterialException"
DOES_NOT_OPEN = "InvalidCiphertextException"
NOT_THE_SIGNATURE = "KMSInvalidSignatureException"
NOT_THE_TAG = "KMSInvalidMacException"
NOT_WELL_FORMED = "ValidationException"


def told(world, operation, **members):
    """The answer's members, or the code of the refusal: what does not fit the shapes is refused at the
    door, before any handler.
    """
    try:
        return world.ask(operation, members)
    except Refusal as refusal:
        return refusal.code
    except msgspec.ValidationError:
        return NOT_WELL_FORMED


def brought(world, spec, usage, material):
    """The id of a key into which material was imported, or the code of the refusal."""
    key, bring = waiting(world, spec, usage)
    answer = bring(lambda algorithm, public: wrap(algorithm, public, material))
    return answer if isinstance(answer, str) else key


def waiting(world, spec, usage):
    """The id of a key that waits for its material, and how to bring what was wrapped for it."""
    algorithm = "RSAES_OAEP_SHA_256" if spec.startswith("HMAC") else "RSA_AES_KEY_WRAP_SHA_256"
    made = world.ask("CreateKey", {"Origin": "EXTERNAL", "KeySpec": spec, "KeyUsage": usage})
    key = made["KeyMetadata"]["KeyId"]
    given = world.ask(
        "GetParametersForImport",
        {"KeyId": key, "WrappingAlgorithm": algorithm, "WrappingKeySpec": "RSA_2048"},
    )

    def bring(by):
        """The answer's members, or the code of the refusal."""
        return told(
            world,
            "ImportKeyMaterial",
            KeyId=key,
            ImportToken=given["ImportToken"],
            EncryptedKeyMaterial=by(algorithm, given["PublicKey"]),
            **LASTS,
        )

    return key, bring


def is_key(answer):
    """Whether `brought` brought one."""
    return "-" in answer


def pkcs8(private):
    return private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def spki(public):
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def ec_key(curve, secret):
    """A private key of a number, as PKCS#8."""
    return pkcs8(ec.derive_private_key(secret, curve))


def weighed(rows, refusal):
    """How many vectors of each result agreed, and what became of acceptable ones, by first flag.

    A row is a vector and what came of it: True if that is what the vector says, a refusal's code, or
    False if there was another answer.  What disagrees fails here, by its tcId.
    """
    agreed, acceptable, wrong = Counter(), Counter(), []
    for test, got in rows:
        result = test["result"]
        want = {"valid": (True,), "invalid": (refusal,), "acceptable": (True, refusal)}[result]
        if got not in want:
            wrong.append((test["tcId"], result, got, test.get("comment", "")))
        elif result == "acceptable":
            acceptable[test["flags"][0], got] += 1
        else:
            agreed[result] += 1
    assert wrong == []
    return agreed, acceptable
