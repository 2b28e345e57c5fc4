"""A key as DescribeKey and CreateKey show it."""

from strongroom.keys.key import Key
from strongroom.keys.specs import Usage
from strongroom.keys.states import KeyState
from strongroom.wire.shapes.kms import KeyMetadata, MultiRegionConfiguration, MultiRegionKey


def of(key: Key) -> KeyMetadata:
    algorithms = list(key.algorithms)
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
        Origin=key.origin.value,
        KeyManager=key.manager.value,
        CustomerMasterKeySpec=key.spec,
        KeySpec=key.spec,
        EncryptionAlgorithms=algorithms if key.usage is Usage.ENCRYPT_DECRYPT else None,
        MultiRegion=key.multi_region,
        MultiRegionConfiguration=_multi_region(key) if key.multi_region else None,
        CurrentKeyMaterialId=key.current.id.hex(),
    )


def _multi_region(key: Key) -> MultiRegionConfiguration:
    # Keys cannot be replicated yet, so a multi-Region key is always a primary without replicas.
    return MultiRegionConfiguration(
        MultiRegionKeyType="PRIMARY",
        PrimaryKey=MultiRegionKey(Arn=key.arn, Region=key.region),
        ReplicaKeys=[],
    )
