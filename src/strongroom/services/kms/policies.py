"""Key policy documents: the ones that KMS writes itself, and what form a customer's must have.

What a document may say is `policy.grammar`'s; here is how large one may be.

Source: KMS Developer Guide, "Default key policy" and "AWS managed keys"; API Reference,
PutKeyPolicy.
"""

import json
from typing import Any

from strongroom.arn import partition_of, root_user
from strongroom.errors import LimitExceeded, MalformedPolicyDocument
from strongroom.keys.key import Key
from strongroom.policy import grammar, principals
from strongroom.policy.compiled import Use
from strongroom.services.call import Call
from strongroom.services.kms import access
from strongroom.services.kms.world import Kms, KmsBooks

NAME = "default"
MOST_BYTES = 32_768

Json = Any


def default(account: str, region: str) -> str:
    """The policy of a key that was created without one: the account's IAM decides."""
    return _written(
        "key-default-1",
        {
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": {"AWS": root_user(partition_of(region), account)},
            "Action": "kms:*",
            "Resource": "*",
        },
    )


def of_aws_managed_key(account: str, region: str, service: str) -> str:
    """The fixed policy of the key behind `alias/aws/SERVICE`."""
    china = ".cn" if partition_of(region) == "aws-cn" else ""
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
                    "kms:ViaService": f"{service}.{region}.amazonaws.com{china}",
                }
            },
        },
        {
            "Sid": "Allow direct access to key metadata to the account",
            "Effect": "Allow",
            "Principal": {"AWS": root_user(partition_of(region), account)},
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
    grammar.require(document, Use.KEY)


def settled(kms: KmsBooks, call: Call, document: str) -> principals.Settled:
    """A well-formed policy as it is kept, with whom it means.

    MalformedPolicyDocument if it names somebody who does not exist, in this account or in another
    that is known here.
    """
    try:
        return principals.settled(kms.books, call.partition, call.account, document)
    except principals.NoPrincipal:
        raise MalformedPolicyDocument(
            "Policy contains a statement with one or more invalid principals."
        ) from None


def shown(kms: Kms | KmsBooks, key: Key) -> str:
    """A key's policy with the names that its principals have now."""
    return principals.shown(key.policy, key.principals, kms.books.arn_of)


def require_no_lockout(kms: KmsBooks, call: Call, key: Key, *, bypass: bool | None) -> None:
    """MalformedPolicyDocument if `key`, with the policy that it is to have, would no longer let the
    caller change that policy, unless the caller asked not to be held to it.
    """
    if bypass:
        return
    of_default = {"kms:policyname": NAME}
    if not access.allows(kms, call, "PutKeyPolicy", key, lambda: of_default):
        raise MalformedPolicyDocument(
            "The new key policy will not allow you to update the key policy in the future."
        )


def _written(policy_id: str, *statements: dict[str, Json]) -> str:
    return json.dumps({"Version": "2012-10-17", "Id": policy_id, "Statement": statements}, indent=2)
