"""Decisions: a typical kms:Decrypt, decided in three ways, per second of CPU on one core.

A key policy of three statements, an identity policy of two, four keys in the context.  *By
principal* asks what was prepared for this principal, action and key before; *compiled* prepares
anew each time; *explained* gives every layer, statement and condition.  A decision is asked a few
thousand times in a row, five times, and the best of the five counts: the others had company.
"""

import json
import time
from collections.abc import Callable

from bench.report import Outcome, table
from strongroom.policy.cases import judge, read
from strongroom.policy.decide import decide, prepare
from strongroom.policy.explain import explain

_ACCOUNT = "111122223333"
_KEY = f"arn:aws:kms:us-east-1:{_ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_CASE = {
    "principal": f"arn:aws:iam::{_ACCOUNT}:user/alice",
    "action": "kms:Decrypt",
    "resource": _KEY,
    "context": {
        "kms:EncryptionContext:tenant": "blue",
        "kms:EncryptionContextKeys": ["tenant"],
        "aws:SourceIp": "192.0.2.7",
        "aws:SecureTransport": "true",
    },
    "resource_policy": {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Enable IAM User Permissions",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{_ACCOUNT}:root"},
                "Action": "kms:*",
                "Resource": "*",
            },
            {
                "Sid": "Administrators",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{_ACCOUNT}:role/admin"},
                "Action": ["kms:Create*", "kms:Describe*", "kms:Put*", "kms:ScheduleKeyDeletion"],
                "Resource": "*",
            },
            {
                "Sid": "Only over TLS",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "kms:*",
                "Resource": "*",
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
        ],
    },
    "identity_policies": [
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*"],
                    "Resource": f"arn:aws:kms:*:{_ACCOUNT}:key/*",
                    "Condition": {"StringEquals": {"kms:EncryptionContext:tenant": "blue"}},
                },
                {"Effect": "Allow", "Action": ["kms:List*", "kms:DescribeKey"], "Resource": "*"},
            ],
        }
    ],
}

TARGETS = {"by principal": 500_000, "compiled": 150_000, "explained": 20_000}


def main(count: int) -> Outcome:
    """`count`: decisions in a row, of the quickest kind."""
    case = read(json.dumps(_CASE))
    if not judge(case).allows:
        raise RuntimeError("a wrong decision; nothing was measured")
    prepared = prepare(case.question, case.layers)
    ways: dict[str, tuple[int, Callable[[], object]]] = {
        "by principal": (count, lambda: prepared.decide(case.context)),
        "compiled": (count // 4, lambda: decide(case.question, case.layers, case.context)),
        "explained": (count // 20, lambda: explain(case.question, case.layers, case.context)),
    }
    rates = {way: _rate(*how) for way, how in ways.items()}
    print("\nDecisions: kms:Decrypt, a key policy of 3 statements, an identity policy of 2\n")
    rows = [[way, f"{rate:,.0f}", f"{1e6 / rate:.2f}"] for way, rate in rates.items()]
    print(table(["", "a second", "us each"], rows))
    outcome = Outcome()
    for way, least in TARGETS.items():
        outcome.target(
            f"decisions a second, {way}, at least {least:,}",
            met=rates[way] >= least,
            seen=f"{rates[way]:,.0f}",
        )
    return outcome


def _rate(count: int, ask: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for _ in range(count):
            ask()
        best = min(best, time.process_time() - began)
    return count / best
