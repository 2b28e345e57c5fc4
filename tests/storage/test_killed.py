"""kill -9 of everything at any moment: what was answered is there after the next start."""

import json
import random
import time
from contextlib import ExitStack
from functools import partial

import pytest
from owners import Owner
from tests import postgresql
from tests.conftest import free_port, init, start
from tests.waiting import wait_until

from strongroom.audit.verify import verify
from strongroom.keys.hierarchy import audit_key
from strongroom.storage import rootkey


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
    port = free_port()
    serve = partial(start, folder, credential, "--workers", "2", "--listen", f"127.0.0.1:{port}")
    with ExitStack() as closed:
        url = f"http://127.0.0.1:{port}"
        crowd = [Owner(number, seed, url, credential) for number in range(owners)]
        for owner in crowd:
            closed.callback(owner.close)
        for cycle in range(cycles):
            live_and_die(serve(), crowd, chance, database if cycle % 2 else None)
        server = serve()
        try:
            for owner in crowd:
                owner.check(everything=True)
        finally:
            assert server.stop() == 0

    assert answered(crowd) > cycles * 10
    told = set().union(*(owner.request_ids for owner in crowd))
    assert told - recorded(folder) == set()
    reports = verify(folder / "audit", audit_key(root))
    assert reports
    assert [report for report in reports if not report.sound] == []


def live_and_die(server, crowd, chance, database=None):
    """What they were told is checked, they are told more, and then all is killed, the database's server too."""
    try:
        for owner in crowd:
            owner.check()
        before = answered(crowd)
        threads = [owner.begin() for owner in crowd]
        told = before + chance.randrange(1, 60)
        wait_until(lambda: answered(crowd) >= told)
        time.sleep(chance.uniform(0, 0.02))
    finally:
        if database is not None:
            database.kill()
        server.kill()
    if database is not None:
        database.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def answered(crowd):
    return sum(owner.answered for owner in crowd)


def test_nothing_that_was_answered_is_lost(tmp_path):
    loop(tmp_path, cycles=20)


@pytest.fixture
def mortal():
    """A server of PostgreSQL that nobody else needs."""
    server = postgresql.Server()
    yield server
    server.stop()


def test_nor_on_postgresql_which_dies_too(tmp_path, mortal):
    loop(tmp_path, cycles=20, database=mortal)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_nor_on_postgresql_in_two_hundred_deaths(tmp_path, mortal):
    loop(tmp_path, cycles=200, database=mortal)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_nothing_that_was_answered_is_lost_in_two_hundred_deaths(tmp_path):
    loop(tmp_path, cycles=200)
