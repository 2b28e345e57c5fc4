"""A disk that does not take what it is told to keep (EIO): nothing is answered that is not there afterwards.

The real server, whose fsync and fdatasync fail when a test says so.
"""

import contextlib
import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from unittest import mock

import psutil
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from tests.commands import run
from tests.conftest import init, start

from strongroom.audit.tail import opening_of
from strongroom.server.workers import DISK_FAILED

ALWAYS = 30.0  # seconds in which a server must be there again


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    made = tmp_path_factory.mktemp("shim") / "failing_sync.so"
    source = Path(__file__).with_name("failing_sync.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", made, source, "-ldl"], check=True)
    return made


class Failing:
    """A data folder, and a server on it whose disk fails when it is to."""

    def __init__(self, tmp_path, shim):
        self.folder = tmp_path / "data"
        self.credential = init(self.folder, "--account", "000000000000")
        self._control = tmp_path / "control"
        self._preloaded = {"LD_PRELOAD": str(shim), "FAILING_SYNC": str(self._control)}
        self.told = {}  # by description, the ids of keys that were made
        self.unknown = set()  # descriptions of keys of which nobody knows
        self.said = []
        self.log = []

    def fail(self, which):
        """`1` or `*`, and what the file's path ends with."""
        new = self._control.with_suffix(".new")
        new.write_text(which)
        new.rename(self._control)

    def heal(self):
        self._control.unlink(missing_ok=True)

    @property
    def failed(self):
        return not self._control.exists()

    def start(self, *arguments):
        with mock.patch.dict(os.environ, self._preloaded):
            self.server = start(self.folder, self.credential, *arguments)
        self.kms = self.server.client("kms", "test-1")

    def workers(self):
        """The process ids of those that live."""
        found = set()
        for each in psutil.Process(self.server.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if "spawn_main" in " ".join(each.cmdline()):
                    found.add(each.pid)
        return found

    def create(self):
        """Ask for a key; whether that was answered with success."""
        description = f"{len(self.told) + len(self.unknown)}"
        try:
            made = self.kms.create_key(Description=description)
        except ClientError as refused:
            assert refused.response["ResponseMetadata"]["HTTPStatusCode"] == 503
            self.said.append(refused.response["Error"]["Message"])
            self.unknown.add(description)
            return False
        except BotoCoreError:
            self.unknown.add(description)
            time.sleep(0.05)
            return False
        self.told[description] = made["KeyMetadata"]["KeyId"]
        return True

    def serves_again(self):
        until = time.monotonic() + ALWAYS
        while not (self.create() and self.ready()):
            assert time.monotonic() < until, "it does not serve again"

    def ready(self):
        try:
            with urllib.request.urlopen(self.server.url + "/readyz", timeout=10) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError):
            return False

    def end(self):
        """The exit code; what was logged is in `log`."""
        self.kms.close()
        self.server.process.terminate()
        _, said = self.server.process.communicate(timeout=40)
        self.log = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        return self.server.process.returncode

    def logged(self, event):
        return [each for each in self.log if each["event"] == event]

    def require_everything(self):
        """What was answered is there, and of the rest nothing that was not asked for; all of it genuine."""
        server = start(self.folder, self.credential)
        kms = server.client("kms", "test-1")
        try:
            pages = kms.get_paginator("list_keys").paginate()
            ids = [key["KeyId"] for page in pages for key in page["Keys"]]
            found = {
                kms.describe_key(KeyId=each)["KeyMetadata"]["Description"]: each for each in ids
            }
        finally:
            kms.close()
            assert server.stop() == 0
        assert self.told.items() <= found.items()
        assert found.keys() - self.told.keys() <= self.unknown
        verified = run("verify", "--data", self.folder)
        assert verified.code == 0, verified.out + verified.err


@pytest.fixture
def failing(tmp_path, shim):
    made = Failing(tmp_path, shim)
    yield made
    with contextlib.suppress(ValueError):  # it was ended
        made.heal()
        made.end()


@pytest.mark.parametrize(
    ("which", "changes"),
    [
        pytest.param("strongroom.db-wal", 1, id="commit"),
        pytest.param("strongroom.db", 250, id="checkpoint", marks=pytest.mark.long),
    ],
)
def test_all_workers_are_replaced_and_what_was_answered_is_there(failing, which, changes):
    failing.start("--workers", "2")
    for _ in range(5):
        assert failing.create()
    before = failing.workers()
    assert len(before) == 2
    failing.fail("1" + which)
    for _ in range(changes):
        failing.create()
        if failing.failed:
            break
    assert failing.failed
    failing.serves_again()
    for _ in range(5):
        failing.create()
    assert not before & failing.workers()
    assert failing.end() == 0
    assert len(failing.logged("disk-failed")) == 1
    hows = sorted(each["how"] for each in failing.logged("worker-died"))
    assert hows == [f"ended with code {DISK_FAILED}", "was killed by SIGKILL"]
    if changes == 1:
        assert any("Nobody knows whether it was made" in each for each in failing.said)
    failing.require_everything()


def test_a_server_of_one_worker_ends(failing):
    failing.start("--workers", "1")
    assert failing.create()
    failing.fail("1strongroom.db-wal")
    assert not failing.create()
    assert failing.server.process.wait(10) == DISK_FAILED
    failing.require_everything()


@pytest.mark.long
def test_while_the_disk_fails_it_is_not_ready_and_does_not_spin(failing):
    failing.start("--workers", "2")
    assert failing.create()
    failing.fail("*strongroom.db-wal")
    before = failing.workers()
    while before & failing.workers():
        assert not failing.create()
    until = time.monotonic() + 6
    while time.monotonic() < until:
        assert not failing.ready()
        assert not failing.create()
    failing.heal()
    failing.serves_again()
    assert failing.end() == 0
    delays = [each["replaced_in"] for each in failing.logged("worker-died")]
    assert len(delays) < 16
    assert max(delays) > min(delays)  # it waits longer and longer
    failing.require_everything()


@pytest.mark.long
def test_nor_does_it_start_then(failing):
    for which in ("strongroom.db-wal", "data.anchor", ".jsonl.begun"):
        failing.fail("*" + which)
        with pytest.raises(AssertionError) as ended:
            failing.start("--workers", "2")
        assert "strongroom: " in str(ended.value)
        assert "Traceback" not in str(ended.value)
    failing.heal()
    failing.start("--workers", "2")
    assert failing.create()
    assert failing.end() == 0
    failing.require_everything()


def reasons(failing):
    return {opening_of(path).reason for path in (failing.folder / "audit").iterdir()}


def test_a_record_that_did_not_reach_the_disk_was_not_answered(failing):
    """Its file is never written to again, which is as good as a new process."""
    failing.start("--workers", "1", "--audit-durable")
    assert failing.create()
    failing.fail("1.jsonl")
    assert not failing.create()
    assert failing.said == ["The audit record could not be written."]
    assert failing.create()
    assert failing.end() == 0
    assert "a batch did not reach the disk: Input/output error" in reasons(failing)
    failing.require_everything()


@pytest.mark.long
def test_a_log_that_may_not_have_reached_the_disk_is_not_anchored(failing):
    """It goes on in a new file."""
    failing.start("--workers", "1")
    failing.fail("1.jsonl")
    assert failing.create()
    until = time.monotonic() + ALWAYS
    while len([*(failing.folder / "audit").iterdir()]) < 2:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert failing.create()
    assert failing.end() == 0
    assert [each["what"] for each in failing.logged("upkeep-failed")] == ["anchor"]
    assert "batches may not have reached the disk: Input/output error" in reasons(failing)
    failing.require_everything()
