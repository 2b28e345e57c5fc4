"""Tink and its client for AWS KMS: keys by URI, envelopes, and keysets sealed under a key."""

import json

import pytest
import tink
from botocore.exceptions import ClientError
from tink import aead, json_proto_keyset_format, secret_key_access
from tink.integration import awskms

aead.register()
ENVELOPE = aead.aead_key_templates.AES256_GCM
DATA = b"tenant blue"
CONTEXT = {"associatedData": DATA.hex()}  # how tink tells KMS of associated data


def made(kms, **wishes):
    """A new key: its ARN, and the AEAD of its URI."""
    arn = kms.create_key(**wishes)["KeyMetadata"]["Arn"]
    return arn, remote(arn)


def remote(arn, credentials_path=None):
    uri = f"aws-kms://{arn}"
    return awskms.AwsKmsClient(uri, credentials_path).get_aead(uri)


def refused(code):
    return pytest.raises(tink.TinkError, match=code)


@pytest.fixture
def credentials_path(user, tmp_path):
    """The file that tink takes a user's access key from."""
    path = tmp_path / "credentials"
    path.write_text(
        f"[default]\naws_access_key_id = {user.key['AccessKeyId']}\n"
        f"aws_secret_access_key = {user.key['SecretAccessKey']}\n"
    )
    return str(path)


def test_associated_data_is_an_encryption_context(kms, ambient):
    arn, sealer = made(kms)
    sealed = sealer.encrypt(b"x", DATA)
    assert sealer.decrypt(sealed, DATA) == b"x"
    assert kms.decrypt(CiphertextBlob=sealed, EncryptionContext=CONTEXT)["Plaintext"] == b"x"
    for other in (b"", b"tenant red"):
        with refused("InvalidCiphertextException"):
            sealer.decrypt(sealed, other)
    with pytest.raises(ClientError, match="InvalidCiphertextException"):
        kms.decrypt(CiphertextBlob=sealed)

    theirs = kms.encrypt(KeyId=arn, Plaintext=b"y", EncryptionContext=CONTEXT)["CiphertextBlob"]
    assert sealer.decrypt(theirs, DATA) == b"y"
    without = kms.encrypt(KeyId=arn, Plaintext=b"z")["CiphertextBlob"]
    assert sealer.decrypt(without, b"") == b"z"
    with refused("InvalidCiphertextException"):
        sealer.decrypt(without, DATA)


def test_what_kms_refuses_tink_says(kms, ambient, region):
    arn, sealer = made(kms)
    _, other = made(kms)
    sealed = sealer.encrypt(b"x" * 4096, DATA)
    with refused("ValidationException"):
        sealer.encrypt(b"x" * 4097, DATA)
    with refused("IncorrectKeyException"):
        other.decrypt(sealed, DATA)
    with refused("InvalidCiphertextException"):
        sealer.decrypt(sealed[:-1] + bytes([sealed[-1] ^ 1]), DATA)
    kms.disable_key(KeyId=arn)
    for use, data in ((sealer.encrypt, b"y"), (sealer.decrypt, sealed)):
        with refused("DisabledException"):
            use(data, DATA)
    kms.enable_key(KeyId=arn)
    assert sealer.decrypt(sealed, DATA) == b"x" * 4096
    kms.schedule_key_deletion(KeyId=arn, PendingWindowInDays=7)
    with refused("KMSInvalidStateException"):
        sealer.decrypt(sealed, DATA)
    absent = remote(f"arn:aws:kms:{region}:000000000000:key/99999999-2222-3333-4444-555555555555")
    with refused("NotFoundException"):
        absent.encrypt(b"x", DATA)


