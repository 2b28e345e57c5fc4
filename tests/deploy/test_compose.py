"""Two nodes over PostgreSQL, as compose is told to start them; nothing is started by compose here."""

import subprocess

import pytest
import yaml
from tests import commands
from tests.deploy.commands import in_script, parsed
from tests.deploy.conftest import ROOT
from tests.deploy.databases import Elsewhere

FILE = ROOT / "deploy" / "docker" / "compose.yaml"
COMPOSE = yaml.safe_load(FILE.read_text())
SERVICES = COMPOSE["services"]
OURS = ["first", "second", "node-1", "node-2"]


def test_it_is_what_compose_takes(tool):
    done = subprocess.run(
        [tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", FILE],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", SERVICES)
def test_each_has_no_more_rights_than_it_needs(name):
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert service["user"].split(":")[0] not in ("0", "root")
    assert not service.get("privileged")
    if name in OURS:
        assert service["ulimits"]["core"] == 0


def test_no_secret_stands_in_the_environment():
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            secret = any(word in name for word in ("PASSWORD", "KEY", "SECRET"))
            assert not secret or value.startswith("/run/secrets/"), name
    for name, service in SERVICES.items():
        given = set(service.get("secrets", ()))
        assert given <= set(COMPOSE["secrets"])
        assert ("database-password" in given) == (name == "database")


def volumes(name):
    """What is mounted where, and whether it can be written."""
    mounts = [each.split(":") for each in SERVICES[name]["volumes"]]
    return {mount[0]: (mount[1], mount[2:] != ["ro"]) for mount in mounts}


def test_root_key_data_and_anchors_lie_apart():
    for name in OURS:
        for volume, (_, writes) in volumes(name).items():
            assert volume in COMPOSE["volumes"]
            assert not (volume == "root-key" and writes and name != "first")
    for one, two in (("first", "node-1"), ("second", "node-2")):
        for volume, (where, writes) in volumes(two).items():
            assert volumes(one)[volume][0] == where
            assert writes == (volume != "root-key")
    of_nodes = [volume for name in ("node-1", "node-2") for volume in volumes(name)]
    assert sorted(of_nodes) == ["anchor-1", "anchor-2", "data-1", "data-2", "root-key", "root-key"]


def test_only_the_nodes_are_reached_from_outside():
    assert [name for name in SERVICES if "ports" in SERVICES[name]] == ["node-1", "node-2"]
    assert COMPOSE["networks"]["database"]["internal"] is True
    for name in ("database", "first", "second"):
        assert SERVICES[name]["networks"] == ["database"]


@pytest.mark.parametrize("name", OURS)
def test_the_commands_are_ours(name):
    command = SERVICES[name]["command"]
    lines = in_script(command[0]) if name in ("first", "second") else [command]
    assert [parsed(words)[0] for words in lines] == [
        {"first": "init", "second": "join"}.get(name, "serve")
    ]
    if name.startswith("node"):
        _, settings = parsed(command)
        for setting in ("tls_cert", "tls_key"):
            folder, _, secret = settings[setting].rpartition("/")
            assert folder == "/run/secrets"
            assert secret in SERVICES[name]["secrets"]


@pytest.mark.long
def test_what_is_done_once_is_done_once(tmp_path, postgresql):
    """`first` makes the installation and `second` its node; when they are run again nothing changes."""
    there = Elsewhere(tmp_path, postgresql.new())

    def run(name):
        places = {where: tmp_path / volume for volume, (where, _) in volumes(name).items()}
        for place in places.values():
            place.mkdir(exist_ok=True)
        said = there.run(SERVICES[name]["command"][0], places)
        return said, {
            path: path.read_bytes()
            for path in tmp_path.rglob("*")
            if path.is_file() and "bin" not in path.parts
        }

    said, before = run("first")
    assert "made " in said
    assert run("first") == ("", before)
    access_key = tmp_path / "root-key" / "first-access-key"
    assert access_key.read_text().startswith("export AWS_ACCESS_KEY_ID=")
    assert access_key.stat().st_mode & 0o77 == 0
    said, before = run("second")
    assert "a node of the same keys" in said
    assert run("second") == ("", before)
    done = commands.run(
        "doctor", "--data", tmp_path / "data-2" / "data", environment=there.environment
    )
    assert done.code == 0, done.out + done.err
