"""The AWS Encryption SDK for Python with keyrings; run by tests in an environment of its own.

`keyrings.py JSON`, of `keys` (ARNs by name), `account`, `alice` (a user's access key), and three
Regions: `here`, `there` (the replica's) and `nowhere`.  The endpoints of KMS and DynamoDB are the environment's.  Prints as JSON
what it saw: texts, and who refused and how.
"""

import contextlib
import json
import sys

import boto3
from aws_cryptographic_material_providers.keystore import KeyStore
from aws_cryptographic_material_providers.keystore.config import KeyStoreConfig
from aws_cryptographic_material_providers.keystore.models import (
    CreateKeyInput,
    CreateKeyStoreInput,
    KMSConfigurationKmsKeyArn,
    VersionKeyInput,
)
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import (
    CreateAwsKmsEcdhKeyringInput,
    CreateAwsKmsHierarchicalKeyringInput,
    CreateAwsKmsKeyringInput,
    CreateAwsKmsMrkDiscoveryKeyringInput,
    CreateAwsKmsMrkKeyringInput,
    CreateAwsKmsRsaKeyringInput,
    DiscoveryFilter,
    KmsEcdhStaticConfigurationsKmsPrivateKeyToStaticPublicKey,
    KmsEcdhStaticConfigurationsKmsPublicKeyDiscovery,
    KmsPrivateKeyToStaticPublicKeyInput,
    KmsPublicKeyDiscoveryInput,
)
from aws_encryption_sdk import CommitmentPolicy, EncryptionSDKClient
from aws_encryption_sdk.identifiers import AlgorithmSuite
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

GIVEN = json.loads(sys.argv[1])
KEYS = GIVEN["keys"]
HERE, THERE, NOWHERE = (GIVEN[name] for name in ("here", "there", "nowhere"))
BLUE, RED = {"tenant": "blue"}, {"tenant": "red"}
UNSIGNED = AlgorithmSuite.AES_256_GCM_HKDF_SHA512_COMMIT_KEY

sdk = EncryptionSDKClient(commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
providers = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
kms = boto3.client("kms")
hers = boto3.client(
    "kms",
    aws_access_key_id=GIVEN["alice"]["AccessKeyId"],
    aws_secret_access_key=GIVEN["alice"]["SecretAccessKey"],
)


def seal(text, keyring, suite=UNSIGNED):
    sealed, _ = sdk.encrypt(
        source=text.encode(), keyring=keyring, encryption_context=BLUE, algorithm=suite
    )
    return sealed


def tried(act):
    """What was done, or who refused it."""
    try:
        return act()
    except Exception as refusal:  # noqa: BLE001
        return {"refused": repr(refusal)}


def opened(message, keyring, context=BLUE):
    def open_():
        text, _ = sdk.decrypt(source=message, keyring=keyring, encryption_context=context)
        return text.decode()

    return tried(open_)


@contextlib.contextmanager
def without(key, by=kms):
    by.disable_key(KeyId=key)
    yield
    by.enable_key(KeyId=key)


def single(key, by=kms):
    return providers.create_aws_kms_keyring(CreateAwsKmsKeyringInput(kms_key_id=key, kms_client=by))


def aware(region, key):
    client = boto3.client("kms", region_name=region)
    return providers.create_aws_kms_mrk_keyring(
        CreateAwsKmsMrkKeyringInput(kms_key_id=key, kms_client=client)
    )


def found(region, account=GIVEN["account"]):
    return providers.create_aws_kms_mrk_discovery_keyring(
        CreateAwsKmsMrkDiscoveryKeyringInput(
            kms_client=boto3.client("kms", region_name=region),
            discovery_filter=DiscoveryFilter(account_ids=[account], partition="aws"),
            region=region,
        )
    )


def symmetric():
    """A keyring of one key, and those of multi-Region keys."""
    message = seal("by a key", single(KEYS["mine"]))
    signed = seal(
        "signed", single(KEYS["mine"]), AlgorithmSuite.AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384
    )
    yield "single", opened(message, single(KEYS["mine"]))
    yield "signed", opened(signed, single(KEYS["mine"]))
    yield "otherKey", opened(message, single(KEYS["other"]))
    yield "otherContext", opened(message, single(KEYS["mine"]), RED)
    yield "relabelled", opened(message.replace(b"blue", b"grey", 1), single(KEYS["mine"]), None)
    with without(KEYS["mine"]):
        yield "disabled", opened(message, single(KEYS["mine"]))
        yield "disabledToSeal", tried(lambda: seal("never", single(KEYS["mine"])).hex())
    far = seal("far away", aware(HERE, KEYS["primary"]))
    yield "replica", opened(far, aware(THERE, KEYS["replica"]))
    yield "found", opened(far, found(THERE))
    yield "noReplica", opened(far, found(NOWHERE))
    yield "otherAccount", opened(far, found(THERE, "999999999999"))


def rsa():
    """Sealed with a public key by whoever has it; opened by KMS, which has the private one."""
    public = load_der_public_key(kms.get_public_key(KeyId=KEYS["rsa"])["PublicKey"]).public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )

    def keyring(algorithm="RSAES_OAEP_SHA_256", key=KEYS["rsa"]):
        return providers.create_aws_kms_rsa_keyring(
            CreateAwsKmsRsaKeyringInput(
                public_key=public, kms_key_id=key, encryption_algorithm=algorithm, kms_client=kms
            )
        )

    with without(KEYS["rsa"]):
        message = seal("by a public key", keyring())
        yield "rsaDisabled", opened(message, keyring())
    yield "rsa", opened(message, keyring())
    yield "rsaOtherAlgorithm", opened(message, keyring("RSAES_OAEP_SHA_1"))
    yield "rsaOtherKey", opened(message, keyring(key=KEYS["otherRsa"]))


