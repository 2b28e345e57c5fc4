"""Aliases: names for keys, and which names are AWS's own.

An alias has an ARN of its own and points to one key of its account and Region.  Names under
`alias/aws/` are AWS's: each belongs to a service, and the AWS managed key behind it comes into
being when the name is first used.
"""

import re
from dataclasses import dataclass

from strongroom.arn import Arn, partition_of

PREFIX = "alias/"
RESERVED = "alias/aws/"
MOST_OF_A_KEY = 50

_NAME = re.compile(r"alias/[a-zA-Z0-9/_-]+\Z")

SERVICES = frozenset(
    "acm aps backup cloud9 codeartifact codecommit connect dms dynamodb ebs elasticfilesystem es "
    "fsx glue imagebuilder kafka kinesis kinesisvideo lambda lex lightsail mwaa neptune rds "
    "redshift s3 secretsmanager sns sqs ssm workspaces xray".split()
)
"""The services that have an AWS managed key."""


@dataclass(frozen=True, slots=True)
class Alias:
    """Times are seconds since the epoch."""

    account: str
    region: str
    name: str  # with its prefix
    target: str  # a key id
    created: float
    updated: float

    @property
    def arn(self) -> str:
        return alias_arn(self.account, self.region, self.name)


def alias_arn(account: str, region: str, name: str) -> str:
    return str(Arn(partition_of(region), "kms", region, account, name))


def well_formed(name: str) -> bool:
    """Whether a customer may call an alias so, as far as characters go."""
    return _NAME.match(name) is not None


def service_of(name: str) -> str | None:
    """The AWS service whose managed key `name` stands for, or None."""
    service = name.removeprefix(RESERVED)
    return service if name.startswith(RESERVED) and service in SERVICES else None
