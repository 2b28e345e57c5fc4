"""A process uses what it may, not what its machine has."""

import os
import subprocess
import sys

import pytest

from strongroom.cores import usable


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))


@pytest.fixture
def within(tmp_path):
    """`usable` for a process of the cgroup `ours`, where cgroups have these `cpu.max`."""

    def within(ours, quotas):
        for path, quota in quotas.items():
            folder = tmp_path / "cgroup" / path
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "cpu.max").write_text(quota)
        (tmp_path / "self").write_text(ours)
        return usable(tmp_path / "self", tmp_path / "cgroup")

    return within


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("20000 100000\n", 1),
        ("9900000 100000\n", 64),
        ("max 100000\n", 64),
        ("", 64),
        ("1 0\n", 64),
        ("many 100000\n", 64),
    ],
)
def test_a_container_has_its_quota(within, quota, cores):
    assert within("0::/\n", {"": quota}) == cores


def test_the_least_of_all_quotas_counts(within):
    ours = "4:memory:/else\n0::/system.slice/strongroom.service\n"
    quotas = {"system.slice": "300000 100000", "system.slice/strongroom.service": "max 100000"}
    assert within(ours, quotas) == 3
    assert within(ours, {"system.slice/strongroom.service": "500000 250000"}) == 2
    assert within("0::/other\n", {}) == 64


def test_what_is_outside_is_not_looked_for(within):
    quotas = {"": "400000 100000", "../outside": "100000 100000"}
    assert within("0::/../outside\n", quotas) == 4


def test_without_cgroups_all_are_there(tmp_path):
    assert usable(tmp_path / "self", tmp_path / "cgroup") == 64


def test_a_process_that_is_bound_to_a_core_has_one():
    """Asked of the kernel."""
    count = "import os, strongroom.cores as c; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); print(c.usable())"
    said = subprocess.run(
        [sys.executable, "-c", count], capture_output=True, text=True, check=True
    ).stdout
    assert said == "1\n"
