"""Backups, byte by byte: known answers of other code, and what is refused."""

import base64
import hashlib
import io
import json
import random
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.keys.derive import derive
from strongroom.keys.hierarchy import RootKey
from strongroom.keys.sealing import Tampered
from strongroom.keys.stream import PIECE_BYTES, Sealing, unsealed
from strongroom.storage.backup import Backup, BackupError, Began, Ended, Log, write
from strongroom.storage.copying import Rows
from strongroom.storage.seals import in_file, signed

FOLDER = Path(__file__).parents[2] / "vectors" / "backup"
VECTORS = json.loads((FOLDER / "vectors.json").read_text())


def filler(seed, length):
    blocks = (hashlib.sha256(f"{seed}/{i}".encode()).digest() for i in range(length // 32 + 1))
    return b"".join(blocks)[:length]


@pytest.mark.parametrize("vector", VECTORS["streams"], ids=lambda vector: str(vector["length"]))
def test_streams_as_other_code_seals_them(vector):
    secret, salt, belongs = (bytes.fromhex(vector[name]) for name in ("secret", "salt", "belongs"))
    text = filler(f"{vector['length']}/text", vector["length"])
    sealing = Sealing(secret, salt, belongs)
    parts = random.Random(vector["length"])
    sealed, at = b"", 0
    while at < len(text):
        step = parts.randrange(1, 700_000)
        sealed += sealing.update(text[at : at + step])
        at += step
    sealed += sealing.finish()
    assert len(sealed) == vector["sealed_bytes"]
    assert hashlib.sha256(sealed).hexdigest() == vector["sealed_sha256"]
    assert b"".join(unsealed(secret, salt, belongs, io.BytesIO(sealed).read)) == text


SECRET, SALT = b"k" * 32, b"s" * 16
PIECE = PIECE_BYTES + 16


@pytest.fixture(scope="module")
def sealed():
    """A stream of three pieces, the last one short."""
    sealing = Sealing(SECRET, SALT, b"b")
    return sealing.update(bytes(2 * PIECE_BYTES + 5)) + sealing.finish()


def opens(box, secret=SECRET, salt=SALT, belongs=b"b"):
    return b"".join(unsealed(secret, salt, belongs, io.BytesIO(box).read))


def test_pieces_that_are_not_as_they_were_sealed(sealed):
    assert opens(sealed) == bytes(2 * PIECE_BYTES + 5)
    first, second, last = sealed[:PIECE], sealed[PIECE : 2 * PIECE], sealed[2 * PIECE :]
    for altered in (
        b"",
        first,
        first + second,
        first + last,
        second + last,
        second + first + last,
        first + first + second + last,
        first + second + last[:-1],
        first + second + last + b"x",
        last,
        bytes([first[0] ^ 1]) + sealed[1:],
    ):
        with pytest.raises(Tampered, match="damaged or incomplete"):
            opens(altered)
    for wrong in ({"secret": b"x" * 32}, {"salt": b"x" * 16}, {"belongs": b"c"}):
        with pytest.raises(Tampered):
            opens(sealed, **wrong)


def read(file, root):
    return list(Backup.open(io.BytesIO(file)).parts(RootKey(root)))


def test_a_backup_that_other_code_made():
    file, root = (
        base64.b64decode(VECTORS["backup"]["file"]),
        bytes.fromhex(VECTORS["backup"]["root"]),
    )
    backup = Backup.open(io.BytesIO(file))
    assert (backup.made, backup.release, backup.seal["kind"]) == (1795000000.5, "0.1.0", "file")
    assert read(file, root) == [
        Began("0006"),
        Rows(
            "accounts",
            ["account", "name", "created", "mac"],
            [["000000000000", "first", 1795000000.25, filler("mac", 32)]],
        ),
        Rows("of every type", [*"abcdef"], [["\U0001f511", b"\0\xff", -1, 1 / 3, None, True]]),
        Log("20261123T193605.123456Z-w0-4711.jsonl", b"{}\n"),
        Ended(2, 3),
    ]


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_other_code_opens_ours_and_makes_the_vectors_again(root, tmp_path):
    made = subprocess.run(["node", FOLDER / "make.mjs"], capture_output=True, check=True, text=True)
    assert json.loads(made.stdout) == VECTORS
    rows = Rows("t", ["a", "b"], [["x", b"\0"], [None, 1 << 40], [False, 0.5], [-5, ""]])
    log = Log("20261123T193605.123456Z-w0-4711.jsonl", b"{}\n" * 1000)
    seal = signed(root, in_file(Path("/k")))
    with (tmp_path / "b").open("wb") as file:
        write(file, root, seal, 1.5, "0006", [rows, log])
    told = subprocess.run(
        ["node", FOLDER / "make.mjs", tmp_path / "b", bytes(root).hex()],
        capture_output=True,
        check=True,
        text=True,
    )
    found = json.loads(told.stdout)
    assert (found["header"]["made"], found["header"]["root-key"]) == (1.5, seal)
    assert found["parts"] == [
        ["began", "0006"],
        [
            "rows",
            "t",
            ["a", "b"],
            [["x", {"bytes": "00"}], [None, 1 << 40], [False, 0.5], [-5, ""]],
        ],
        ["log", log.name, {"bytes": log.content.hex()}],
        ["ended", 4, 3000],
    ]


# Written by somebody who has the root key, and not as we write it.


def forged(root, text):
    line = msgspec.json.encode(
        {"strongroom-backup": 1, "made": 0.0, "release": "x", "root-key": {}, "salt": SALT.hex()}
    )
    line += b"\n"
    sealing = Sealing(derive(root, b"strongroom/v1/backup", b""), SALT, line)
    return line + sealing.update(text) + sealing.finish()


def framed(*parts):
    encoded = [msgspec.msgpack.encode(part) for part in parts]
    return zlib.compress(b"".join(struct.pack(">I", len(part)) + part for part in encoded))


BEGAN, ENDED = ["began", "0006"], ["ended", 0, 0]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"no zlib",
        framed(),
        framed(BEGAN),
        framed(BEGAN, ENDED, BEGAN),
        framed(BEGAN, ["ended", 1, 0]),
        framed(BEGAN, ["ended", 0, 1]),
        framed(BEGAN, ["what", 1], ENDED),
        framed(BEGAN, ["rows", "t", "no list", []], ENDED),
        framed(BEGAN, {"type": "rows"}, ENDED),
        framed(BEGAN, ENDED)[:-8],
        zlib.compress(struct.pack(">I", (64 << 20) + 1) + bytes(70 << 20)),
        zlib.compress(struct.pack(">I", 100) + b"short"),
        zlib.compress(b"\0\0"),
    ],
)
def test_what_a_holder_of_the_root_key_may_have_written(root, text):
    assert read(forged(root, framed(BEGAN, ENDED)), root) == [Began("0006"), Ended(0, 0)]
    with pytest.raises(BackupError, match="cannot be used"):
        read(forged(root, text), root)


VALUES = (
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.text() | st.binary()
)


@settings(max_examples=50)
@given(
    st.lists(
        st.builds(
            Rows,
            st.text(),
            st.lists(st.text()),
            st.lists(st.lists(VALUES | st.floats(allow_nan=False))),
        )
        | st.builds(Log, st.text(), st.binary()),
        max_size=5,
    )
)
def test_there_and_back(parts):
    root = RootKey(b"r" * 32)
    file = io.BytesIO()
    counts = write(file, root, {}, 0.0, "0006", parts)
    assert read(file.getvalue(), root) == [Began("0006"), *parts, Ended(*counts)]
