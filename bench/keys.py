"""Many keys: what a folder of 100,000 keys costs over one of ten.

Both folders are made by `strongroom init` and filled through the storage layer in transactions
of some thousand keys: each row is sealed and signed as CreateKey does it, only that not every
key waits for the disk.  Then both are served, each by one worker, and asked in turns over one
connection each; a request is sent when the answer to the one before is there.

A key that is held is in the worker's memory; one that is not held was never asked for since the
start, and is read from the database.

Then Encrypt, under keys drawn evenly from all there are, as many requests as wrk gets answered, after each key has
been used once: a worker holds a million, all but 4,000 of them packed alone.  The million is made, and asked, in a full
run alone.
"""

import base64
import json
import os
import random
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.folders import made
from bench.load import Run, replay
from bench.processes import (
    ONE,
    Account,
    Memory,
    Server,
    cpu,
    free_port,
    memory,
    serve,
    serving,
    spawn,
    stopped,
)
from bench.report import Outcome, spread, table
from bench.signing import Client, Signer
from bench.starts import answered
from bench.turns import (
    Timed,
    ask,
    compared,
    connected,
    in_turns,
    marker,
    pipelined,
    row,
    timed,
)

LEAST_RATE = {100_000: 0.8, 1_000_000: 0.5}
"""Keys: the least part of the ten-key rate at which Encrypt under any of them goes on."""
MOST_MEMORY = 300 * 2**20  # bytes of a worker
MOST_START = 2.0  # seconds
_CONNECTIONS = 32
_PLAINTEXT = 32  # bytes
_FEW = 10
_TRANSACTION = 5_000  # keys
_LIMIT = 10
_ROOM = ("--key-quota", "1000000")  # for more keys than AWS lets an account have
_HALF = 5  # entries of a page in the middle: ten keys have no more behind their middle


class Plan(NamedTuple):
    many: int  # keys
    most: int  # keys, of which only Encrypt is asked; none for no such folder
    starts: int
    blocks: int  # of each kind of request
    block: int  # requests
    rounds: int  # of Encrypt under any key
    seconds: int  # of each
    drawn: int  # keys for one of them: more than are answered for


FULL = Plan(100_000, 1_000_000, 9, blocks=15, block=100, rounds=9, seconds=2, drawn=40_000)
QUICK = Plan(20_000, 0, 3, blocks=5, block=60, rounds=3, seconds=1, drawn=20_000)


@dataclass(frozen=True, slots=True)
class Filled:
    """A folder with keys, and what was seen of it."""

    data: Path
    account: Account
    ids: list[str]  # sorted
    starts: list[float] = field(default_factory=list)  # seconds
    after_start: list[Memory] = field(default_factory=list)
    not_held: Timed = field(default_factory=Timed)


def main(plan: Plan) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder:
        began = time.monotonic()
        few = _filled(Path(folder) / "few", _FEW)
        many = _filled(Path(folder) / "many", plan.many)
        took = time.monotonic() - began
        print(f"\nKeys: {_FEW} beside {plan.many:,} (filled in {took:.0f} s)\n", flush=True)
        for _ in range(plan.starts):
            for one in (few, many):
                _start(one)
        with ExitStack() as servers:
            asked = [
                _Asked(servers.enter_context(serve(one.data, one.account, *ONE, *_ROOM)), one)
                for one in (few, many)
            ]
            timed = {
                "DescribeKey, held": in_turns(asked, "held", plan.blocks, plan.block),
                "DescribeKey, not held": (few.not_held, many.not_held),
                f"ListKeys, first page of {_LIMIT}": in_turns(
                    asked, "first", plan.blocks, plan.block
                ),
                f"ListKeys, {_HALF} from the middle": in_turns(
                    asked, "middle", plan.blocks, plan.block
                ),
                "CreateKey": in_turns(asked, "create", plan.blocks, plan.block),
            }
        outcome = compared(timed, str(_FEW), f"{plan.many:,} keys")
        folders = [few, many]
        if plan.most:
            folders.append(_filled(Path(folder) / "most", plan.most))
            for _ in range(plan.starts):
                _start(folders[-1])
        _evenly(plan, folders, outcome)
    rows = [
        row("start to first answer, s", few.starts, many.starts, ".2f"),
        row("memory then, MiB resident", _resident(few), _resident(many), ".1f"),
    ]
    for what, (less, more) in timed.items():
        rows.append(row(f"{what}, ms", less.clock, more.clock))
        rows.append(row("  of it the worker's CPU", less.cpu, more.cpu))
    print(table(["", f"{_FEW} keys", f"{plan.many:,} keys", "ratio"], rows))
    return outcome


