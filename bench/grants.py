"""Many grants: what a key of 50,000 grants costs over one of ten.

Both keys are in folders of their own, filled through the storage layer.  Each grant is to another grantee: a session of
one role, whose policies allow nothing, so that a grantee is allowed what its grant allows.  Both folders are served,
each by one worker, and asked in turns.

A grant that is held is in the worker's memory; one that is not held was never asked for since the start, and is
read from the database.  Whenever a grant is made or ended, its worker has to read those of that grantee anew.

At last every grantee uses its grant once, and then one more grant is made: what that costs whoever asks next.
"""

import json
import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from bench.folders import made
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
from bench.report import Outcome, table
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
from strongroom.keys.grant import Grant
from strongroom.keys.grant_rules import MOST_OF_A_KEY
from strongroom.keys.key import Key
from strongroom.keys.session import Session, new_secret, sealed, session_key
from strongroom.policy.entities import Role

_FEW = 10
_TRANSACTION = 5_000  # grants
_LIMIT = 10
_HALF = 5  # entries of a page in the middle: ten grants have no more behind their middle
_ROLE = "bench"
_HOURS = 12
_PLAINTEXT = bytes(32)


class Plan(NamedTuple):
    starts: int
    blocks: int  # of each kind of request
    block: int  # requests
    changes: int  # of each kind, for each block


FULL = Plan(9, blocks=15, block=100, changes=20)
QUICK = Plan(3, blocks=5, block=60, changes=10)


@dataclass(frozen=True, slots=True)
class Filled:
    """A folder with a key and its grants, and what was seen of it."""

    data: Path
    account: Account
    key: Key
    grants: list[str]  # ids, sorted
    grantees: list[Account]
    starts: list[float] = field(default_factory=list)  # seconds
    after_start: list[Memory] = field(default_factory=list)
    not_held: Timed = field(default_factory=Timed)


def main(plan: Plan) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder:
        began = time.monotonic()
        few = _filled(Path(folder) / "few", _FEW)
        many = _filled(Path(folder) / "many", MOST_OF_A_KEY - plan.changes)
        took = time.monotonic() - began
        print(f"\nGrants: {_FEW} beside {MOST_OF_A_KEY:,} (filled in {took:.0f} s)\n", flush=True)
        for _ in range(plan.starts):
            for one in (few, many):
                _start(one)
        with ExitStack() as servers:
            asked = [
                _Asked(servers.enter_context(serve(one.data, one.account, *ONE)), one)
                for one in (few, many)
            ]
            both = {
                "Encrypt, grant held": in_turns(asked, "held", plan.blocks, plan.block),
                "Encrypt, grant not held": (few.not_held, many.not_held),
                "DescribeKey": in_turns(asked, "described", plan.blocks, plan.block),
                f"ListGrants, first page of {_LIMIT}": in_turns(
                    asked, "first", plan.blocks, plan.block
                ),
                f"ListGrants, {_HALF} from the middle": in_turns(
                    asked, "middle", plan.blocks, plan.block
                ),
                **_changes(plan, asked),
            }
            less, more = (each.all_used() for each in asked)
    rows = [
        row("start to a grantee's first answer, s", few.starts, many.starts, ".2f"),
        row("memory then, MiB resident", _resident(few), _resident(many), ".1f"),
    ]
    for what, (small, large) in both.items():
        rows.append(row(f"{what}, ms", small.clock, large.clock))
        rows.append(row("  of it the worker's CPU", small.cpu, large.cpu))
    rows += [
        row(what, [getattr(less, name)], [getattr(more, name)])
        for what, name in (
            ("memory before all use their grants, MiB", "before"),
            ("memory after", "after"),
            ("a grantee's first use, ms of the worker's CPU", "each"),
            ("another's Encrypt behind a grant made then, ms", "behind"),
        )
    ]
    print(table(["", f"{_FEW} grants", f"{MOST_OF_A_KEY:,} grants", "ratio"], rows))
    return compared(both, str(_FEW), f"{MOST_OF_A_KEY:,} grants")


def _resident(one: Filled) -> list[float]:
    return [each.resident / 2**20 for each in one.after_start]


# Making the folders


def _filled(data: Path, count: int) -> Filled:
    now, secret = time.time(), new_secret()
    with made(data) as folder:
        role = Role(folder.owner, _ROLE, "aws", "/", "AROABENCHBENCHBENCHB", now, trust="{}")
        with folder.store.writing() as books:
            key = folder.add_key(books)
            books.put_entity(role)
        ids = []
        numbers = iter(range(count))
        while part := list(islice(numbers, _TRANSACTION)):
            with folder.store.writing() as books:
                for number in part:
                    grant = _grant(key, number, now)
                    books.add_grant(grant)
                    ids.append(grant.id)
        tokens = session_key(folder.root)
        grantees = []
        for number in range(count):
            session = Session(
                kind="role",
                account=folder.owner,
                of=role.id,
                name=_session_name(number),
                secret=secret,
                issued=now,
                expires=now + _HOURS * 3600,
            )
            grantees.append(Account(*_credentials(tokens, session)))
    return Filled(data, folder.account, key, sorted(ids), grantees)


