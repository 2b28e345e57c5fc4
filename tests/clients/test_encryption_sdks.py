"""The AWS Encryption SDK for Python and for JavaScript, each with its own clients of KMS.

They find the endpoint in their environment.  What one seals, the other opens; what one Region's
key sealed, its replica in another opens.
"""

import base64
import contextlib
import json
import re
from dataclasses import dataclass

import pytest
from aws_encryption_sdk import (
    CommitmentPolicy,
    DiscoveryAwsKmsMasterKeyProvider,
    EncryptionSDKClient,
    StrictAwsKmsMasterKeyProvider,
)
from aws_encryption_sdk.exceptions import DecryptKeyError, GenerateKeyError, MasterKeyProviderError
from aws_encryption_sdk.identifiers import AlgorithmSuite
from aws_encryption_sdk.key_providers.kms import (
    DiscoveryFilter,
    MRKAwareDiscoveryAwsKmsMasterKeyProvider,
    MRKAwareStrictAwsKmsMasterKeyProvider,
)
from tests.clients.test_javascript import needs_node, run

ACCOUNT = "000000000000"
CONTEXT = {"tenant": "blue"}
SIGNED = AlgorithmSuite.AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384
UNSIGNED = AlgorithmSuite.AES_256_GCM_HKDF_SHA512_COMMIT_KEY


@dataclass(frozen=True)
class Regions:
    """Three Regions: keys by name in the first two, in the third none."""

    here: str
    there: str
    nowhere: str
    keys: dict[str, str]
    kms: dict[str, object]  # clients, by Region


@pytest.fixture
def regions(endpoint, three_regions):
    here, there, nowhere = three_regions
    kms = {region: endpoint.client("kms", region) for region in (here, there)}

    def made(region, **wishes):
        return kms[region].create_key(**wishes)["KeyMetadata"]["Arn"]

    keys = {"plain": made(here), "second": made(here), "there": made(there)}
    keys |= {"primary": made(here, MultiRegion=True), "unrelated": made(there, MultiRegion=True)}
    kms[here].replicate_key(KeyId=keys["primary"], ReplicaRegion=there)
    keys["replica"] = keys["primary"].replace(here, there)
    kms[here].create_alias(AliasName="alias/files", TargetKeyId=keys["plain"])
    keys["alias"] = f"arn:aws:kms:{here}:{ACCOUNT}:alias/files"
    return Regions(here, there, nowhere, keys, kms)


@pytest.fixture
def sdk(ambient):
    return EncryptionSDKClient(commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)


def strict(*arns):
    return StrictAwsKmsMasterKeyProvider(key_ids=arns)


def aware(*arns):
    return MRKAwareStrictAwsKmsMasterKeyProvider(key_ids=arns)


def found(region, account=ACCOUNT):
    only = DiscoveryFilter(account_ids=[account], partition="aws")
    return MRKAwareDiscoveryAwsKmsMasterKeyProvider(discovery_region=region, discovery_filter=only)


def seal(sdk, text, provider, suite=SIGNED):
    sealed, _ = sdk.encrypt(
        source=text, key_provider=provider, encryption_context=CONTEXT, algorithm=suite
    )
    return sealed


def opened(sdk, message, provider):
    text, header = sdk.decrypt(source=message, key_provider=provider)
    assert header.encryption_context.items() >= CONTEXT.items()
    return text


@pytest.fixture
def refused(caplog):
    """A block that KMS refuses with this code, or else the SDK by itself.

    The SDK tells its log what KMS said, and its caller less.
    """

    @contextlib.contextmanager
    def refused(code=None):
        caplog.clear()
        with pytest.raises((DecryptKeyError, GenerateKeyError, MasterKeyProviderError)):
            yield
        assert set(re.findall(r"An error occurred \((\w+)\)", caplog.text)) == {code} - {None}

    return refused


def test_python(regions, sdk, refused):
    """A message under two keys opens by each, by whoever may use it; its context is KMS's."""
    keys, kms = regions.keys, regions.kms[regions.here]
    both = seal(sdk, b"x", strict(keys["alias"], keys["second"]), UNSIGNED)
    for provider in (
        strict(keys["plain"]),
        strict(keys["second"]),
        DiscoveryAwsKmsMasterKeyProvider(),
    ):
        assert opened(sdk, both, provider) == b"x"
    for provider in (
        strict(keys["there"]),
        DiscoveryAwsKmsMasterKeyProvider(discovery_filter=DiscoveryFilter(["9" * 12], "aws")),
        DiscoveryAwsKmsMasterKeyProvider(discovery_filter=DiscoveryFilter([ACCOUNT], "aws-cn")),
    ):
        with refused():
            opened(sdk, both, provider)
    with refused("InvalidCiphertextException"):
        opened(sdk, both.replace(b"blue", b"grey", 1), strict(keys["plain"]))
    kms.disable_key(KeyId=keys["plain"])
    with refused("DisabledException"):
        opened(sdk, both, strict(keys["plain"]))
    assert opened(sdk, both, strict(keys["plain"], keys["second"])) == b"x"
    with refused("DisabledException"):
        seal(sdk, b"y", strict(keys["plain"]))


