"""Requests: what one costs a worker, beside an answer that costs nothing.

A server of a data folder on the disk, with one worker, audit log on; and beside it the same
listener with an app that answers a constant of the size of Encrypt's answer (`bench.constant`).
Both get the same signed requests, in turns, round after round, so that whatever else the machine
does falls on both alike.  The ratio is taken within each round.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench import callers, starts
from bench.load import Run, replay, send
from bench.processes import ONE, Memory, Server, init, memory, module, serve
from bench.report import Outcome, spread, table
from bench.signing import Client

_DISTINCT = 64  # requests of each kind, sent in turn
_KEYS = 8
_CONTEXT = {"purpose": "bench"}
_MAIN = 32  # connections
_CONSTANT = "a constant"

MOST_RATIO = 3.0
MOST_MEMORY = 80 * 2**20  # bytes for each worker


class Plan(NamedTuple):
    rounds: int
    seconds: int  # of each run
    starts: int


FULL = Plan(rounds=7, seconds=3, starts=7)
QUICK = Plan(rounds=3, seconds=1, starts=3)


class _Keys(NamedTuple):
    ids: list[str]
    arns: list[str]
    ciphertexts: list[bytes]


def main(plan: Plan) -> Outcome:
    outcome = Outcome()
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder:
        data = Path(folder) / "data"
        account = init(data)
        with serve(data, account, *ONE) as server:
            client = Client(server.url, account)
            keys = _prepare(client)
            length = _require_right(client, keys)
            with module("bench.constant", str(length)) as constant:
                runs = _rounds(plan, server, constant, client, keys)
                _print_operations(runs, outcome)
                widths = {
                    connections: _encrypt(plan, server, constant, client, keys, connections)
                    for connections in (1, 256)
                }
                _print_widths({_MAIN: runs} | widths, outcome)
            by = callers.callers(server, account, keys.ids)
            told = callers.measure(server, by, keys.ids, plan.rounds, plan.seconds)
            callers.tell(told, by, outcome)
            one = [memory(pid) for pid in server.workers]
        with serve(data, account, "--workers", "2") as server:
            several = Client(server.url, account)
            _warm(server, _signed(several, keys)["Encrypt"])
            two = [memory(pid) for pid in server.workers]
        _print_memory(one, two, outcome)
        outcome.add(starts.main(data, account, keys.ids[0], plan.starts))
    return outcome


def _prepare(client: Client) -> _Keys:
    made = [client.ask.create_key()["KeyMetadata"] for _ in range(_KEYS)]
    sealed = [
        client.ask.encrypt(KeyId=key["KeyId"], Plaintext=_plaintext(at), EncryptionContext=_CONTEXT)
        for at, key in enumerate(made)
    ]
    return _Keys(
        [key["KeyId"] for key in made],
        [key["Arn"] for key in made],
        [answer["CiphertextBlob"] for answer in sealed],
    )


def _plaintext(at: int) -> bytes:
    return b"%032d" % at


def _require_right(client: Client, keys: _Keys) -> int:
    """Ask for everything once with boto3, and look at the answers; the length of Encrypt's body."""
    for at, (key, sealed) in enumerate(zip(keys.ids, keys.ciphertexts, strict=True)):
        opened = client.ask.decrypt(CiphertextBlob=sealed, EncryptionContext=_CONTEXT)
        pair = client.ask.generate_data_key(KeyId=key, KeySpec="AES_256")
        again = client.ask.decrypt(CiphertextBlob=pair["CiphertextBlob"])
        described = client.ask.describe_key(KeyId=key)["KeyMetadata"]
        if (
            opened["Plaintext"] != _plaintext(at)
            or again["Plaintext"] != pair["Plaintext"]
            or described["KeyId"] != key
        ):
            raise RuntimeError("a wrong answer; nothing was measured")
    answer = client.ask.encrypt(KeyId=keys.ids[0], Plaintext=_plaintext(0))
    return int(answer["ResponseMetadata"]["HTTPHeaders"]["content-length"])


def _signed(client: Client, keys: _Keys) -> dict[str, list[bytes]]:
    """Fresh requests of each kind; good for five minutes."""
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "Encrypt": ("encrypt", {"KeyId": keys.ids, "Plaintext": None}),
        "Encrypt, ARN and context": (
            "encrypt",
            {"KeyId": keys.arns, "Plaintext": None, "EncryptionContext": _CONTEXT},
        ),
        "Decrypt, with context": (
            "decrypt",
            {"CiphertextBlob": keys.ciphertexts, "EncryptionContext": _CONTEXT},
        ),
        "GenerateDataKey": ("generate_data_key", {"KeyId": keys.ids, "KeySpec": "AES_256"}),
        "DescribeKey": ("describe_key", {"KeyId": keys.ids}),
    }
    return {
        kind: [client.signed(call, **_chosen(given, at)) for at in range(_DISTINCT)]
        for kind, (call, given) in kinds.items()
    }


