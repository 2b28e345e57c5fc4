"""The Principal and NotPrincipal elements.

Rules kept here:

* A principal whose unique id is known is matched by that alone: whoever is made later under the
  same name is somebody else.
* A name with a wildcard in it, other than `*` by itself, matches nobody; it is refused when written.
* NotPrincipal with Deny spares a caller only if every level of it is listed: session, role and
  account; user and account.  With Allow it includes only those of whom no level is listed.

Source: IAM User Guide, "AWS JSON policy elements: Principal" and "NotPrincipal".
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, TypeVar

from strongroom.policy.caller import OUTSIDE, Caller, Kind, Named, role_key
from strongroom.policy.document import Node, parse
from strongroom.policy.entities import Entity as Kept
from strongroom.policy.entities import Role, User

E = TypeVar("E", bound=Kept)

_ROOT = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):root")
_ACCOUNT = re.compile(r"[0-9]{12}")

KINDS = ("AWS", "Service", "Federated", "CanonicalUser")


@dataclass(frozen=True, slots=True)
class Principals:
    """Those that an element lists."""

    everybody: bool
    accounts: frozenset[str]
    names: frozenset[str]  # ARNs and unique ids
    role_keys: frozenset[str]
    services: frozenset[str]
    federated: frozenset[str]

    def names_caller(self, caller: Caller) -> Named:
        """The narrowest way in which the caller is listed."""
        best = Named.NOT
        if self.everybody:
            return Named.ALONE
        if caller.kind is Kind.SERVICE:
            return Named.ALONE if caller.arn in self.services else Named.NOT
        if caller.kind is Kind.WEB_IDENTITY:
            return Named.ALONE if caller.arn in self.federated else Named.NOT
        if self.names:
            for name, named in caller.names.items():
                if named > best and name in self.names:
                    best = named
            if best < Named.LIMITED and not caller.path_known and caller.role in self.role_keys:
                best = Named.LIMITED
        if best is Named.NOT and caller.account in self.accounts:
            best = Named.ACCOUNT
        return best

    def spares(self, caller: Caller) -> bool:
        """Whether a Deny with these as its NotPrincipal leaves the caller alone."""
        if self.everybody:
            return True
        if caller.kind in OUTSIDE:
            return caller.arn in (self.services | self.federated)
        levels = all(any(name in self.names for name in row) for row in caller.levels)
        if not caller.path_known:
            levels = levels and caller.role in self.role_keys
        return levels and caller.account in self.accounts


def read(node: Node, ids: Mapping[str, str]) -> Principals:
    """The principals of an element; `ids` has the unique ids of ARNs that were known when the
    document was kept.  What is malformed lists nobody.
    """
    listed: dict[str, list[str]] = {kind: [] for kind in KINDS}
    if node.value == "*":
        listed["AWS"] = ["*"]
    elif isinstance(node.value, dict):
        for kind, under in node.value.items():
            if kind in listed:
                listed[kind] = [item.value for item in under.items if isinstance(item.value, str)]
    accounts, names, everybody = set(), set(), False
    for text in listed["AWS"]:
        if text == "*":
            everybody = True
        elif _ACCOUNT.fullmatch(text):
            accounts.add(text)
        elif (root := _ROOT.fullmatch(text)) is not None:
            accounts.add(root[1])
        elif "*" not in text and "?" not in text:
            names.add(ids.get(text, text))
    return Principals(
        everybody,
        frozenset(accounts),
        frozenset(names),
        frozenset(role_key(name) for name in names) - {""},
        frozenset(listed["Service"]),
        frozenset(listed["Federated"]),
    )


_SESSION = re.compile(r"arn:aws[a-z-]*:sts::([0-9]{12}):assumed-role/([^*?/]+)/[^*?/]+")
_UNIQUE_ID = re.compile(r"A[A-Z0-9]{15,127}")
_ENTITY = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):(user|role)/(?:[^*?]*/)?([^*?/]+)")


class Entity(NamedTuple):
    """A user or a role, by the parts of its ARN."""

    account: str
    kind: Literal["user", "role"]
    name: str


def entity(arn: str) -> Entity | None:
    """The user or role of an ARN; None if it is another's."""
    match = _ENTITY.fullmatch(arn)
    if match is None:
        return None
    return Entity(match[1], "user" if match[2] == "user" else "role", match[3])


