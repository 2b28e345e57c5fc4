"""Algorithms: what KMS makes of OpenSSL's own rates, and what slow ones do to the others.

A server with a worker per core, and in turns with it, round after round, OpenSSL by itself: the same
library that the server uses (by `cryptography`), a process per core, no server in between; and the
machine's `openssl speed` for whoever wants to compare.  The load comes from the same machine and
takes its share of it.
"""

import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

from bench.load import send
from bench.processes import Server, init, serve, spawn
from bench.report import Outcome, spread, table
from bench.signing import Client
from strongroom import cores
from strongroom.backings.helper import NICER
from strongroom.keys.private import Private, fresh, pair

LEAST_OF_OPENSSL = 0.85
LEAST_OF_ENCRYPT = 0.60
MOST_OF_P99 = 2.0
Requests = Callable[[], list[bytes]]
"""Makes them anew, for a signature is good for five minutes, and all rounds take longer."""

_CORES = cores.usable()
_CONNECTIONS = 32
_DISTINCT = 16
_MESSAGE = b"m" * 32


class Plan(NamedTuple):
    rounds: int
    seconds: int


FULL = Plan(rounds=5, seconds=3)
QUICK = Plan(rounds=2, seconds=1)


class _Kind(NamedTuple):
    spec: str
    usage: str
    algorithm: str
    verb: str  # "sign", "verify", "decrypt", "mac", "agree", "decapsulate"
    by_openssl: str = ""  # what `openssl speed` calls it

    @property
    def name(self) -> str:
        old = ", SHA-1" if self.algorithm.endswith("SHA_1") else ""
        return f"{self.verb} {self.spec}{old}"


_RSA = tuple(
    _Kind(spec, usage, algorithm, verb, f"rsa{bits}")
    for bits in (2048, 3072, 4096)
    for spec in (f"RSA_{bits}",)
    for usage, algorithm, verb in (
        ("SIGN_VERIFY", "RSASSA_PSS_SHA_256", "sign"),
        ("ENCRYPT_DECRYPT", "RSAES_OAEP_SHA_256", "decrypt"),
    )
)
_FAST = (
    _Kind("ECC_NIST_P256", "SIGN_VERIFY", "ECDSA_SHA_256", "sign", "ecdsap256"),
    _Kind("ECC_NIST_EDWARDS25519", "SIGN_VERIFY", "ED25519_SHA_512", "sign", "ed25519"),
    _Kind("HMAC_256", "GENERATE_VERIFY_MAC", "HMAC_SHA_256", "mac"),
)
_OTHERS = (
    _Kind("RSA_2048", "SIGN_VERIFY", "RSASSA_PSS_SHA_256", "verify", "rsa2048"),
    _Kind("RSA_2048", "ENCRYPT_DECRYPT", "RSAES_OAEP_SHA_1", "decrypt", "rsa2048"),
    _Kind("ECC_NIST_P256", "SIGN_VERIFY", "ECDSA_SHA_256", "verify", "ecdsap256"),
    _Kind("ECC_NIST_P384", "SIGN_VERIFY", "ECDSA_SHA_384", "sign", "ecdsap384"),
    _Kind("ECC_NIST_P521", "SIGN_VERIFY", "ECDSA_SHA_512", "sign", "ecdsap521"),
    _Kind("ECC_SECG_P256K1", "SIGN_VERIFY", "ECDSA_SHA_256", "sign"),
    _Kind("ECC_NIST_P256", "KEY_AGREEMENT", "ECDH", "agree"),
    _Kind("ECC_NIST_P384", "KEY_AGREEMENT", "ECDH", "agree"),
    *(_Kind(f"ML_DSA_{set_}", "SIGN_VERIFY", "ML_DSA_SHAKE_256", "sign") for set_ in (44, 65, 87)),
    *(
        _Kind(f"ML_KEM_{set_}", "ENCAPSULATE_DECAPSULATE", "ML_KEM", "decapsulate")
        for set_ in (768, 1024)
    ),
)


def main(plan: Plan) -> Outcome:
    outcome = Outcome()
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder:
        data = Path(folder) / "data"
        account = init(data)
        with serve(data, account, "--workers", str(_CORES)) as server:
            client = Client(server.url, account)
            _rates(plan, server, client, outcome)
            _latency(plan, server, client, outcome)
    return outcome


