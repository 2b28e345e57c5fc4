"""How much of everything there may be, by the names that AWS's refusals use.

Those that AWS raises on request stand at what it gives everybody.

Source: IAM User Guide, "IAM and AWS STS quotas".
"""

from strongroom.errors import LimitExceeded

QUOTAS = {
    "UsersPerAccount": 5000,
    "GroupsPerAccount": 300,
    "RolesPerAccount": 1000,
    "PoliciesPerAccount": 1500,
    "OpenIdConnectProvidersPerAccount": 100,
    "ClientIdsPerOpenIdConnectProvider": 100,
    "GroupsPerUser": 10,
    "AccessKeysPerUser": 2,
    "PoliciesPerUser": 10,
    "PoliciesPerGroup": 10,
    "PoliciesPerRole": 10,
    "TagsPerUser": 50,
    "TagsPerRole": 50,
    "TagsPerPolicy": 50,
    "TagsPerOpenIdConnectProvider": 50,
    # Characters of documents, white space left out.
    "PolicySize": 6144,
    "ACLSizePerRole": 2048,  # a trust policy
}
INLINE = {"user": 2048, "group": 5120, "role": 10_240}
"""Characters of all inline policies of one user, group or role, white space left out."""

VERSIONS = 5
"""Of a managed policy."""

_SPACE = str.maketrans("", "", " \t\r\n")


def require(quota: str, count: int) -> None:
    """LimitExceeded if `count` of them are too many."""
    if count > QUOTAS[quota]:
        raise LimitExceeded(f"Cannot exceed quota for {quota}: {QUOTAS[quota]}")


def size(document: str) -> int:
    """The characters of a document that count."""
    return len(document.translate(_SPACE))
