"""An older copy put back: noticed at the start, and served only if that is meant."""

import json
import shutil
import signal
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from tests.conftest import init, start, start_dev

REGION = "test-1"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def credential(folder):
    return init(folder, "--account", "000000000000")


class Served:
    """A server on the folder, for the length of a `with`."""

    def __init__(self, folder, credential, *arguments, how=signal.SIGTERM):
        self._asked = folder, credential, "--workers", "1", *arguments
        self._how = how

    def __enter__(self):
        self._server = start(*self._asked)
        self._kms = self._server.client("kms", REGION)
        return self._kms

    def __exit__(self, *_):
        self._kms.close()
        self._server.stop(self._how)


def ten_changes(kms):
    """Of what nobody may undo by an older copy."""
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    grant = kms.create_grant(
        KeyId=key, GranteePrincipal="arn:aws:iam::000000000000:root", Operations=["Encrypt"]
    )["GrantId"]
    kms.rotate_key_on_demand(KeyId=key)
    kms.revoke_grant(KeyId=key, GrantId=grant)
    for _ in range(2):
        kms.disable_key(KeyId=key)
        kms.enable_key(KeyId=key)
    kms.disable_key(KeyId=key)
    kms.schedule_key_deletion(KeyId=key)
    return key


def copied(folder, to):
    """A copy of a folder that a server may be writing to, as a backup of the disk would have it."""
    shutil.copytree(folder, to, ignore=shutil.ignore_patterns("strongroom.db*", "lock", "shared"))
    with (
        closing(sqlite3.connect(folder / "strongroom.db")) as here,
        closing(sqlite3.connect(to / "strongroom.db")) as there,
    ):
        here.backup(there)


def put_back(copy, folder, what):
    """The whole copy in the folder's place, or its database alone, or its audit log alone."""
    if what == "all":
        shutil.rmtree(folder)
        shutil.copytree(copy, folder)
    if what == "database":
        for path in folder.glob("strongroom.db*"):
            path.unlink()
        shutil.copy(copy / "strongroom.db", folder)
    if what == "audit":
        shutil.rmtree(folder / "audit")
        shutil.copytree(copy / "audit", folder / "audit")


@pytest.mark.parametrize(
    "how", [pytest.param(signal.SIGTERM, marks=pytest.mark.long), signal.SIGKILL]
)
def test_an_older_copy_is_refused_unless_it_is_meant(strongroom, tmp_path, folder, credential, how):
    copy = tmp_path / "copy"
    with Served(folder, credential, how=how) as kms:
        kms.create_key()
        copied(folder, copy)
        key = ten_changes(kms)
    with Served(folder, credential) as kms:  # as it was left, however that was
        assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    latest = tmp_path / "latest"
    copied(folder, latest)
    for what, said in (
        ("database", "the database is an older one than it was: it has seen "),
        ("audit", "the audit log of worker 0 "),
        ("all", "the database is an older one than it was: it has seen "),
    ):
        put_back(latest, folder, "all")
        put_back(copy, folder, what)
        refusal = strongroom("serve", "--data", folder, "--listen", "127.0.0.1:0")
        assert refusal.code == 1
        assert refusal.sentence.startswith(said), refusal.sentence
        assert "say so once with --accept-rollback" in refusal.sentence
        verified = strongroom("verify", "--data", folder)
        assert verified.code == 1
        assert "ILL    older copy: " in verified.out
        refusal = strongroom("account", "create", "--data", folder)
        assert refusal.sentence.startswith(said)
    with Served(folder, credential, "--accept-rollback") as kms:
        assert len(kms.list_keys()["Keys"]) == 1
    with Served(folder, credential) as kms:  # it is the latest now
        kms.create_key()
    assert strongroom("verify", "--data", folder).code == 0
    put_back(latest, folder, "all")
    refusal = strongroom("serve", "--data", folder, "--listen", "127.0.0.1:0")
    assert "the audit log of worker 0 " in refusal.sentence


def test_an_anchor_that_is_missing(strongroom, tmp_path, folder, credential):
    anchor = tmp_path / "data.anchor"
    with Served(folder, credential):
        pass
    anchor.rename(tmp_path / "aside")
    refusal = strongroom("serve", "--data", folder, "--listen", "127.0.0.1:0").sentence
    assert refusal.startswith(f"the anchor `{anchor}` is missing, so nobody knows")
    with Served(folder, credential, "--anchor", str(tmp_path / "aside")):
        pass
    assert "is missing" in strongroom("verify", "--data", folder).out
    with Served(folder, credential, "--accept-rollback"):
        pass
    assert strongroom("verify", "--data", folder).code == 0


def test_an_anchor_of_another_installation(strongroom, tmp_path, folder, credential):
    with Served(folder, credential):
        pass
    init(tmp_path / "other")
    (tmp_path / "other.anchor").replace(tmp_path / "data.anchor")
    refusal = strongroom("serve", "--data", folder, "--listen", "127.0.0.1:0").sentence
    assert refusal.startswith("the anchor says nothing that this root key's holder wrote")


def test_a_folder_of_a_release_that_had_no_anchor(strongroom, tmp_path, folder, credential):
    (tmp_path / "data.anchor").unlink()
    description = json.loads((folder / "strongroom.json").read_text())
    del description["anchor"]
    (folder / "strongroom.json").write_text(json.dumps(description))
    with closing(sqlite3.connect(folder / "strongroom.db")) as database, database:
        database.execute("DELETE FROM totals")
        database.execute("UPDATE epoch SET sealed = x''")
    assert strongroom("account", "list", "--data", folder).code == 0
    assert not (tmp_path / "data.anchor").exists()  # who only looks makes nothing
    with Served(folder, credential) as kms:
        kms.create_key()
    assert (tmp_path / "data.anchor").exists()
    assert strongroom("verify", "--data", folder).code == 0
    # From here on it is asked, though the folder does not say so.
    copy = tmp_path / "copy"
    copied(folder, copy)
    with Served(folder, credential) as kms:
        kms.create_key()
    put_back(copy, folder, "all")
    assert strongroom("serve", "--data", folder, "--listen", "127.0.0.1:0").code == 1


def test_where_an_anchor_cannot_be(strongroom, tmp_path, folder):
    said = strongroom("init", "--data", folder, "--anchor", folder / "anchor").sentence
    assert "would lie in the data folder" in said
    (tmp_path / "data.anchor").write_text("mine")
    said = strongroom("init", "--data", folder).sentence
    assert "name another place with --anchor" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.anchor"]
    assert (tmp_path / "data.anchor").read_text() == "mine"
    elsewhere = tmp_path / "elsewhere"
    assert strongroom("init", "--data", folder, "--anchor", elsewhere).code == 0
    assert elsewhere.exists()


def test_what_is_thrown_away_has_none():
    server = start_dev()
    kms = server.client("kms", REGION)
    kms.create_key()
    kms.close()
    server.stop()
    assert list(Path(tempfile.gettempdir()).glob("strongroom-dev-*.anchor")) == []