def _rates(plan: Plan, server: Server, client: Client, outcome: Outcome) -> None:
    asked = {kind: _request(client, kind) for kind in (*_RSA, *_FAST, *_OTHERS)}
    encrypt = _encrypt(client)
    rates: dict[str, list[float]] = {}
    raw: dict[str, list[float]] = {}
    with ProcessPoolExecutor(_CORES) as pool:
        for round_ in range(plan.rounds + 1):
            seconds = plan.seconds if round_ else 1
            found = {"Encrypt": _rate(server, encrypt(), seconds, outcome)}
            own = {}
            for kind, request in asked.items():
                found[kind.name] = _rate(server, request(), seconds, outcome)
                own[kind.name] = sum(
                    pool.map(_alone, [kind] * _CORES, [seconds] * _CORES, chunksize=1)
                )
            if round_:  # the first warms up
                for name, rate in found.items():
                    rates.setdefault(name, []).append(rate)
                for name, rate in own.items():
                    raw.setdefault(name, []).append(rate)
    told = _told_by_openssl(asked, plan.seconds)
    rows = []
    for kind in asked:
        of_openssl = _ratios(rates[kind.name], raw[kind.name])
        of_encrypt = _ratios(rates[kind.name], rates["Encrypt"])
        rows.append(
            [
                kind.name,
                f"{median(rates[kind.name]):,.0f}",
                f"{median(raw[kind.name]):,.0f}",
                spread(of_openssl),
                spread(of_encrypt),
                told.get(kind.name, ""),
            ]
        )
        if kind in _RSA:
            outcome.target(
                f"{kind.name} at least {LEAST_OF_OPENSSL:.0%} of OpenSSL's own rate on all cores",
                met=median(of_openssl) >= LEAST_OF_OPENSSL,
                seen=f"{median(of_openssl):.0%}",
            )
        if kind in _FAST:
            outcome.target(
                f"{kind.name} at least {LEAST_OF_ENCRYPT:.0%} of Encrypt's requests a second",
                met=median(of_encrypt) >= LEAST_OF_ENCRYPT,
                seen=f"{median(of_encrypt):.0%}",
            )
    print(f"\nAlgorithms: {_CORES} workers, {_CONNECTIONS} connections, {plan.rounds} rounds")
    print(f"Encrypt: {median(rates['Encrypt']):,.0f} a second\n")
    titles = ["a second", "OpenSSL alone", "of OpenSSL's", "of Encrypt's", "`openssl speed`"]
    print(table(["", *titles], rows))


def _latency(plan: Plan, server: Server, client: Client, outcome: Outcome) -> None:
    """Encrypt's 99th percentile, with RSA-4096 signing as much as it can, and without.

    And beside what has a helper's priority and manners, and nothing to do with the server: what that
    does, the machine does.
    """
    encrypt = _encrypt(client)
    signing = _request(client, _Kind("RSA_4096", "SIGN_VERIFY", "RSASSA_PSS_SHA_256", "sign"))
    with_, without, strangers, signed = [], [], [], []
    for _ in range(plan.rounds):
        quiet = send(server, encrypt(), connections=4, seconds=plan.seconds)
        to_sign, to_encrypt = signing(), encrypt()
        load = _Background(partial(send, server, to_sign, connections=64, seconds=plan.seconds + 1))
        busy = send(server, to_encrypt, connections=4, seconds=plan.seconds)
        result = load.result()
        with _strangers():
            beside = send(server, encrypt(), connections=4, seconds=plan.seconds)
        strangers.append(beside.p99 / 1e3)
        signed.append(result.requests / result.seconds)
        without.append(quiet.p99 / 1e3)
        with_.append(busy.p99 / 1e3)
        outcome.errors += quiet.errors + busy.errors + result.errors + beside.errors
    ratios = _ratios(with_, without)
    print(
        f"\nEncrypt's p99 over 4 connections: {median(without):.2f} ms; "
        f"{median(with_):.2f} ms while RSA-4096 signs {median(signed):,.0f} a second; "
        f"{median(strangers):.2f} ms beside {_CORES} processes that only count"
    )
    outcome.target(
        f"Encrypt's p99 while RSA-4096 signs at most {MOST_OF_P99:g} times its p99 without",
        met=median(ratios) <= MOST_OF_P99,
        seen=f"{spread(ratios)}; beside who only counts {spread(_ratios(strangers, without))}",
    )


