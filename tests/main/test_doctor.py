"""`strongroom doctor`: for each illness, that it is seen and that what to do is said."""

import re
import shutil
import sqlite3

import pytest
from tests.conftest import init, start


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """A folder that has been served: two keys, an audit log; and its root key beside it."""
    place = tmp_path_factory.mktemp("doctor")
    credential = init(place / "data", "--account", "000000000000")
    server = start(place / "data", credential, "--workers", "1")
    kms = server.client("kms", "test-1")
    for name in ("a", "b"):
        key_id = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=key_id)
        kms.tag_resource(KeyId=key_id, Tags=[{"TagKey": "x", "TagValue": "y"}])
    kms.close()
    server.stop()
    return place


@pytest.fixture
def folder(template, tmp_path):
    """That folder, to be spoilt; its root key lies beside it, as `data.root-key`."""
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    return tmp_path / "data"


@pytest.fixture
def doctor(strongroom, folder):
    def examine(*arguments):
        own = "--root-key", folder.with_name("data.root-key")
        said = strongroom("doctor", "--data", folder, *own, *arguments)
        assert said.err == ""
        return said

    return examine


def ill(said):
    """What was found ill, if anything."""
    assert said.code == 1, said
    return [line for line in said.out.splitlines() if line.startswith("ILL")]


def change(folder, statement):
    connection = sqlite3.connect(folder / "strongroom.db")
    with connection:
        assert connection.execute(statement).rowcount >= 1
    connection.close()


def test_a_sound_one(doctor):
    said = doctor()
    assert said.code == 0
    for line in (
        "ok     data folder is its owner's alone",
        "ok     no server is running on the folder",
        "ok     root key opens and is this folder's",
        "ok     database is whole",
        "ok     2 keys open",
    ):
        assert line in said.out.splitlines()
    assert "ok     audit log is whole: " in said.out
    assert re.search(
        r"^ok     this is the latest state that `.*/data.anchor` knows of$", said.out, re.M
    )
    assert re.search(r"^ok     \d\d rows are as they were written, and all there$", said.out, re.M)


def test_it_may_be_asked_while_a_server_runs(strongroom, tmp_path):
    credential = init(tmp_path / "other")
    server = start(tmp_path / "other", credential, "--workers", "1")
    try:
        said = strongroom("doctor", "--data", tmp_path / "other")
        assert "ok     a server is running on the folder" in said.out.splitlines()
        assert said.code == 0
    finally:
        server.stop()


def test_no_folder(strongroom, tmp_path):
    (line,) = ill(strongroom("doctor", "--data", tmp_path / "never"))
    assert f"strongroom init --data {tmp_path / 'never'}" in line


def test_a_file_for_a_folder(strongroom, tmp_path):
    (tmp_path / "file").write_text("x")
    (line,) = ill(strongroom("doctor", "--data", tmp_path / "file"))
    assert line.endswith("it is not a folder; name one")
    said = strongroom("serve", "--data", tmp_path / "file").sentence
    assert said == f"`{tmp_path / 'file'}` is not a folder; name a data folder"


def test_a_folder_open_to_others(doctor, folder):
    folder.chmod(0o755)
    (line,) = ill(doctor())
    assert f"(mode 0755): run `chmod 700 {folder}`" in line


def test_a_root_key_that_is_missing_foreign_or_open_to_others(doctor, folder, tmp_path):
    where = tmp_path / "data.root-key"
    where.chmod(0o644)
    (line,) = ill(doctor())
    assert f"run `chmod 600 {where}`" in line
    where.rename(tmp_path / "aside")
    (line,) = ill(doctor())
    assert "is missing" in line
    assert "--root-key" in line
    init(tmp_path / "other")
    (line,) = ill(doctor("--root-key", tmp_path / "other.root-key"))
    assert "not this data folder's" in line


@pytest.mark.parametrize(
    ("lost", "said"),
    [("strongroom.json", "cannot be made anew"), ("strongroom.db", "would lose every key")],
)
def test_what_is_lost(doctor, folder, lost, said):
    (folder / lost).unlink()
    (line,) = ill(doctor())
    assert said in line
    assert not (folder / lost).exists()


def test_a_database_that_is_damaged(doctor, folder):
    database = folder / "strongroom.db"
    whole = database.read_bytes()
    database.write_bytes(whole[:6000] + bytes(4096) + whole[10096:])
    (line,) = ill(doctor())
    assert "stop the server and restore a backup" in line
    database.write_bytes(b"never a database" * 300)
    (line,) = ill(doctor())
    assert "it cannot be read" in line


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE keys SET state = 'Disabled'",
        "UPDATE materials SET created = 0",
        "DELETE FROM materials",
        "UPDATE domains SET sealed = x'01' WHERE region = 'test-1'",
        "UPDATE aliases SET target = (SELECT max(key_id) FROM keys) WHERE name = 'alias/a' OR 1",
        "UPDATE tags SET tag_value = 'z'",
        "UPDATE access_keys SET status = 'Inactive'",
        "UPDATE accounts SET name = 'mine'",
    ],
)
def test_rows_that_somebody_altered(doctor, folder, statement):
    change(folder, statement)
    lines = ill(doctor())
    assert lines
    assert all("compare with a backup" in line for line in lines)
    named = "key" if statement.startswith("DELETE") else statement.split()[1]
    assert f"`{named}`" in lines[0]


def test_a_database_of_another_release(doctor, folder):
    change(folder, "UPDATE alembic_version SET version_num = '9999'")
    change(folder, "DELETE FROM compatibility")
    said = doctor()
    assert "watch  database was made by another release" in said.out


def test_an_audit_log_that_somebody_altered(doctor, folder):
    (log,) = (folder / "audit").glob("*.jsonl")
    text = log.read_bytes()
    assert b'"CreateAlias"' in text
    log.write_bytes(text.replace(b'"CreateAlias"', b'"DeleteAlias"', 1))
    (line,) = ill(doctor())
    assert "keep the file as evidence and compare with a copy" in line


def test_it_changes_nothing(doctor, folder):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    doctor()
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_with_an_odd_name(strongroom, tmp_path):
    odd = tmp_path / "a?b#c d"
    init(odd)
    (odd / "strongroom.db").write_bytes(b"never a database" * 300)
    (line,) = ill(strongroom("doctor", "--data", odd, "--root-key", tmp_path / "a?b#c d.root-key"))
    assert "it cannot be read" in line
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("a?b#c d", "a?b#c d.anchor", "a?b#c d.root-key")
    ]


def test_a_database_that_does_not_say_who_made_it(doctor, folder, strongroom):
    change(folder, "DELETE FROM alembic_version")
    (line,) = ill(doctor())
    assert "it does not say which release made it" in line
    own = "--root-key", folder.with_name("data.root-key")
    said = strongroom("serve", "--data", folder, *own).sentence
    assert said == "the database does not say which release made it; bring it back from a backup"


def test_a_lock_that_cannot_be_taken(doctor, folder):
    (folder / "lock").unlink()
    (folder / "lock").mkdir()
    (line,) = ill(doctor())
    assert line.startswith("ILL    lock: ")
