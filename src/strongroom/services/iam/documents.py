"""Policy documents: whom a trust policy means, and how a document is shown.

Whether a document is a policy at all is `policy.grammar`'s affair.

A trust policy means users and roles by their unique ids, which are kept beside it: who comes later
under the same name is somebody else.  Shown is the ARN that the id has now, or the id itself once
there is nobody of it.

Source: IAM User Guide, "Grammar of the IAM JSON policy language", "AWS JSON policy elements:
Principal"; messages as recorded.
"""

import re
from urllib.parse import quote

from strongroom.errors import MalformedPolicyDocument
from strongroom.policy import principals
from strongroom.policy.entities import Role
from strongroom.services.call import Call
from strongroom.services.iam.world import Iam

_GROUP = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:group/.+")


def trusted(iam: Iam, call: Call, document: str) -> dict[str, str]:
    """The users and roles that a trust policy names, each with its unique id.

    MalformedPolicyDocument for one that does not exist, in this account or in another that is
    known here.
    """
    found: dict[str, str] = {}
    for node in principals.all_named(document):
        arn = str(node.value)
        unique_id = principals.meant(iam.books, call.account, arn)
        if unique_id is None or _GROUP.fullmatch(arn):
            raise _invalid(arn)
        if unique_id != arn:
            found[arn] = unique_id
    return found


def _invalid(arn: str) -> MalformedPolicyDocument:
    return MalformedPolicyDocument(f'Invalid principal in policy: "AWS":"{arn}"')


def shown_trust(iam: Iam, role: Role) -> str:
    """A role's trust policy, encoded, with the names that its principals have now."""
    return encoded(principals.shown(role.trust, role.trusted, iam.books.arn_of))


def encoded(document: str) -> str:
    """As IAM answers documents: percent-encoded.  Source: RFC 3986; GetRole, AssumeRolePolicyDocument."""
    return quote(document, safe="")