def all_named(document: str, kind: str = "AWS") -> list[Node]:
    """The nodes of all names of a kind in a well-formed document, in its order."""
    root = parse(document).value
    statements = root["Statement"].items if isinstance(root, dict) else []
    return [
        name
        for statement in statements
        if isinstance(statement.value, dict)
        for element in ("Principal", "NotPrincipal")
        if element in statement.value
        for name in named(statement.value[element], kind)
    ]


class Known(Protocol):
    """What is known of users and roles, and of accounts."""

    def named(self, kind: type[E], account: str, name: str) -> E | None: ...
    def of_unique_id(self, unique_id: str) -> User | Role | None:
        """The user or role of a unique id, whatever its account."""

    def account_known(self, account: str) -> bool: ...


class NoPrincipal(Exception):
    """A document names somebody who does not exist."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(kind, name)
        self.kind = kind
        self.name = name


def meant(known: Known, partition: str, account: str, principal: str) -> str | None:
    """The unique id of the user or role that an ARN names, so that another one of the same name has
    no part in what this one is given; any other principal as it is written.

    None for whoever is of another partition, and for a user, a role or a role's session that does
    not exist, in `account` or in another that is known; those of other accounts are as they are
    written (docs/divergences.md).
    """
    if _elsewhere(principal, partition):
        return None
    of, session = entity(principal), _SESSION.fullmatch(principal)
    if of is not None:
        found = known.named(_KINDS[of.kind], of.account, of.name)
        if found is not None and found.arn == principal:
            return found.id
        owner = of.account
    elif session is not None:
        owner, name = session.groups()
        role = known.named(Role, owner, name)
        if role is not None and role.name == name:
            return principal
    else:
        return principal
    return None if owner == account or known.account_known(owner) else principal


_KINDS: dict[str, type[User | Role]] = {User.resource: User, Role.resource: Role}


def _elsewhere(principal: str, partition: str) -> bool:
    """Whether it is an ARN of another partition."""
    return principal.startswith("arn:") and not principal.startswith(f"arn:{partition}:")


class Settled(NamedTuple):
    """A document as it is kept, and the unique ids of the users and roles that it names."""

    document: str
    ids: dict[str, str]  # by ARN


def settled(known: Known, partition: str, account: str, document: str) -> Settled:
    """Whom a well-formed document means, now that it is written.  A unique id is kept as the ARN of
    whoever has it.

    NoPrincipal for whom `meant` knows not to exist, a unique id that nobody has, and a provider of
    another partition.
    """
    for provider in all_named(document, "Federated"):
        if _elsewhere(str(provider.value), partition):
            raise NoPrincipal("Federated", str(provider.value))
    ids: dict[str, str] = {}
    arns: dict[str, str] = {}
    for name in dict.fromkeys(str(node.value) for node in all_named(document)):
        if _UNIQUE_ID.fullmatch(name):
            found = known.of_unique_id(name)
            if found is None or _elsewhere(found.arn, partition):
                raise NoPrincipal("AWS", name)
            arns[name] = found.arn
            ids[found.arn] = name
            continue
        unique_id = meant(known, partition, account, name)
        if unique_id is None:
            raise NoPrincipal("AWS", name)
        if unique_id != name:
            ids[name] = unique_id
    return Settled(_renamed(document, lambda name: arns.get(name, name)), ids)


def shown(document: str, ids: Mapping[str, str], now: Callable[[str, str], str | None]) -> str:
    """A document with the names that its principals have now: `now` is asked with an account and
    a unique id; who is gone is shown by the unique id.
    """
    if not ids:
        return document
    return _renamed(document, lambda arn: shown_name(arn, ids.get(arn, arn), now))


def _renamed(document: str, name: Callable[[str], str]) -> str:
    """A document with what `name` calls those whom it names."""
    for node in sorted(all_named(document), key=lambda node: -node.start):
        before = str(node.value)
        after = name(before)
        if after != before:
            document = document[: node.start] + json.dumps(after) + document[node.end :]
    return document


def shown_name(principal: str, unique_id: str, now: Callable[[str, str], str | None]) -> str:
    """What one principal is called now, as `shown` has it; `unique_id` is `principal` itself for
    what has none.
    """
    of = entity(principal)
    if of is None or unique_id == principal:
        return principal
    return now(of.account, unique_id) or unique_id


def named(node: Node, kind: str = "AWS") -> list[Node]:
    """The nodes of all names of a kind in an element."""
    if not isinstance(node.value, dict) or kind not in node.value:
        return []
    return [item for item in node.value[kind].items if isinstance(item.value, str)]