def _chosen(given: dict[str, Any], at: int) -> dict[str, Any]:
    """The parameters of request number `at`: one of each list, a plaintext of its own."""
    return {
        name: _plaintext(at)
        if value is None
        else value[at % _KEYS]
        if isinstance(value, list)
        else value
        for name, value in given.items()
    }


def _rounds(
    plan: Plan, server: Server, constant: Server, client: Client, keys: _Keys
) -> dict[str, list[Run]]:
    runs: dict[str, list[Run]] = {}
    for round_ in range(plan.rounds + 1):
        signed = _signed(client, keys)
        for kind, requests in {_CONSTANT: signed["Encrypt"], **signed}.items():
            asked = constant if kind == _CONSTANT else server
            run = replay(asked, requests, connections=_MAIN, seconds=plan.seconds if round_ else 1)
            if round_:  # the first warms up
                runs.setdefault(kind, []).append(run)
    return runs


def _encrypt(
    plan: Plan, server: Server, constant: Server, client: Client, keys: _Keys, connections: int
) -> dict[str, list[Run]]:
    """The constant and Encrypt, at another number of connections."""
    runs: dict[str, list[Run]] = {_CONSTANT: [], "Encrypt": []}
    for _ in range(max(plan.rounds // 2, 1)):
        requests = _signed(client, keys)["Encrypt"]
        for kind, asked in ((_CONSTANT, constant), ("Encrypt", server)):
            runs[kind].append(
                replay(asked, requests, connections=connections, seconds=plan.seconds)
            )
    return runs


def _warm(server: Server, requests: Sequence[bytes]) -> None:
    """Load all workers for a while."""
    send(server, requests, connections=64, seconds=3)


def _ratios(runs: dict[str, list[Run]], kind: str) -> list[float]:
    return [run.cpu / base.cpu for run, base in zip(runs[kind], runs[_CONSTANT], strict=True)]


def _cells(runs: dict[str, list[Run]], kind: str) -> list[str]:
    of = runs[kind]
    return [
        f"{median(run.per_second for run in of):,.0f}",
        f"{median(run.p50 for run in of):.2f}",
        f"{median(run.p99 for run in of):.2f}",
        spread([run.cpu for run in of], ".1f"),
        spread(_ratios(runs, kind)),
        f"{median(run.busy for run in of):.0%}",
        str(sum(run.errors for run in of)),
    ]


_TITLES = ["requests/s", "p50 ms", "p99 ms", "CPU us each", "of the constant's", "busy", "errors"]


def _print_operations(runs: dict[str, list[Run]], outcome: Outcome) -> None:
    print(f"\nRequests: one worker, {_MAIN} connections, {len(runs[_CONSTANT])} rounds\n")
    print(table(["", *_TITLES], [[kind, *_cells(runs, kind)] for kind in runs]))
    ratio = median(_ratios(runs, "Encrypt"))
    outcome.target(
        f"CPU of an Encrypt at most {MOST_RATIO:g} times the constant answer's",
        met=ratio <= MOST_RATIO,
        seen=f"{ratio:.2f}",
    )
    _count_errors(runs, outcome)


def _print_widths(by_width: dict[int, dict[str, list[Run]]], outcome: Outcome) -> None:
    print("\nConnections\n")
    rows = [
        [f"{kind}, {width}", *_cells(runs, kind)]
        for width, runs in sorted(by_width.items())
        for kind in (_CONSTANT, "Encrypt")
    ]
    print(table(["", *_TITLES], rows))
    for width, runs in by_width.items():
        if width != _MAIN:
            _count_errors(runs, outcome)
    outcome.target("no error under load", met=not outcome.errors, seen=str(outcome.errors))


def _count_errors(runs: dict[str, list[Run]], outcome: Outcome) -> None:
    outcome.errors += sum(run.errors for of in runs.values() for run in of)


def _print_memory(one: list[Memory], two: list[Memory], outcome: Outcome) -> None:
    rows = [
        [f"{len(of)} worker{'s' * (len(of) > 1)}, number {at}", *map(_mib, each)]
        for of in (one, two)
        for at, each in enumerate(of)
    ]
    print("\nMemory of a worker after the load, MiB\n")
    print(table(["", "resident", "proportional", "its own"], rows))
    most = max(each.resident for each in (*one, *two))
    outcome.target(
        "less than 80 MiB a worker", met=most < MOST_MEMORY, seen=f"{_mib(most)} MiB resident"
    )


def _mib(size: int | None) -> str:
    return "not told" if size is None else f"{size / 2**20:.1f}"
