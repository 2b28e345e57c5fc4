"""How many cores this process may use: fewer than the machine has, in a container or under `taskset`.

A quota of cgroups is one of time, not of cores: who may use one and a half for all threads together is
given two.  The quota of cgroups' first version is not looked for (docs/limitations.md).

Source: sched_getaffinity(2); cgroups(7); Linux, "Control Group v2", `cpu.max`.
"""

import os
from collections.abc import Iterator
from math import ceil, inf
from pathlib import Path, PurePosixPath

_OURS = Path("/proc/self/cgroup")
_CGROUPS = Path("/sys/fs/cgroup")


def usable(ours: Path = _OURS, cgroups: Path = _CGROUPS) -> int:
    """At least one.  What cannot be read limits nothing."""
    quota = min(_quota(each / "cpu.max") for each in _above(ours, cgroups))
    return max(1, ceil(min(quota, len(os.sched_getaffinity(0)))))


def _above(ours: Path, cgroups: Path) -> Iterator[Path]:
    """The folders of our cgroup and of all that it is in, each of which may have a quota; the outermost first.

    Within a container the outermost is its own.
    """
    yield cgroups
    try:
        lines = ours.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        if line.startswith("0::/"):  # the one of version 2
            names = PurePosixPath(line[len("0::/") :]).parts
            if ".." not in names:  # else it is outside of what a container sees
                for name in names:
                    cgroups /= name
                    yield cgroups


def _quota(file: Path) -> float:
    """Cores, from microseconds in each period of so many: `150000 100000`, or `max 100000`."""
    try:
        most, period = file.read_text().split()
        return inf if most == "max" else int(most) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return inf
