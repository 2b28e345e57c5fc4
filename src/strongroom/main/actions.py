"""The actions that policies of KMS, IAM and STS are about, to tell a misspelt one.

Almost every action is an operation by its name.  Source: Service Authorization Reference, "Actions
defined by" AWS KMS, IAM, STS.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache

from strongroom.errors import SetupError
from strongroom.wire.shapes import iam, kms, sts

_OPERATIONS = {"iam": iam.OPERATIONS, "kms": kms.OPERATIONS, "sts": sts.OPERATIONS}
_PERMISSIONS = {
    "iam": (
        "DeleteCloudFrontPublicKey FetchCertificate GetAccountEmailAddress GetAccountName "
        "GetCloudFrontPublicKey ListCloudFrontPublicKeys ListSTSRegionalEndpointsStatus PassRole "
        "SetSTSRegionalEndpointStatus UpdateAccountEmailAddress UpdateAccountName "
        "UpdateCloudFrontPublicKey UploadCloudFrontPublicKey"
    ),
    "kms": "ReEncryptFrom ReEncryptTo SynchronizeMultiRegionKey",
    "sts": "GetServiceBearerToken SetContext SetSourceIdentity TagGetWebIdentityToken TagSession",
}
"""Actions that are no operations."""

_NO_ACTIONS = {"kms": "ReEncrypt"}
"""Operations that are no actions."""


class NoSuchAction(SetupError):
    """There is no action of that name."""


@cache
def _of_service(service: str) -> Mapping[str, str]:
    """The actions of a service, in lower case, to how AWS spells them."""
    names = {*_OPERATIONS[service], *_PERMISSIONS[service].split()}
    return {name.lower(): name for name in names - set(_NO_ACTIONS.get(service, "").split())}


def spelt(service: str, name: str) -> str:
    """An action's name as AWS spells it; NoSuchAction if the service is one of these and has none.

    Of other services nothing is known, and the name is as it was given.
    """
    service = service.lower()
    if service not in _OPERATIONS:
        return name
    known = _of_service(service)
    found = known.get(name.lower())
    if found is None:
        near = get_close_matches(name.lower(), known, n=1)
        hint = f"did you mean {service}:{known[near[0]]}?" if near else "see AWS's list of actions"
        raise NoSuchAction(f"there is no action `{service}:{name}`; {hint}")
    return found
