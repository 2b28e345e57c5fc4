import base64
import hashlib
import json
import os
import stat

import pytest

from strongroom.keys.hierarchy import fingerprint
from strongroom.storage import rootkey
from strongroom.storage.folder import Folder, FolderError
from strongroom.storage.rootkey import PassphraseSeal, RootKeyError, new_root_key
from strongroom.storage.seals import Opener

# Alone in this module: so cheap that a wrong passphrase costs a test nothing.
CHEAP = {"passes": 1, "memory_kib": 64, "lanes": 1}


@pytest.fixture
def file(tmp_path, root):
    path = tmp_path / "sub" / "root-key"
    rootkey.write_file(path, root)
    return path


def refusal(path):
    with pytest.raises(RootKeyError) as caught:
        rootkey.read_file(path)
    return str(caught.value)


def test_there_and_back(file, root):
    assert root == rootkey.read_file(file)
    assert file.stat().st_mode & 0o777 == 0o600
    line = file.read_text()
    tag, encoded, digest = line.split()
    assert (tag, base64.b64decode(encoded)) == ("strongroom-root-key-1", root)
    assert hashlib.sha256(root).hexdigest().startswith(digest)


def test_no_two_are_alike():
    keys = {bytes(new_root_key()) for _ in range(9)}
    assert (9, {32}) == (len(keys), set(map(len, keys)))


def test_it_is_never_written_over_another(file, root):
    before = file.read_bytes()
    with pytest.raises(RootKeyError, match="never written over another"):
        rootkey.write_file(file, new_root_key())
    assert before == file.read_bytes()


def test_a_file_that_is_missing(tmp_path):
    assert "is missing" in refusal(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o620])
def test_a_file_that_others_may_read(file, mode):
    file.chmod(mode)
    assert f"chmod 600 {file}" in refusal(file)


@pytest.mark.parametrize(
    ("mode", "owner", "reader", "opens"),
    [
        (0o440, 0, 1000, True),
        (0o640, 0, 1000, True),
        (0o640, 0, 0, False),
        (0o640, 1000, 1000, False),
        (0o640, 1001, 1000, False),
        (0o660, 0, 1000, False),
        (0o650, 0, 1000, False),
        (0o644, 0, 1000, False),
        (0o641, 0, 1000, False),
    ],
)
def test_a_file_of_root_that_its_group_may_read(
    file, root, mode, owner, reader, opens, monkeypatch
):
    """As a Secret of Kubernetes and a credential of systemd are handed to a server that is not root."""
    found = list(file.stat())
    found[0], found[4] = stat.S_IFREG | mode, owner
    monkeypatch.setattr(os, "fstat", lambda _: os.stat_result(found))
    monkeypatch.setattr(os, "geteuid", lambda: reader)
    if opens:
        assert root == rootkey.read_file(file)
    else:
        assert "can be read by others" in refusal(file)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda line: line.replace("key-1", "key-2"),
        lambda line: line[:-3] + ("0\n" if line[-3:-1] != "00" else "1\n"),
        lambda line: line.replace(" ", "", 1),
        lambda line: line[:40],
        lambda line: line[:30] + ("A" if line[30] != "A" else "B") + line[31:],
        lambda _: "",
        lambda _: "hello",
        lambda _: "strongroom-root-key-1 AAAA 00000000",
        lambda _: "\x00" * 300,
    ],
)
def test_a_file_that_is_damaged(file, spoil):
    file.write_text(spoil(file.read_text()))
    said = refusal(file)
    assert "is damaged" in said or "is not a root key" in said


def test_a_file_that_is_not_text(file):
    file.write_bytes(b"\xff" * 60)
    assert "is not a root key" in refusal(file)
    file.unlink()
    file.mkdir()
    assert "cannot be read" in refusal(file)


def test_no_message_shows_the_key(file, root):
    line = file.read_text()
    file.write_text(line.replace("key-1", "key-2"))
    assert base64.b64encode(root).decode() not in refusal(file)


# The passphrase


def test_a_passphrase_opens_what_it_sealed(root):
    sealed = PassphraseSeal.make(root, "correct horse battery")
    again = PassphraseSeal(**json.loads(json.dumps(sealed.to_dict())))
    assert root == again.open("correct horse battery")
    assert (sealed.passes, sealed.memory_kib, sealed.lanes) == (3, 65_536, 4)  # RFC 9106
    for wrong in ("correct horse batterz", "", "correct horse battery "):
        with pytest.raises(RootKeyError, match="passphrase is wrong"):
            again.open(wrong)


def test_a_short_passphrase_seals_nothing(root):
    with pytest.raises(RootKeyError, match="at least 12 characters"):
        PassphraseSeal.make(root, "elevenchars")


