"""Data folders that earlier releases left, each packed with its root key and what its server told."""

import tarfile
from pathlib import Path

import pytest

_PACKED = ".tar.gz"
_FOLDERS = sorted(Path(__file__).parent.glob(f"*{_PACKED}"))


def name(packed: Path) -> str:
    """As in `before-0.1.0-at-0007`; the last number is the revision of its database."""
    return packed.name.removesuffix(_PACKED)


each = pytest.mark.parametrize("packed", _FOLDERS, ids=name)
"""Call a test with each of them as `packed`."""


def unpack(packed: Path, place: Path) -> None:
    with tarfile.open(packed) as file:
        file.extractall(place, filter="data")
