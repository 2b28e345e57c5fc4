"""Folders of earlier releases are opened; two releases use one database while nodes are brought up to date."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests import releases
from tests.commands import Ended, run
from tests.conftest import STRONGROOM, init, start
from tests.postgresql import Server
from things import ACCOUNT, Things

import strongroom
from strongroom.storage.schema import REVISION


def unpacked(packed, place):
    """The folder of another machine, brought here: what it says of files outside it is of there."""
    releases.unpack(packed, place)
    description = place / "data/strongroom.json"
    said = json.loads(description.read_text())
    said["root_key"]["path"] = str(place / "data.root-key")
    if "anchor" in said:
        said["anchor"] = str(place / "data.anchor")
    description.write_text(json.dumps(said))
    told = json.loads((place / "told.json").read_text())
    return place / "data", tuple(told["credential"]), Things.of(told["things"])


@releases.each
def test_a_folder_of_an_earlier_release(packed, tmp_path):
    folder, credential, things = unpacked(packed, tmp_path)

    def run_on_it(command, *arguments):
        done = run(command, "--data", folder, *arguments)
        assert "Traceback" not in done.err, done.err
        return done

    assert "database was made by another release" in run_on_it("verify").out
    backup = run_on_it("backup", "--to", tmp_path / "b")
    assert "bring it up to date with `strongroom migrate`" in backup.sentence
    was = releases.name(packed).rpartition("-")[2]
    assert run_on_it("migrate").err == f"the database is at revision {REVISION}, and was at {was}\n"
    assert run_on_it("migrate").err.endswith("already; nothing was to be done\n")
    verified = run_on_it("verify")
    assert verified.code == 0, verified.out
    server = start(folder, credential, "--workers", "1")
    try:
        things.require(server)
        Things(server, name="new")
    finally:
        server.stop()
    verified = run_on_it("verify")
    assert verified.code == 0, verified.out


LATER = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    {does}
"""
ADDED = """

later = Table(
    "later",
    metadata,
    Column("account", _ACCOUNT, primary_key=True),
    Column("name", _text(), nullable=False),
    _mac(),
)
"""


class Release:
    """A release that there is not: this one's source, with a further revision of the tables."""

    def __init__(self, place, revision, before, does, works_with, added):
        self._place = place
        source = Path(strongroom.__file__).parent
        shutil.copytree(source, place / "strongroom", ignore=shutil.ignore_patterns("__pycache__"))
        storage = place / "strongroom/storage"
        versions = storage / "migrations/versions"
        migration = LATER.format(revision=revision, before=before, does=does)
        (versions / f"{revision}_later.py").write_text(migration)
        schema = (storage / "schema.py").read_text()
        schema = re.sub(r'REVISION = "\d+"', f'REVISION = "{revision}"', schema)
        schema = re.sub(r"= \(\)\n", f"= {works_with!r}\n", schema, count=1)
        (storage / "schema.py").write_text(schema + added)

    def run(self, *arguments):
        done = subprocess.run(
            [*STRONGROOM, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": str(self._place)},
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def start(self, folder, credential, monkeypatch):
        with monkeypatch.context() as patched:
            patched.setenv("PYTHONPATH", str(self._place))
            return start(folder, credential, "--workers", "1")


@pytest.mark.long
@pytest.mark.xdist_group("backup")
def test_two_releases_on_one_database(tmp_path, monkeypatch):
    """Node by node: the later one adds a table, the one after that takes away what nobody reads any more."""
    expanding = Release(
        tmp_path / "expanding",
        *("8888", REVISION),
        "op.create_table('later', sa.Column('account', sa.String(12), primary_key=True), "
        "sa.Column('name', sa.Text, nullable=False), sa.Column('mac', sa.LargeBinary, nullable=False))",
        (REVISION,),
        ADDED,
    )
    postgresql = Server()
    servers = []
    try:
        credential = init(tmp_path / "one", "--account", ACCOUNT, "--database", postgresql.new())
        for name in ("two", "three"):
            joined = run(
                "join", "--data", tmp_path / name, "--like", tmp_path / "one/strongroom.json"
            )
            assert joined.code == 0, joined.err
        one = start(tmp_path / "one", credential, "--workers", "1")
        servers.append(one)
        things = Things(one)
        two = expanding.start(tmp_path / "two", credential, monkeypatch)  # it migrates
        servers.append(two)
        things.require(one)
        things.require(two)
        here, there = one.client("kms", "us-east-1"), two.client("kms", "us-east-1")
        key = there.create_key()["KeyMetadata"]["KeyId"]
        sealed = here.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        there.disable_key(KeyId=key)
        here.enable_key(KeyId=key)
        assert there.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"
        # The earlier release starts, and looks at everything, on what the later one made.
        three = start(tmp_path / "three", credential, "--workers", "1")
        servers.append(three)
        things.require(three)
        for verified in (
            run("verify", "--data", tmp_path / "one"),
            expanding.run("verify", "--data", tmp_path / "two"),
        ):
            assert verified.code == 0, verified.out
        # What would want all tables says that there are others.
        refused = run("backup", "--data", tmp_path / "one", "--to", tmp_path / "b")
        assert "the database is at revision `8888`, and this release's is" in refused.err
        for server in servers[::2]:
            server.stop()
        del servers[::2]

        contracting = Release(
            tmp_path / "contracting", "8889", REVISION, "op.drop_table('later')", ("8888",), ""
        )
        shutil.copy(
            tmp_path / "expanding/strongroom/storage/migrations/versions/8888_later.py",
            tmp_path / "contracting/strongroom/storage/migrations/versions",
        )
        last = tmp_path / "contracting/strongroom/storage/migrations/versions/8889_later.py"
        last.write_text(last.read_text().replace(f'"{REVISION}"', '"8888"'))
        migrated = contracting.run("migrate", "--data", tmp_path / "one")
        assert migrated.err == "the database is at revision 8889, and was at 8888\n"
        things.require(two)
        refused = run("serve", "--data", tmp_path / "one", "--listen", "127.0.0.1:0")
        assert "is at revision `8889`, which this release does not know" in refused.err
    finally:
        for server in servers:
            server.stop()
        postgresql.stop()
