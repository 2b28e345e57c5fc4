"""Backup, restore and move: the drill, and everything that is refused."""

import json
import shutil
import sqlite3
import subprocess
import threading
import time
from contextlib import closing

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.conftest import STRONGROOM, init, start
from tests.postgresql import Server
from things import CONTEXT, REGION, Things

from strongroom.main.backups import restore
from strongroom.main.foundation import changed
from strongroom.storage.backup import BackupError
from strongroom.storage.seals import Opener

pytestmark = pytest.mark.xdist_group("backup")

ACCOUNT = "000000000000"
PASSPHRASE = "correct horse battery"


@pytest.fixture(scope="module")
def postgresql():
    server = Server()
    yield server
    server.stop()


def lose(*paths):
    for path in paths:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


LONG = pytest.mark.long


@pytest.mark.parametrize(
    ("kept_in", "restored_to"),
    [
        ("folder", "postgresql"),
        pytest.param("folder", "folder", marks=LONG),
        pytest.param("postgresql", "folder", marks=LONG),
        pytest.param("postgresql", "postgresql", marks=LONG),
    ],
)
def test_the_drill(strongroom, tmp_path, postgresql, kept_in, restored_to):
    """Back up while serving, lose everything, restore on a bare machine, open what was sealed before."""
    address, other_address = (
        ("--database", postgresql.new()) if kind == "postgresql" else ()
        for kind in (kept_in, restored_to)
    )
    lost, bare = tmp_path / "lost", tmp_path / "bare"
    lost.mkdir()
    credential = init(lost / "data", "--account", ACCOUNT, *address)
    escrow = tmp_path / "escrow"
    shutil.copy(lost / "data.root-key", escrow)
    server = start(lost / "data", credential)
    try:
        things = Things(server)
        made = strongroom("backup", "--data", lost / "data", "--to", tmp_path / "backup")
        assert made.code == 0, made
        assert "the root key is not: without it, this file opens for nobody" in made.err
        later = things.kms.create_key()["KeyMetadata"]["KeyId"]
    finally:
        server.stop()
    lose(lost)
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o600

    restored = strongroom(
        *("restore", "--from", tmp_path / "backup", "--data", bare / "data"),
        *("--root-key", escrow, *other_address),
    )
    assert restored.code == 0, restored
    assert "what was done later is undone" in restored.err
    verified = strongroom("verify", "--data", bare / "data")
    assert verified.code == 0, verified.out
    assert "audit log is whole" in verified.out
    server = start(bare / "data", credential)
    try:
        things.require(server)
        kms = server.client("kms", REGION)
        with pytest.raises(kms.exceptions.NotFoundException):
            kms.describe_key(KeyId=later)
    finally:
        server.stop()
    verified = strongroom("verify", "--data", bare / "data")
    assert verified.code == 0, verified.out
    # What was asked before is answered for still, from the restored log.
    text = "".join(path.read_text() for path in (bare / "data/audit").glob("*.jsonl"))
    assert text.count('"eventName":"ReplicateKey"') == 1


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def credential(folder):
    return init(folder, "--account", ACCOUNT)


def keys(data):
    """How many keys there are."""
    with closing(sqlite3.connect(data / "strongroom.db")) as database:
        return database.execute("SELECT count(*) FROM keys").fetchone()[0]


def test_backups_while_many_write_are_each_of_one_moment(strongroom, tmp_path, folder, credential):
    server = start(folder, credential, "--workers", "2")
    done = threading.Event()
    made = []

    def write(number):
        kms = boto3.client(
            "kms",
            endpoint_url=server.url,
            region_name=f"us-west-{number}",
            aws_access_key_id=credential[0],
            aws_secret_access_key=credential[1],
            config=Config(retries={"total_max_attempts": 1}),
        )
        while not done.is_set():
            key = kms.create_key()["KeyMetadata"]["KeyId"]
            kms.disable_key(KeyId=key)
            made.append(key)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    try:
        for thread in threads:
            thread.start()
        counts = []
        for number in range(2):
            before = len(made)
            to = tmp_path / f"backup-{number}"
            assert strongroom("backup", "--data", folder, "--to", to).code == 0
            counts.append((before, len(made) + len(threads)))
    finally:
        done.set()
        for thread in threads:
            thread.join()
        server.stop()
    for number, (least, most) in enumerate(counts):
        data = tmp_path / f"restored-{number}"
        done_so = strongroom(
            *("restore", "--from", tmp_path / f"backup-{number}", "--data", data),
            *("--root-key", tmp_path / "data.root-key"),
        )
        assert done_so.code == 0, done_so
        assert least <= keys(data) <= most
        assert strongroom("verify", "--data", data).code == 0
    assert counts[0][0] < counts[-1][1]


