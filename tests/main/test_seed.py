"""`strongroom dev --seed`: what a file names is there from the first request on, the same every time."""

import base64
import json
import re
from contextlib import closing, contextmanager
from pathlib import Path

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from tests.conftest import start_dev

from strongroom.errors import SetupError
from strongroom.main.seeding import read, sow
from strongroom.storage.database import Database
from strongroom.storage.migrations import migrate
from strongroom.storage.page import Page
from strongroom.storage.rootkey import new_root_key
from strongroom.storage.store import Store

KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"
MULTI_REGION = "mrk-1234abcd12ab34cd56ef1234567890ab"
OF_LONG_AGO = bytes.fromhex(
    "0101001234abcd12ab34cd56ef1234567890abf08102b764e4f5a063d79adaf8b3e930ccf5a4a4334564cf5abd101a97"
    "f1e5067508459fa87ccd2276432e9ab0a7f6b589e7dadeb1182be07aa6bce14191b54dc836305a93d81c9b2cbb8ac1a3"
    "39dd1eda"
)
"""`hello` under the second material of KEY, made by a server that is gone."""

PEM = (
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
)
SECRETS = {
    "RSA_2048": rsa.generate_private_key(65537, 2048),
    "ECC_NIST_P256": ec.generate_private_key(ec.SECP256R1()),
    "ECC_SECG_P256K1": ec.generate_private_key(ec.SECP256K1()),
    "ECC_NIST_EDWARDS25519": ed25519.Ed25519PrivateKey.generate(),
}


def b64(secret):
    return base64.b64encode(secret).decode()


FIRST = b64(bytes(range(32)))
SECOND = b64(b" !" + bytes(range(2, 32)))
ALLOW_ALL = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}

SEED = f"""
Users:
  - UserName: ada
    Path: /staff/
    AccessKeys:
      - AccessKeyId: AKIAADAADAADAADAADAA
        SecretAccessKey: chosen
    Policies:
      - PolicyName: decrypt
        PolicyDocument:
          Version: 2012-10-17
          Statement:
            - {{Effect: Allow, Action: "kms:Decrypt", Resource: "*"}}
  - UserName: root-of-all
    AccessKeys: [{{AccessKeyId: AKIAROOTROOTROOTROOT, SecretAccessKey: chosen}}]
    ManagedPolicyArns: ["arn:aws:iam::aws:policy/AdministratorAccess"]
    PermissionsBoundary: arn:aws:iam::aws:policy/AdministratorAccess
Roles:
  - RoleName: app
    AssumeRolePolicyDocument:
      Version: 2012-10-17
      Statement: [{{Effect: Allow, Principal: {{AWS: "000000000000"}}, Action: "sts:AssumeRole"}}]
    Policies:
      - {{PolicyName: all, PolicyDocument: '{json.dumps(ALLOW_ALL)}'}}
Keys:
  - KeyId: {KEY}
    KeyMaterial: [{FIRST}, {SECOND}]
    Description: of the tests
    Aliases: [alias/app, alias/other]
    Tags: [{{Key: team, Value: blue}}]
    EnableKeyRotation: true
    RotationPeriodInDays: 100
  - KeyId: {MULTI_REGION}
    KeySpec: ECC_NIST_P256
    KeyUsage: SIGN_VERIFY
    KeyMaterial: {json.dumps(SECRETS["ECC_NIST_P256"].private_bytes(*PEM).decode())}
    ReplicaRegions: [eu-west-1]
  - KeyId: 00000000-0000-4000-8000-000000000001
    Account: "111122223333"
    Region: eu-central-1
    Enabled: false
    KeyPolicy:
      Version: 2012-10-17
      Statement:
        - {{Effect: Allow, Principal: {{AWS: "arn:aws:iam::111122223333:root"}}, Action: "kms:*", Resource: "*"}}
        - {{Effect: Allow, Principal: {{AWS: "arn:aws:iam::000000000000:user/staff/ada"}}, Action: "kms:DescribeKey", Resource: "*"}}
"""


@pytest.fixture(scope="module")
def seeded(tmp_path_factory):
    file = tmp_path_factory.mktemp("seed") / "seed.yaml"
    file.write_text(SEED)
    server = start_dev("--seed", str(file), "--workers", "2")
    yield server
    server.stop()


@pytest.fixture
def kms(seeded):
    return seeded.client("kms", "us-east-1")


def by(seeded, key_id, service="kms", region="us-east-1"):
    return boto3.client(
        service,
        endpoint_url=seeded.url,
        region_name=region,
        aws_access_key_id=key_id,
        aws_secret_access_key="chosen",
    )


