"""Encrypt by those whom policies and grants allow, beside the root user's.

In the same rounds as `bench.requests`, on the same keys: what differs is who signs.
"""

import json
from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any, NamedTuple

import boto3
from botocore.config import Config

from bench.load import Run, replay
from bench.processes import REGION, Account, Server
from bench.report import Outcome, spread, table
from bench.signing import Client

MOST_RATIO = 1.15
_CONTEXT = {"purpose": "bench"}
_CONNECTIONS = 32
_ROOT = "the root user"
_ROOT_WITH_CONTEXT = "the root user, with a context"

# Four condition keys, each of another kind: of the request, the connection, the key, the operation.
_CONDITIONS = {
    "StringEquals": {
        "aws:RequestedRegion": REGION,
        "kms:KeySpec": "SYMMETRIC_DEFAULT",
        "kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
    },
    "IpAddress": {"aws:SourceIp": "127.0.0.0/8"},
}


class _Caller(NamedTuple):
    client: Client
    context: Mapping[str, str] | None
    beside: str  # whose figures it is compared with


def callers(server: Server, root: Account, keys: list[str]) -> dict[str, _Caller]:
    """Make users, a role and grants, and a client for each."""
    iam = _service("iam", server, root)
    iam.create_group(GroupName="bench")
    iam.put_group_policy(
        GroupName="bench", PolicyName="use", PolicyDocument=_document(_allow("kms:*"))
    )
    made = {
        "a user, by a group's policy": _user(iam, "grouped", None),
        "a user, under four conditions": _user(
            iam, "conditioned", _document(_allow("kms:Encrypt", _CONDITIONS))
        ),
        "a user, by a grant": _user(iam, "granted", None),
        "a user, by a grant with a constraint": _user(iam, "constrained", None),
    }
    iam.add_user_to_group(GroupName="bench", UserName="grouped")
    kms = _service("kms", server, root)
    for key in keys:
        for name, constraint in (
            ("granted", {}),
            ("constrained", {"EncryptionContextSubset": _CONTEXT}),
        ):
            arn = iam.get_user(UserName=name)["User"]["Arn"]
            kms.create_grant(
                KeyId=key, GranteePrincipal=arn, Operations=["Encrypt"], Constraints=constraint
            )
    found = {
        _ROOT: _Caller(Client(server.url, root), None, _ROOT),
        _ROOT_WITH_CONTEXT: _Caller(Client(server.url, root), _CONTEXT, _ROOT_WITH_CONTEXT),
    }
    for name, account in made.items():
        constrained = name.endswith("constraint")
        found[name] = _Caller(
            Client(server.url, account),
            _CONTEXT if constrained else None,
            _ROOT_WITH_CONTEXT if constrained else _ROOT,
        )
    session = _session(server, iam, made["a user, by a group's policy"])
    found["a role's session, with a policy of its own"] = _Caller(
        Client(server.url, session), None, _ROOT
    )
    return found


def measure(
    server: Server, by: Mapping[str, _Caller], keys: list[str], rounds: int, seconds: int
) -> dict[str, list[Run]]:
    """Runs of each caller, in turns."""
    runs: dict[str, list[Run]] = {}
    for round_ in range(rounds + 1):
        for name, caller in by.items():
            requests = list(_signed(caller, keys))
            run = replay(
                server, requests, connections=_CONNECTIONS, seconds=seconds if round_ else 1
            )
            if round_:  # the first warms up
                runs.setdefault(name, []).append(run)
    return runs


def tell(runs: Mapping[str, list[Run]], by: Mapping[str, _Caller], outcome: Outcome) -> None:
    print("\nEncrypt, by who asks\n")
    ratios = {
        name: [run.cpu / base.cpu for run, base in zip(of, runs[by[name].beside], strict=True)]
        for name, of in runs.items()
    }
    rows = [
        [
            name,
            f"{median(run.per_second for run in of):,.0f}",
            spread([run.cpu for run in of], ".1f"),
            spread(ratios[name]),
            str(sum(run.errors for run in of)),
        ]
        for name, of in runs.items()
    ]
    print(table(["", "requests/s", "CPU us each", "of the root user's", "errors"], rows))
    worst = max((median(each), name) for name, each in ratios.items())
    outcome.target(
        f"an Encrypt under policies and grants at most {MOST_RATIO:g} times the root user's",
        met=worst[0] <= MOST_RATIO,
        seen=f"{worst[0]:.2f}, {worst[1]}",
    )
    outcome.errors += sum(run.errors for of in runs.values() for run in of)


def _signed(caller: _Caller, keys: list[str]) -> Iterator[bytes]:
    for at in range(64):
        more: dict[str, Any] = (
            {} if caller.context is None else {"EncryptionContext": caller.context}
        )
        yield caller.client.signed(
            "encrypt", KeyId=keys[at % len(keys)], Plaintext=b"%032d" % at, **more
        )


def _user(iam: Any, name: str, document: str | None) -> Account:
    iam.create_user(UserName=name)
    if document is not None:
        iam.put_user_policy(UserName=name, PolicyName="use", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Account(key["AccessKeyId"], key["SecretAccessKey"])


def _session(server: Server, iam: Any, user: Account) -> Account:
    arn = iam.get_user(UserName="grouped")["User"]["Arn"]
    trust: dict[str, object] = {
        "Effect": "Allow",
        "Principal": {"AWS": arn},
        "Action": "sts:AssumeRole",
    }
    role = iam.create_role(RoleName="bench", AssumeRolePolicyDocument=_document(trust))["Role"]
    use = _document(_allow("kms:*"))
    iam.put_role_policy(RoleName="bench", PolicyName="use", PolicyDocument=use)
    given = _service("sts", server, user).assume_role(
        RoleArn=role["Arn"], RoleSessionName="bench", Policy=_document(_allow("kms:Encrypt"))
    )["Credentials"]
    return Account(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


def _service(name: str, server: Server, account: Account) -> Any:
    return boto3.client(
        name,
        region_name=REGION,
        endpoint_url=server.url,
        aws_access_key_id=account.key_id,
        aws_secret_access_key=account.secret,
        config=Config(retries={"total_max_attempts": 1}),
    )


def _allow(action: str, condition: object = None) -> dict[str, object]:
    statement: dict[str, object] = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return statement if condition is None else statement | {"Condition": condition}


def _document(*statements: dict[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
