"""Real servers and real clients for the tests.

Every test gets a Region of its own: a Region is whatever name the signature's scope has, so tests
share a server and see nothing of each other.
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import psutil
import pytest
from botocore.config import Config
from tests.commands import run
from tests.waiting import kill

STRONGROOM = [sys.executable, "-m", "strongroom"]

# Nothing of this machine's own settings: other endpoints, profiles, proxies.
for name in [*os.environ]:
    if name.startswith(("AWS_", "STRONGROOM_")) or name.lower().endswith("_proxy"):
        del os.environ[name]
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # `nohup` has it ignored, by all that we start too
os.environ |= {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


@dataclass(frozen=True)
class Server:
    """A running Strongroom."""

    url: str
    process: subprocess.Popen[str]
    access_key_id: str = "test"
    secret_access_key: str = "test"

    def client(self, service: str, region: str, access_key_id: str | None = None):
        """A boto3 client that asks once and never retries."""
        key = {
            "AccessKeyId": access_key_id or self.access_key_id,
            "SecretAccessKey": self.secret_access_key,
        }
        return self.client_of(key, service, region)

    def client_of(self, credentials: dict[str, str], service: str, region: str):
        """The same with an access key or a session, as IAM and STS give them."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials.get("SessionToken"),
            config=Config(retries={"total_max_attempts": 1}),
        )

    def environment(self, region: str) -> dict[str, str]:
        """What a client in a process of its own needs."""
        return os.environ | {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
        }

    def stop(self, how: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and answer the exit code."""
        self.process.send_signal(how)
        try:
            return self.process.wait(30)
        finally:
            for stream in (self.process.stdout, self.process.stderr):
                if stream is not None:
                    stream.close()

    def kill(self) -> None:
        """SIGKILL for the supervisor and all its workers, as good as at once."""
        supervisor = psutil.Process(self.process.pid)
        kill([supervisor, *supervisor.children(recursive=True)])
        assert self.stop(signal.SIGKILL) == -signal.SIGKILL


def start_dev(*arguments: str) -> Server:
    """A throw-away server on a free port."""
    process = subprocess.Popen(
        [*STRONGROOM, "dev", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("export AWS_ENDPOINT_URL="):
            return Server(line.strip().partition("=")[2], process)
    raise AssertionError("the server ended before it was ready")


def init(data: Path, *arguments: str) -> tuple[str, str]:
    """Make a data folder; its first access key."""
    done = run("init", "--data", data, *arguments)
    assert done.code == 0, done.err
    lines = dict(line.removeprefix("export ").split("=", 1) for line in done.out.splitlines())
    return lines["AWS_ACCESS_KEY_ID"], lines["AWS_SECRET_ACCESS_KEY"]


def start(data: Path, credential: tuple[str, str], *arguments: str) -> Server:
    """Serve a data folder on a free port."""
    process = subprocess.Popen(
        [*STRONGROOM, "serve", "--data", data, "--listen", "127.0.0.1:0", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if line.startswith("serving "):
            return Server(line.split(" on ")[1].strip(), process, *credential)
    process.wait(30)
    process.stderr.close()
    raise AssertionError("the server ended before it was ready: " + "".join(said))


def free_port() -> int:
    """One that nobody listens at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture(scope="session")
def endpoint() -> Iterator[Server]:
    """A throw-away server that the tests of a process share."""
    server = start_dev("--workers", "2")
    yield server
    server.stop()


@pytest.fixture
def region() -> str:
    return f"test-{secrets.token_hex(6)}"


@pytest.fixture
def kms(endpoint: Server, region: str):
    return endpoint.client("kms", region)


@pytest.fixture
def key_id(kms) -> str:
    return kms.create_key()["KeyMetadata"]["KeyId"]