def test_ciphertexts_stay_readable_for_ever(kms):
    assert kms.decrypt(CiphertextBlob=OF_LONG_AGO)["Plaintext"] == b"hello"


def test_a_key_is_as_it_is_written(kms):
    said = kms.describe_key(KeyId="alias/app")["KeyMetadata"]
    assert (said["KeyId"], said["Description"]) == (KEY, "of the tests")
    assert (said["Origin"], said["KeyState"]) == ("AWS_KMS", "Enabled")
    found = kms.list_aliases(KeyId=KEY)["Aliases"]
    assert [each["AliasName"] for each in found] == ["alias/app", "alias/other"]
    assert kms.list_resource_tags(KeyId=KEY)["Tags"] == [{"TagKey": "team", "TagValue": "blue"}]
    assert kms.get_key_rotation_status(KeyId=KEY)["RotationPeriodInDays"] == 100
    first, second = kms.list_key_rotations(KeyId=KEY, IncludeKeyMaterial="ALL_KEY_MATERIAL")[
        "Rotations"
    ]
    assert second["KeyMaterialId"] == said["CurrentKeyMaterialId"] != first["KeyMaterialId"]


def test_a_multi_region_key_and_its_replica_sign_by_the_secret_that_was_given(seeded):
    public = SECRETS["ECC_NIST_P256"].public_key()
    der = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for region in ("us-east-1", "eu-west-1"):
        kms = seeded.client("kms", region)
        assert kms.get_public_key(KeyId=MULTI_REGION)["PublicKey"] == der
    said = kms.describe_key(KeyId=MULTI_REGION)["KeyMetadata"]["MultiRegionConfiguration"]
    assert said["MultiRegionKeyType"] == "REPLICA"


def test_users_have_the_access_keys_that_were_chosen(seeded, kms):
    ada = by(seeded, "AKIAADAADAADAADAADAA")
    assert ada.decrypt(CiphertextBlob=OF_LONG_AGO)["Plaintext"] == b"hello"
    with pytest.raises(ClientError, match="AccessDenied"):
        ada.encrypt(KeyId=KEY, Plaintext=b"x")
    assert by(seeded, "AKIAROOTROOTROOTROOT").encrypt(KeyId=KEY, Plaintext=b"x")
    sts = by(seeded, "AKIAROOTROOTROOTROOT", "sts")
    assert sts.get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:user/root-of-all"
    session = sts.assume_role(
        RoleArn="arn:aws:iam::000000000000:role/app", RoleSessionName="session"
    )["Credentials"]
    assert seeded.client_of(session, "kms", "us-east-1").list_keys()["Keys"]


def test_a_key_of_another_account_and_region(seeded):
    theirs = seeded.client("kms", "eu-central-1", "111122223333")
    (key,) = theirs.list_keys()["Keys"]
    assert theirs.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "Disabled"
    ada = by(seeded, "AKIAADAADAADAADAADAA", region="eu-central-1")
    with pytest.raises(ClientError, match="no identity-based policy allows"):
        ada.describe_key(KeyId=key["KeyArn"])


# What is sown without a server


@contextmanager
def sown(folder, text, name="seed.yaml"):
    file = folder / name
    file.write_text(text)
    database = Database(folder / "database")
    migrate(database)
    with closing(Store(database, new_root_key(), Page.blank())) as store:
        sow(store, file, read(file))
        yield store


def of_keys(*keys):
    return json.dumps({"Keys": [{"KeyId": KEY} | key for key in keys]})


MATERIALS = {
    "SYMMETRIC_DEFAULT": FIRST,
    "HMAC_224": b64(b"h" * 28),
    "HMAC_512": b64(b"h" * 64),
    "ML_DSA_44": b64(b"s" * 32),
    "ML_KEM_1024": b64(b"s" * 64),
    **{spec: key.private_bytes(*PEM).decode() for spec, key in SECRETS.items()},
}
USAGES = {"SYMMETRIC_DEFAULT": "ENCRYPT_DECRYPT", "ML_KEM_1024": "ENCAPSULATE_DECAPSULATE"}


def kind(spec):
    usage = "GENERATE_VERIFY_MAC" if spec.startswith("HMAC") else "SIGN_VERIFY"
    return {"KeySpec": spec, "KeyUsage": USAGES.get(spec, usage)}


@pytest.mark.parametrize("name", ["seed.yaml", "seed.json"])
@pytest.mark.parametrize("spec", MATERIALS)
def test_a_key_of_each_kind_is_the_same_every_time(tmp_path, spec, name):
    text = of_keys({**kind(spec), "KeyMaterial": MATERIALS[spec]})
    found = []
    for place in ("a", "b"):
        (folder := tmp_path / place).mkdir()
        with sown(folder, text, name) as store, store.reading() as books:
            key = books.key("000000000000", "us-east-1", KEY)
            found.append((key.current_id, key.private and key.private.secret, key.arn))
    assert found[0] == found[1]


