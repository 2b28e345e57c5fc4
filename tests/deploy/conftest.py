import shutil
import subprocess
from pathlib import Path

import pytest
from tests.postgresql import Server

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".cache" / "deploy" / "bin"


@pytest.fixture(scope="session")
def tool():
    """The path of a program that judges what is in `deploy/`."""

    def find(name):
        found = TOOLS / name
        if found.exists():
            return found
        on_path = shutil.which(name) if name.startswith("systemd") else None
        if on_path is None:
            raise RuntimeError(f"there is no `{name}` here; `make setup` installs it")
        return Path(on_path)

    return find


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """Files with a certificate for this machine, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-keyout", folder / "key.pem", "-out", folder / "cert.pem"),
        ],
        check=True,
        capture_output=True,
    )
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture(scope="session")
def postgresql():
    server = Server()
    yield server
    server.stop()
