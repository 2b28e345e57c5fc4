"""A key as DescribeKey and CreateKey show it."""

from typing import TypedDict

import msgspec

from strongroom.keys import imports
from strongroom.keys.imports import EXPIRES, LASTS
from strongroom.keys.key import Key
from strongroom.keys.specs import SYMMETRIC_DEFAULT, Usage
from strongroom.keys.states import KeyState
from strongroom.wire.shapes.kms import KeyMetadata, MultiRegionConfiguration, MultiRegionKey


def of(key: Key) -> KeyMetadata:
    pending = key.state is KeyState.PENDING_DELETION
    return KeyMetadata(
        AWSAccountId=key.account,
        KeyId=key.id,
        Arn=key.arn,
        CreationDate=key.created,
        Enabled=key.enabled,
        Description=key.description,
        KeyUsage=key.usage.value,
        KeyState=key.state.value,
        DeletionDate=key.deletion_date if pending else None,
        PendingDeletionWindowInDays=key.deletion_window_days
        if key.state is KeyState.PENDING_REPLICA_DELETION
        else None,
        Origin=key.origin.value,
        KeyManager=key.manager.value,
        CustomerMasterKeySpec=key.spec,
        KeySpec=key.spec,
        MacAlgorithms=list(key.algorithms) if key.usage is Usage.GENERATE_VERIFY_MAC else None,
        MultiRegion=key.multi_region,
        MultiRegionConfiguration=_multi_region(key),
        **_expiry(key),
        CurrentKeyMaterialId=(key.current_id.hex() or None)
        if key.spec == SYMMETRIC_DEFAULT
        else None,
        **algorithms(key),
    )


class _Expiry(TypedDict, total=False):
    ExpirationModel: str
    ValidTo: float | None


def _expiry(key: Key) -> _Expiry:
    """Of imported material: that it lasts, or when the first of it expires; nothing if some of it is not here."""
    if not imports.complete(key.imports):
        return {}
    first = imports.earliest(key.imports)
    return {"ExpirationModel": LASTS if first is None else EXPIRES, "ValidTo": first}


class _Algorithms(TypedDict, total=False):
    EncryptionAlgorithms: list[str]
    SigningAlgorithms: list[str]
    KeyAgreementAlgorithms: list[str]
    EncapsulationAlgorithms: list[str]


def algorithms(key: Key) -> _Algorithms:
    """The one list that a key's usage gives it; none for HMAC, which GetPublicKey never shows."""
    found = list(key.algorithms)
    match key.usage:
        case Usage.ENCRYPT_DECRYPT:
            return {"EncryptionAlgorithms": found}
        case Usage.SIGN_VERIFY:
            return {"SigningAlgorithms": found}
        case Usage.KEY_AGREEMENT:
            return {"KeyAgreementAlgorithms": found}
        case Usage.ENCAPSULATE_DECAPSULATE:
            return {"EncapsulationAlgorithms": found}
    return {}


def of_new_replica(key: Key) -> KeyMetadata:
    """As ReplicateKey answers it: AWS is still at it then, and shows a key that is being made."""
    return msgspec.structs.replace(
        of(key), KeyState=KeyState.CREATING.value, Enabled=False, CurrentKeyMaterialId=None
    )


def _multi_region(key: Key) -> MultiRegionConfiguration | None:
    regions = key.regions
    if regions is None:
        return None
    return MultiRegionConfiguration(
        MultiRegionKeyType="REPLICA" if key.is_replica else "PRIMARY",
        PrimaryKey=MultiRegionKey(Arn=key.arn_in(regions.primary), Region=regions.primary),
        ReplicaKeys=[
            MultiRegionKey(Arn=key.arn_in(region), Region=region) for region in regions.replicas
        ],
    )
