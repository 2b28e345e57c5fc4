"""`python -m bench [requests|algorithms|keys|grants|nodes|files|decisions|all] [--quick]`: measure, print, and compare with the targets.

The exit code is 1 if a request went wrong, since the figures are then worth nothing; a target
that is missed is said, and is no failure of the measuring.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from bench import algorithms, decisions, files, grants, keys, nodes, requests
from bench.processes import await_port, free_port, stopped, throw_away
from bench.report import Outcome, machine

_AT_LEAST = {"age": 1.0, "sdk": 5.0}


def main() -> int:
    options = _options()
    if shutil.which("wrk") is None:
        print("wrk is missing; install it (apt-get install wrk)", file=sys.stderr)
        return 1
    began = time.monotonic()
    print(machine())
    outcome = Outcome()
    if options.what in ("decisions", "all"):
        outcome.add(decisions.main(20_000 if options.quick else 100_000))
    if options.what in ("requests", "all"):
        outcome.add(requests.main(requests.QUICK if options.quick else requests.FULL))
    if options.what in ("algorithms", "all"):
        outcome.add(algorithms.main(algorithms.QUICK if options.quick else algorithms.FULL))
    if options.what in ("keys", "all"):
        outcome.add(keys.main(keys.QUICK if options.quick else keys.FULL))
    if options.what in ("grants", "all"):
        outcome.add(grants.main(grants.QUICK if options.quick else grants.FULL))
    if options.what in ("nodes", "all"):
        outcome.add(nodes.main(nodes.QUICK if options.quick else nodes.FULL))
    if options.what in ("files", "all"):
        outcome.add(_files(quick=options.quick))
    print("\nTargets\n")
    print("\n".join(outcome.lines))
    print(f"\n{time.monotonic() - began:.0f} seconds")
    return 1 if outcome.errors else 0


def _files(*, quick: bool) -> Outcome:
    """File encryption, with the KMS of a throw-away server."""
    print("\nFiles\n", flush=True)
    port = free_port()
    size, part, rounds = (256, 64, 2) if quick else (2048, 512, 3)
    with (
        tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder,
        stopped(throw_away(port)) as process,
    ):
        await_port(port, process)
        rows = files.measure(
            f"http://127.0.0.1:{port}",
            size=size * files.MIB,
            sdk_size=part * files.MIB,
            rounds=rounds,
            folder=Path(folder),
            say=lambda _: None,
        )
    print(f"{size} MiB (the SDK: {part} MiB), {rounds} rounds in turns, medians\n")
    print(files.table(rows))
    outcome = Outcome()
    rates = {(row.name, row.verb): row.rate for row in rows}
    for (name, verb), rate in rates.items():
        if name in _AT_LEAST:
            ratio = rates["strongroom", verb] / rate
            outcome.target(
                f"{verb} a file at least {_AT_LEAST[name]:g} times as fast as {name}",
                met=ratio >= _AT_LEAST[name],
                seen=f"{ratio:.2f}",
            )
    return outcome


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "what",
        nargs="?",
        default="all",
        choices=["requests", "algorithms", "keys", "grants", "nodes", "files", "decisions", "all"],
    )
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
