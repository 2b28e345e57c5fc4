"""For each operation on a key, the least request that names the key; by the forms it takes.

Source: KMS API Reference, `KeyId` of each operation.
"""

from typing import Any

Members = dict[str, Any]

ANY_FORM: dict[str, tuple[str, str, Members]] = {
    # operation: boto3's method, the member that names the key, what else is required
    "DescribeKey": ("describe_key", "KeyId", {}),
    "Encrypt": ("encrypt", "KeyId", {"Plaintext": b"x"}),
    "GenerateDataKey": ("generate_data_key", "KeyId", {"KeySpec": "AES_256"}),
    "GenerateDataKeyWithoutPlaintext": (
        "generate_data_key_without_plaintext",
        "KeyId",
        {"KeySpec": "AES_256"},
    ),
}

ID_OR_ARN: dict[str, tuple[str, str, Members]] = {
    "CreateGrant": (
        "create_grant",
        "KeyId",
        {"GranteePrincipal": "arn:aws:iam::444455556666:root", "Operations": ["Decrypt"]},
    ),
    "ListGrants": ("list_grants", "KeyId", {}),
    "EnableKey": ("enable_key", "KeyId", {}),
    "DisableKey": ("disable_key", "KeyId", {}),
    "ScheduleKeyDeletion": ("schedule_key_deletion", "KeyId", {}),
    "CancelKeyDeletion": ("cancel_key_deletion", "KeyId", {}),
    "UpdateKeyDescription": ("update_key_description", "KeyId", {"Description": "x"}),
    "ListAliases": ("list_aliases", "KeyId", {}),
    "TagResource": ("tag_resource", "KeyId", {"Tags": [{"TagKey": "a", "TagValue": "b"}]}),
    "UntagResource": ("untag_resource", "KeyId", {"TagKeys": ["a"]}),
    "ListResourceTags": ("list_resource_tags", "KeyId", {}),
    "GetKeyPolicy": ("get_key_policy", "KeyId", {}),
    "PutKeyPolicy": (
        "put_key_policy",
        "KeyId",
        {
            "Policy": '{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:*", '
            '"Resource": "*"}}'
        },
    ),
    "ListKeyPolicies": ("list_key_policies", "KeyId", {}),
    "EnableKeyRotation": ("enable_key_rotation", "KeyId", {}),
    "DisableKeyRotation": ("disable_key_rotation", "KeyId", {}),
    "GetKeyRotationStatus": ("get_key_rotation_status", "KeyId", {}),
    "RotateKeyOnDemand": ("rotate_key_on_demand", "KeyId", {}),
    "ListKeyRotations": ("list_key_rotations", "KeyId", {}),
}

ALIAS_TARGET: dict[str, tuple[str, str, Members]] = {
    "CreateAlias": ("create_alias", "TargetKeyId", {"AliasName": "alias/new"}),
    "UpdateAlias": ("update_alias", "TargetKeyId", {"AliasName": "alias/there"}),
}


def ask(client, method: str, member: str, rest: Members, key_id: str) -> Members:
    return getattr(client, method)(**{member: key_id}, **rest)
