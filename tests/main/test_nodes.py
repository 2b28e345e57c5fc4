"""Several nodes on one database of PostgreSQL."""

import contextlib
import json
import threading
import time
from contextlib import closing
from http.client import HTTPConnection

import pytest
from botocore.exceptions import ClientError
from tests import commands
from tests.conftest import init, start
from tests.postgresql import Server

pytestmark = pytest.mark.xdist_group("nodes")

BOUND = 1.0  # seconds: the default of --staleness


class Nodes:
    """Two of them, and their database's server."""

    def __init__(self, folder):
        self.postgresql = Server()
        self.address = self.postgresql.new()
        self.folder = folder
        credential = init(folder / "one", "--database", self.address)
        run("join", "--data", folder / "two", "--like", folder / "one" / "strongroom.json")
        self.servers = [start(folder / name, credential) for name in ("one", "two")]
        self.one, self.two = (server.client("kms", "region-1") for server in self.servers)

    def stop(self):
        for server in self.servers:
            server.stop()
        self.postgresql.stop()


def run(*arguments, wrong=False):
    done = commands.run(*arguments)
    assert bool(done.code) == wrong, done.err
    return done.err


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    made = Nodes(tmp_path_factory.mktemp("nodes"))
    yield made
    made.stop()


def encrypts(client, key):
    try:
        client.encrypt(KeyId=key, Plaintext=b"x")
    except client.exceptions.DisabledException:
        return False
    return True


def test_each_opens_what_the_other_sealed(nodes):
    key = nodes.one.create_key()["KeyMetadata"]["KeyId"]
    sealed = nodes.two.encrypt(KeyId=key, Plaintext=b"between nodes")["CiphertextBlob"]
    assert nodes.one.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"between nodes"


def test_a_change_at_one_holds_at_the_other(nodes):
    key = nodes.one.create_key()["KeyMetadata"]["KeyId"]
    assert encrypts(nodes.two, key)
    for change, wanted in ((nodes.one.disable_key, False), (nodes.two.enable_key, True)) * 5:
        change(KeyId=key)
        changed = time.monotonic()
        other = nodes.two if change == nodes.one.disable_key else nodes.one
        while (found := encrypts(other, key)) is not wanted and time.monotonic() < changed + BOUND:
            pass
        assert found is wanted


def readiness(server):
    with closing(HTTPConnection(server.url.removeprefix("http://"), timeout=5)) as connection:
        connection.request("GET", "/readyz")
        return connection.getresponse().status


def test_a_database_that_is_away_is_told_soon_and_comes_back(nodes):
    key = nodes.one.create_key()["KeyMetadata"]["KeyId"]
    assert encrypts(nodes.two, key)
    nodes.postgresql.kill()
    gone = time.monotonic()
    refused = None
    while refused is None:
        asked = time.monotonic()
        try:
            nodes.two.encrypt(KeyId=key, Plaintext=b"x")
        except ClientError as failure:
            refused = failure.response
        else:
            assert asked < gone + BOUND  # no answer from what may be yesterday's
    assert refused["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert refused["Error"]["Code"] == "DependencyTimeoutException"
    with pytest.raises(ClientError, match="DependencyTimeout"):
        nodes.one.create_key()
    away = time.monotonic()
    while time.monotonic() < away + 2.5:  # the anchor is written meanwhile, and asks no database
        assert readiness(nodes.servers[0]) == 503
        time.sleep(0.02)
    nodes.postgresql.start()
    until = time.monotonic() + 5
    while time.monotonic() < until:
        with contextlib.suppress(ClientError):
            nodes.two.encrypt(KeyId=key, Plaintext=b"x")
            nodes.one.create_key()
            break
    else:
        pytest.fail("it did not come back")


def test_what_cannot_join(nodes, tmp_path):
    like = nodes.folder / "one" / "strongroom.json"
    assert "is not empty" in run("join", "--data", nodes.folder, "--like", like, wrong=True)
    alone = tmp_path / "alone"
    init(alone)
    said = run("join", "--data", tmp_path / "n", "--like", alone / "strongroom.json", wrong=True)
    assert "has its database in it" in said
    said = run(
        *("join", "--data", tmp_path / "n", "--like", like),
        *("--root-key", tmp_path / "alone.root-key"),
        wrong=True,
    )
    assert "but not this data folder's" in said
    described = json.loads(like.read_text())
    away = tmp_path / "away.json"
    away.write_text(json.dumps({**described, "database": "postgresql://me:hunter2@127.0.0.1:1/x"}))
    said = run("join", "--data", tmp_path / "n", "--like", away, wrong=True)
    assert "cannot be reached" in said
    assert "hunter2" not in said
    for text in ("{}", "[", json.dumps({**described, "database": 5})):
        away.write_text(text)
        run("join", "--data", tmp_path / "n", "--like", away, wrong=True)
    assert not (tmp_path / "n").exists()


def test_a_database_that_is_in_use_is_not_made_anew(nodes, tmp_path):
    said = run("init", "--data", tmp_path / "n", "--database", nodes.address, wrong=True)
    assert "strongroom join" in said
    assert not (tmp_path / "n").exists()
    assert not (tmp_path / "n.root-key").exists()


def test_a_node_is_examined(nodes):
    done = commands.run("doctor", "--data", nodes.folder / "two")
    assert done.code == 0, done.out
    assert "database answers" in done.out
    assert "rows are as they were written" in done.out


def test_the_address_is_its_owners_alone(nodes):
    for name in ("one", "two"):
        assert (nodes.folder / name / "strongroom.json").stat().st_mode & 0o077 == 0


def test_connections_that_break_are_made_again_unseen(nodes):
    """All of them, three times a second; only what became of a commit nobody can know."""
    done = threading.Event()
    broken = 0

    def break_them():
        nonlocal broken
        while not done.wait(0.3):
            nodes.postgresql.do(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'strongroom'"
            )
            broken += 1

    breaking = threading.Thread(target=break_them)
    breaking.start()
    made, undecided = [], 0
    try:
        until = time.monotonic() + 5
        while time.monotonic() < until:
            for here, there in ((nodes.one, nodes.two), (nodes.two, nodes.one)):
                try:
                    made.append(here.create_key()["KeyMetadata"]["KeyId"])
                except ClientError as refused:
                    assert "Nobody knows" in str(refused), refused
                    undecided += 1
                    continue
                assert encrypts(there, made[-1])
                there.list_grants(KeyId=made[-1])
    finally:
        done.set()
        breaking.join()
    assert broken > 5
    assert len(made) > 20
    assert undecided < broken
