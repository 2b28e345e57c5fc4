"""Who asks, and by which of its names a policy may mean it.

A name means a caller more or less narrowly, and that decides what else has to allow (`combine`):

    ALONE     the caller itself: a user, this session of a role, a service; or everybody
    LIMITED   what the caller is a session of: a role, or the user who asked for a federation token
    ACCOUNT   the caller's account, which leaves the rest to its own policies
    NOT       not this caller

Source: IAM User Guide, "AWS JSON policy elements: Principal" and "Policy evaluation logic".
"""

import re
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Self

from strongroom.arn import root_user


class Kind(Enum):
    ROOT = "Account"
    USER = "User"
    SESSION = "AssumedRole"
    FEDERATED = "FederatedUser"
    SERVICE = "Service"
    ANONYMOUS = "Anonymous"
    WEB_IDENTITY = "WebIdentityUser"  # as long as it has no session yet


OUTSIDE = (Kind.SERVICE, Kind.ANONYMOUS, Kind.WEB_IDENTITY)
"""Of no account's own: neither user nor role nor session, so that only what a resource says counts."""


class Named(IntEnum):
    NOT = 0
    ACCOUNT = 1
    LIMITED = 2
    ALONE = 3


_ARN = re.compile(
    r"arn:(aws[a-z-]*):(iam|sts)::([0-9]{12}):(root|(user|role|assumed-role|federated-user)/(.+))"
)
_ACCOUNT = re.compile(r"[0-9]{12}")
_PROVIDER = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):(?:oidc|saml)-provider/.+")
_SERVICE = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.amazon(?:aws)?\.com(?:\.cn)?")


@dataclass(frozen=True, slots=True, eq=False)
class Caller:
    """Made by `of_arn` or by whoever has verified a credential.  Compared by identity."""

    kind: Kind
    account: str  # "" for a service and for anonymous
    arn: str
    names: dict[str, Named] = field(repr=False)
    """ARNs and unique ids by which a policy may name the caller itself or what it is a session of."""
    role: str = ""  # of a session: partition, account and name of its role, without the path
    path_known: bool = True
    service_linked: bool = False

    @property
    def levels(self) -> list[list[str]]:
        """What NotPrincipal must list to spare this caller: one name of each row."""
        rows: list[list[str]] = [
            [name for name, named in self.names.items() if named is level]
            for level in (Named.ALONE, Named.LIMITED)
        ]
        return [row for row in rows if row]

    @classmethod
    def of_arn(cls, text: str) -> Self:
        """The caller of an ARN, an account's digits or a service's name; ValueError if it is none.

        The ARN of an identity provider is whomever a token of it speaks for.
        The path of a role is not in its sessions' ARNs: such a caller is matched by name alone.
        """
        if _ACCOUNT.fullmatch(text):
            return cls.root("aws", text)
        if _SERVICE.fullmatch(text):
            return cls.service(text)
        provider = _PROVIDER.fullmatch(text)
        if provider is not None:
            return cls.web_identity(text, provider[1])
        match = _ARN.fullmatch(text)
        if match is None:
            raise ValueError(f"`{text}` is not a principal that can ask")
        partition, service, account, whole, kind, name = match.groups()
        if whole == "root" and service == "iam":
            return cls.root(partition, account)
        match service, kind:
            case "iam", "user":
                return cls.user(text, account)
            case "iam", "role":
                return cls(
                    Kind.SESSION,
                    account,
                    text,
                    {text: Named.LIMITED},
                    role_key(text),
                    service_linked=name.startswith("aws-service-role/"),
                )
            case "sts", "assumed-role" if name.count("/") == 1:
                role = name.partition("/")[0]
                return cls(
                    Kind.SESSION,
                    account,
                    text,
                    {text: Named.ALONE},
                    f"{partition}:{account}:{role}",
                    path_known=False,
                    service_linked=role.startswith("AWSServiceRoleFor"),
                )
            case "sts", "federated-user":
                return cls(Kind.FEDERATED, account, text, {text: Named.ALONE})
        raise ValueError(f"`{text}` is not a principal that can ask")

    @classmethod
    def root(cls, partition: str, account: str) -> Self:
        return cls(Kind.ROOT, account, root_user(partition, account), {})

    @classmethod
    def user(cls, arn: str, account: str, unique_id: str = "") -> Self:
        names = {arn: Named.ALONE} | ({unique_id: Named.ALONE} if unique_id else {})
        return cls(Kind.USER, account, arn, names)

    @classmethod
    def service(cls, name: str) -> Self:
        return cls(Kind.SERVICE, "", name, {})

    @classmethod
    def web_identity(cls, provider: str, account: str) -> Self:
        """Whom a token of an identity provider speaks for; `provider` is its ARN in `account`."""
        return cls(Kind.WEB_IDENTITY, account, provider, {})

    @classmethod
    def anonymous(cls) -> Self:
        return cls(Kind.ANONYMOUS, "", "anonymous", {})


def role_key(arn: str) -> str:
    """Partition, account and name of a role's ARN, without its path; "" for any other ARN."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "iam" or not parts[5].startswith("role/"):
        return ""
    return f"{parts[1]}:{parts[4]}:{parts[5].rpartition('/')[2]}"