def _evenly(plan: Plan, folders: Sequence[Filled], outcome: Outcome) -> None:
    """Encrypt under keys drawn from all there are, one folder after the other, round after round."""
    runs: list[list[Run]] = [[] for _ in folders]
    with ExitStack() as servers:
        up = [servers.enter_context(serve(one.data, one.account, *ONE)) for one in folders]
        first = [_use_each(server, one) for server, one in zip(up, folders, strict=True)]
        for _ in range(plan.rounds):
            for server, one, seen in zip(up, folders, runs, strict=True):
                client = Client(server.url, one.account)
                requests = _encrypts(client, one.account, random.choices(one.ids, k=plan.drawn))
                run = replay(server, requests, connections=_CONNECTIONS, seconds=plan.seconds)
                seen.append(run)
                outcome.errors += run.errors
        after = [memory(server.workers[0]).resident for server in up]
    rows = []
    for one, seen, used, resident in zip(folders, runs, first, after, strict=True):
        ratios = [run.per_second / few.per_second for run, few in zip(seen, runs[0], strict=True)]
        count = len(one.ids)
        rows.append(
            [
                f"{count:,}",
                spread([run.per_second for run in seen], ".0f"),
                spread(ratios),
                spread([run.cpu for run in seen], ".0f"),
                f"{used:.0f}",
                f"{resident / 2**20:.0f}",
                spread(one.starts),
            ]
        )
        if count in LEAST_RATE:
            outcome.target(
                f"Encrypt under {count:,} keys used evenly: at least {LEAST_RATE[count]:g} times the rate of {_FEW}",
                met=median(ratios) >= LEAST_RATE[count],
                seen=spread(ratios),
            )
            outcome.target(
                f"memory of a worker then: under {MOST_MEMORY >> 20} MiB",
                met=resident < MOST_MEMORY,
                seen=f"{resident / 2**20:.0f} MiB",
            )
            outcome.target(
                f"its start: under {MOST_START:g} s",
                met=median(one.starts) < MOST_START,
                seen=spread(one.starts),
            )
    print("\nEncrypt under keys used evenly\n")
    titles = [
        "keys",
        "a second",
        "ratio",
        "worker's CPU, us",
        "at first",
        "MiB resident",
        "start, s",
    ]
    print(table(titles, rows) + "\n")


def _use_each(server: Server, one: Filled) -> float:
    """Each key once, so that it is held; microseconds of the worker for one, most of which are not held."""
    client = Client(server.url, one.account)
    ids = random.sample(one.ids, len(one.ids))
    began = cpu(server.workers[0])
    pipelined(server.port, ids, partial(_encrypts, client, one.account))
    return (cpu(server.workers[0]) - began) / len(ids) * 1e6


def _encrypts(client: Client, account: Account, ids: Sequence[str]) -> list[bytes]:
    signer = Signer(client.signed("encrypt", KeyId=ids[0], Plaintext=bytes(_PLAINTEXT)))
    texts = (base64.b64encode(os.urandom(_PLAINTEXT)).decode() for _ in ids)
    return [
        signer.signed(account, json.dumps({"KeyId": key_id, "Plaintext": text}).encode())
        for key_id, text in zip(ids, texts, strict=True)
    ]


def _resident(one: Filled) -> list[float]:
    return [each.resident / 2**20 for each in one.after_start]


# Making the folders


def _filled(data: Path, count: int) -> Filled:
    ids: list[str] = []
    with made(data) as folder:
        for begun in range(0, count, _TRANSACTION):
            with folder.store.writing() as books:
                part = range(begun, min(begun + _TRANSACTION, count))
                ids.extend(folder.add_key(books).id for _ in part)
    return Filled(data, folder.account, sorted(ids))


# Asking


def _start(one: Filled) -> None:
    """Start a server, and ask for keys that it does not hold yet."""
    port = free_port()
    client = Client(f"http://127.0.0.1:{port}", one.account)
    asked = random.sample(one.ids, _FEW)
    # The first also opens the account's domain, and is part of the start.
    first, *others = [client.signed("describe_key", KeyId=key_id) for key_id in asked]
    began = time.perf_counter()
    with stopped(spawn(*serving(one.data, port, *ONE))) as process:
        answered(port, first, process)
        one.starts.append(time.perf_counter() - began)
        one.after_start.append(memory(process.pid))
        with connected(port) as sock:
            before = cpu(process.pid)
            one.not_held.clock.extend(timed(sock, request) for request in others)
            one.not_held.cpu.append((cpu(process.pid) - before) / len(others) * 1e3)


class _Asked:
    """A server of a filled folder, and the requests that it is asked."""

    def __init__(self, server: Server, filled: Filled) -> None:
        self.port = server.port
        (self.worker,) = server.workers
        client = Client(server.url, filled.account)
        ids = filled.ids
        held = [ids[at * len(ids) // _FEW] for at in range(_FEW)]
        middle = marker(ids[len(ids) // 2 - 1])
        self.requests = {
            "held": [client.signed("describe_key", KeyId=key_id) for key_id in held],
            "first": [client.signed("list_keys", Limit=_LIMIT)],
            "middle": [client.signed("list_keys", Limit=_HALF, Marker=middle)],
            "create": [client.signed("create_key")],
        }
        expected = {"first": ids[:_LIMIT], "middle": ids[len(ids) // 2 :][:_HALF]}
        with connected(self.port) as sock:
            for request in self.requests["held"]:
                ask(sock, request)
            for kind, right in expected.items():
                page = json.loads(ask(sock, self.requests[kind][0]))["Keys"]
                if [entry["KeyId"] for entry in page] != right:
                    raise RuntimeError("a wrong page; nothing was measured")
