"""A clock that jumps: nothing is deleted and nothing expires early."""

import time
from contextlib import closing
from dataclasses import replace

import pytest
from tests.conftest import init, start
from tests.postgresql import Server
from things import import_into

from strongroom.main.foundation import administered, changed
from strongroom.storage.seals import Opener

REGION, ACCOUNT = "test-1", "000000000000"
HOUR = 3_600

# Python runs this first, in every process of a server: its clock is as many seconds ahead as a file says.
SITE = """
import time
_real = time.time
def _said():
    with open({file!r}) as file:
        return _real() + float(file.read() or 0)
time.time = _said
"""


@pytest.fixture
def ahead(tmp_path, monkeypatch):
    """Sets the clock of the servers that are started from here on."""
    site, file = tmp_path / "site", tmp_path / "ahead"
    site.mkdir()
    file.write_text("0")
    (site / "sitecustomize.py").write_text(SITE.format(file=str(file)))
    monkeypatch.setenv("PYTHONPATH", str(site))

    def set_to(seconds):
        new = file.with_name("new")
        new.write_text(str(seconds))
        new.replace(file)

    return set_to


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data"


def due_in(folder, key, seconds):
    """Have a key deleted, or its material expire, in so many seconds."""
    with changed(folder, Opener()) as store, store.writing() as books:
        found = books.key(ACCOUNT, REGION, key)
        if found.imports:
            books.put_import(found, replace(found.imports[0], valid_to=time.time() + seconds))
        else:
            books.change_key(found, deletion_date=time.time() + seconds)


def there(folder, deleted, expired):
    """Whether the keys are: the one at all, the other's material."""
    with administered(folder, Opener()) as store, store.reading() as books:
        key = books.key(ACCOUNT, REGION, expired)
        return books.key(ACCOUNT, REGION, deleted) is not None, key.imports[0].present


def two_keys(server):
    """One that is to be deleted, and one whose material expires."""
    with closing(server.client("kms", REGION)) as kms:
        deleted = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.schedule_key_deletion(KeyId=deleted)
        expired = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
        import_into(
            kms, expired, ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=time.time() + 900_000
        )
    return deleted, expired


def until(wanted, folder, keys):
    limit = time.monotonic() + 10
    while there(folder, *keys) != wanted and time.monotonic() < limit:
        time.sleep(0.2)
    assert there(folder, *keys) == wanted


def test_an_hour_ahead_an_hour_behind_and_right_again(folder, ahead):
    server = start(folder, init(folder, "--account", ACCOUNT), "--workers", "1")
    try:
        keys = two_keys(server)
        for key in keys:
            due_in(folder, key, HOUR / 2)
        for jump in (HOUR, -HOUR, 30 * HOUR, 0):
            ahead(jump)
            time.sleep(1.3)  # it looks once a second
            assert there(folder, *keys) == (True, True), jump
        for key in keys:
            due_in(folder, key, -1)
        until((False, False), folder, keys)
    finally:
        said = server.process.stderr
        server.process.terminate()
        log = said.read()
        server.stop()
    assert "clock-doubted" in log
    assert "this machine's was set forward" in log


@pytest.mark.long
def test_a_machine_whose_clock_is_ahead_of_the_databases(folder, ahead):
    postgresql = Server()
    credential = init(folder, "--account", ACCOUNT, "--database", postgresql.new())
    server = start(folder, credential, "--workers", "1")
    try:
        keys = two_keys(server)
        for key in keys:
            due_in(folder, key, HOUR / 2)
        server.stop()
        ahead(HOUR)
        server = start(folder, credential, "--workers", "1")
        time.sleep(2.2)
        assert there(folder, *keys) == (True, True)
        for key in keys:
            due_in(folder, key, -1)
        until((False, False), folder, keys)
    finally:
        server.stop()
        postgresql.stop()
