"""What IAM keeps: users, groups, roles, managed policies, access keys, OIDC providers.

An entity is meant by its unique id wherever one is kept (memberships, attachments, trust): a name
can be given anew, and whoever then bears it is somebody else.

Source: IAM User Guide, "IAM identifiers".
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

SERVICES_PATH = "/aws-service-role/"
"""Where the roles are that AWS's services have for themselves, and the policies of these roles."""


@dataclass(frozen=True, slots=True)
class Entity:
    """What has a name, a path and a unique id.  Names that differ by case alone are one name."""

    noun: ClassVar[str]
    resource: ClassVar[str]  # what its ARN says before the path
    prefix: ClassVar[str]  # of its unique id

    account: str
    name: str
    partition: str
    path: str  # "/", or "/a/b/"
    id: str
    created: float

    @property
    def arn(self) -> str:
        return arn_of(type(self), self.partition, self.account, self.path, self.name)


@dataclass(frozen=True, slots=True)
class User(Entity):
    noun: ClassVar[str] = "user"
    resource: ClassVar[str] = "user"
    prefix: ClassVar[str] = "AIDA"

    boundary: str = ""  # a managed policy's ARN


@dataclass(frozen=True, slots=True)
class Group(Entity):
    noun: ClassVar[str] = "group"
    resource: ClassVar[str] = "group"
    prefix: ClassVar[str] = "AGPA"


@dataclass(frozen=True, slots=True)
class Role(Entity):
    noun: ClassVar[str] = "role"
    resource: ClassVar[str] = "role"
    prefix: ClassVar[str] = "AROA"

    boundary: str = ""  # a managed policy's ARN
    trust: str = ""
    principals: str = (
        "{}"  # JSON: users' and roles' ARNs in `trust`, to their ids when it was written
    )
    description: str = ""
    max_session_seconds: int = 3600

    @property
    def service_linked(self) -> bool:
        """Whether it is a service's own, and that service's alone to change."""
        return self.path.startswith(SERVICES_PATH)

    @property
    def trusted(self) -> Mapping[str, str]:
        """`principals`, read."""
        return {str(arn): str(unique_id) for arn, unique_id in json.loads(self.principals).items()}


@dataclass(frozen=True, slots=True)
class ManagedPolicy(Entity):
    noun: ClassVar[str] = "policy"
    resource: ClassVar[str] = "policy"
    prefix: ClassVar[str] = "ANPA"

    description: str = ""
    updated: float = 0.0
    default_version: int = 1
    last_version: int = 1  # a number is not given twice


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    number: int
    document: str
    created: float

    @property
    def name(self) -> str:
        return f"v{self.number}"


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key without its secret."""

    key_id: str
    account: str
    user_id: str  # "" for the account's root user
    active: bool
    created: float


@dataclass(frozen=True, slots=True)
class Provider:
    """An OpenID Connect provider, whose tokens a role may trust."""

    account: str
    url: str  # without `https://`
    partition: str
    client_ids: tuple[str, ...]
    thumbprints: tuple[str, ...]
    created: float

    @property
    def resource(self) -> str:
        return f"oidc-provider/{self.url}"

    @property
    def arn(self) -> str:
        return f"arn:{self.partition}:iam::{self.account}:{self.resource}"


@dataclass(frozen=True, slots=True)
class RoleDeletion:
    """What came of the request to delete a service-linked role."""

    account: str
    task: str  # its id without "task" and the role: a UUID
    service: str  # "mrk.kms.amazonaws.com"
    role: str  # its name
    created: float
    reason: str = ""  # why it failed; nothing if the role is deleted
    usage: str = "{}"  # JSON: by Region, the ARNs of what still uses the role

    @property
    def id(self) -> str:
        return f"task{SERVICES_PATH}{self.service}/{self.role}/{self.task}"


def arn_of(kind: type[Entity], partition: str, account: str, path: str, name: str) -> str:
    return f"arn:{partition}:iam::{account}:{kind.resource}{path}{name}"