@contextmanager
def _strangers() -> Iterator[None]:
    """A process per core that computes all the time, at a helper's priority, and gives way as often."""
    count = f"import os\nos.nice({NICER})\nwhile True:\n  for _ in range(50_000): pass\n  os.sched_yield()"
    processes = [spawn(sys.executable, "-c", count) for _ in range(_CORES)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


class _Background:
    def __init__(self, work: Callable[[], Any]) -> None:
        self._given: list[Any] = []
        self._thread = threading.Thread(target=lambda: self._given.append(work()))
        self._thread.start()

    def result(self) -> Any:
        self._thread.join()
        return self._given[0]


def _ratios(of: list[float], to: list[float]) -> list[float]:
    return [one / other for one, other in zip(of, to, strict=True)]


def _rate(server: Server, requests: list[bytes], seconds: int, outcome: Outcome) -> float:
    result = send(server, requests, connections=_CONNECTIONS, seconds=seconds)
    outcome.errors += result.errors
    return result.requests / result.seconds


def _encrypt(client: Client) -> Requests:
    key = client.ask.create_key()["KeyMetadata"]["KeyId"]
    return lambda: [
        client.signed("encrypt", KeyId=key, Plaintext=b"%032d" % at) for at in range(_DISTINCT)
    ]


def _request(client: Client, kind: _Kind) -> Requests:
    made = client.ask.create_key(KeySpec=kind.spec, KeyUsage=kind.usage)
    key = made["KeyMetadata"]["KeyId"]
    match kind.verb:
        case "sign":
            operation, more = "sign", {"Message": _MESSAGE, "SigningAlgorithm": kind.algorithm}
        case "verify":
            asked = {"KeyId": key, "Message": _MESSAGE, "SigningAlgorithm": kind.algorithm}
            operation = "verify"
            more = {**asked, "Signature": client.ask.sign(**asked)["Signature"]}
            del more["KeyId"]
        case "decrypt":
            sealed = client.ask.encrypt(
                KeyId=key, Plaintext=_MESSAGE, EncryptionAlgorithm=kind.algorithm
            )
            operation = "decrypt"
            more = {
                "CiphertextBlob": sealed["CiphertextBlob"],
                "EncryptionAlgorithm": kind.algorithm,
            }
        case "agree":
            operation = "derive_shared_secret"
            more = {"PublicKey": _others_point(kind), "KeyAgreementAlgorithm": kind.algorithm}
        case "decapsulate":
            sealed = client.ask.encapsulate(KeyId=key, EncapsulationAlgorithm=kind.algorithm)
            operation = "decapsulate"
            more = {
                "SharedSecretCiphertextBlob": sealed["SharedSecretCiphertextBlob"],
                "EncapsulationAlgorithm": kind.algorithm,
            }
        case _:
            operation, more = "generate_mac", {"Message": _MESSAGE, "MacAlgorithm": kind.algorithm}
    return lambda: [client.signed(operation, KeyId=key, **more) for _ in range(_DISTINCT)]


def _others_point(kind: _Kind) -> bytes:
    """The public key of somebody else on the key's curve."""
    return pair(kind.spec).public


def _alone(kind: _Kind, seconds: int) -> float:
    """How often a second the library alone does it, in this process."""
    tool: Any = Private.of(b"", kind.spec, fresh(kind.spec)).tool
    work: Callable[[], Any]
    match kind.verb:
        case "sign":
            work = partial(tool.sign, kind.algorithm, _MESSAGE, hashed=False)
        case "verify":
            signature = tool.sign(kind.algorithm, _MESSAGE, hashed=False)
            work = partial(tool.verify, kind.algorithm, _MESSAGE, signature, hashed=False)
        case "decrypt":
            sealed = tool.encrypt(kind.algorithm, _MESSAGE)
            work = partial(tool.decrypt, kind.algorithm, sealed)
        case "agree":
            work = partial(tool.agree, _others_point(kind))
        case "decapsulate":
            _, sealed = tool.encapsulate()
            work = partial(tool.decapsulate, sealed)
        case _:
            work = partial(tool.mac, _MESSAGE)
    count, began = 0, perf_counter()
    while (elapsed := perf_counter() - began) < seconds:
        work()
        count += 1
    return count / elapsed


def _told_by_openssl(kinds: Iterable[_Kind], seconds: int) -> dict[str, str]:
    """What `openssl speed` says, on all cores; nothing where there is no such command."""
    names = sorted({kind.by_openssl for kind in kinds if kind.by_openssl})
    try:
        said = subprocess.run(
            ["openssl", "speed", "-multi", str(_CORES), "-seconds", str(seconds), *names],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return {}
    rates = {}
    for bits, sign, verify in re.findall(
        r"(\d+) bits.*?s\s+[\d.]+s\s+([\d.]+)\s+([\d.]+)$", said, re.MULTILINE
    ):
        rates[bits] = {"sign": float(sign), "decrypt": float(sign), "verify": float(verify)}
    shown = {}
    for kind in kinds:
        bits = "253" if kind.by_openssl == "ed25519" else kind.by_openssl[-4:].lstrip("dsap")
        rate = rates.get(bits, {}).get(kind.verb)
        if kind.by_openssl and rate is not None:
            shown[kind.name] = f"{rate:,.0f}"
    return shown
