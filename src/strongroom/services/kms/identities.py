"""Users and roles as key policies and grants mean them: by unique id, so that another one of the same
name has no part in what the first was given.

Those of accounts that are not here are taken as they are written (docs/divergences.md).

Source: IAM User Guide, "IAM identifiers", "Principal element".
"""

from strongroom.policy.principals import entity
from strongroom.services.call import Call
from strongroom.services.kms.world import Kms, KmsBooks


def meant(kms: KmsBooks, call: Call, principal: str) -> str | None:
    """The unique id of the user or role that an ARN names; any other principal as it is written.

    None for a user or a role that does not exist, in this account or in another that is known here.
    """
    of = entity(principal)
    if of is None:
        return principal
    identity = kms.books.identity(of.account, of.kind, of.name)
    if identity is not None and identity.arn == principal:
        return identity.unique_id
    if of.account == call.account or kms.books.account_known(of.account):
        return None
    return principal


def now(kms: Kms | KmsBooks, principal: str, unique_id: str) -> str:
    """The ARN that a principal has now; the unique id of one that is gone."""
    of = entity(principal)
    if of is None or unique_id == principal:
        return principal
    return kms.books.arn_of(of.account, unique_id) or unique_id
