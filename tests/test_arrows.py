"""The import arrows of docs/architecture.md, checked against the source.

The table below *is* the rule; the page carries the same table, and a test compares the two.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "strongroom"

MAY_IMPORT = {
    "errors": "",
    "arn": "",
    "clock": "",
    "cores": "",
    "harden": "",
    "policy": "errors arn",
    "keys": "errors arn",
    "sigv4": "errors",
    "wire": "errors",
    "backings": "attestation errors harden keys",
    "storage": "errors arn keys policy",
    "audit": "errors arn clock",
    "metering": "errors arn",
    "issuers": "errors",
    "attestation": "errors keys wire.cbor_bounds",
    "services": "errors arn attestation keys policy wire.shape wire.shapes",
    "server": "errors arn wire sigv4 services",
    "jobs": "errors keys services",
    "client": "arn",
    "cli": "arn client policy",
    "main": "arn attestation audit backings cli clock cores errors harden issuers jobs keys metering policy server services storage wire",
}
"""Room: what of ours it may import besides itself."""

PURE = {"errors", "arn", "attestation", "keys", "policy", "sigv4", "wire", "services"}
OUTSIDE = {
    "asyncio", "datetime", "io", "logging", "mmap", "multiprocessing", "pathlib", "requests", "select",
    "signal", "socket", "sqlalchemy", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time",
    "urllib3", "uvloop",
}  # fmt: skip
"""No clock, no file, no network, no database within reach of the pure rooms."""

ALLOWED = {
    # A calendar for reading and writing dates: not the time.  A count per thread of the steps that a
    # decision has taken: no thread and no lock.
    ("wire", "datetime"),
    ("sigv4", "datetime"),
    ("policy", "datetime"),
    ("attestation", "datetime"),
    ("policy", "threading"),
}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).with_suffix("").parts[0]


FILES = [p for p in sorted(SOURCE.rglob("*.py")) if room_of(p) not in {"__init__", "__main__"}]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_arrows(path):
    room = room_of(path)
    may = {room, *MAY_IMPORT[room].split()}
    for name in imports(path):
        if name.startswith("strongroom."):
            target = name.removeprefix("strongroom.")
            assert target == "__version__" or any(
                target == one or target.startswith(one + ".") for one in may
            ), f"{room} must not import {target}"
        elif room in PURE:
            package = name.split(".")[0]
            assert package not in OUTSIDE or (room, package) in ALLOWED, (
                f"{room} is pure and must not import {name}"
            )


@pytest.mark.parametrize(
    "service",
    sorted(p.name for p in (SOURCE / "services").iterdir() if p.is_dir() and p.name[0] != "_"),
)
def test_no_service_imports_another(service):
    shared = ("call", "circumstances", "operation", "principal")
    for path in (SOURCE / "services" / service).rglob("*.py"):
        for name in imports(path):
            if name.startswith("strongroom.services."):
                other = name.split(".")[2]
                assert other in (service, *shared), f"{path} imports {name}"


def test_the_page_has_the_same_table():
    page = (ROOT / "docs" / "architecture.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \|[^|]*\| ([^|]*) \|$", page, re.M))
    shown = {room: set(re.findall(r"`([\w.]+)`", may)) for room, may in rows.items()}
    assert shown == {room: set(may.split()) for room, may in MAY_IMPORT.items()}
