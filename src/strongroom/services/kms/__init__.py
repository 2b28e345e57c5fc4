"""AWS Key Management Service: a function per operation, and the table of them all.

An operation that the service model has and this table has not is answered with
NotImplementedException and its name.

`names_key` is as the KMS Developer Guide has it of CloudTrail's entries since December 2022: for some
operations they show the key's ARN with what was answered, though it is not in the answer.
"""

from strongroom.services.kms import (
    agreement,
    aliases,
    data_keys,
    deletion,
    encryption,
    grant_listings,
    grants,
    imports,
    key_policies,
    last_usage,
    lifecycle,
    public_keys,
    replication,
    rotation,
    signing,
    tags,
)
from strongroom.services.operation import Operation, Way

_MEMORY, _READING, _WRITING = Way.MEMORY, Way.READING, Way.WRITING

OPERATIONS: dict[str, Operation] = {
    "CancelKeyDeletion": Operation(deletion.cancel_key_deletion, _WRITING, read_only=False),
    "CreateAlias": Operation(aliases.create_alias, _WRITING, read_only=False, names_key=True),
    "CreateGrant": Operation(grants.create_grant, _WRITING, read_only=False, names_key=True),
    "CreateKey": Operation(lifecycle.create_key, _WRITING, read_only=False),
    "Decapsulate": Operation(agreement.decapsulate, _MEMORY, read_only=True),
    "Decrypt": Operation(encryption.decrypt, _MEMORY, read_only=True),
    "DeleteAlias": Operation(aliases.delete_alias, _WRITING, read_only=False, names_key=True),
    "DeleteImportedKeyMaterial": Operation(
        imports.delete_imported_key_material, _WRITING, read_only=False
    ),
    "DeriveSharedSecret": Operation(agreement.derive_shared_secret, _MEMORY, read_only=True),
    "DescribeKey": Operation(lifecycle.describe_key, _MEMORY, read_only=True),
    "DisableKey": Operation(lifecycle.disable_key, _WRITING, read_only=False, names_key=True),
    "DisableKeyRotation": Operation(rotation.disable_key_rotation, _WRITING, read_only=False),
    "EnableKey": Operation(lifecycle.enable_key, _WRITING, read_only=False, names_key=True),
    "EnableKeyRotation": Operation(
        rotation.enable_key_rotation, _WRITING, read_only=False, names_key=True
    ),
    "Encapsulate": Operation(agreement.encapsulate, _MEMORY, read_only=True),
    "Encrypt": Operation(encryption.encrypt, _MEMORY, read_only=True),
    "GenerateDataKey": Operation(data_keys.generate_data_key, _MEMORY, read_only=True),
    "GenerateDataKeyPair": Operation(data_keys.generate_data_key_pair, _MEMORY, read_only=True),
    "GenerateDataKeyPairWithoutPlaintext": Operation(
        data_keys.generate_data_key_pair_without_plaintext, _MEMORY, read_only=True
    ),
    "GenerateDataKeyWithoutPlaintext": Operation(
        data_keys.generate_data_key_without_plaintext, _MEMORY, read_only=True
    ),
    "GenerateMac": Operation(signing.generate_mac, _MEMORY, read_only=True),
    "GenerateRandom": Operation(data_keys.generate_random, _MEMORY, read_only=True),
    "GetKeyLastUsage": Operation(last_usage.get_key_last_usage, _READING, read_only=True),
    "GetKeyPolicy": Operation(key_policies.get_key_policy, _MEMORY, read_only=True),
    "GetKeyRotationStatus": Operation(rotation.get_key_rotation_status, _MEMORY, read_only=True),
    "GetParametersForImport": Operation(imports.get_parameters_for_import, _MEMORY, read_only=True),
    "GetPublicKey": Operation(public_keys.get_public_key, _MEMORY, read_only=True),
    "ImportKeyMaterial": Operation(imports.import_key_material, _WRITING, read_only=False),
    "ListAliases": Operation(aliases.list_aliases, _READING, read_only=True),
    "ListGrants": Operation(grant_listings.list_grants, _READING, read_only=True),
    "ListKeyPolicies": Operation(key_policies.list_key_policies, _MEMORY, read_only=True),
    "ListKeyRotations": Operation(rotation.list_key_rotations, _READING, read_only=True),
    "ListKeys": Operation(lifecycle.list_keys, _READING, read_only=True),
    "ListResourceTags": Operation(tags.list_resource_tags, _READING, read_only=True),
    "ListRetirableGrants": Operation(
        grant_listings.list_retirable_grants, _READING, read_only=True
    ),
    "PutKeyPolicy": Operation(key_policies.put_key_policy, _WRITING, read_only=False),
    "ReEncrypt": Operation(encryption.re_encrypt, _MEMORY, read_only=True),
    "ReplicateKey": Operation(replication.replicate_key, _WRITING, read_only=False),
    "RetireGrant": Operation(grants.retire_grant, _WRITING, read_only=False),
    "RevokeGrant": Operation(grants.revoke_grant, _WRITING, read_only=False),
    "RotateKeyOnDemand": Operation(rotation.rotate_key_on_demand, _WRITING, read_only=False),
    "ScheduleKeyDeletion": Operation(deletion.schedule_key_deletion, _WRITING, read_only=False),
    "Sign": Operation(signing.sign, _MEMORY, read_only=True),
    "TagResource": Operation(tags.tag_resource, _WRITING, read_only=False),
    "UntagResource": Operation(tags.untag_resource, _WRITING, read_only=False, names_key=True),
    "UpdateAlias": Operation(aliases.update_alias, _WRITING, read_only=False, names_key=True),
    "UpdateKeyDescription": Operation(lifecycle.update_key_description, _WRITING, read_only=False),
    "UpdatePrimaryRegion": Operation(
        replication.update_primary_region, _WRITING, read_only=False, names_key=True
    ),
    "Verify": Operation(signing.verify, _MEMORY, read_only=True),
    "VerifyMac": Operation(signing.verify_mac, _MEMORY, read_only=True),
}
