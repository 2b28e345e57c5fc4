"""When a key was last used: the last cryptographic operation with it that succeeded.

Source: KMS API Reference, "GetKeyLastUsage"; Developer Guide, "Determining past usage of a KMS key".
"""

from typing import NamedTuple

BEGAN = 1_776_902_400.0  # 2026-04-23: of older usage AWS tells nothing
TRACKED = frozenset(
    "Decapsulate Decrypt DeriveSharedSecret Encapsulate Encrypt GenerateDataKey "
    "GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext GenerateDataKeyWithoutPlaintext "
    "GenerateMac ReEncrypt Sign Verify VerifyMac".split()
)
_DAY = 86_400


class LastUsage(NamedTuple):
    operation: str
    at: float  # seconds since the epoch
    request_id: str
    event_id: str  # of the request's record in the audit log


def tracked_since(created: float) -> float:
    """From when on usage of a key is known."""
    return max(created, BEGAN)


def days_without(usage: LastUsage | None, created: float, now: float) -> int:
    """Whole days since a key was last used, or since that is known of it."""
    since = tracked_since(created) if usage is None else usage.at
    return max(0, int((now - since) // _DAY))
