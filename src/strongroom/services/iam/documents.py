"""Policy documents: whom a trust policy means, and how a document is shown.

Whether a document is a policy at all is `policy.grammar`'s affair.

A trust policy means users and roles by their unique ids, which are kept beside it: who comes later
under the same name is somebody else.  Shown is the ARN that the id has now, or the id itself once
there is nobody of it.

Source: IAM User Guide, "Grammar of the IAM JSON policy language", "AWS JSON policy elements:
Principal"; messages as recorded.
"""

import json
import re
from collections.abc import Iterator
from urllib.parse import quote

from strongroom.errors import MalformedPolicyDocument
from strongroom.policy import principals
from strongroom.policy.document import Node, parse
from strongroom.policy.entities import Entity, Role, User
from strongroom.services.call import Call
from strongroom.services.iam.world import Iam

_PRINCIPAL = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):(user|role|group)/(?:[^*?]*/)?([^*?/]+)")
_KINDS: dict[str, type[Entity]] = {User.resource: User, Role.resource: Role}


def trusted(iam: Iam, call: Call, document: str) -> dict[str, str]:
    """The users and roles that a trust policy names, each with its unique id.

    MalformedPolicyDocument for one that does not exist, in this account or in another that is
    known here.
    """
    found: dict[str, str] = {}
    for node in _named(document):
        arn = str(node.value)
        match = _PRINCIPAL.fullmatch(arn)
        if match is None:
            continue
        account, resource, name = match.groups()
        kind = _KINDS.get(resource)
        entity = None if kind is None else iam.books.named(kind, account, name)
        if entity is not None and entity.arn == arn:
            found[arn] = entity.id
        elif kind is None or account == call.account or iam.books.account_known(account):
            raise MalformedPolicyDocument(f'Invalid principal in policy: "AWS":"{arn}"')
    return found


def shown_trust(iam: Iam, role: Role) -> str:
    """A role's trust policy, encoded, with the names that its principals have now."""
    text, ids = role.trust, role.trusted
    for node in sorted(_named(text), key=lambda node: -node.start):
        if (unique_id := ids.get(str(node.value))) is not None:
            now = _arn(iam, str(node.value), unique_id)
            text = text[: node.start] + json.dumps(now) + text[node.end :]
    return encoded(text)


def encoded(document: str) -> str:
    """As IAM answers documents: percent-encoded.  Source: RFC 3986; GetRole, AssumeRolePolicyDocument."""
    return quote(document, safe="")


def _arn(iam: Iam, arn: str, unique_id: str) -> str:
    match = _PRINCIPAL.fullmatch(arn)
    entity = match and iam.books.by_id(_KINDS[match[2]], match[1], unique_id)
    return entity.arn if entity else unique_id


def _named(document: str) -> Iterator[Node]:
    """The nodes of all names under `AWS` in a document's statements."""
    for statement in _statements(parse(document)):
        for element in ("Principal", "NotPrincipal"):
            if element in statement:
                yield from principals.named(statement[element])


def _statements(root: Node) -> Iterator[dict[str, Node]]:
    if isinstance(root.value, dict) and "Statement" in root.value:
        for node in root.value["Statement"].items:
            yield node.value if isinstance(node.value, dict) else {}
