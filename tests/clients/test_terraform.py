"""Terraform's resources of KMS and IAM, where the aws provider can be had.

The provider comes from the folder that TERRAFORM_PLUGINS names, from a mirror beneath /opt, or from
wherever Terraform itself looks for it.
"""

import json
import os
import secrets
import shutil
import subprocess
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

CONFIGURATION = Path(__file__).parent / "main.tf"
PROVIDER = "registry.terraform.io/hashicorp/aws"

pytestmark = pytest.mark.timeout(300)  # the provider waits until it sees what it made, many times


def mirror() -> Path | None:
    """A folder that has the provider as `terraform providers mirror` lays it down."""
    if "TERRAFORM_PLUGINS" in os.environ:
        return Path(os.environ["TERRAFORM_PLUGINS"])
    return next((found.parents[2] for found in Path("/opt").glob(f"*/{PROVIDER}")), None)


class Account:
    """An account of the test's own, in a Region whose name the provider takes for one."""

    def __init__(self, endpoint, region="eu-central-1"):
        self._root = f"{secrets.randbelow(9 * 10**11) + 10**11}", endpoint.secret_access_key
        self.environment = endpoint.environment(region) | {"AWS_ACCESS_KEY_ID": self._root[0]}

    def client(self, service, *credentials):
        """A client with an access key id, its secret and perhaps a token; else the root user's."""
        return boto3.Session(*(credentials or self._root)).client(
            service,
            region_name=self.environment["AWS_REGION"],
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
        )


@pytest.fixture
def account(endpoint):
    return Account(endpoint)


@pytest.fixture
def terraform(account, tmp_path):
    """`terraform ...` in a folder with the configuration; skips where it cannot be set up."""
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    shutil.copy(CONFIGURATION, tmp_path)
    environment = account.environment | {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["terraform", *arguments, "-no-color"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    plugins = mirror()
    made = run("init", "-input=false", *(() if plugins is None else (f"-plugin-dir={plugins}",)))
    if made.returncode != 0:
        reason = next((line for line in made.stderr.splitlines() if "Error" in line), "no reason")
        pytest.skip(f"terraform has no aws provider here: {reason.strip()}")
    return run


def test_everything_comes_serves_and_goes(terraform, account):
    applied = terraform("apply", "-auto-approve", "-input=false")
    assert applied.returncode == 0, applied.stderr
    outputs = json.loads(terraform("output", "-json").stdout)
    made = {name: output["value"] for name, output in outputs.items()}
    as_it_was_asked_for(account, made)
    serves_as_it_says(account, made)

    planned = terraform("plan", "-detailed-exitcode", "-input=false")
    assert planned.returncode == 0, planned.stdout  # 2 would be: something differs

    changed = terraform(
        "apply", "-auto-approve", "-input=false", "-var=team=green", "-var=session_seconds=3600"
    )
    assert changed.returncode == 0, changed.stderr
    assert "0 added, 5 changed, 0 destroyed" in changed.stdout
    iam = account.client("iam")
    assert iam.get_role(RoleName="terraform")["Role"]["MaxSessionDuration"] == 3600
    for tags in (
        iam.list_user_tags(UserName="terraform"),
        iam.list_role_tags(RoleName="terraform"),
        iam.list_policy_tags(PolicyArn=made["policy_arn"]),
        iam.list_open_id_connect_provider_tags(OpenIDConnectProviderArn=made["provider_arn"]),
    ):
        assert tags["Tags"] == [{"Key": "team", "Value": "green"}]

    destroyed = terraform("destroy", "-auto-approve", "-input=false")
    assert destroyed.returncode == 0, destroyed.stderr
    kms = account.client("kms")
    assert kms.describe_key(KeyId=made["key_id"])["KeyMetadata"]["KeyState"] == "PendingDeletion"
    assert kms.list_grants(KeyId=made["key_id"])["Grants"] == []
    assert kms.list_aliases()["Aliases"] == []
    summary = iam.get_account_summary()["SummaryMap"]
    left = ("Users", "Groups", "Roles", "Policies", "Providers", "AccountAccessKeysPresent")
    assert not any(summary[name] for name in left), summary
    assert iam.list_account_aliases()["AccountAliases"] == []


def as_it_was_asked_for(account, made):
    kms = account.client("kms")
    assert kms.get_key_rotation_status(KeyId=made["key_id"])["RotationPeriodInDays"] == 100
    assert kms.describe_key(KeyId="alias/terraform")["KeyMetadata"]["KeyId"] == made["key_id"]
    metadata = kms.describe_key(KeyId=made["external_key_id"])["KeyMetadata"]
    assert (metadata["Origin"], metadata["KeyState"]) == ("EXTERNAL", "Enabled")
    assert made["replica_arn"].startswith("arn:aws:kms:eu-west-1:")
    (grant,) = kms.list_grants(KeyId=made["key_id"])["Grants"]
    assert (grant["GrantId"], grant["Constraints"]) == (
        made["grant_id"],
        {"EncryptionContextSubset": {"tenant": "blue"}},
    )


def serves_as_it_says(account, made):
    """The key policy lets the user encrypt, and the grant the role, within its boundary."""
    signature = account.client("kms").sign(
        KeyId=made["signing_key_id"], Message=b"x", SigningAlgorithm="ECDSA_SHA_256"
    )["Signature"]
    public = serialization.load_pem_public_key(made["public_key_pem"].encode())
    public.verify(signature, b"x", ec.ECDSA(hashes.SHA256()))
    user = made["access_key_id"], made["secret_access_key"]
    kms, sts = (account.client(service, *user) for service in ("kms", "sts"))
    blob = kms.encrypt(KeyId=made["key_id"], Plaintext=b"x")["CiphertextBlob"]
    with pytest.raises(ClientError, match="AccessDeniedException"):
        kms.decrypt(CiphertextBlob=blob)
    asked = {"RoleArn": made["role_arn"], "RoleSessionName": "session"}
    with pytest.raises(ClientError, match="AccessDenied"):
        sts.assume_role(**asked)
    session = sts.assume_role(ExternalId="blue", **asked)["Credentials"]
    role = account.client(
        "kms", session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"]
    )
    assert role.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    with pytest.raises(ClientError, match="AccessDeniedException"):
        role.encrypt(KeyId=made["key_id"], Plaintext=b"x", EncryptionContext={"tenant": "green"})
    role.encrypt(KeyId=made["key_id"], Plaintext=b"x", EncryptionContext={"tenant": "blue"})
