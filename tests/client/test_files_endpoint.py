"""Against a running Strongroom: the commands, and AWS's SDKs both ways, each asking it for keys."""

import io
import os
import subprocess
import sys

import pytest

from strongroom.client import KeyRefused, decrypt, encrypt

CONTEXT = {"purpose": "test", "größe": "2"}
DATA = os.urandom(300_000)


@pytest.fixture
def server(endpoint, region):
    client = endpoint.client("kms", region)
    yield client
    client.close()


@pytest.fixture
def arn(server):
    return server.create_key()["KeyMetadata"]["Arn"]


@pytest.fixture
def strongroom(endpoint, region, tmp_path):
    """The installed program, in a folder of its own."""

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "strongroom", *arguments],
            cwd=tmp_path,
            env=endpoint.environment(region),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def opened(message, kms, **options):
    sink = io.BytesIO()
    decrypt(io.BytesIO(message), sink, kms=kms, **options)
    return sink.getvalue()


def test_a_file_goes_there_and_back_by_an_alias(server, arn, strongroom, tmp_path):
    server.create_alias(AliasName="alias/files", TargetKeyId=arn)
    (tmp_path / "file").write_bytes(DATA)
    done = strongroom("encrypt", "--key", "alias/files", "-c", "a=b", "file")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.endswith(f"sealed under {arn}\n")
    (tmp_path / "file").unlink()
    server.rotate_key_on_demand(KeyId=arn)
    done = strongroom("decrypt", "-c", "a=b", "file.encrypted")
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "file").read_bytes() == DATA


def test_what_the_server_refuses_is_one_sentence(server, arn, strongroom, tmp_path):
    (tmp_path / "file").write_bytes(DATA)
    assert strongroom("encrypt", "--key", arn, "file").returncode == 0
    server.disable_key(KeyId=arn)
    for arguments in (
        ("decrypt", "file.encrypted", "-o", "again"),
        ("encrypt", "--key", arn, "file", "-o", "again"),
    ):
        done = strongroom(*arguments)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert "DisabledException" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "file.encrypted"]


def test_what_we_seal_they_open(endpoint, server, arn, sdk_at):
    message = io.BytesIO()
    encrypt(io.BytesIO(DATA), message, key=arn, kms=server, context=CONTEXT)
    assert sdk_at(endpoint.url).decrypt(message.getvalue(), context=CONTEXT) == DATA


@pytest.mark.parametrize("suite", [None, 0x0478])
def test_what_they_seal_we_open(endpoint, server, arn, sdk_at, suite):
    second = server.create_key()["KeyMetadata"]["Arn"]
    message = sdk_at(endpoint.url).encrypt(DATA, [arn, second], suite=suite, context=CONTEXT)
    assert opened(message, server, context=CONTEXT) == DATA
    server.disable_key(KeyId=arn)
    assert opened(message, server) == DATA
    with pytest.raises(KeyRefused) as refused:
        opened(message, server, key=arn)
    assert refused.value.causes[0].response["Error"]["Code"] == "DisabledException"
