"""What may be recorded of a request and of an answer, and what never.

The test goes by botocore's model and by the list of the CloudTrail facts, not by our shapes: a
mark lost on the way would be missed by a test that asks the shapes what is marked.
"""

import base64
import itertools
import json

import pytest

from strongroom.wire.redaction import parameters
from strongroom.wire.shape import Nothing
from strongroom.wire.shapes import iam, kms, sts

AT = 1660171107.0  # Aug 10, 2022, 10:38:27 PM

NEVER_LOGGED = {
    "kms": {
        # plaintext, data keys, messages, random bytes, shared secrets
        "Message",
        "Plaintext",
        "PrivateKeyPlaintext",
        "SharedSecret",
        # ciphertext, signatures, MACs
        "CiphertextBlob",
        "CiphertextForRecipient",
        "Mac",
        "PrivateKeyCiphertextBlob",
        "SharedSecretCiphertextBlob",
        "Signature",
        # tokens and material
        "EncryptedKeyMaterial",
        "GrantToken",
        "GrantTokens",
        "ImportToken",
        # passwords and the credentials of external key stores
        "AccessKeyId",
        "KeyStorePassword",
        "RawSecretAccessKey",
        "XksProxyAuthenticationCredential",
        # blobs, though no secrets
        "AttestationDocument",
        "PublicKey",
    },
    "iam": {
        # passwords, secrets and one-time codes
        "AddPrivateKey",
        "AuthenticationCode1",
        "AuthenticationCode2",
        "Base32StringSeed",
        "NewPassword",
        "OldPassword",
        "Password",
        "PrivateKey",
        "QRCodePNG",
        "SecretAccessKey",
        "ServiceCredentialSecret",
        "ServicePassword",
        # a blob, though no secret
        "Content",
    },
    "sts": {
        "ContextAssertion",
        "SAMLAssertion",
        "SecretAccessKey",
        "SessionToken",
        "TokenCode",
        "TradeInToken",
        "WebIdentityToken",
    },
}

MODULES = {"iam": iam, "kms": kms, "sts": sts}
CASES = [
    (service, name, side)
    for service, module in MODULES.items()
    for name, shapes in module.OPERATIONS.items()
    for side in ("input", "output")
    if getattr(shapes, side) not in (None, Nothing)
]


class Marked:
    """A shape of botocore's model, filled: every member that is never logged with a secret."""

    def __init__(self, module, never):
        self.module, self.never = module, never
        self.secrets, self.open = [], []
        self._numbers = itertools.count()

    def fill(self, shape, *, hidden=False):
        match shape.type_name:
            case "structure":
                return getattr(self.module, shape.name)(
                    **{
                        name: self.fill(member, hidden=hidden or name in self.never)
                        for name, member in shape.members.items()
                    }
                )
            case "list":
                return [self.fill(shape.member, hidden=hidden) for _ in range(2)]
            case "map":
                return {self.fill(shape.key, hidden=hidden): self.fill(shape.value, hidden=hidden)}
            case "blob":
                assert hidden, f"a blob that the list of what is never logged has not: {shape.name}"
                return self.mark(hidden=True).encode()
            case "string":
                return self.mark(hidden=hidden)
            case "boolean":
                return True
            case "timestamp":
                return AT
            case "integer" | "long":
                return 7

    def mark(self, *, hidden):
        text = f"{'secret' if hidden else 'open'}-{next(self._numbers)}."
        (self.secrets if hidden else self.open).append(text)
        return text


@pytest.mark.parametrize(("service", "name", "side"), CASES)
def test_secrets_never_and_the_rest_always(wire, service, name, side):
    marked = Marked(MODULES[service], NEVER_LOGGED[service])
    operation = wire.botocore_model(service).operation_model(name)
    shape = operation.input_shape if side == "input" else operation.output_shape
    filled = marked.fill(shape)

    record = parameters(type(filled))(filled)

    json.loads(record)
    for secret in marked.secrets:
        for form in (secret.encode(), base64.b64encode(secret.encode())[:-4]):
            assert form not in record
    for text in marked.open:
        assert text.encode() in record, f"`{text}` should be recorded"
    assert b"secret-" not in record


def test_the_cases_are_all_operations():
    assert (
        len({(service, name) for service, name, _ in CASES}) == 180 - 2 + 56 + 11
    )  # two of IAM say nothing


def test_every_name_of_the_list_is_met(wire):
    """A name that no shape has guards nothing."""
    for service, never in NEVER_LOGGED.items():
        model = wire.botocore_model(service)
        names = {
            name
            for shape in map(model.shape_for, model.shape_names)
            if shape.type_name == "structure"
            for name in shape.members
        }
        assert never <= names


def test_names_begin_small_and_times_are_words():
    answer = kms.DescribeKeyResponse(
        KeyMetadata=kms.KeyMetadata(
            KeyId="id",
            AWSAccountId="1",
            CreationDate=AT,
            MultiRegionConfiguration=kms.MultiRegionConfiguration(
                ReplicaKeys=[kms.MultiRegionKey(Region="eu-west-1")]
            ),
        )
    )
    assert json.loads(parameters(kms.DescribeKeyResponse)(answer)) == {
        "keyMetadata": {
            "aWSAccountId": "1",
            "keyId": "id",
            "creationDate": "Aug 10, 2022, 10:38:27 PM",
            "multiRegionConfiguration": {"replicaKeys": [{"region": "eu-west-1"}]},
        }
    }


def test_a_request_to_encrypt():
    rq = kms.EncryptRequest(
        KeyId="alias/a",
        Plaintext=b"hi",
        EncryptionContext={"Tenant": 'é"\n'},
        GrantTokens=["t"],
        EncryptionAlgorithm="SYMMETRIC_DEFAULT",
    )
    assert (
        parameters(kms.EncryptRequest)(rq)
        == (
            '{"keyId":"alias/a","encryptionContext":{"Tenant":"é\\"\\n"},'
            '"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}'
        ).encode()
    )


def test_nothing_to_show_is_null():
    assert parameters(kms.ListKeysRequest)(kms.ListKeysRequest()) == b"null"
    assert parameters(kms.DeleteCustomKeyStoreResponse)(kms.DeleteCustomKeyStoreResponse()) == (
        b"null"
    )
    assert parameters(kms.SignResponse)(kms.SignResponse(Signature=b"s")) == b"null"


def test_a_grant_is_recorded_by_its_id():
    answer = kms.CreateGrantResponse(GrantId="g", GrantToken="t")
    assert parameters(kms.CreateGrantResponse)(answer) == b'{"grantId":"g"}'


def test_false_and_zero_and_empty_are_shown():
    rq = kms.CreateKeyRequest(MultiRegion=False, Description="", Tags=[])
    shown = json.loads(parameters(kms.CreateKeyRequest)(rq))
    assert shown == {"description": "", "tags": [], "multiRegion": False}
