"""Policy documents: whom a trust policy means, and how a document is shown.

Whether a document is a policy at all is `policy.grammar`'s affair.

A trust policy means users and roles by their unique ids, which are kept beside it: who comes later
under the same name is somebody else.  Shown is the ARN that the id has now, or the id itself once
there is nobody of it.

Source: IAM User Guide, "Grammar of the IAM JSON policy language", "AWS JSON policy elements:
Principal"; messages as recorded.
"""

from urllib.parse import quote

from strongroom.errors import MalformedPolicyDocument
from strongroom.policy import principals
from strongroom.policy.entities import Role
from strongroom.services.iam.world import Iam


def trusted(iam: Iam, partition: str, account: str, document: str) -> principals.Settled:
    """A trust policy as a role of that partition and account keeps it, with whom it means.

    MalformedPolicyDocument if it names somebody who does not exist, in this account or in another
    that is known here.
    """
    try:
        return principals.settled(iam.books, partition, account, document)
    except principals.NoPrincipal as nobody:
        raise MalformedPolicyDocument(
            f'Invalid principal in policy: "{nobody.kind.upper()}":"{nobody.name}"'
        ) from None


def shown_trust(iam: Iam, role: Role) -> str:
    """A role's trust policy, encoded, with the names that its principals have now."""
    return encoded(principals.shown(role.trust, role.trusted, iam.books.arn_of))


def encoded(document: str) -> str:
    """As IAM answers documents: percent-encoded.  Source: RFC 3986; GetRole, AssumeRolePolicyDocument."""
    return quote(document, safe="")
