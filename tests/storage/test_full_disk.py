"""A full disk: what cannot be made safe is refused, nothing answered is lost, and room heals it.

The disks are file systems in memory, of a size that is soon filled.
"""

import contextlib
import subprocess

import pytest
from botocore.exceptions import ClientError
from disks import disk, fill, heals, ready, refusal
from tests.conftest import init, start


@pytest.fixture
def data(tmp_path):
    """A made data folder, on the machine's own disk."""
    return tmp_path / "data", init(tmp_path / "data", "--account", "000000000000")


def served(folder, credential):
    server = start(folder, credential, "--workers", "1")
    return server, server.client("kms", "test-1")


def everything_is_there(kms, keys, blobs):
    listed = {
        key["KeyId"] for page in kms.get_paginator("list_keys").paginate() for key in page["Keys"]
    }
    assert keys <= listed
    for blob in blobs:
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_the_whole_data_folder_on_a_full_disk(tmp_path):
    (tmp_path / "disk").mkdir()
    with disk(tmp_path / "disk", "4m"):
        folder = tmp_path / "disk" / "data"
        credential = init(
            folder, "--account", "000000000000", "--root-key", str(tmp_path / "root-key")
        )
        server, kms = served(folder, credential)
        try:
            keys = {kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(3)}
            blobs = [kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"] for key_id in keys]
            filler = fill(tmp_path / "disk")
            refused = set()
            for _ in range(40):  # some room may be left within files that are there already
                for ask in (
                    lambda: kms.create_key(Description="d" * 8000),
                    lambda: kms.encrypt(KeyId=min(keys), Plaintext=b"x"),
                ):
                    try:
                        made = ask()
                    except ClientError:
                        refused.add(refusal(ask)[:2] if len(refused) < 9 else None)
                    else:
                        if "KeyMetadata" in made:
                            keys.add(made["KeyMetadata"]["KeyId"])
                        else:
                            blobs.append(made["CiphertextBlob"])
            assert refused == {(503, "DependencyTimeoutException")}
            assert server.process.poll() is None

            filler.unlink()
            keys.add(heals(kms.create_key)["KeyMetadata"]["KeyId"])
            everything_is_there(kms, keys, blobs)
            kms.close()
            assert server.stop() == 0

            server, kms = served(folder, credential)
            everything_is_there(kms, keys, blobs)
        finally:
            kms.close()
            server.stop()


def test_only_the_database_on_a_full_disk(tmp_path):
    (tmp_path / "disk").mkdir()
    with contextlib.ExitStack() as disks:
        disks.enter_context(disk(tmp_path / "disk", "2m"))
        folder = tmp_path / "disk" / "data"
        credential = init(
            folder, "--account", "000000000000", "--root-key", str(tmp_path / "root-key")
        )
        disks.enter_context(disk(folder / "audit", "16m"))
        server, kms = served(folder, credential)
        try:
            key_id = kms.create_key()["KeyMetadata"]["KeyId"]
            filler = fill(tmp_path / "disk")
            keys = {key_id}
            with pytest.raises(ClientError):
                for _ in range(500):
                    keys.add(kms.create_key(Description="d" * 8000)["KeyMetadata"]["KeyId"])
            assert refusal(lambda: kms.create_key(Description="d" * 8000)) == (
                503,
                "DependencyTimeoutException",
                "The key database did not answer (SQLITE_FULL).",
            )
            # What needs no room goes on.
            blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
            everything_is_there(kms, keys, [blob])

            filler.unlink()
            keys.add(heals(kms.create_key)["KeyMetadata"]["KeyId"])
            everything_is_there(kms, keys, [blob])
        finally:
            kms.close()
            server.stop()


def test_only_the_audit_log_on_a_full_disk(data):
    folder, credential = data
    with disk(folder / "audit", "64k"):
        server, kms = served(folder, credential)
        try:
            key_id = kms.create_key()["KeyMetadata"]["KeyId"]
            with pytest.raises(ClientError):
                for _ in range(500):
                    kms.describe_key(KeyId=key_id)
            said = (503, "DependencyTimeoutException", "The audit record could not be written.")
            for ask in (
                lambda: kms.describe_key(KeyId=key_id),
                lambda: kms.generate_random(NumberOfBytes=1024),
                lambda: kms.describe_key(KeyId="fake"),
                kms.create_key,
            ):
                assert said == refusal(ask)
            assert ready(server) == 503

            subprocess.run(["mount", "-o", "remount,size=1m", folder / "audit"], check=True)
            assert heals(lambda: kms.describe_key(KeyId=key_id))
            assert ready(server) == 200
        finally:
            kms.close()
            server.stop()


def test_a_start_on_a_full_disk(tmp_path):
    """It serves or says in one sentence why not; it does not die of a signal."""
    (tmp_path / "disk").mkdir()
    with disk(tmp_path / "disk", "2m"):
        folder = tmp_path / "disk" / "data"
        credential = init(
            folder, "--account", "000000000000", "--root-key", str(tmp_path / "root-key")
        )
        filler = fill(tmp_path / "disk")
        try:
            server, kms = served(folder, credential)
        except AssertionError as ended:
            said = str(ended)
            assert "strongroom: " in said
            assert "Traceback" not in said
            assert "SIG" not in said
        else:
            kms.close()
            server.stop()
        filler.unlink()
        server, kms = served(folder, credential)
        kms.create_key()
        kms.close()
        server.stop()
