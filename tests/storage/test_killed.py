"""kill -9 of everything at any moment: what was answered is there after the next start."""

import contextlib
import json
import random
import signal
import time

import psutil
import pytest
from owners import Owner
from tests import postgresql
from tests.conftest import init, start

from strongroom.audit.verify import verify
from strongroom.keys.hierarchy import audit_key
from strongroom.storage import rootkey


def kill_everything(server):
    """SIGKILL for the supervisor and all its workers, as good as at once."""
    supervisor = psutil.Process(server.process.pid)
    everyone = [supervisor, *supervisor.children(recursive=True)]
    for process in everyone:
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended by itself
            process.kill()
    assert server.stop(signal.SIGKILL) == -signal.SIGKILL
    psutil.wait_procs(everyone, timeout=10)


def recorded(folder):
    """The request ids of all whole records of the audit log."""
    found = set()
    for path in (folder / "audit").iterdir():
        for line in path.read_bytes().split(b"\n")[:-1]:
            if line.startswith(b'{"eventVersion"'):
                found.add(json.loads(line)["requestID"])
    return found


def loop(tmp_path, cycles, owners=3, database=None):
    """With a server of PostgreSQL, that is killed too, every other time."""
    folder = tmp_path / "data"
    where = () if database is None else ("--database", database.new())
    credential = init(folder, "--account", "000000000000", *where)
    root = rootkey.read_file(tmp_path / "data.root-key")
    seed = cycles
    chance = random.Random(seed)
    crowd = [Owner(number, seed) for number in range(owners)]
    for cycle in range(cycles):
        server = start(folder, credential, "--workers", "2")
        try:
            for owner in crowd:
                owner.check(server)
            before = answered(crowd)
            threads = [owner.begin(server) for owner in crowd]
            wait_for(crowd, before + chance.randrange(1, 60))
            time.sleep(chance.uniform(0, 0.02))
        finally:
            if database is not None and cycle % 2:
                database.kill()
            kill_everything(server)
        if database is not None and cycle % 2:
            database.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()

    server = start(folder, credential, "--workers", "2")
    try:
        for owner in crowd:
            owner.check(server, everything=True)
    finally:
        assert server.stop() == 0

    assert answered(crowd) > cycles * 10
    told = set().union(*(owner.request_ids for owner in crowd))
    assert told - recorded(folder) == set()
    reports = verify(folder / "audit", audit_key(root))
    assert reports
    assert [report for report in reports if not report.sound] == []


def answered(crowd):
    return sum(owner.answered for owner in crowd)


def wait_for(crowd, count):
    """Until they have been told so much, however busy the machine is."""
    until = time.monotonic() + 60
    while answered(crowd) < count:
        assert time.monotonic() < until
        time.sleep(0.001)


def test_nothing_that_was_answered_is_lost(tmp_path):
    loop(tmp_path, cycles=5)


@pytest.fixture
def mortal():
    """A server of PostgreSQL that nobody else needs."""
    server = postgresql.Server()
    yield server
    server.stop()


def test_nor_on_postgresql_which_dies_too(tmp_path, mortal):
    loop(tmp_path, cycles=4, database=mortal)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_nor_on_postgresql_in_two_hundred_deaths(tmp_path, mortal):
    loop(tmp_path, cycles=200, database=mortal)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_nothing_that_was_answered_is_lost_in_two_hundred_deaths(tmp_path):
    loop(tmp_path, cycles=200)