def ecdh():
    """Agreed between two pairs in KMS: the sender's and the recipient's."""

    def public(key):
        return kms.get_public_key(KeyId=key)["PublicKey"]

    def keyring(scheme):
        return providers.create_aws_kms_ecdh_keyring(
            CreateAwsKmsEcdhKeyringInput(
                key_agreement_scheme=scheme, curve_spec="ECC_NIST_P256", kms_client=kms
            )
        )

    def recipient(key):
        return keyring(
            KmsEcdhStaticConfigurationsKmsPublicKeyDiscovery(
                KmsPublicKeyDiscoveryInput(recipient_kms_identifier=key)
            )
        )

    sender = keyring(
        KmsEcdhStaticConfigurationsKmsPrivateKeyToStaticPublicKey(
            KmsPrivateKeyToStaticPublicKeyInput(
                sender_kms_identifier=KEYS["sender"],
                sender_public_key=public(KEYS["sender"]),
                recipient_public_key=public(KEYS["recipient"]),
            )
        )
    )
    message = seal("agreed", sender)
    yield "bySender", opened(message, sender)
    yield "byRecipient", opened(message, recipient(KEYS["recipient"]))
    yield "byThird", opened(message, recipient(KEYS["third"]))
    with without(KEYS["recipient"]):
        yield "recipientDisabled", tried(lambda: recipient(KEYS["recipient"]) and "made")


def hierarchical():
    """Branch keys in a table of DynamoDB's, sealed under a key; messages are sealed under those."""

    def store(key, by=kms, name="branch-keys"):
        return KeyStore(
            KeyStoreConfig(
                ddb_client=boto3.client("dynamodb"),
                ddb_table_name="branch-keys",
                logical_key_store_name=name,
                kms_client=by,
                kms_configuration=KMSConfigurationKmsKeyArn(key),
            )
        )

    def keyring(of, branch):
        return providers.create_aws_kms_hierarchical_keyring(
            CreateAwsKmsHierarchicalKeyringInput(
                key_store=of, branch_key_id=branch, ttl_seconds=600
            )
        )

    mine = store(KEYS["mine"])
    mine.create_key_store(CreateKeyStoreInput())
    branch = mine.create_key(CreateKeyInput()).branch_key_identifier
    message = seal("by a branch key", keyring(mine, branch))
    yield "branch", opened(message, keyring(mine, branch))
    mine.version_key(VersionKeyInput(branch_key_identifier=branch))
    yield (
        "newVersion",
        opened(seal("by its new version", keyring(mine, branch)), keyring(mine, branch)),
    )
    yield "oldVersion", opened(message, keyring(mine, branch))
    other = mine.create_key(CreateKeyInput()).branch_key_identifier
    yield "otherBranch", opened(message, keyring(mine, other))
    yield "otherStore", opened(message, keyring(store(KEYS["other"]), branch))
    held = keyring(mine, branch)
    opened(message, held)
    with without(KEYS["mine"]):
        yield "held", opened(message, held)
        yield "branchDisabled", opened(message, keyring(mine, branch))
        yield "noNewBranch", tried(lambda: mine.create_key(CreateKeyInput()).branch_key_identifier)

    # A user who may open branch keys of the store of this name.
    alices = store(KEYS["mine"], hers)
    yield "alice", opened(message, keyring(alices, branch))
    named = store(KEYS["mine"], name="others")
    kept = named.create_key(CreateKeyInput()).branch_key_identifier
    hidden = seal("never", keyring(named, kept))
    yield "aliceElsewhere", opened(hidden, keyring(store(KEYS["mine"], hers, "others"), kept))
    yield "aliceMakesNone", tried(lambda: alices.create_key(CreateKeyInput()).branch_key_identifier)

    # A branch key's row under another's name.
    table = boto3.resource("dynamodb").Table("branch-keys")
    for row in table.scan()["Items"]:
        if row["branch-key-id"] == branch:
            table.put_item(Item=row | {"branch-key-id": other})
    yield "moved", tried(lambda: seal("never", keyring(mine, other)).hex())


seen = {name: what for part in (symmetric, rsa, ecdh, hierarchical) for name, what in part()}
sys.stdout.write(json.dumps(seen))
