"""One data folder, one set of workers; and what a start refuses, in one sentence."""

import pytest
from tests.commands import run
from tests.conftest import init, start


@pytest.fixture
def made(tmp_path):
    return tmp_path / "data", init(tmp_path / "data", "--account", "000000000000")


def serve(folder, *arguments):
    """The one sentence with which a server does not start."""
    return run("serve", "--data", folder, "--listen", "127.0.0.1:0", *arguments).sentence


def everything_in(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_second_server_is_refused_and_the_first_goes_on(made):
    folder, credential = made
    server = start(folder, credential, "--workers", "2")
    try:
        said = serve(folder)
        assert said == (
            f"another Strongroom is serving `{folder}`; stop it first, or name another folder"
        )
        kms = server.client("kms", "test-1")
        kms.create_key()
        kms.close()
    finally:
        server.stop()
    start(folder, credential).stop()


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ("strongroom.db", "is missing or empty; bring it back from a backup"),
        ("strongroom.json", "holds a database but not its `strongroom.json`"),
        ("../data.root-key", "is missing; without it nothing in the data folder can be opened"),
    ],
)
def test_what_is_lost_is_not_made_anew(made, lost, said):
    folder, credential = made
    where = folder / lost
    aside = where.rename(where.with_name("aside"))
    before = everything_in(folder.parent)
    assert said in serve(folder)
    assert before == everything_in(folder.parent)
    aside.rename(where)
    start(folder, credential).stop()


def test_the_root_key_of_another_folder(made, tmp_path):
    folder, _ = made
    init(tmp_path / "other")
    said = serve(folder, "--root-key", str(tmp_path / "other.root-key"))
    assert "not this data folder's" in said


@pytest.mark.parametrize("content", [b"", b"never a database" * 100])
def test_a_database_that_is_none(made, content):
    """Above all, none is made in its place: the server would run, and know nobody."""
    folder, _ = made
    (folder / "strongroom.db").write_bytes(content)
    assert serve(folder)
    assert content == (folder / "strongroom.db").read_bytes()
