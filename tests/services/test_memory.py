"""What clients cannot make a worker keep: the requests that it refused."""

import psutil
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session
from tests.conftest import start_dev

MIB = 1 << 20
MOST_GROWN = 25 * MIB  # an honest worker stays within a few


@pytest.fixture
def alone():
    """A throw-away server of one worker, which is asked by nobody else."""
    server = start_dev()
    yield server
    server.stop()


@pytest.fixture
def session():
    session = URLLib3Session()
    yield session
    session.close()


def resident(server):
    return psutil.Process(server.process.pid).memory_info().rss


def ask(session, server, target, body, *, sign):
    request = AWSRequest(
        "POST",
        server.url + "/",
        {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"},
        body,
    )
    if sign:
        SigV4Auth(Credentials("test", "test"), "kms", "us-east-1").add_auth(request)
    return session.send(request.prepare()).status_code


@pytest.mark.parametrize(
    ("sign", "target"),
    [
        (False, "TrentService.ListKeys"),
        (True, "TrentService.DescribeKey"),  # from memory
        (True, "TrentService.DisableKey"),  # in a thread
        (True, "TrentService.Sign"),  # not implemented
    ],
)
def test_a_refused_request_is_let_go(alone, session, sign, target):
    filler = b" " * (400 * 1024)
    body = b'{"KeyId": "nobody"' + filler + b"}"

    def refuse(count):
        for _ in range(count):
            assert ask(session, alone, target, body, sign=sign) >= 400

    refuse(20)
    before = resident(alone)
    refuse(120)
    assert resident(alone) - before < MOST_GROWN
