"""How much of everything an organization may have.

Those that AWS raises on request stand at what it gives everybody, but for the number of accounts,
which stands at what it raises that to.

Source: Organizations User Guide, "Quotas for AWS Organizations"; for service control policies, the
announcement of 2026-05.
"""

from strongroom.policy.organization import PolicyType
from strongroom.services.organizations.refusals import ConstraintViolation

ACCOUNTS = 10_000  # with open invitations
UNITS = 2_000
DEPTH = 5  # of units under the root
POLICIES = {PolicyType.SCP: 2_000, PolicyType.RCP: 1_000}
SIZES = {PolicyType.SCP: 10_240, PolicyType.RCP: 5_120}  # characters, white space too
ATTACHED = {PolicyType.SCP: 10, PolicyType.RCP: 5}  # to one root, unit or account
INVITATIONS = 10_000  # in a day
TAGS = 50
LISTED_SECONDS = 30 * 86_400  # how long an invitation that has ended is shown
CREATIONS = 1_000  # of accounts, in as long as their outcome is shown
CREATION_SECONDS = 90 * 86_400

_WORDS = {
    "ACCOUNT_NUMBER_LIMIT_EXCEEDED": "You have exceeded the allowed number of AWS accounts.",
    "OU_NUMBER_LIMIT_EXCEEDED": "You have exceeded the allowed number of organizational units.",
    "OU_DEPTH_LIMIT_EXCEEDED": "You have exceeded the maximum depth of organizational units.",
    "POLICY_NUMBER_LIMIT_EXCEEDED": "You have exceeded the allowed number of policies.",
    "POLICY_CONTENT_LIMIT_EXCEEDED": "You have exceeded the maximum policy size.",
    "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED": (
        "You have attached the maximum number of policies to the specified target."
    ),
    "MAX_TAG_LIMIT_EXCEEDED": "You have exceeded the allowed number of tags.",
    "ACCOUNT_CREATION_RATE_LIMIT_EXCEEDED": "You have asked for too many accounts too fast.",
}


def require(reason: str, count: int, most: int) -> None:
    """ConstraintViolation, by AWS's name for the quota, if `count` are too many."""
    if count > most:
        raise ConstraintViolation(reason, _WORDS[reason])