@pytest.mark.parametrize("spec", ["SYMMETRIC_DEFAULT", "HMAC_256", "ECC_NIST_P384", "ML_DSA_65"])
def test_material_that_is_not_given_is_made(tmp_path, spec):
    with sown(tmp_path, of_keys(kind(spec))) as store, store.reading() as books:
        assert books.key("000000000000", "us-east-1", KEY).enabled


DER = SECRETS["ECC_NIST_P256"].private_bytes(serialization.Encoding.DER, *PEM[1:])


def test_a_private_key_in_der(tmp_path):
    text = of_keys({**kind("ECC_NIST_P256"), "KeyMaterial": b64(DER)})
    with sown(tmp_path, text) as store, store.reading() as books:
        assert books.key("000000000000", "us-east-1", KEY).private.secret == DER


BOMB = (
    "["
    + ", ".join(f"&a{at} [{', '.join([f'*a{at - 1}' if at else 'x'] * 10)}]" for at in range(12))
    + "]"
)
NOT_MATERIAL = "its KeyMaterial is not that of a key of "
P256 = kind("ECC_NIST_P256")
TRAILING = MATERIALS["ECC_NIST_P256"] + "    Enabled: false\n"
"""What YAML makes of a member that was written too far to the right."""


@pytest.mark.parametrize(
    ("seed", "sentence"),
    [
        ("Keys: [", "cannot be read: "),
        ("- 1", "is not one: Expected `object`, got `array`"),
        ("Keyz: []", "is not one: Object contains unknown field `Keyz`"),
        ("Account: 111122223333", "Expected `str`, got `int` - at `$.Account`; quote what is"),
        ("Account: '1'", "Expected `str` matching regex"),
        ("Region: us_east", "Expected `str` matching regex"),
        ("Keys: [{}]", "Object missing required field `KeyId`"),
        (of_keys({"KeyId": "mine"}), "the key mine: a KeyId is a UUID in lower case, or mrk-"),
        (of_keys({"KeyId": KEY.upper()}), "a KeyId is a UUID in lower case, or mrk-"),
        (of_keys({}, {}), f"the key {KEY}: there is one already"),
        (of_keys({"KeyMaterial": "!"}), NOT_MATERIAL + "SYMMETRIC_DEFAULT"),
        (of_keys({"KeyMaterial": b64(b"short")}), NOT_MATERIAL + "SYMMETRIC_DEFAULT"),
        (of_keys({"KeyMaterial": [FIRST, FIRST]}), "the same KeyMaterial is there twice"),
        (of_keys({**P256, "KeyMaterial": b64(b"x")}), NOT_MATERIAL + "ECC_NIST_P256"),
        (of_keys({**P256, "KeyMaterial": MATERIALS["RSA_2048"]}), NOT_MATERIAL + "ECC_NIST_P256"),
        (of_keys({**P256, "KeyMaterial": "-----BEGIN x"}), NOT_MATERIAL + "ECC_NIST_P256"),
        (of_keys({**P256, "KeyMaterial": TRAILING}), NOT_MATERIAL + "ECC_NIST_P256"),
        (of_keys({**P256, "KeyMaterial": [b64(DER)] * 2}), "only a symmetric key has more than"),
        (of_keys({**kind("ML_DSA_44"), "KeyMaterial": FIRST + FIRST}), NOT_MATERIAL + "ML_DSA_44"),
        (of_keys({**kind("ML_DSA_44"), "KeyMaterial": b64(b"x")}), NOT_MATERIAL + "ML_DSA_44"),
        (of_keys({"KeySpec": "AES"}), "Invalid enum value 'AES'"),
        (of_keys({"KeySpec": "HMAC_256"}), "ValidationException: You must specify a KeyUsage"),
        (of_keys({"KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY"}), "SM2"),
        (of_keys({"KeyPolicy": "{}"}), "MalformedPolicyDocumentException"),
        (of_keys({"KeyPolicy": ALLOW_ALL}), "MalformedPolicyDocumentException"),
        (f"Keys: [{{KeyId: {KEY}, KeyPolicy: {{a: !!binary YQ==}}}}]", "has what JSON has not"),
        (f"Keys: [{{KeyId: {KEY}, KeyPolicy: &a {{a: *a}}}}]", "has what JSON has not"),
        (
            f"Keys: [{{KeyId: {KEY}, KeyPolicy: {{a: {BOMB}}}}}]",
            "a policy has more than 131,072 characters",
        ),
        ("Account: !!bool x", "cannot be read: a value is not of its tag"),
        ("Account: !!int ''", "cannot be read: a value is not of its tag"),
        ("Account: !!timestamp x", "cannot be read: a value is not of its tag"),
        (of_keys({"Aliases": ["app"]}), 'Alias must start with the prefix "alias/"'),
        (of_keys({"Aliases": ["alias/a", "alias/a"]}), "AlreadyExistsException: An alias with"),
        (of_keys({"Aliases": ["alias/aws/s3"]}), "NotAuthorizedException"),
        (of_keys({"Tags": [{"Key": "aws:x", "Value": ""}]}), "aws: are reserved"),
        (of_keys({"ReplicaRegions": ["eu-west-1"]}), "only a key whose KeyId begins with mrk-"),
        (
            of_keys({"KeyId": MULTI_REGION, "ReplicaRegions": ["cn-north-1"]}),
            "is not of the partition aws",
        ),
        (of_keys({**P256, "EnableKeyRotation": True}), "UnsupportedOperationException"),
        (of_keys({"EnableKeyRotation": True, "RotationPeriodInDays": 1}), "Expected `int` >= 90"),
        (of_keys({"RotationPeriodInDays": 90}), "RotationPeriodInDays is of keys with"),
        ("Users: [{UserName: a}, {UserName: a}]", "the user a: EntityAlreadyExists"),
        ("Users: [{UserName: 'a b'}]", "the user a b: "),
        (
            "Users: [{UserName: a, AccessKeys: [{AccessKeyId: test, SecretAccessKey: x}]}]",
            "an AccessKeyId has 16 to 128 letters and digits",
        ),
        (
            f"Users: [{{UserName: a, AccessKeys: [{{AccessKeyId: {'A' * 20}, SecretAccessKey: ''}}]}}]",
            "a SecretAccessKey is empty",
        ),
        (
            "Users: [{UserName: a, Policies: [{PolicyName: p, PolicyDocument: {Statement: 1}}]}]",
            "MalformedPolicyDocument",
        ),
        ("Users: [{UserName: a, ManagedPolicyArns: [x]}]", "the user a: "),
        ("Roles: [{RoleName: r}]", "missing required field `AssumeRolePolicyDocument`"),
        ("Roles: [{RoleName: r, AssumeRolePolicyDocument: {}}]", "MalformedPolicyDocument"),
    ],
    ids=range(48),
)
def test_what_cannot_be_sown_is_told_in_one_sentence(tmp_path, seed, sentence):
    with pytest.raises(SetupError) as caught, sown(tmp_path, seed):
        pass
    said = str(caught.value)
    assert sentence in said
    assert "\n" not in said
    assert str(tmp_path / "seed.yaml") in said


