"""The image's description; no image is built here."""

import fnmatch
import re
import subprocess
import sys

import pytest
from tests.conftest import init, start
from tests.deploy.conftest import ROOT

DOCKER = ROOT / "deploy" / "docker"
DOCKERFILE = DOCKER / "Dockerfile"


def instructions():
    text = re.sub(r"\\\n", " ", DOCKERFILE.read_text())
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_the_linter_has_nothing_to_say(tool):
    done = subprocess.run(
        [tool("hadolint"), "--no-color", DOCKERFILE], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


def let_through(path):
    """As .dockerignore has it: what comes last counts, a folder means what is in it."""
    verdict = True
    for rule in (ROOT / ".dockerignore").read_text().split("\n"):
        if rule and not rule.startswith("#"):
            pattern = rule.removeprefix("!")
            if any(fnmatch.fnmatch(str(each), pattern) for each in (path, *path.parents)):
                verdict = rule.startswith("!")
    return verdict


def test_all_that_is_copied_is_there_and_let_through_and_no_more():
    copied = set()
    for line in instructions():
        if line.startswith("COPY ") and "--from=" not in line:
            words = [word for word in line.split()[1:] if not word.startswith("--")]
            copied |= set(words[:-1])
    for each in copied:
        assert (ROOT / each).exists(), each
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\n")
    tracked += ["deploy/docker/secrets/tls-key", ".git/config", "data.root-key"]
    through = {path for path in tracked if path and let_through((ROOT / path).relative_to(ROOT))}
    assert through == {
        path
        for path in tracked
        if path and any(path == each or path.startswith(each + "/") for each in copied)
    }


def test_what_is_installed_is_locked():
    installs = [line for line in instructions() if "install " in line]
    for command in re.findall(r"pip install [^&]*", " ".join(installs)):
        assert "--require-hashes -r requirements/" in command or "--no-index" in command, command
    for name in ("run", "build"):
        locked = (ROOT / "requirements" / f"{name}.txt").read_text()
        for package in re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", locked, flags=re.M)):
            assert re.match(r"[\w.-]+(\[\w+\])?==", package), package
            assert "--hash=sha256:" in package, package


def test_it_runs_as_nobody_in_particular():
    last = instructions()[max(i for i, x in enumerate(instructions()) if x.startswith("FROM")) :]
    [user] = [line.split()[1] for line in last if line.startswith("USER ")]
    assert user == "10001:10001"
    assert last.index(f"USER {user}") > max(i for i, x in enumerate(last) if x.startswith("RUN"))
    assert not [line for line in last if line.startswith(("ARG", "ADD"))]


@pytest.mark.long
def test_whether_it_is_ready(tmp_path, certificate):
    cert, key = certificate
    [check] = [line for line in instructions() if line.startswith("HEALTHCHECK")]
    assert check.endswith('["ready"]')

    def ready(url):
        done = subprocess.run(
            [sys.executable, DOCKER / "ready", url], check=False, capture_output=True, text=True
        )
        return done.returncode, done.stderr.strip()

    credential = init(tmp_path / "data")
    server = start(tmp_path / "data", credential, "--tls-cert", cert, "--tls-key", key)
    try:
        assert server.url.startswith("https://")
        assert ready(server.url + "/readyz") == (0, "")
        assert ready(server.url + "/nothing")[0] == 1
    finally:
        server.stop()
    assert ready(server.url + "/readyz")[0] == 1
