"""`strongroom seal`: the root key kept in another way, while its folder is being served."""

import json
import os
import subprocess
import termios
import time

import pytest
from tests.conftest import STRONGROOM, init, start

PASSPHRASE = "correct horse battery"


@pytest.fixture
def folder(tmp_path):
    init(tmp_path / "data", "--account", "000000000000")
    return tmp_path / "data"


def description(folder):
    return json.loads((folder / "strongroom.json").read_text())


def test_from_a_file_to_shares_to_a_passphrase_and_back(strongroom, folder, tmp_path):
    keeps = {name: value for name, value in description(folder).items() if name != "root_key"}
    key_file = tmp_path / "data.root-key"
    before = key_file.read_text()
    done = strongroom("seal", "--data", folder, "--to-shares", "2:3", "--into", tmp_path / "shares")
    assert done.code == 0, done
    files = [tmp_path / "shares" / f"share-{number}" for number in (1, 2, 3)]
    assert done.out.split() == [str(path) for path in files]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    key_file.unlink()
    listing = "account", "list", "--data", folder
    refused = strongroom(*listing).sentence
    assert refused == ("2 different shares of the root key are wanted; give each with --share FILE")
    assert "2 different shares" in strongroom(*listing, "--share", files[0]).sentence
    assert (
        "2 different shares"
        in strongroom(*listing, "--share", files[0], "--share", files[0]).sentence
    )
    some = "--share", files[2], "--share", files[0]
    assert strongroom(*listing, *some).code == 0
    assert strongroom("verify", "--data", folder, *some).code == 0

    done = strongroom(
        *("seal", "--data", folder, "--to-passphrase", *some),
        STRONGROOM_NEW_PASSPHRASE=PASSPHRASE,
    )
    assert done.code == 0, done
    assert strongroom(*listing, *some, STRONGROOM_PASSPHRASE="wrong horse battery").code == 1
    assert strongroom(*listing, STRONGROOM_PASSPHRASE=PASSPHRASE).code == 0

    done = strongroom(
        *("seal", "--data", folder, "--to-root-key", key_file), STRONGROOM_PASSPHRASE=PASSPHRASE
    )
    assert done.code == 0, done
    assert strongroom(*listing).code == 0
    assert key_file.read_text() == before  # it is the same key
    assert keeps.items() <= description(folder).items()
    assert (folder / "strongroom.json").stat().st_mode & 0o777 == 0o600


def test_a_server_is_not_disturbed_and_its_next_start_wants_the_new(strongroom, tmp_path):
    folder = tmp_path / "data"
    credential = init(folder)
    server = start(folder, credential, "--workers", "1")
    try:
        kms = server.client("kms", "test-1")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        done = strongroom("seal", "--data", folder, "--to-shares", "2:2", "--into", tmp_path / "s")
        assert done.code == 0, done
        (tmp_path / "data.root-key").unlink()
        kms.encrypt(KeyId=key, Plaintext=b"x")
    finally:
        server.stop()
    assert "2 different shares" in strongroom("serve", "--data", folder).sentence
    shares = "--share", str(tmp_path / "s/share-1"), "--share", str(tmp_path / "s/share-2")
    server = start(folder, credential, "--workers", "1", *shares)
    try:
        kms = server.client("kms", "test-1")
        kms.encrypt(KeyId=key, Plaintext=b"x")
    finally:
        server.stop()


def test_shares_that_are_typed_one_after_the_other(strongroom, folder, tmp_path):
    strongroom("seal", "--data", folder, "--to-shares", "2:3", "--into", tmp_path / "shares")
    lines = [(tmp_path / "shares" / f"share-{number}").read_text() for number in (1, 3)]
    terminal, theirs = os.openpty()
    asked = subprocess.Popen(
        [*STRONGROOM, "account", "list", "--data", str(folder)],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # with no terminal but this
    )
    os.close(theirs)
    err = b""
    try:
        for times, line in enumerate(lines, 1):
            while err.count(b"A share (of 2)") < times:
                read = os.read(asked.stderr.fileno(), 4096)
                assert read, err
                err += read
            while (
                termios.tcgetattr(terminal)[3] & termios.ECHO
            ):  # what is typed before is thrown away
                time.sleep(0.01)
            os.write(terminal, line.encode())
        out, rest = asked.communicate(timeout=30)
    finally:
        asked.kill()
        os.close(terminal)
    assert asked.returncode == 0, err + rest
    assert out.startswith(b"000000000000")
    assert lines[0].split()[3].encode() not in err + rest  # it is not shown


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ((), "say how it is to be sealed: --to-root-key, --to-passphrase or --to-shares"),
        (("--to-passphrase", "--to-root-key", "k"), "say how it is to be sealed"),
        (("--to-shares", "2:3"), "--to-shares and --into go together; give both"),
        (("--into", "s", "--to-passphrase"), "--to-shares and --into go together; give both"),
        (("--to-root-key", "k", "--new-passphrase-file", "p"), "goes with --to-passphrase"),
        (("--to-shares", "three", "--into", "s"), "`three` is not K:N"),
        (("--to-shares", "3:2", "--into", "s"), "3 of 2 shares is not a way to split a key"),
        (("--to-shares", "1:2", "--into", "s"), "1 of 2 shares is not a way to split a key"),
        (("--to-shares", "2:2", "--into", "data/s"), "would lie in the data folder"),
        (("--to-shares", "2:2", "--into", "."), "there is something at"),
        (("--to-root-key", "data/k"), "would lie in the data folder that it seals"),
        (("--to-root-key", "data.root-key"), "never written over another"),
        (("--to-passphrase",), "give --new-passphrase-file or STRONGROOM_NEW_PASSPHRASE"),
        (
            ("--to-passphrase", "--new-passphrase-file", "no"),
            "the passphrase file `no` cannot be read",
        ),
    ],
)
def test_what_is_refused_changes_nothing(strongroom, folder, tmp_path, how, said):
    before = description(folder), sorted(tmp_path.iterdir())
    assert said in strongroom("seal", "--data", folder, *how).sentence
    assert before == (description(folder), sorted(tmp_path.iterdir()))


def test_a_new_passphrase_that_is_too_short(strongroom, folder):
    before = description(folder)
    refused = strongroom(
        "seal", "--data", folder, "--to-passphrase", STRONGROOM_NEW_PASSPHRASE="short"
    )
    assert "at least 12 characters" in refused.sentence
    assert before == description(folder)


def test_shares_of_an_earlier_splitting(strongroom, folder, tmp_path):
    for name in ("s", "t"):
        assert strongroom(
            "seal", "--data", folder, "--to-shares", "2:2", "--into", tmp_path / name
        ).code == (0 if name == "s" else 1)
    some = "--share", tmp_path / "s/share-1", "--share", tmp_path / "s/share-2"
    done = strongroom(
        "seal", "--data", folder, "--to-shares", "2:2", "--into", tmp_path / "u", *some
    )
    assert done.code == 0
    refused = strongroom("account", "list", "--data", folder, *some).sentence
    assert "share 1 is of another splitting" in refused