def backed_up(strongroom, folder, to, *arguments, **environment):
    done = strongroom("backup", "--data", folder, "--to", to, *arguments, **environment)
    assert done.code == 0, done
    return to


def test_a_backup_that_has_the_root_key_under_a_passphrase(
    strongroom, tmp_path, folder, credential
):
    words = {"STRONGROOM_NEW_PASSPHRASE": PASSPHRASE}
    file = backed_up(strongroom, folder, tmp_path / "b", "--with-root-key", **words)
    lose(folder, tmp_path / "data.root-key", tmp_path / "data.anchor")
    asked = "restore", "--from", file, "--data", folder
    assert "a passphrase is wanted" in strongroom(*asked).sentence
    wrong = strongroom(*asked, STRONGROOM_PASSPHRASE="wrong horse battery")
    assert "the passphrase is wrong" in wrong.sentence
    assert not folder.exists()
    assert strongroom(*asked, STRONGROOM_PASSPHRASE=PASSPHRASE).code == 0
    listed = strongroom("account", "list", "--data", folder, STRONGROOM_PASSPHRASE=PASSPHRASE)
    assert listed.out.startswith(ACCOUNT)


@pytest.mark.long
def test_a_folder_under_a_passphrase(strongroom, tmp_path, folder):
    words = {"STRONGROOM_PASSPHRASE": PASSPHRASE}
    assert strongroom("init", "--data", folder, "--passphrase", **words).code == 0
    without = backed_up(strongroom, folder, tmp_path / "without", **words)
    within = backed_up(strongroom, folder, tmp_path / "within", "--with-root-key", **words)
    sealed = json.loads((folder / "strongroom.json").read_text())["root_key"]["argon2id"]["sealed"]
    assert sealed.encode() not in without.read_bytes()
    assert strongroom("seal", "--data", folder, "--to-root-key", tmp_path / "k", **words).code == 0
    refused = strongroom("restore", "--from", without, "--data", tmp_path / "r", **words).sentence
    assert refused.startswith("the root key is not in this backup")
    done = strongroom(
        "restore", "--from", without, "--data", tmp_path / "r", "--root-key", tmp_path / "k"
    )
    assert done.code == 0, done
    assert strongroom("restore", "--from", within, "--data", tmp_path / "s", **words).code == 0
    assert strongroom("account", "list", "--data", tmp_path / "s", **words).code == 0


@pytest.mark.long
def test_a_folder_whose_root_key_is_shared_out(strongroom, tmp_path, folder, credential):
    assert (
        strongroom("seal", "--data", folder, "--to-shares", "2:3", "--into", tmp_path / "s").code
        == 0
    )
    some = "--share", tmp_path / "s/share-1", "--share", tmp_path / "s/share-3"
    file = backed_up(strongroom, folder, tmp_path / "b", *some)
    asked = "restore", "--from", file, "--data", tmp_path / "r"
    assert "2 different shares" in strongroom(*asked).sentence
    assert strongroom(*asked, *some).code == 0
    assert strongroom("account", "list", "--data", tmp_path / "r", *some).code == 0


def test_through_a_pipe_and_only_looked_at(strongroom, tmp_path, folder, credential):
    done = subprocess.run(
        [*STRONGROOM, "backup", "--data", str(folder), "--to", "-", "--without-log"],
        capture_output=True,
        check=True,
    )
    (tmp_path / "b").write_bytes(done.stdout)
    before = sorted(tmp_path.iterdir())
    looked = strongroom("restore", "--from", tmp_path / "b", "--check")
    assert looked.code == 0
    assert " rows and 0 bytes of the audit log, as of 20" in looked.err
    assert sorted(tmp_path.iterdir()) == before