def _credentials(tokens: bytes, session: Session) -> tuple[str, str, str]:
    temporary = sealed(tokens, session)
    return temporary.key_id, temporary.secret, temporary.token


def _grant(key: Key, number: int, now: float) -> Grant:
    grantee = _grantee(key, number)
    return Grant(
        id=os.urandom(32).hex(),
        account=key.account,
        region=key.region,
        key_id=key.id,
        name="",
        grantee=grantee,
        grantee_id=grantee,
        retiring="",
        retiring_id="",
        operations=("Encrypt",),
        equals=None,
        subset=None,
        source_arn="",
        issuing_account=key.account,
        issuer=f"arn:aws:iam::{key.account}:root",
        created=now,
        parent="",
    )


def _grantee(key: Key, number: int) -> str:
    return f"arn:aws:sts::{key.account}:assumed-role/{_ROLE}/{_session_name(number)}"


def _session_name(number: int) -> str:
    return f"session-{number}"


# Asking


def _encrypting(url: str, one: Filled) -> Signer:
    client = Client(url, one.grantees[0])
    return Signer(client.signed("encrypt", KeyId=one.key.id, Plaintext=_PLAINTEXT))


def _start(one: Filled) -> None:
    """Start a server, and ask by grants that it does not hold yet."""
    port = free_port()
    step = len(one.grantees) // _FEW
    # The first also opens the account's domain, and is part of the start.
    signer = _encrypting(f"http://127.0.0.1:{port}", one)
    first, *others = [signer.signed(each) for each in one.grantees[::step][:_FEW]]
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
        self.server, self.filled = server, filled
        self.port = server.port
        (self.worker,) = server.workers
        self.client = client = Client(server.url, filled.account)
        self.encrypting = _encrypting(server.url, filled)
        ids, key_id = filled.grants, filled.key.id
        middle = marker(ids[len(ids) // 2 - 1])
        self.requests = {
            "held": [self.encrypting.signed(each) for each in filled.grantees[:_FEW]],
            "described": [client.signed("describe_key", KeyId=key_id)],
            "first": [client.signed("list_grants", KeyId=key_id, Limit=_LIMIT)],
            "middle": [client.signed("list_grants", KeyId=key_id, Limit=_HALF, Marker=middle)],
        }
        expected = {"first": ids[:_LIMIT], "middle": ids[len(ids) // 2 :][:_HALF]}
        with connected(self.port) as sock:
            for request in self.requests["held"]:
                ask(sock, request)
            for kind, right in expected.items():
                page = json.loads(ask(sock, self.requests[kind][0]))["Grants"]
                if [entry["GrantId"] for entry in page] != right:
                    raise RuntimeError("a wrong page; nothing was measured")

    def create(self) -> bytes:
        return self.client.signed(
            "create_grant",
            KeyId=self.filled.key.id,
            GranteePrincipal=_grantee(self.filled.key, MOST_OF_A_KEY),
            Operations=["Encrypt"],
        )

    def end(self, operation: str, ids: Iterable[str]) -> list[bytes]:
        key = self.filled.key.arn
        return [self.client.signed(operation, KeyId=key, GrantId=grant_id) for grant_id in ids]

    def all_used(self) -> "_Used":
        """Have every grantee use its grant, then make one."""
        filled, sign = self.filled, self.encrypting.signed
        before, began = memory(self.worker).resident, cpu(self.worker)
        pipelined(self.port, filled.grantees, lambda part: [sign(each) for each in part])
        used = cpu(self.worker) - began
        after = memory(self.worker).resident
        encrypt = self.client.signed("encrypt", KeyId=filled.key.id, Plaintext=_PLAINTEXT)
        with connected(self.port) as sock:
            timed(sock, encrypt)
            ask(sock, self.create())
            behind = timed(sock, encrypt)
        return _Used(before / 2**20, used / len(filled.grantees) * 1e3, after / 2**20, behind)


class _Used(NamedTuple):
    before: float  # MiB resident
    each: float  # milliseconds of the worker's CPU
    after: float
    behind: float  # milliseconds


def _changes(plan: Plan, servers: Sequence[_Asked]) -> dict[str, tuple[Timed, Timed]]:
    """Grants made, and ended again by revoking and by retiring."""
    made_, revoked, retired = ((Timed(), Timed()) for _ in range(3))
    for round_ in range(2 * plan.blocks):
        for at, server in enumerate(servers):
            with connected(server.port) as sock:
                answers = made_[at].block(server.worker, sock, [server.create()] * plan.changes)
                ids = [json.loads(each)["GrantId"] for each in answers]
                operation, of = (
                    ("revoke_grant", revoked) if round_ % 2 else ("retire_grant", retired)
                )
                of[at].block(server.worker, sock, server.end(operation, ids))
    return {"CreateGrant": made_, "RevokeGrant": revoked, "RetireGrant": retired}
