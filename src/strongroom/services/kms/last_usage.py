"""GetKeyLastUsage, and kms:TrailingDaysWithoutKeyUsage.

Every worker notes what keys are used for and writes it down once a minute (`main/usage.py`), so
what another worker saw may be told a minute late; AWS says an hour.
"""

from strongroom.keys.key import Key
from strongroom.keys.usage import LastUsage, days_without, tracked_since
from strongroom.services.call import Call
from strongroom.services.circumstances import Value
from strongroom.services.kms import access
from strongroom.services.kms.identifiers import id_or_arn
from strongroom.services.kms.world import KmsBooks
from strongroom.wire.shapes.kms import (
    GetKeyLastUsageRequest,
    GetKeyLastUsageResponse,
    KeyLastUsageData,
)


def get_key_last_usage(
    kms: KmsBooks, call: Call, rq: GetKeyLastUsageRequest
) -> GetKeyLastUsageResponse:
    """The last operation with the key that succeeded; nothing of one that was never used."""
    key = id_or_arn(kms, call, "GetKeyLastUsage", rq.KeyId)
    access.require(kms, call, "GetKeyLastUsage", key)
    usage = _last(kms, key)
    return GetKeyLastUsageResponse(
        KeyId=key.id,
        KeyLastUsage=KeyLastUsageData()
        if usage is None
        else KeyLastUsageData(
            Operation=usage.operation,
            Timestamp=usage.at,
            CloudTrailEventId=usage.event_id,
            KmsRequestId=usage.request_id,
        ),
        TrackingStartDate=tracked_since(key.created),
        KeyCreationDate=key.created,
    )


def trailing_days(kms: KmsBooks, key: Key, now: float) -> dict[str, Value]:
    """The condition key, of DisableKey and ScheduleKeyDeletion."""
    days = days_without(_last(kms, key), key.created, now)
    return {"kms:trailingdayswithoutkeyusage": str(days)}


def _last(kms: KmsBooks, key: Key) -> LastUsage | None:
    found = [each for each in (kms.noted(key.arn), kms.books.last_usage(key)) if each is not None]
    return max(found, key=lambda each: each.at, default=None)
