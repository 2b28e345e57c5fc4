"""Amazon Resource Names: `arn:partition:service:region:account:resource`."""

from typing import NamedTuple, Self

PARTITION_OF_REGION_PREFIX = (
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("eu-isoe-", "aws-iso-e"),
    ("us-isof-", "aws-iso-f"),
    ("eusc-", "aws-eusc"),
)
_ELSEWHERE = tuple(prefix for prefix, _ in PARTITION_OF_REGION_PREFIX)


class Arn(NamedTuple):
    partition: str
    service: str
    region: str
    account: str
    resource: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Split an ARN into its parts; ValueError if it has not six of them."""
        parts = text.split(":", 5)
        if len(parts) != 6 or parts[0] != "arn":
            raise ValueError(f"`{text}` is not an ARN")
        return cls(*parts[1:])

    def __str__(self) -> str:
        return ":".join(("arn", *self))


def root_user(partition: str, account: str) -> str:
    """The ARN of an account's root user, by which policies and grants mean the account."""
    return f"arn:{partition}:iam::{account}:root"


def partition_of(region: str) -> str:
    """The partition that a Region belongs to, by its name; `aws` for any other name."""
    if not region.startswith(_ELSEWHERE):
        return "aws"
    for prefix, partition in PARTITION_OF_REGION_PREFIX:
        if region.startswith(prefix):
            return partition
    return "aws"