@pytest.mark.parametrize(
    "change",
    [
        {"salt": "00" * 16},
        {"passes": 2},
        {"memory_kib": 128},
        {"sealed": "00"},
        {"sealed": "not hex"},
    ],
)
def test_parameters_belong_to_what_they_seal(root, change):
    sealed = cheap_seal(root)
    assert root == PassphraseSeal(**sealed).open("correct horse battery")
    with pytest.raises(RootKeyError):
        PassphraseSeal(**(sealed | change)).open("correct horse battery")


def cheap_seal(root):
    from strongroom.keys.sealing import seal

    blank = PassphraseSeal("ab" * 16, "", **CHEAP)
    box = seal(blank._key("correct horse battery"), root, blank._belongs())
    return PassphraseSeal("ab" * 16, box.hex(), **CHEAP).to_dict()


# The folder's description


@pytest.fixture
def folder(tmp_path, root):
    folder = Folder(tmp_path / "data")
    folder.make()
    folder.file.write_bytes(b"x")
    where = tmp_path / "root-key"
    rootkey.write_file(where, root)
    folder.describe(root, {"kind": "file", "path": str(where)}, None)
    return folder


def test_the_description_leads_to_the_root_key(folder, root, tmp_path):
    assert root == folder.open_root_key(Opener())
    moved = (tmp_path / "root-key").rename(tmp_path / "elsewhere")
    with pytest.raises(RootKeyError, match="is missing"):
        folder.open_root_key(Opener())
    assert root == folder.open_root_key(Opener(moved))
    description = json.loads(folder.description.read_text())
    assert description["root_key"]["fingerprint"] == fingerprint(root).hex()
    assert bytes(root).hex() not in folder.description.read_text()


def test_the_root_key_of_another_folder(folder, tmp_path):
    other = tmp_path / "other"
    rootkey.write_file(other, new_root_key())
    with pytest.raises(RootKeyError, match="not this data folder's"):
        folder.open_root_key(Opener(other))


def test_a_folder_sealed_by_a_passphrase(tmp_path, root):
    folder = Folder(tmp_path / "data")
    folder.make()
    folder.file.write_bytes(b"x")
    folder.describe(root, {"kind": "passphrase", "argon2id": cheap_seal(root)}, None)
    assert root == folder.open_root_key(Opener(passphrase=lambda: "correct horse battery"))
    with pytest.raises(RootKeyError, match="passphrase is wrong"):
        folder.open_root_key(Opener(passphrase=lambda: "wrong horse battery"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is damaged"),
        ("{", "is damaged"),
        ("{}", "of a format that this release does not know"),
        ('{"format": 2, "root_key": {}}', "of a format that this release does not know"),
        ('{"format": 1}', "of a format that this release does not know"),
        ('{"format": 1, "root_key": {"kind": "hsm"}}', "seal is one that this release"),
        ('{"format": 1, "root_key": "x"}', "seal is one that this release"),
        ('{"format": 1, "root_key": {"kind": "passphrase", "argon2id": {}}}', "damaged"),
        ("[]", "of a format that this release does not know"),
        ("1", "of a format that this release does not know"),
    ],
)
def test_a_description_that_is_none(folder, text, said):
    folder.description.write_text(text)
    with pytest.raises((FolderError, RootKeyError), match=said):
        folder.open_root_key(Opener(passphrase=lambda: "correct horse battery"))


def test_a_folder_without_its_database(folder):
    for lose in (lambda: folder.file.write_bytes(b""), folder.file.unlink):
        lose()
        with pytest.raises(FolderError, match="a new one in its place would lose every key"):
            folder.open_root_key(Opener())
    assert not folder.file.exists()


def test_a_folder_without_its_description(folder):
    folder.description.unlink()
    with pytest.raises(FolderError, match="cannot be made anew"):
        folder.open_root_key(Opener())
    folder.file.unlink()
    with pytest.raises(FolderError, match="is not a data folder"):
        folder.open_root_key(Opener())


def test_only_an_unused_folder_is_made_one(folder, tmp_path):
    with pytest.raises(FolderError, match="is a data folder already"):
        folder.require_unused()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(FolderError, match="is not empty"):
        Folder(tmp_path / "full").require_unused()
    Folder(tmp_path / "empty").require_unused()


def test_a_folder_is_its_owners_alone(folder):
    for path in (folder.path, folder.audit, folder.metrics):
        assert path.stat().st_mode & 0o777 == 0o700


def test_one_holds_the_folder(folder):
    with (
        folder.locked(),
        pytest.raises(FolderError, match="another Strongroom is serving"),
        folder.locked(),
    ):
        pass
    with folder.locked():
        pass