def test_a_backup_that_is_not_whole_or_of_another_root_key(
    strongroom, tmp_path, folder, credential
):
    file = backed_up(strongroom, folder, tmp_path / "b")
    whole = file.read_bytes()
    line = whole.index(b"\n") + 1
    altered = {
        "nothing": b"",
        "a line": b"hello\n",
        "endless": whole[: line - 1] + b" " * 70_000,
        "header": whole.replace(b'"made":1', b'"made":2', 1),
        "salt": whole.replace(b'"salt":"', b'"salt":"00', 1),
        "format": whole.replace(b'"strongroom-backup":1', b'"strongroom-backup":2', 1),
        "no body": whole[:line],
        "cut": whole[:-1],
        "half": whole[: len(whole) // 2],
        "longer": whole + b"x",
        "flipped": whole[: line + 9] + bytes([whole[line + 9] ^ 1]) + whole[line + 10 :],
        "twice": whole + whole[line:],
    }
    data = tmp_path / "r"
    for name, content in altered.items():
        file.write_bytes(content)
        with pytest.raises(BackupError) as refused:
            restore(data, file, Opener(), None, None, accept_rollback=False, accept_damage=False)
        assert any(
            said in str(refused.value)
            for said in ("is no backup", "is damaged", "cannot be used", "is of format 2")
        ), (name, refused.value)
        assert not data.exists()
        assert not (tmp_path / "r.anchor").exists()
    file.write_bytes(whole)
    init(tmp_path / "other")
    refused = strongroom(
        *("restore", "--from", file, "--data", data, "--root-key", tmp_path / "other.root-key")
    )
    assert "this is a root key, but not this data folder's" in refused.sentence
    assert strongroom("restore", "--from", file, "--data", data).code == 0


@pytest.mark.long
def test_where_there_is_something_already(strongroom, tmp_path, folder, credential, postgresql):
    file = backed_up(strongroom, folder, tmp_path / "b")
    refused = strongroom("backup", "--data", folder, "--to", file).sentence
    assert refused == f"there is something at `{file}` already; name a new file with --to"
    refused = strongroom("backup", "--data", folder, "--to", tmp_path / "no/b").sentence
    assert "the operating system refused" in refused
    asked = "restore", "--from", file, "--data"
    assert "is a data folder already" in strongroom(*asked, folder).sentence
    refused = strongroom(*asked, tmp_path).sentence
    assert "is not empty" in refused
    full = postgresql.new()
    init(tmp_path / "in-it", "--database", full)
    refused = strongroom(*asked, tmp_path / "r", "--database", full).sentence
    assert "there is something in the database already" in refused
    refused = strongroom(*asked, tmp_path / "r", "--anchor", tmp_path / "r/anchor").sentence
    assert "would lie in the data folder" in refused
    refused = strongroom(*asked, tmp_path / "r", "--anchor", tmp_path / "in-it.anchor").sentence
    assert "it may be another installation's anchor" in refused
    assert "cannot be read" in strongroom("restore", "--from", tmp_path / "no", "--check").sentence
    assert "say where to" in strongroom("restore", "--from", file).sentence
    assert "--check keeps nothing" in strongroom(*asked, tmp_path / "r", "--check").sentence
    assert not (tmp_path / "r").exists()


def test_an_anchor_that_knows_of_a_later_state(strongroom, tmp_path, folder, credential):
    file = backed_up(strongroom, folder, tmp_path / "b")
    assert strongroom("account", "create", "--data", folder).code == 0
    latest = backed_up(strongroom, folder, tmp_path / "latest")
    lose(folder)
    asked = "restore", "--data", folder, "--from"
    refused = strongroom(*asked, file).sentence
    assert refused.startswith("the database is an older one than it was")
    assert not folder.exists()
    done = strongroom(*asked, latest)
    assert done.code == 0, done
    assert "accepted" not in done.err
    lose(folder)
    done = strongroom(*asked, file, "--accept-rollback")
    assert done.code == 0, done
    assert "accepted: the database is an older one than it was" in done.err
    assert strongroom("verify", "--data", folder).code == 0


def test_a_database_that_had_been_altered(strongroom, tmp_path, folder, credential):
    with closing(sqlite3.connect(folder / "strongroom.db")) as database, database:
        database.execute("UPDATE accounts SET name = 'another'")
    file = backed_up(strongroom, folder, tmp_path / "b")
    asked = "restore", "--from", file, "--data", tmp_path / "r"
    refused = strongroom(*asked).sentence
    assert refused.startswith(
        f"row of `accounts` {ACCOUNT}: a row of `accounts` was altered outside"
    )
    assert not (tmp_path / "r").exists()
    done = strongroom(*asked, "--accept-damage")
    assert done.code == 0
    assert f"accepted: row of `accounts` {ACCOUNT}" in done.err


def test_deletions_that_became_due_since_wait_anew(strongroom, tmp_path, folder, credential):
    server = start(folder, credential, "--workers", "1")
    try:
        kms = server.client("kms", REGION)
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        sealed = kms.encrypt(KeyId=key, Plaintext=b"p")["CiphertextBlob"]
        kms.schedule_key_deletion(KeyId=key)
    finally:
        server.stop()
    with changed(folder, Opener()) as store, store.writing() as books:
        books.change_key(books.key(ACCOUNT, REGION, key), deletion_date=time.time() - 1)
    file = backed_up(strongroom, folder, tmp_path / "b")
    done = strongroom("restore", "--from", file, "--data", tmp_path / "r")
    assert "1 keys should have been deleted meanwhile: they wait 7 more days" in done.err
    server = start(tmp_path / "r", credential, "--workers", "1")
    try:
        kms = server.client("kms", REGION)
        date = kms.describe_key(KeyId=key)["KeyMetadata"]["DeletionDate"].timestamp()
        assert time.time() + 6.9 * 86_400 < date < time.time() + 7 * 86_400
        kms.cancel_key_deletion(KeyId=key)
        kms.enable_key(KeyId=key)
        assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"p"
    finally:
        server.stop()


def test_moved_to_postgresql_and_back(strongroom, tmp_path, folder, credential, postgresql):
    server = start(folder, credential)
    try:
        things = Things(server)
        refused = strongroom("move", "--data", folder, "--database", postgresql.new()).sentence
        assert "another Strongroom is serving" in refused
    finally:
        server.stop()
    address = postgresql.new()
    moved = strongroom("move", "--data", folder, "--database", address)
    assert moved.code == 0, moved
    assert not (folder / "strongroom.db").exists()
    server = start(folder, credential)
    try:
        things.require(server)
        things.kms = server.client("kms", REGION)
        things.kms.rotate_key_on_demand(KeyId=things.key)
        things.kms.delete_alias(AliasName="alias/drill")
        things.kms.create_alias(AliasName="alias/drill", TargetKeyId=things.key)
    finally:
        server.stop()
    assert strongroom("verify", "--data", folder).code == 0

    # The old file, put back, is of no use.
    older = tmp_path / "older"
    shutil.copytree(folder, older)
    shutil.copy(folder / "strongroom.db.moved", older / "strongroom.db")
    description = json.loads((older / "strongroom.json").read_text())
    del description["database"]
    (older / "strongroom.json").write_text(json.dumps(description))
    refused = strongroom("serve", "--data", older, "--listen", "127.0.0.1:0").sentence
    assert "what was in this database is in another one since `strongroom move`" in refused
    lose(older)

    # Back, with another node running that nobody thought of.
    joined = strongroom("join", "--data", tmp_path / "n", "--like", folder / "strongroom.json")
    assert joined.code == 0, joined
    forgotten = start(tmp_path / "n", credential, "--workers", "1")
    try:
        kms = forgotten.client("kms", REGION)
        kms.encrypt(KeyId=things.key, Plaintext=b"x")
        back = strongroom("move", "--data", folder, "--into-folder")
        assert back.code == 0, back
        time.sleep(1.5)  # the bound, and the quarter of a second in which it looks
        with pytest.raises(ClientError, match="DependencyTimeout"):
            kms.encrypt(KeyId=things.key, Plaintext=b"x")
    finally:
        forgotten.stop()
    refused = strongroom("serve", "--data", tmp_path / "n", "--listen", "127.0.0.1:0").sentence
    assert "is in another one since `strongroom move`" in refused
    server = start(folder, credential)
    try:
        kms = server.client("kms", REGION)
        assert len(kms.list_key_rotations(KeyId=things.key)["Rotations"]) == 2
        opened = kms.decrypt(CiphertextBlob=things.after, EncryptionContext=CONTEXT)
        assert opened["Plaintext"] == b"p"
    finally:
        server.stop()
    assert strongroom("verify", "--data", folder).code == 0


@pytest.mark.long
def test_moves_that_are_refused_change_nothing(
    strongroom, tmp_path, folder, credential, postgresql
):
    def move(*where):
        def state():
            return description.read_text(), {path.name for path in folder.iterdir()} - {"lock"}

        description = folder / "strongroom.json"
        before = state()
        refused = strongroom("move", "--data", folder, *where).sentence
        assert before == state()
        return refused

    full = postgresql.new()
    init(tmp_path / "in-it", "--database", full)
    assert "say where to" in move()
    assert "say where to" in move("--into-folder", "--database", full)
    assert "the database is in the folder already" in move("--into-folder")
    assert "there is something in the database already" in move("--database", full)
    assert "cannot be reached" in move("--database", "postgresql://127.0.0.1:1/none")
    with closing(sqlite3.connect(folder / "strongroom.db")) as database, database:
        database.execute("UPDATE accounts SET name = 'another'")
    empty = postgresql.new()
    assert "Nothing was moved" in move("--database", empty)
    init(tmp_path / "new", "--database", empty)  # it is empty still
    (tmp_path / "new/strongroom.db").write_bytes(b"x")
    refused = strongroom("move", "--data", tmp_path / "new", "--into-folder").sentence
    assert "there is a file at" in refused
