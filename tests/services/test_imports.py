"""Key material from outside: how it comes in, goes, expires, comes back and rotates."""

import datetime
import os

import pytest
from answers import members, refused
from asymmetric import CURVES, HMAC, verify
from clockwork import move
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from tests.flipping import flipped
from wrapped import LASTS, bring, parameters, wrap, wrap_by_openssl

DAY = 86_400
PKCS8 = (
    serialization.Encoding.DER,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
)
SPKI = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture
def empty(kms):
    """A symmetric key without material: its metadata."""
    return kms.create_key(Origin="EXTERNAL")["KeyMetadata"]


def described(kms, key_id):
    return kms.describe_key(KeyId=key_id)["KeyMetadata"]


def material_of(spec):
    """A private key made outside, and as it is imported."""
    if spec.startswith("RSA"):
        key = rsa.generate_private_key(65537, int(spec[-4:]))
    elif spec == "ECC_NIST_EDWARDS25519":
        key = ed25519.Ed25519PrivateKey.generate()
    else:
        key = ec.generate_private_key(CURVES[spec])
    return key, key.private_bytes(*PKCS8)


def test_a_key_that_waits_for_its_material(kms, empty):
    assert (empty["KeyState"], empty["Enabled"], empty["Origin"]) == (
        "PendingImport",
        False,
        "EXTERNAL",
    )
    for absent in ("CurrentKeyMaterialId", "ExpirationModel", "ValidTo"):
        assert absent not in empty
    pending = f"{empty['Arn']} is pending import."
    for ask in (
        lambda: kms.encrypt(KeyId=empty["KeyId"], Plaintext=b"x"),
        lambda: kms.generate_data_key(KeyId=empty["KeyId"], KeySpec="AES_256"),
        lambda: kms.disable_key(KeyId=empty["KeyId"]),
        lambda: kms.enable_key(KeyId=empty["KeyId"]),
        lambda: kms.rotate_key_on_demand(KeyId=empty["KeyId"]),
        lambda: kms.create_grant(
            KeyId=empty["KeyId"],
            GranteePrincipal="arn:aws:iam::000000000000:root",
            Operations=["Encrypt"],
        ),
    ):
        with refused("KMSInvalidStateException", pending):
            ask()
    kms.delete_imported_key_material(KeyId=empty["KeyId"])  # without effect


