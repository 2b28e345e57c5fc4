"""Which operations a key's state forbids.

AWS documents a matrix of operations by states.  Read column by column, it says one thing: the
*reason* for a refusal depends on the state alone, and the operation only decides which states
refuse it.  So there are two small tables here instead of one large one.  CancelKeyDeletion is
the exception: it refuses every state but the two it exists for.

Rules about a key's origin are not rules about its state; the handlers that know origins ask
for them first or after, as AWS does.

Source: KMS Developer Guide, "Key states of AWS KMS keys".  For a key that is being deleted AWS
lists both DisabledException and KMSInvalidStateException; recordings show the second.
"""

from enum import StrEnum

from strongroom.errors import Disabled, Fault, InvalidState


class KeyState(StrEnum):
    CREATING = "Creating"
    ENABLED = "Enabled"
    DISABLED = "Disabled"
    PENDING_DELETION = "PendingDeletion"
    PENDING_IMPORT = "PendingImport"
    PENDING_REPLICA_DELETION = "PendingReplicaDeletion"
    UNAVAILABLE = "Unavailable"
    UPDATING = "Updating"


_OFF = {KeyState.DISABLED}
_DELETING = {KeyState.PENDING_DELETION, KeyState.PENDING_REPLICA_DELETION}
_EMPTY = {KeyState.PENDING_IMPORT}
_AWAY = {KeyState.UNAVAILABLE}
_NEW = {KeyState.CREATING}
_MOVING = {KeyState.UPDATING}

_REASON: dict[KeyState, tuple[type[Fault], str]] = {
    KeyState.DISABLED: (Disabled, "is disabled."),
    KeyState.PENDING_DELETION: (InvalidState, "is pending deletion."),
    KeyState.PENDING_REPLICA_DELETION: (InvalidState, "is pending replica deletion."),
    KeyState.PENDING_IMPORT: (InvalidState, "is pending import."),
    KeyState.UNAVAILABLE: (InvalidState, "is unavailable."),
    KeyState.CREATING: (InvalidState, "is creating."),
    KeyState.UPDATING: (InvalidState, "is updating."),
}

_REFUSED_IN: dict[str, set[KeyState]] = {
    "DeleteAlias DescribeKey GetKeyLastUsage GetKeyPolicy GetKeyRotationStatus ListAliases "
    "ListGrants ListKeyPolicies ListKeyRotations ListResourceTags PutKeyPolicy RetireGrant "
    "RevokeGrant": set(),
    "CreateAlias TagResource UntagResource UpdateAlias UpdateKeyDescription": _DELETING,
    "Decapsulate Decrypt DeriveSharedSecret Encapsulate Encrypt GenerateDataKey "
    "GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext GenerateDataKeyWithoutPlaintext "
    "GenerateMac GetPublicKey ReEncrypt Sign Verify VerifyMac": _OFF
    | _DELETING
    | _EMPTY
    | _AWAY
    | _NEW,
    "CreateGrant UpdatePrimaryRegion": _OFF | _DELETING | _EMPTY | _NEW,
    "ReplicateKey": _OFF | _DELETING | _EMPTY | _NEW | _MOVING,
    "DisableKey EnableKey": _DELETING | _EMPTY | _NEW | _MOVING,
    "DisableKeyRotation EnableKeyRotation": _OFF | _DELETING | _NEW,
    "RotateKeyOnDemand": _OFF | _DELETING | _EMPTY | _NEW,
    "ScheduleKeyDeletion": _DELETING | _MOVING,
    "GetParametersForImport": _DELETING | _NEW | _MOVING,
    "ImportKeyMaterial": _DELETING | _NEW,
    "DeleteImportedKeyMaterial": _NEW | _MOVING,
    "CancelKeyDeletion": set(KeyState) - _DELETING,
}
_REFUSALS = {
    name: frozenset(states) for names, states in _REFUSED_IN.items() for name in names.split()
}


def require(operation: str, state: KeyState, arn: str) -> None:
    """Raise the fault AWS gives when a key in `state` cannot serve `operation`.

    An operation missing from the table is a mistake of ours and raises KeyError.
    """
    if state not in _REFUSALS[operation]:
        return
    if operation == "CancelKeyDeletion":
        raise InvalidState(f"{arn} is not pending deletion.")
    fault, phrase = _REASON[state]
    raise fault(f"{arn} {phrase}")
