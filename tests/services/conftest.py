import secrets
import sys
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from tests.conftest import start_dev

sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("machine")  # its rules say what was expected of what


@pytest.fixture(scope="module")
def apart():
    """A server whose clock nobody else moves."""
    server = start_dev()
    yield server
    server.stop()


@pytest.fixture
def account() -> str:
    """An account of its own: IAM has no Regions that would tell tests apart."""
    return "".join(secrets.choice("123456789") for _ in range(12))


@pytest.fixture
def iam(endpoint, account):
    return endpoint.client("iam", "us-east-1", account)


OTHER_ACCOUNT = "111122223333"


@pytest.fixture
def unchecked(endpoint, region):
    """A client that sends what it is given, so that the server has to refuse it."""
    return boto3.client(
        "kms",
        endpoint_url=endpoint.url,
        region_name=region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
    )


@pytest.fixture
def unchecked_iam(endpoint, account):
    """The same of IAM, in the test's account."""
    made = boto3.client(
        "iam",
        endpoint_url=endpoint.url,
        region_name="us-east-1",
        aws_access_key_id=account,
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
    )
    yield made
    made.close()


@pytest.fixture
def stranger(endpoint, region):
    """The root user of another account, in the same Region."""
    return endpoint.client("kms", region, OTHER_ACCOUNT)


@pytest.fixture
def key(kms):
    """A new key's metadata."""
    return kms.create_key()["KeyMetadata"]


@pytest.fixture
def pending(kms):
    """The metadata of a key that is pending deletion."""
    key = kms.create_key()["KeyMetadata"]
    kms.schedule_key_deletion(KeyId=key["KeyId"])
    return key