@pytest.mark.parametrize("algorithm", ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"])
@pytest.mark.parametrize("spec", ["RSA_2048", "RSA_3072"])
def test_symmetric_material_in_every_wrapping(kms, empty, algorithm, spec):
    given = parameters(kms, empty["KeyId"], algorithm, spec)
    assert members(given) == {"KeyId", "ImportToken", "PublicKey", "ParametersValidTo"}
    assert given["KeyId"] == empty["Arn"]
    until = given["ParametersValidTo"] - datetime.datetime.now(datetime.UTC)
    assert abs(until.total_seconds() - DAY) < 60
    assert serialization.load_der_public_key(given["PublicKey"]).key_size == int(spec[-4:])
    material = os.urandom(32)
    answer = kms.import_key_material(
        KeyId=empty["KeyId"],
        ImportToken=given["ImportToken"],
        EncryptedKeyMaterial=wrap(algorithm, given["PublicKey"], material),
        **LASTS,
    )
    assert members(answer) == {"KeyId", "KeyMaterialId"}
    now = described(kms, empty["KeyId"])
    assert (now["KeyState"], now["Enabled"]) == ("Enabled", True)
    assert now["CurrentKeyMaterialId"] == answer["KeyMaterialId"]
    assert now["ExpirationModel"] == "KEY_MATERIAL_DOES_NOT_EXPIRE"
    assert "ValidTo" not in now
    sealed = kms.encrypt(KeyId=empty["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=sealed)["KeyMaterialId"] == answer["KeyMaterialId"]


def test_wrapped_by_the_openssl_command(kms, empty, tmp_path):
    given = parameters(kms, empty["KeyId"])
    kms.import_key_material(
        KeyId=empty["KeyId"],
        ImportToken=given["ImportToken"],
        EncryptedKeyMaterial=wrap_by_openssl(tmp_path, given["PublicKey"], os.urandom(32)),
        **LASTS,
    )
    assert described(kms, empty["KeyId"])["KeyState"] == "Enabled"


@pytest.mark.parametrize(
    ("spec", "algorithm", "under"),
    [
        ("ECC_NIST_P256", "RSAES_OAEP_SHA_1", "RSA_2048"),
        ("ECC_NIST_P384", "RSAES_OAEP_SHA_256", "RSA_2048"),
        ("ECC_NIST_P521", "RSAES_OAEP_SHA_256", "RSA_3072"),
        ("ECC_SECG_P256K1", "RSA_AES_KEY_WRAP_SHA_256", "RSA_2048"),
        ("ECC_NIST_EDWARDS25519", "RSA_AES_KEY_WRAP_SHA_1", "RSA_2048"),
        ("RSA_2048", "RSA_AES_KEY_WRAP_SHA_256", "RSA_3072"),
        ("RSA_3072", "RSA_AES_KEY_WRAP_SHA_1", "RSA_2048"),
    ],
)
def test_private_keys_made_outside(kms, spec, algorithm, under):
    private, material = material_of(spec)
    key = kms.create_key(Origin="EXTERNAL", KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    assert key["KeyState"] == "PendingImport"
    answer = bring(kms, key["KeyId"], material, algorithm, under)
    assert members(answer) == {"KeyId"}
    public = kms.get_public_key(KeyId=key["KeyId"])["PublicKey"]
    assert public == private.public_key().public_bytes(*SPKI)
    for signing in described(kms, key["KeyId"])["SigningAlgorithms"]:
        if "_PH_" not in signing:
            asked = {"KeyId": key["KeyId"], "Message": b"m", "SigningAlgorithm": signing}
            verify(public, signing, b"m", kms.sign(**asked)["Signature"])
    # The same again is well, another is not, however it is wrapped.
    bring(kms, key["KeyId"], material, algorithm, under)
    _, other = material_of(spec)
    with refused("IncorrectKeyMaterialException", ""):
        bring(kms, key["KeyId"], other, algorithm, under)
    with refused(
        "ValidationException",
        "ImportType, KeyMaterialDescription and KeyMaterialId are for symmetric encryption keys "
        "alone.",
    ):
        bring(kms, key["KeyId"], material, algorithm, under, KeyMaterialDescription="x")


@pytest.mark.parametrize("spec", HMAC)
def test_hmac_secrets(kms, spec):
    secret = b"\x0b" * 64
    key = kms.create_key(Origin="EXTERNAL", KeySpec=spec, KeyUsage="GENERATE_VERIFY_MAC")
    key_id = key["KeyMetadata"]["KeyId"]
    for wrong in (b"x" * 27, b"x" * 129):
        with refused("IncorrectKeyMaterialException", ""):
            bring(kms, key_id, wrong, spec="RSA_3072")
    bring(kms, key_id, secret)
    bits = spec[-3:]
    tag = kms.generate_mac(KeyId=key_id, Message=b"m", MacAlgorithm=f"HMAC_SHA_{bits}")["Mac"]
    import hmac

    assert tag == hmac.new(secret, b"m", f"sha{bits}").digest()


@pytest.mark.parametrize(
    ("spec", "usage", "algorithm", "under"),
    [
        ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "RSA_AES_KEY_WRAP_SHA_256", "RSA_2048"),
        ("HMAC_256", "GENERATE_VERIFY_MAC", "RSA_AES_KEY_WRAP_SHA_1", "RSA_2048"),
        ("RSA_2048", "SIGN_VERIFY", "RSAES_OAEP_SHA_256", "RSA_4096"),
        ("ECC_NIST_P521", "SIGN_VERIFY", "RSAES_OAEP_SHA_1", "RSA_2048"),
        ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "RSAES_PKCS1_V1_5", "RSA_2048"),
        ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "SM2PKE", "RSA_2048"),
    ],
)
def test_wrappings_that_do_not_fit(kms, spec, usage, algorithm, under):
    key = kms.create_key(Origin="EXTERNAL", KeySpec=spec, KeyUsage=usage)["KeyMetadata"]
    with refused(
        "ValidationException",
        f"Key material of a {spec} key cannot be wrapped by {algorithm} under {under}.",
    ):
        parameters(kms, key["KeyId"], algorithm, under)


def test_what_is_not_what_was_asked_for(kms, empty):
    key_id = empty["KeyId"]
    given = parameters(kms, key_id)
    other = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    others = parameters(kms, other)
    good = wrap("RSAES_OAEP_SHA_256", given["PublicKey"], os.urandom(32))
    token = given["ImportToken"]

    def ask(token=token, blob=good, **more):
        kms.import_key_material(
            KeyId=key_id, ImportToken=token, EncryptedKeyMaterial=blob, **(more or LASTS)
        )

    for wrong in (others["ImportToken"], flipped(token), b"x", token[:50]):
        with refused("InvalidImportTokenException", ""):
            ask(token=wrong)
    elsewhere = wrap("RSAES_OAEP_SHA_256", others["PublicKey"], os.urandom(32))
    sha_1 = wrap("RSAES_OAEP_SHA_1", given["PublicKey"], os.urandom(32))
    for wrong in (
        flipped(good),
        good[:-1],
        good + b"x",
        b"x",
        elsewhere,
        sha_1,
    ):
        with refused("InvalidCiphertextException", ""):
            ask(blob=wrong)
    for length in (16, 31, 33):
        blob = wrap("RSAES_OAEP_SHA_256", given["PublicKey"], b"x" * length)
        with refused("IncorrectKeyMaterialException", ""):
            ask(blob=blob)
    own = kms.create_key()["KeyMetadata"]
    for call in (
        lambda: parameters(kms, own["KeyId"]),
        lambda: kms.delete_imported_key_material(KeyId=own["KeyId"]),
        lambda: kms.import_key_material(
            KeyId=own["KeyId"], ImportToken=token, EncryptedKeyMaterial=good, **LASTS
        ),
    ):
        with refused(
            "UnsupportedOperationException",
            f"{own['Arn']} origin is AWS_KMS which is not valid for this operation.",
        ):
            call()
    now = datetime.datetime.now(datetime.UTC)
    for more, words in (
        (
            {"ExpirationModel": "KEY_MATERIAL_EXPIRES"},
            "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES",
        ),
        (
            {**LASTS, "ValidTo": now + datetime.timedelta(days=1)},
            "A validTo date must not be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE",
        ),
        ({"ValidTo": now - datetime.timedelta(days=1)}, "ValidTo must be in the future"),
        ({"ValidTo": now + datetime.timedelta(days=366)}, "ValidTo must be within 365 days"),
        (
            {**LASTS, "ImportType": "NEW_KEY_MATERIAL", "KeyMaterialId": "0" * 64},
            "KeyMaterialId cannot be given with new key material.",
        ),
    ):
        with refused("ValidationException", words):
            ask(**more)
    with refused("IncorrectKeyMaterialException", ""):
        ask(**LASTS, ImportType="EXISTING_KEY_MATERIAL")
    assert described(kms, key_id)["KeyState"] == "PendingImport"
    ask()
    ask()  # the same material by the same token once more
    assert described(kms, key_id)["KeyState"] == "Enabled"


def rsa_of(*numbers):
    """PKCS#8 of the numbers of PKCS#1's RSAPrivateKey."""
    from Crypto.IO.PKCS8 import wrap as as_pkcs8
    from Crypto.Util.asn1 import DerNull, DerSequence

    return as_pkcs8(
        DerSequence([0, *numbers]).encode(), "1.2.840.113549.1.1.1", key_params=DerNull()
    )


def flawed(**change):
    """An RSA key of 2048 bits with some of its numbers changed."""
    numbers = rsa.generate_private_key(65537, 2048).private_numbers()
    values = {
        "n": numbers.public_numbers.n,
        "e": numbers.public_numbers.e,
        "d": numbers.d,
        "p": numbers.p,
        "q": numbers.q,
        "dp": numbers.dmp1,
        "dq": numbers.dmq1,
        "u": numbers.iqmp,
    }
    changed = values | {name: by(values) for name, by in change.items()}
    return rsa_of(*changed.values())


def small_exponent():
    return rsa.generate_private_key(3, 2048).private_bytes(*PKCS8)


@pytest.mark.parametrize(
    "material",
    [
        flawed(d=lambda v: v["d"] + 2),
        flawed(n=lambda v: v["n"] + 2),
        flawed(dp=lambda v: v["dp"] + 1),
        flawed(u=lambda v: v["u"] + 1),
        flawed(p=lambda v: v["q"], q=lambda v: v["p"]),
        flawed(p=lambda _: 1, q=lambda v: v["n"]),
        flawed(e=lambda _: 3),
        small_exponent(),
        rsa.generate_private_key(65537, 1024).private_bytes(*PKCS8),
        b"\x30\x2d\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x21\x04\x1f" + b"x" * 31,
        b"\x30\x80",
    ],
)
def test_keys_that_are_flawed(kms, material):
    for spec, usage in (("RSA_2048", "SIGN_VERIFY"), ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY")):
        key = kms.create_key(Origin="EXTERNAL", KeySpec=spec, KeyUsage=usage)["KeyMetadata"]
        with refused("IncorrectKeyMaterialException", ""):
            bring(kms, key["KeyId"], material, "RSA_AES_KEY_WRAP_SHA_256")
        assert described(kms, key["KeyId"])["KeyState"] == "PendingImport"


def test_a_composite_is_no_prime(kms):
    """Its numbers belong together in every other way."""
    from Crypto.Util.number import getPrime

    e, primes = 65537, [getPrime(512) for _ in range(2)]
    while True:
        p, q = primes[0] * primes[1], getPrime(1024)
        n = p * q
        if n.bit_length() == 2048 and (p - 1) % e and (q - 1) % e:
            break
        primes = [getPrime(512) for _ in range(2)]
    d = pow(e, -1, (p - 1) * (q - 1))
    u = pow(q, -1, p)
    material = rsa_of(n, e, d, p, q, d % (p - 1), d % (q - 1), u)
    key = kms.create_key(Origin="EXTERNAL", KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
    with refused("IncorrectKeyMaterialException", ""):
        bring(kms, key["KeyMetadata"]["KeyId"], material, "RSA_AES_KEY_WRAP_SHA_256")
    bring(kms, key["KeyMetadata"]["KeyId"], flawed(), "RSA_AES_KEY_WRAP_SHA_256")


@pytest.mark.parametrize("spec", ["RSA_2048", "ECC_NIST_P256", "ECC_SECG_P256K1"])
def test_private_keys_come_as_pkcs8_alone(kms, spec):
    """Not as PKCS#1 or SEC 1, nor under a passphrase, nor as PEM."""
    private, material = material_of(spec)
    key = kms.create_key(Origin="EXTERNAL", KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    der, pem = serialization.Encoding.DER, serialization.Encoding.PEM
    old, new = serialization.PrivateFormat.TraditionalOpenSSL, serialization.PrivateFormat.PKCS8
    open_ = serialization.NoEncryption()
    for form in (
        (der, old, open_),
        (pem, old, open_),
        (pem, new, open_),
        (der, new, serialization.BestAvailableEncryption(b"x")),
    ):
        with refused("IncorrectKeyMaterialException", ""):
            bring(kms, key["KeyId"], private.private_bytes(*form), "RSA_AES_KEY_WRAP_SHA_256")
    bring(kms, key["KeyId"], material, "RSA_AES_KEY_WRAP_SHA_256")


def test_deleted_and_imported_again(kms, empty):
    key_id, material = empty["KeyId"], os.urandom(32)
    identifier = bring(kms, key_id, material)["KeyMaterialId"]
    sealed = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    answer = kms.delete_imported_key_material(KeyId=key_id)
    assert {name: answer[name] for name in members(answer)} == {
        "KeyId": empty["Arn"],
        "KeyMaterialId": identifier,
    }
    now = described(kms, key_id)
    assert (now["KeyState"], now["CurrentKeyMaterialId"]) == ("PendingImport", identifier)
    assert "ExpirationModel" not in now
    with refused("KMSInvalidStateException", f"{empty['Arn']} is pending import."):
        kms.decrypt(CiphertextBlob=sealed)
    with refused("IncorrectKeyMaterialException", ""):
        bring(kms, key_id, os.urandom(32))
    with refused("IncorrectKeyMaterialException", ""):
        bring(kms, key_id, material, KeyMaterialId="0" * 64)
    assert bring(kms, key_id, material, KeyMaterialId=identifier)["KeyMaterialId"] == identifier
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"
    with refused(
        "NotFoundException",
        f"Key material {'0' * 64} is not associated with key {empty['Arn']}.",
    ):
        kms.delete_imported_key_material(KeyId=key_id, KeyMaterialId="0" * 64)


def test_several_materials_and_rotation_on_demand(kms, empty):
    key_id = empty["KeyId"]
    first, second, third = (os.urandom(32) for _ in range(3))
    one = bring(kms, key_id, first, KeyMaterialDescription="the first")["KeyMaterialId"]
    old = kms.encrypt(KeyId=key_id, Plaintext=b"old")["CiphertextBlob"]
    nothing = f"No available key material pending rotation for the key: {empty['Arn']}."
    with refused("KMSInvalidStateException", nothing):
        kms.rotate_key_on_demand(KeyId=key_id)
    with refused("IncorrectKeyMaterialException", ""):
        bring(kms, key_id, second)  # EXISTING is the default now
    with refused("IncorrectKeyMaterialException", ""):
        bring(kms, key_id, first, ImportType="NEW_KEY_MATERIAL")
    two = bring(kms, key_id, second, ImportType="NEW_KEY_MATERIAL")["KeyMaterialId"]
    assert described(kms, key_id)["CurrentKeyMaterialId"] == one

    def states():
        listed = kms.list_key_rotations(KeyId=key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL")
        return [(each["KeyMaterialId"], each["KeyMaterialState"]) for each in listed["Rotations"]]

    assert states() == [(one, "CURRENT"), (two, "PENDING_ROTATION")]
    with pytest.raises(kms.exceptions.KMSInvalidStateException) as caught:
        bring(kms, key_id, third, ImportType="NEW_KEY_MATERIAL")
    words = caught.value.response["Error"]["Message"]
    assert words.endswith(
        f"cannot be imported into KMS key {empty['Arn']}, because another key material (id: {two}) "
        "is pending rotation."
    )
    # What waits may be taken away and replaced; the key does not depend on it yet.
    kms.delete_imported_key_material(KeyId=key_id, KeyMaterialId=two)
    assert (states(), described(kms, key_id)["KeyState"]) == ([(one, "CURRENT")], "Enabled")
    three = bring(kms, key_id, third, ImportType="NEW_KEY_MATERIAL")["KeyMaterialId"]
    assert kms.rotate_key_on_demand(KeyId=key_id)["KeyId"] == empty["Arn"]
    assert states() == [(one, "NON_CURRENT"), (three, "CURRENT")]
    (rotation,) = kms.list_key_rotations(KeyId=key_id)["Rotations"]
    assert (rotation["KeyMaterialId"], rotation["RotationType"]) == (three, "ON_DEMAND")
    (entry, _) = kms.list_key_rotations(KeyId=key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL")[
        "Rotations"
    ]
    assert (entry["ImportState"], entry["KeyMaterialDescription"]) == ("IMPORTED", "the first")
    new = kms.encrypt(KeyId=key_id, Plaintext=b"new")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=new)["KeyMaterialId"] == three
    assert kms.decrypt(CiphertextBlob=old)["KeyMaterialId"] == one

    # Without any that was ever current the key does not work.
    kms.delete_imported_key_material(KeyId=key_id, KeyMaterialId=one)
    with refused("KMSInvalidStateException", f"{empty['Arn']} is pending import."):
        kms.decrypt(CiphertextBlob=new)
    bring(kms, key_id, first)
    assert kms.decrypt(CiphertextBlob=old)["Plaintext"] == b"old"
    for ask in (kms.enable_key_rotation, kms.disable_key_rotation):
        with refused(
            "UnsupportedOperationException",
            f"{empty['Arn']} origin is EXTERNAL which is not valid for this operation.",
        ):
            ask(KeyId=key_id)
    assert kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"] is False


def test_nothing_is_said_of_expiry_while_some_material_is_gone(kms, empty):
    """`ValidTo` is there with `KEY_MATERIAL_EXPIRES` alone, as the API reference has it."""
    key_id, first, second = empty["KeyId"], os.urandom(32), os.urandom(32)
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=3)
    bring(kms, key_id, first, ValidTo=until)
    bring(kms, key_id, second, ImportType="NEW_KEY_MATERIAL")
    kms.rotate_key_on_demand(KeyId=key_id)
    assert described(kms, key_id)["ExpirationModel"] == "KEY_MATERIAL_EXPIRES"
    assert abs((described(kms, key_id)["ValidTo"] - until).total_seconds()) < 1
    kms.delete_imported_key_material(KeyId=key_id)
    assert not {"ExpirationModel", "ValidTo"} & set(described(kms, key_id))
    bring(kms, key_id, second)
    assert abs((described(kms, key_id)["ValidTo"] - until).total_seconds()) < 1


def test_deletion_cancelled_of_a_key_whose_material_is_gone(kms, empty):
    key_id, material = empty["KeyId"], os.urandom(32)
    bring(kms, key_id, material)
    kms.schedule_key_deletion(KeyId=key_id)
    kms.delete_imported_key_material(KeyId=key_id)
    assert described(kms, key_id)["KeyState"] == "PendingDeletion"
    with refused("KMSInvalidStateException", f"{empty['Arn']} is pending deletion."):
        parameters(kms, key_id)
    kms.cancel_key_deletion(KeyId=key_id)
    assert described(kms, key_id)["KeyState"] == "PendingImport"
    bring(kms, key_id, material)
    assert described(kms, key_id)["KeyState"] == "Enabled"


def test_material_expires_and_tokens_do(apart):
    kms = apart.client("kms", "expiry-1")
    key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]
    key_id, material = key["KeyId"], os.urandom(32)
    start = datetime.datetime.now(datetime.UTC)
    until = start + datetime.timedelta(days=3)
    given = parameters(kms, key_id)
    blob = wrap("RSAES_OAEP_SHA_256", given["PublicKey"], material)
    asked = {"KeyId": key_id, "ImportToken": given["ImportToken"], "EncryptedKeyMaterial": blob}
    kms.import_key_material(**asked, ValidTo=until)
    now = described(kms, key_id)
    assert now["ExpirationModel"] == "KEY_MATERIAL_EXPIRES"
    assert abs((now["ValidTo"] - until).total_seconds()) < 1
    sealed = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    move(apart, DAY + 60)
    with refused("ExpiredImportTokenException", ""):
        kms.import_key_material(**asked, **LASTS)
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"
    assert move(apart, 2 * DAY)["Expired"] == [key["Arn"]]
    now = described(kms, key_id)
    assert now["KeyState"] == "PendingImport"
    assert "ExpirationModel" not in now
    assert "ValidTo" not in now
    with refused("KMSInvalidStateException", f"{key['Arn']} is pending import."):
        kms.decrypt(CiphertextBlob=sealed)
    bring(kms, key_id, material)
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"


@pytest.mark.parametrize(
    ("spec", "usage"),
    [("ML_DSA_44", "SIGN_VERIFY"), ("ML_KEM_768", "ENCAPSULATE_DECAPSULATE")],
)
def test_keys_that_cannot_be_imported(kms, spec, usage):
    with refused("ValidationException", f"KeySpec {spec} is not compatible with Origin EXTERNAL"):
        kms.create_key(Origin="EXTERNAL", KeySpec=spec, KeyUsage=usage)
