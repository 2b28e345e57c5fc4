"""`Recipient`: the secret comes for the enclave alone, and policies may ask which enclave it is."""

import base64
import json
import secrets
import sys
from pathlib import Path

import pytest
from answers import DRY, members, refused
from botocore.exceptions import ClientError
from clockwork import folder_of, move, record_of
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from organization_tree import allow, deny, document
from tests.conftest import start_dev
from tests.flipping import flipped
from typer.testing import CliRunner

from strongroom.main.commands import app

sys.path.insert(0, str(Path(__file__).parents[1] / "attestation"))

from enclaves import REGISTERS, Enclave, Hypervisor

pytestmark = pytest.mark.xdist_group("recipients")

CONTEXT = {"for": "the enclave"}
ENCLAVE = Enclave()
HYPERVISOR = Hypervisor()
IMAGE = REGISTERS[0].hex()
SPKI = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    roots = tmp_path_factory.mktemp("roots") / "roots.pem"
    roots.write_bytes(HYPERVISOR.pem)
    server = start_dev("--attestation-roots", str(roots))
    yield server
    server.stop()


@pytest.fixture
def opened(tmp_path):
    return lambda answer: ENCLAVE.opened(answer["CiphertextForRecipient"], tmp_path)


def recipient(**said):
    return {
        "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
        "AttestationDocument": HYPERVISOR.document(ENCLAVE.public_key, **said),
    }


def test_decrypt(kms, key_id, opened):
    asked = {"KeyId": key_id, "EncryptionContext": CONTEXT}
    sealed = kms.encrypt(Plaintext=b"secret", **asked)["CiphertextBlob"]
    answer = kms.decrypt(CiphertextBlob=sealed, Recipient=recipient(), **asked)
    assert members(answer) == {"KeyId", "CiphertextForRecipient", "EncryptionAlgorithm"}
    assert opened(answer) == b"secret"
    with refused("InvalidCiphertextException", ""):
        kms.decrypt(CiphertextBlob=sealed, KeyId=key_id, Recipient=recipient())