def test_the_example_of_the_documentation_is_a_seed(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "seeds.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    pem = SECRETS["ECC_NIST_P256"].private_bytes(*PEM).decode()
    example = re.sub(
        r"-----BEGIN PRIVATE KEY-----\n +…\n", pem.replace("\n", "\n      ").rstrip(" "), example
    )
    with sown(tmp_path, example) as store, store.reading() as books:
        assert books.alias("000000000000", "us-east-1", "alias/app").target == KEY
        assert books.key("000000000000", "eu-west-1", MULTI_REGION).is_replica


def test_all_or_nothing(tmp_path):
    text = of_keys({"Aliases": ["alias/a"]}, {"KeyId": "bad"})
    with pytest.raises(SetupError), sown(tmp_path, text):
        pass
    store = Store(Database(tmp_path / "database"), new_root_key(), Page.blank())
    with closing(store), store.reading() as books:
        assert books.key_ids("000000000000", "us-east-1", "", 10) == []


def test_secrets_stay_out_of_what_is_told(tmp_path):
    said = yaml.safe_load(SEED)
    (tmp_path / "seed.json").write_text(json.dumps(said, default=str))
    seed = read(tmp_path / "seed.json")
    assert "chosen" not in repr(seed)
    assert FIRST not in repr(seed)


def test_the_command_says_what_is_wrong(strongroom, tmp_path):
    (tmp_path / "seed.yaml").write_text(of_keys({"Aliases": ["app"]}))
    said = strongroom("dev", "--port", 0, "--seed", "seed.yaml").sentence
    assert said.startswith(
        f"in the seed `seed.yaml`, the key {KEY}: ValidationException: Alias must"
    )
    said = strongroom("dev", "--port", 0, "--seed", "none.yaml").sentence
    assert said == "the seed `none.yaml` cannot be read: No such file or directory"
