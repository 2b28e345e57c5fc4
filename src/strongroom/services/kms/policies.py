"""Key policy documents: the ones that KMS writes itself, and what form a customer's must have.

Here a document is looked at for its form alone: JSON, no element twice, no element that the
policy language does not have, each of the right type.  What it means, whether its principals
exist and whether it locks its author out is not asked (docs/divergences.md).

Source: IAM User Guide, "Grammar of the IAM JSON policy language"; KMS Developer Guide, "Default
key policy" and "AWS managed keys"; API Reference, PutKeyPolicy.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from strongroom.arn import partition_of
from strongroom.errors import LimitExceeded, MalformedPolicyDocument

NAME = "default"
MOST_BYTES = 32_768

_VERSIONS = ("2012-10-17", "2008-10-17")
_CHARACTERS = re.compile(r"[\t\n\r\x20-\xff]*\Z")

Json = Any


def default(account: str, region: str) -> str:
    """The policy of a key that was created without one: the account's IAM decides."""
    return _written(
        "key-default-1",
        {
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:{partition_of(region)}:iam::{account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        },
    )


def of_aws_managed_key(account: str, region: str, service: str) -> str:
    """The fixed policy of the key behind `alias/aws/SERVICE`."""
    return _written(
        f"auto-{service}-1",
        {
            "Sid": f"Allow access through {service} for all principals in the account that are "
            f"authorized to use {service}",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": [
                "kms:Encrypt",
                "kms:Decrypt",
                "kms:ReEncrypt*",
                "kms:GenerateDataKey*",
                "kms:CreateGrant",
                "kms:DescribeKey",
            ],
            "Resource": "*",
            "Condition": {
                "StringEquals": {
                    "kms:CallerAccount": account,
                    "kms:ViaService": f"{service}.{region}.amazonaws.com",
                }
            },
        },
        {
            "Sid": "Allow direct access to key metadata to the account",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:{partition_of(region)}:iam::{account}:root"},
            "Action": ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"],
            "Resource": "*",
        },
    )


def require_form(document: str) -> None:
    """MalformedPolicyDocument unless `document` has the form of a key policy; LimitExceeded if
    it is larger than KMS keeps.
    """
    if len(document.encode()) > MOST_BYTES:
        raise LimitExceeded(f"The key policy is larger than {MOST_BYTES} bytes.")
    if not _CHARACTERS.match(document):
        raise MalformedPolicyDocument("Policy contains invalid characters.")
    try:
        policy = json.loads(document, object_pairs_hook=_without_repeats, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise MalformedPolicyDocument("Policy is not valid JSON.") from None
    if not isinstance(policy, dict):
        raise MalformedPolicyDocument("Policy must be a JSON object.")
    _require_members("Policy", policy, _POLICY, needed=("Statement",))
    statements = policy["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        _require_statement(statement)


def _written(policy_id: str, *statements: dict[str, Json]) -> str:
    return json.dumps({"Version": "2012-10-17", "Id": policy_id, "Statement": statements}, indent=2)


def _without_repeats(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedPolicyDocument("Policy contains an element twice.")
    return members


def _no_number(name: str) -> Json:
    """For NaN and Infinity, which Python reads and JSON has not."""
    raise ValueError(name)


def _require_statement(statement: Json) -> None:
    if not isinstance(statement, dict):
        raise MalformedPolicyDocument("Statement must be a JSON object.")
    _require_members("Statement", statement, _STATEMENT, needed=("Effect",))
    for one, other in (
        ("Principal", "NotPrincipal"),
        ("Action", "NotAction"),
        ("Resource", "NotResource"),
    ):
        if one in statement and other in statement:
            raise MalformedPolicyDocument(f"Statement has both {one} and {other}.")
    if "Principal" not in statement and "NotPrincipal" not in statement:
        raise MalformedPolicyDocument("Statement of a key policy needs a Principal.")


def _require_members(
    where: str,
    members: dict[str, Json],
    table: dict[str, Callable[[Json], bool]],
    needed: tuple[str, ...],
) -> None:
    for name in needed:
        if name not in members:
            raise MalformedPolicyDocument(f"{where} has no {name}.")
    for name, value in members.items():
        if name not in table:
            raise MalformedPolicyDocument(f"{where} has an unknown element.")
        if not table[name](value):
            raise MalformedPolicyDocument(f"{where} has an invalid {name}.")


def _text(value: Json) -> bool:
    return isinstance(value, str)


def _texts(value: Json) -> bool:
    return _text(value) or (isinstance(value, list) and all(map(_text, value)))


def _principal(value: Json) -> bool:
    if isinstance(value, dict):
        kinds = {"AWS", "Service", "Federated", "CanonicalUser"}
        return bool(value) and all(
            kind in kinds and _texts(names) and bool(names) for kind, names in value.items()
        )
    return bool(value == "*")


def _condition(value: Json) -> bool:
    return isinstance(value, dict) and all(
        isinstance(block, dict) and all(map(_condition_values, block.values()))
        for block in value.values()
    )


def _condition_values(value: Json) -> bool:
    one = (str, bool, int, float)
    return isinstance(value, one) or (
        isinstance(value, list) and all(isinstance(each, one) for each in value)
    )


_POLICY: dict[str, Callable[[Json], bool]] = {
    "Version": lambda value: value in _VERSIONS,
    "Id": _text,
    "Statement": lambda value: isinstance(value, dict | list),
}
_STATEMENT: dict[str, Callable[[Json], bool]] = {
    "Sid": _text,
    "Effect": lambda value: value in ("Allow", "Deny"),
    "Principal": _principal,
    "NotPrincipal": _principal,
    "Action": _texts,
    "NotAction": _texts,
    "Resource": _texts,
    "NotResource": _texts,
    "Condition": _condition,
}