def test_python_opens_with_any_replica(regions, sdk, refused):
    keys, kms = regions.keys, regions.kms[regions.there]
    sealed = seal(sdk, b"x", aware(keys["primary"]))
    for provider in (aware(keys["replica"]), found(regions.there), found(regions.here)):
        assert opened(sdk, sealed, provider) == b"x"
    assert opened(sdk, seal(sdk, b"y", aware(keys["replica"])), aware(keys["primary"])) == b"y"
    for provider in (
        aware(keys["there"]),
        aware(keys["unrelated"]),
        strict(keys["replica"]),
        found(regions.there, "999999999999"),
    ):
        with refused():
            opened(sdk, sealed, provider)
    absent = keys["primary"].replace(regions.here, regions.nowhere)
    for provider in (aware(absent), found(regions.nowhere)):
        with refused("AccessDeniedException"):
            opened(sdk, sealed, provider)
    single = seal(sdk, b"z", strict(keys["plain"]))  # is looked for where it is
    assert opened(sdk, single, found(regions.there)) == b"z"
    kms.disable_key(KeyId=keys["replica"])
    with refused("DisabledException"):
        opened(sdk, sealed, aware(keys["replica"]))
    assert opened(sdk, sealed, aware(keys["primary"])) == b"x"


REFUSED = {
    "notMine": "unencryptedDataKey has not been set",
    "otherAccount": "unencryptedDataKey has not been set",
    "otherPartition": "unencryptedDataKey has not been set",
    "otherContext": "InvalidCiphertextException: ",
    "otherBody": "unable to authenticate data",
    "disabled": "DisabledException: ",
    "disabledToSeal": "DisabledException: ",
    "unaware": "unencryptedDataKey has not been set",
    "unrelated": "No EDKs supplied",
    "noReplica": "AccessDeniedException: ",
    "otherRegion": "NotFoundException: Invalid arn ",
    "foundNowhere": "AccessDeniedException: ",
    "foundOtherAccount": "No EDKs supplied",
    "foundSingleRegion": "No EDKs supplied",
    "replicaDisabled": "DisabledException: ",
    "foundInNone": "AccessDeniedException: ",
}
OPENED = {
    "plain": "plain",
    "unsigned": "unsigned",
    "alias": "alias",
    "second": "both",
    "discovered": "both",
    "theSecondHelps": "both",
    "byReplica": "primary",
    "byPrimary": "replica",
    "foundThere": "primary",
    "foundAtHome": "here",
    "primaryIsNot": "primary",
    "severalByReplica": "several",
    "severalByUnrelated": "several",
    "foundInTheSecond": "primary",
}


@needs_node
def test_javascript_and_python(endpoint, regions, sdk, refused):
    keys = regions.keys
    theirs = {
        "signed": seal(sdk, b"from Python", strict(keys["plain"])),
        "unsigned": seal(sdk, b"from Python", strict(keys["plain"]), UNSIGNED),
        "primary": seal(sdk, b"from Python", aware(keys["primary"])),
        "notMine": seal(sdk, b"from Python", strict(keys["second"])),
    }
    given = {
        "here": regions.here,
        "there": regions.there,
        "nowhere": regions.nowhere,
        "account": ACCOUNT,
        "keys": keys,
        "theirs": {name: base64.b64encode(theirs[name]).decode() for name in theirs},
    }
    said = run(endpoint.environment(regions.here), "messages.mjs", json.dumps(given))
    seen, of_theirs = said["seen"], said["seen"].pop("theirs")
    assert seen.keys() == REFUSED.keys() | OPENED.keys()
    for name, how in REFUSED.items():
        assert how in seen[name]["refused"], name
    for name, message in OPENED.items():
        suite = UNSIGNED if name == "unsigned" else SIGNED
        text = f"from JavaScript: {message}"
        assert seen[name] == {"text": text, "of": "blue", "suite": suite.algorithm_id}

    assert "unencryptedDataKey" in of_theirs.pop("notMine")["refused"]
    assert of_theirs == {
        name: {"text": "from Python", "of": "blue", "suite": suite.algorithm_id}
        for name, suite in (("signed", SIGNED), ("unsigned", UNSIGNED), ("primary", SIGNED))
    }
    sealed = {name: base64.b64decode(message) for name, message in said["sealed"].items()}
    for name, provider in (
        ("plain", strict(keys["plain"])),
        ("unsigned", strict(keys["plain"])),
        ("both", strict(keys["second"])),
        ("primary", aware(keys["replica"])),
        ("replica", found(regions.here)),
        ("several", aware(keys["unrelated"])),
    ):
        assert opened(sdk, sealed[name], provider) == f"from JavaScript: {name}".encode()
    for name, provider in (
        ("plain", strict(keys["second"])),
        ("primary", aware(keys["unrelated"])),
    ):
        with refused():
            opened(sdk, sealed[name], provider)