def test_decrypt_by_rsa(kms, opened):
    key = kms.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["KeyId"]
    public = serialization.load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    asked = {"KeyId": key, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    answer = kms.decrypt(
        CiphertextBlob=public.encrypt(b"secret", oaep), Recipient=recipient(), **asked
    )
    assert members(answer) == {"KeyId", "CiphertextForRecipient", "EncryptionAlgorithm"}
    assert opened(answer) == b"secret"


def test_a_data_key(kms, key_id, opened):
    answer = kms.generate_data_key(KeyId=key_id, KeySpec="AES_256", Recipient=recipient())
    assert members(answer) == {"CiphertextBlob", "CiphertextForRecipient", "KeyId"}
    assert opened(answer) == kms.decrypt(CiphertextBlob=answer["CiphertextBlob"])["Plaintext"]


@pytest.mark.parametrize("spec", ["RSA_2048", "ECC_NIST_P384", "ML_KEM_768"])
def test_a_data_key_pair(kms, key_id, opened, spec):
    answer = kms.generate_data_key_pair(KeyId=key_id, KeyPairSpec=spec, Recipient=recipient())
    assert members(answer) == {
        *("PrivateKeyCiphertextBlob", "CiphertextForRecipient", "PublicKey", "KeyId"),
        *("KeyPairSpec", "KeyMaterialId"),
    }
    private = opened(answer)
    blob = answer["PrivateKeyCiphertextBlob"]
    assert private == kms.decrypt(CiphertextBlob=blob)["Plaintext"]
    loaded = serialization.load_der_private_key(private, None)
    assert loaded.public_key().public_bytes(*SPKI) == answer["PublicKey"]


def test_random_bytes(kms, opened):
    answer = kms.generate_random(NumberOfBytes=100, Recipient=recipient())
    assert members(answer) == {"CiphertextForRecipient"}
    assert len(opened(answer)) == 100


def test_a_shared_secret(kms, opened):
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")["KeyMetadata"]["KeyId"]
    mine = ec.generate_private_key(ec.SECP256R1())
    theirs = serialization.load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
    answer = kms.derive_shared_secret(
        KeyId=key,
        KeyAgreementAlgorithm="ECDH",
        PublicKey=mine.public_key().public_bytes(*SPKI),
        Recipient=recipient(),
    )
    assert members(answer) == {
        *("KeyId", "CiphertextForRecipient", "KeyAgreementAlgorithm", "KeyOrigin"),
    }
    assert opened(answer) == mine.exchange(ec.ECDH(), theirs)


USES = {
    "Decrypt": lambda kms, key, **more: kms.decrypt(
        CiphertextBlob=kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"], **more
    ),
    "GenerateDataKey": lambda kms, key, **more: kms.generate_data_key(
        KeyId=key, NumberOfBytes=1, **more
    ),
    "GenerateDataKeyPair": lambda kms, key, **more: kms.generate_data_key_pair(
        KeyId=key, KeyPairSpec="ECC_NIST_P256", **more
    ),
    "GenerateRandom": lambda kms, _key, **more: kms.generate_random(NumberOfBytes=1, **more),
}


@pytest.mark.parametrize("use", USES)
def test_documents_that_are_not_believed(kms, key_id, use):
    def ask(**asked):
        return USES[use](kms, key_id, Recipient=asked)

    said = "The attestation document is not valid: "
    whole = recipient()
    with refused("ValidationException", said + "it is not CBOR."):
        ask(**whole | {"AttestationDocument": b"x"})
    document = whole["AttestationDocument"]
    with refused("ValidationException", said + "its signature does not match."):
        ask(**whole | {"AttestationDocument": flipped(document)})
    untrusted = "its certificates do not lead to a trusted root, or are expired."
    with refused("ValidationException", said + untrusted):
        ask(**whole | {"AttestationDocument": Hypervisor().document(ENCLAVE.public_key)})
    missing = (
        "1 validation error detected: Value null at 'recipient.{}' failed to satisfy "
        "constraint: Member must not be null"
    )
    with refused("ValidationException", missing.format("attestationDocument")):
        ask(KeyEncryptionAlgorithm="RSAES_OAEP_SHA_256")
    with refused("ValidationException", missing.format("keyEncryptionAlgorithm")):
        ask(AttestationDocument=whole["AttestationDocument"])
    with pytest.raises(ClientError, match=r"at 'recipient\.keyEncryptionAlgorithm'"):
        ask(**whole | {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_1"})
    with pytest.raises(ClientError, match=r"at 'recipient\.attestationDocument'"):
        ask(**whole | {"AttestationDocument": b"x" * 262_145})


@pytest.mark.parametrize("use", ["GenerateDataKey", "GenerateDataKeyPair", "Decrypt"])
def test_a_dry_run(kms, key_id, use):
    with refused("DryRunOperationException", DRY):
        USES[use](kms, key_id, Recipient=recipient(), DryRun=True)
    with refused("ValidationException", "The attestation document is not valid: it is not CBOR."):
        USES[use](kms, key_id, Recipient=recipient() | {"AttestationDocument": b"x"}, DryRun=True)


class Asker:
    """A user whose own policy allows nothing but under conditions, and the root user's key."""

    def __init__(self, endpoint, region):
        self.iam = endpoint.client("iam", region)
        self.name = f"u{secrets.token_hex(6)}"
        self.arn = self.iam.create_user(UserName=self.name)["User"]["Arn"]
        own = self.iam.create_access_key(UserName=self.name)["AccessKey"]
        self.kms = endpoint.client_of(own, "kms", region)

    def may(self, *statements):
        self.iam.put_user_policy(
            UserName=self.name, PolicyName="own", PolicyDocument=document(*statements)
        )


@pytest.fixture
def asker(endpoint, region):
    return Asker(endpoint, region)


def only_if(name, value, operator="StringEqualsIgnoreCase"):
    return {operator: {f"kms:RecipientAttestation:{name}": value}}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("name", ["ImageSha384", "PCR0", "PCR8"])
def test_policies_ask_which_enclave_it_is(asker, kms, key_id, use, name):
    register = REGISTERS[8 if name == "PCR8" else 0].hex()
    asker.may(allow("kms:Encrypt"), allow(f"kms:{use}", Condition=only_if(name, register.upper())))
    assert "CiphertextForRecipient" in USES[use](
        asker.kms, key_of(kms, key_id), Recipient=recipient()
    )
    other = recipient(pcrs=dict.fromkeys(REGISTERS, bytes(48)))
    for denied in ({}, {"Recipient": other}):
        with pytest.raises(ClientError, match="AccessDenied"):
            USES[use](asker.kms, key_of(kms, key_id), **denied)


def key_of(kms, key_id):
    return kms.describe_key(KeyId=key_id)["KeyMetadata"]["Arn"]


def test_values_are_in_lower_case(asker, kms, key_id):
    def ask(value):
        condition = only_if("ImageSha384", value, "StringEquals")
        asker.may(allow("kms:GenerateDataKey", Condition=condition))
        return asker.kms.generate_data_key(KeyId=key_id, NumberOfBytes=1, Recipient=recipient())

    assert ask(IMAGE)
    with pytest.raises(ClientError, match="AccessDenied"):
        ask(IMAGE.upper())


def test_registers_of_nitrotpm_have_names_of_their_own(asker, key_id):
    def ask():
        payload = recipient(nitrotpm_pcrs={4: b"\x04" * 48}, pcrs=None)
        return asker.kms.generate_data_key(KeyId=key_id, NumberOfBytes=1, Recipient=payload)

    asker.may(allow("kms:GenerateDataKey", Condition=only_if("NitroTPMPCR4", "04" * 48)))
    assert ask()
    for name in ("PCR4", "ImageSha384", "NitroTPMPCR7"):
        asker.may(allow("kms:GenerateDataKey", Condition=only_if(name, "04" * 48)))
        with pytest.raises(ClientError, match="AccessDenied"):
            ask()


def test_who_is_no_enclave_can_be_kept_out_by_the_key_policy(kms, endpoint, region):
    """AWS's own example: a Deny unless the image is the right one."""
    key = kms.create_key(
        BypassPolicyLockoutSafetyCheck=True,
        Policy=document(
            allow("kms:*", Principal={"AWS": "*"}),
            deny(
                "kms:Decrypt",
                Principal="*",
                Condition=only_if("ImageSha384", IMAGE, "StringNotEqualsIgnoreCase"),
            ),
        ),
    )["KeyMetadata"]["KeyId"]
    sealed = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=sealed, Recipient=recipient())
    with pytest.raises(ClientError, match="explicit deny in a resource-based policy"):
        kms.decrypt(CiphertextBlob=sealed)


def registers_of(event):
    said = event["additionalEventData"]["recipient"]
    return said.pop("attestationDocumentModuleId"), {
        name.removeprefix("attestationDocument"): base64.b64decode(value)
        for name, value in said.items()
    }


def test_what_is_recorded_of_a_recipient(endpoint, kms, key_id):
    answer = kms.generate_data_key(KeyId=key_id, NumberOfBytes=1, Recipient=recipient())
    event = record_of(endpoint, answer)
    assert event["requestParameters"] == {
        "keyId": key_id,
        "numberOfBytes": 1,
        "recipient": {"keyEncryptionAlgorithm": "RSAES_OAEP_SHA_256"},
    }
    material = kms.describe_key(KeyId=key_id)["KeyMetadata"]["CurrentKeyMaterialId"]
    assert event["additionalEventData"]["keyMaterialId"] == material
    module, registers = registers_of(event)
    assert module == "i-1234567890abcdef0-enc1234567890abcdef"
    assert registers == {
        "EnclaveImageDigest": REGISTERS[0],
        "EnclavePCR1": REGISTERS[1],
        "EnclavePCR2": REGISTERS[2],
        "EnclavePCR8": REGISTERS[8],
    }
    answer = kms.generate_random(
        NumberOfBytes=1, Recipient=recipient(pcrs=None, nitrotpm_pcrs={7: b"7" * 48})
    )
    assert registers_of(record_of(endpoint, answer))[1] == {"NitroTPMPCR7": b"7" * 48}


@pytest.mark.parametrize("allowed", [True, False])
def test_a_past_request_is_explained_with_its_recipient(endpoint, asker, key_id, allowed):
    asker.may(allow("kms:GenerateDataKey", Condition=only_if("PCR8", REGISTERS[8].hex())))
    pcrs = REGISTERS if allowed else REGISTERS | {8: bytes(48)}
    try:
        answer = asker.kms.generate_data_key(
            KeyId=key_id, NumberOfBytes=1, Recipient=recipient(pcrs=pcrs)
        )
    except ClientError as denied:
        answer = denied.response
    request = answer["ResponseMetadata"]["RequestId"]
    said = CliRunner().invoke(
        app, ["explain", request, "--json"], env={"STRONGROOM_DATA": str(folder_of(endpoint))}
    )
    assert said.exit_code == 0, said.output
    told = json.loads(said.stdout)
    assert ("then" in told) is not allowed
    assert [each["decision"] for each in told["now"]] == ["Allow" if allowed else "ImplicitDeny"]


def test_a_document_is_believed_for_as_long_as_its_certificates(endpoint, kms, key_id):
    """Last: nothing is valid in this server afterwards."""
    asked = {"KeyId": key_id, "NumberOfBytes": 1, "Recipient": recipient()}
    kms.generate_data_key(**asked)
    move(endpoint, 22 * 3600)
    kms.generate_data_key(**asked)
    move(endpoint, 3 * 3600)
    with pytest.raises(ClientError, match="do not lead to a trusted root, or are expired"):
        kms.generate_data_key(**asked)
