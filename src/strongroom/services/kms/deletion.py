"""ScheduleKeyDeletion, CancelKeyDeletion, and the deletion itself when its time has come.

A waiting period is 7 to 30 days; that of a primary key begins when its last replica is gone.  Once
it is over the key is gone, with its material, aliases, tags and grants, and everything ever
encrypted under it is noise.
"""

from strongroom.errors import Validation
from strongroom.keys import imports, states
from strongroom.keys.key import Key
from strongroom.keys.rotation import DAY
from strongroom.keys.specs import Origin
from strongroom.keys.states import KeyState
from strongroom.services.call import Call
from strongroom.services.kms import access, last_usage
from strongroom.services.kms.identifiers import id_or_arn
from strongroom.services.kms.world import KmsBooks, Writing
from strongroom.wire.shapes.kms import (
    CancelKeyDeletionRequest,
    CancelKeyDeletionResponse,
    ScheduleKeyDeletionRequest,
    ScheduleKeyDeletionResponse,
)

SHORTEST_DAYS = 7
LONGEST_DAYS = 30
_MOST_ROWS = 10_000  # deleted in one transaction, but for one key's: some half a second


def schedule_key_deletion(
    kms: KmsBooks, call: Call, rq: ScheduleKeyDeletionRequest
) -> ScheduleKeyDeletionResponse:
    days = LONGEST_DAYS if rq.PendingWindowInDays is None else rq.PendingWindowInDays
    _require_window(days)
    key = id_or_arn(kms, call, "ScheduleKeyDeletion", rq.KeyId)
    access.require(
        kms,
        call,
        "ScheduleKeyDeletion",
        key,
        lambda: {
            "kms:schedulekeydeletionpendingwindowindays": str(days),
            **last_usage.trailing_days(kms, key, call.now),
        },
    )
    states.require("ScheduleKeyDeletion", key.state, key.arn)
    waits = key.regions is not None and not key.is_replica and bool(key.regions.replicas)
    key = kms.books.change_key(
        key,
        state=KeyState.PENDING_REPLICA_DELETION if waits else KeyState.PENDING_DELETION,
        deletion_date=None if waits else call.now + days * DAY,
        deletion_window_days=days,
    )
    return ScheduleKeyDeletionResponse(
        KeyId=key.arn,
        DeletionDate=key.deletion_date,
        KeyState=key.state.value,
        PendingWindowInDays=days,
    )


def _require_window(days: int) -> None:
    if days < SHORTEST_DAYS:
        bound = f"greater than or equal to {SHORTEST_DAYS}"
    elif days > LONGEST_DAYS:
        bound = f"less than or equal to {LONGEST_DAYS}"
    else:
        return
    raise Validation(
        f"1 validation error detected: Value '{days}' at 'pendingWindowInDays' failed to satisfy "
        f"constraint: Member must have value {bound}"
    )


def cancel_key_deletion(
    kms: KmsBooks, call: Call, rq: CancelKeyDeletionRequest
) -> CancelKeyDeletionResponse:
    """The key comes back disabled, whatever it was before; or waiting for material that is gone."""
    key = id_or_arn(kms, call, "CancelKeyDeletion", rq.KeyId)
    access.require(kms, call, "CancelKeyDeletion", key)
    states.require("CancelKeyDeletion", key.state, key.arn)
    kms.books.change_key(
        key,
        state=KeyState.PENDING_IMPORT if _lacks_material(key) else KeyState.DISABLED,
        deletion_date=None,
        deletion_window_days=None,
    )
    return CancelKeyDeletionResponse(KeyId=key.arn)


def _lacks_material(key: Key) -> bool:
    return key.origin is Origin.EXTERNAL and not imports.complete(key.imports)


def delete_due(books: Writing, now: float, most: int) -> list[Key]:
    """Delete keys whose waiting period is over, at most `most`, and fewer if very much hangs on them; the keys that
    are gone.
    """
    gone: list[Key] = []
    rows = 0
    for key in books.keys_to_delete(now, most):
        if rows > _MOST_ROWS:
            break
        # The date decides only together with the state: a row that has one without the other
        # was not written by us.
        if key.state is KeyState.PENDING_DELETION:
            rows += books.delete_key(key)
            gone.append(key)
            if key.is_replica:
                _begin_to_wait(books, key, now)
    return gone


def _begin_to_wait(books: Writing, replica: Key, now: float) -> None:
    """The waiting period of a primary begins when its last replica is gone."""
    for primary in books.everywhere(replica):
        if primary.state is KeyState.PENDING_REPLICA_DELETION and primary.regions is not None:
            days = primary.deletion_window_days or LONGEST_DAYS
            if not primary.regions.replicas:
                books.change_key(
                    primary, state=KeyState.PENDING_DELETION, deletion_date=now + days * DAY
                )
