"""Nodes: two of them on PostgreSQL beside one on SQLite, on the same machine.

Each node has one worker, pinned to the last core; wrk and PostgreSQL have the others.  They are asked in turns.
How soon a change made at one node holds at the other is timed from its answer on, until the other node first
refuses; the other is asked without a pause.
"""

import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from tests.postgresql import Server as Postgresql

from bench.load import Run, replay
from bench.processes import ONE, STRONGROOM, Account, Server, init, serve
from bench.report import Outcome, spread, table
from bench.signing import Client
from bench.starts import read_answer

LEAST_RATE = 0.9
MOST_DELAY = 50.0  # milliseconds
_DISTINCT = 64  # requests of each kind, sent in turn
_KEYS = 8
_CONNECTIONS = 32
_SQLITE, _FIRST, _SECOND = "one node, SQLite", "two nodes, PostgreSQL: one", "... the other"


class Plan(NamedTuple):
    rounds: int
    seconds: int  # of each run
    changes: int


FULL = Plan(rounds=7, seconds=3, changes=300)
QUICK = Plan(rounds=3, seconds=1, changes=60)


def main(plan: Plan) -> Outcome:
    print("\nNodes\n", flush=True)
    outcome = Outcome()
    postgresql = Postgresql()
    try:
        with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder, ExitStack() as up:
            place = Path(folder)
            address = postgresql.new()
            alone = init(place / "alone")
            both = init(place / "one", "--database", address)
            _join(place / "two", place / "one")
            servers = {
                _SQLITE: up.enter_context(serve(place / "alone", alone, *ONE)),
                _FIRST: up.enter_context(serve(place / "one", both, *ONE)),
                _SECOND: up.enter_context(serve(place / "two", both, *ONE)),
            }
            keys = {_SQLITE: _keys(servers[_SQLITE]), _FIRST: _keys(servers[_FIRST])}
            keys[_SECOND] = keys[_FIRST]
            _rates(plan, servers, keys, outcome)
            delays = _delays(plan.changes, servers[_FIRST], servers[_SECOND], keys[_FIRST][0])
    finally:
        postgresql.stop()
    p99 = quantiles(delays, n=100)[98]
    print(
        f"\nfrom a change's answer to its effect at the other node, ms: {spread(delays)}, p99 {p99:.1f}"
    )
    outcome.target(
        f"a change is seen at the other node within {MOST_DELAY:g} ms (p99)",
        met=p99 < MOST_DELAY,
        seen=f"{p99:.1f} of {len(delays)}",
    )
    return outcome


def _join(data: Path, like: Path) -> None:
    subprocess.run(
        [*STRONGROOM, "join", "--data", data, "--like", like / "strongroom.json"],
        check=True,
        capture_output=True,
    )


def _keys(server: Server) -> list[str]:
    kms = Client(server.url, server.account).ask
    return [kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(_KEYS)]


# Rates


def _rates(
    plan: Plan, servers: dict[str, Server], keys: dict[str, list[str]], outcome: Outcome
) -> None:
    runs: dict[tuple[str, str], list[Run]] = {}
    for _ in range(plan.rounds):
        for name, server in servers.items():
            for kind, requests in _signed(server.url, server.account, keys[name]).items():
                run = replay(server, requests, connections=_CONNECTIONS, seconds=plan.seconds)
                runs.setdefault((kind, name), []).append(run)
                outcome.errors += run.errors
    rows = []
    for (kind, name), of in runs.items():
        rates = [run.per_second for run in of]
        ratios = [
            run.per_second / alone.per_second
            for run, alone in zip(of, runs[kind, _SQLITE], strict=True)
        ]
        cpu = [run.cpu for run in of]
        rows.append([kind, name, spread(rates, ".0f"), spread(ratios), spread(cpu, ".0f")])
        if kind == "Encrypt" and name != _SQLITE:
            outcome.target(
                f"Encrypt at {name}: at least {LEAST_RATE:g} times the rate of {_SQLITE}",
                met=median(ratios) >= LEAST_RATE,
                seen=spread(ratios),
            )
    print(table(["", "", "a second", "ratio", "worker's CPU, us"], rows))


def _signed(url: str, account: Account, ids: Sequence[str]) -> dict[str, list[bytes]]:
    """Fresh requests of each kind; good for five minutes."""
    client = Client(url, account)
    owner = client.ask.describe_key(KeyId=ids[0])["KeyMetadata"]["AWSAccountId"]
    root = f"arn:aws:iam::{owner}:root"
    return {
        "Encrypt": [
            client.signed("encrypt", KeyId=ids[at % _KEYS], Plaintext=b"%032d" % at)
            for at in range(_DISTINCT)
        ],
        "CreateKey": [client.signed("create_key", Description=str(at)) for at in range(_DISTINCT)],
        "CreateGrant": [
            client.signed(
                "create_grant", KeyId=ids[at % _KEYS], GranteePrincipal=root, Operations=["Decrypt"]
            )
            for at in range(_DISTINCT)
        ],
    }


# How soon a change is seen


def _delays(count: int, here: Server, there: Server, key_id: str) -> list[float]:
    """Milliseconds from the answer of a change here until it holds there."""
    asked, changing = Client(there.url, there.account), Client(here.url, here.account)
    encrypt = asked.signed("encrypt", KeyId=key_id, Plaintext=b"x")
    changes = {
        works: changing.signed("enable_key" if works else "disable_key", KeyId=key_id)
        for works in (False, True)
    }
    delays = []
    with (
        socket.create_connection(("127.0.0.1", there.port), 10) as theirs,
        socket.create_connection(("127.0.0.1", here.port), 10) as ours,
    ):
        for sock in (theirs, ours):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(count):
            works = bool(at % 2)
            ours.sendall(changes[works])
            read_answer(ours)
            answered = time.perf_counter()
            while True:
                began = time.perf_counter()
                theirs.sendall(encrypt)
                if _succeeds(theirs) is works:
                    break
            delays.append((began - answered) * 1e3)
    return delays


def _succeeds(sock: socket.socket) -> bool:
    try:
        read_answer(sock)
    except RuntimeError:  # it is disabled
        return False
    return True