def test_uris(kms, ambient, region, monkeypatch):
    """A URI is a prefix and a key's ARN, which says the Region, or an alias's; nothing shorter is."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "elsewhere-1")
    arn, sealer = made(kms)
    kms.create_alias(AliasName="alias/tink", TargetKeyId=arn)
    alias = remote(f"arn:aws:kms:{region}:000000000000:alias/tink")
    sealed = alias.encrypt(b"x", DATA)
    assert kms.decrypt(CiphertextBlob=sealed, EncryptionContext=CONTEXT)["KeyId"] == arn
    assert sealer.decrypt(sealed, DATA) == alias.decrypt(sealed, DATA) == b"x"
    another, _ = made(kms)
    kms.update_alias(AliasName="alias/tink", TargetKeyId=another)
    with refused("IncorrectKeyException"):
        alias.decrypt(sealed, DATA)
    assert sealer.decrypt(sealed, DATA) == b"x"
    for short in ("alias/tink", arn.rpartition("/")[2]):
        with refused("invalid key URI"):
            remote(short)
    with refused("cannot use key"):
        awskms.AwsKmsClient(f"aws-kms://{arn}", None).get_aead(f"aws-kms://{another}")


def test_envelope(kms, ambient):
    """Four bytes say how long the sealed data key is; KMS opens it, and never sees the rest."""
    arn, sealer = made(kms)
    envelope = aead.KmsEnvelopeAead(ENVELOPE, sealer)
    message = envelope.encrypt(b"x" * 100_000, DATA)
    size = int.from_bytes(message[:4])
    sealed, body = message[4 : 4 + size], message[4 + size :]
    assert kms.decrypt(CiphertextBlob=sealed, KeyId=arn)["KeyId"] == arn
    assert len(body) < 100_100

    kms.rotate_key_on_demand(KeyId=arn)
    assert envelope.decrypt(message, DATA) == b"x" * 100_000
    flipped = bytes([message[-1] ^ 1])
    for broken, data in (
        (message, b"tenant red"),
        (message[:-1] + flipped, DATA),
        (envelope.encrypt(b"y", DATA)[: 4 + size] + body, DATA),  # another message's data key
    ):
        with refused("Authentication failed"):
            envelope.decrypt(broken, data)
    last = bytes([sealed[-1] ^ 1])
    with refused("InvalidCiphertextException"):
        envelope.decrypt(message[: 3 + size] + last + body, DATA)
    kms.disable_key(KeyId=arn)
    with refused("DisabledException"):
        envelope.decrypt(message, DATA)
    with refused("DisabledException"):
        envelope.encrypt(b"y", DATA)


def test_keyset_under_a_key(kms, ambient):
    """A keyset lies beside its data, sealed; only who may use the key reads it."""
    _, sealer = made(kms)
    _, other = made(kms)
    keyset = tink.new_keyset_handle(ENVELOPE)
    sealed = keyset.primitive(aead.Aead).encrypt(b"x", DATA)
    kept = json_proto_keyset_format.serialize_encrypted(keyset, sealer, DATA)
    read = json_proto_keyset_format.parse_encrypted(kept, sealer, DATA)
    assert read.primitive(aead.Aead).decrypt(sealed, DATA) == b"x"
    with refused("InvalidCiphertextException"):
        json_proto_keyset_format.parse_encrypted(kept, sealer, b"")
    with refused("IncorrectKeyException"):
        json_proto_keyset_format.parse_encrypted(kept, other, DATA)
    with pytest.raises(tink.TinkError):
        json_proto_keyset_format.parse(kept, secret_key_access.TOKEN)


def test_a_key_policy_decides(endpoint, region, account, user, ambient, credentials_path):
    """A user may open what was sealed for one tenant, and neither seal nor open another's."""
    kms = endpoint.client("kms", region, account)
    policy = user.may_open({"kms:EncryptionContext:associatedData": DATA.hex()})
    arn, _ = made(kms, Policy=policy)
    blue, red = (
        kms.encrypt(KeyId=arn, Plaintext=b"x", EncryptionContext={"associatedData": data.hex()})
        for data in (DATA, b"tenant red")
    )
    sealer = remote(arn, credentials_path)
    assert sealer.decrypt(blue["CiphertextBlob"], DATA) == b"x"
    with refused("AccessDeniedException.* not authorized to perform: kms:Decrypt"):
        sealer.decrypt(red["CiphertextBlob"], b"tenant red")
    with refused("AccessDeniedException.* not authorized to perform: kms:Encrypt"):
        sealer.encrypt(b"y", DATA)
    document = json.loads(policy)
    document["Statement"].append(
        {"Effect": "Deny", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"}
    )
    kms.put_key_policy(KeyId=arn, Policy=json.dumps(document))
    with refused("AccessDeniedException.* explicit deny in a resource-based policy"):
        sealer.decrypt(blue["CiphertextBlob"], DATA)
