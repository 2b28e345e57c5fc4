"""AWS Identity and Access Management: a function per operation, and the table of them all.

An operation that the service model has and this table has not is answered with NotImplemented and
its name.  Operations that users, groups and roles have alike are one function with the kind put in.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from strongroom.services.iam import (
    absent,
    access_keys,
    account,
    attachments,
    boundaries,
    context_keys,
    groups,
    inline_policies,
    managed_policies,
    oidc,
    policy_versions,
    roles,
    service_linked,
    simulation,
    tags,
    users,
)
from strongroom.services.iam.owners import GROUP, ROLE, USER
from strongroom.services.operation import Operation, Way


def _reads(handler: Callable[..., Any]) -> Operation:
    return Operation(handler, Way.READING, read_only=True)


def _writes(handler: Callable[..., Any]) -> Operation:
    return Operation(handler, Way.WRITING, read_only=False)


OPERATIONS: dict[str, Operation] = {
    # Users
    "CreateUser": _writes(users.create_user),
    "GetUser": _reads(users.get_user),
    "ListUsers": _reads(users.list_users),
    "UpdateUser": _writes(users.update_user),
    "DeleteUser": _writes(users.delete_user),
    # Groups
    "CreateGroup": _writes(groups.create_group),
    "GetGroup": _reads(groups.get_group),
    "ListGroups": _reads(groups.list_groups),
    "UpdateGroup": _writes(groups.update_group),
    "DeleteGroup": _writes(groups.delete_group),
    "AddUserToGroup": _writes(groups.add_user_to_group),
    "RemoveUserFromGroup": _writes(groups.remove_user_from_group),
    "ListGroupsForUser": _reads(groups.list_groups_for_user),
    # Roles
    "CreateRole": _writes(roles.create_role),
    "GetRole": _reads(roles.get_role),
    "ListRoles": _reads(roles.list_roles),
    "UpdateRole": _writes(roles.update_role),
    "UpdateRoleDescription": _writes(roles.update_role_description),
    "UpdateAssumeRolePolicy": _writes(roles.update_assume_role_policy),
    "DeleteRole": _writes(roles.delete_role),
    "CreateServiceLinkedRole": _writes(service_linked.create_service_linked_role),
    "DeleteServiceLinkedRole": _writes(service_linked.delete_service_linked_role),
    "GetServiceLinkedRoleDeletionStatus": _reads(
        service_linked.get_service_linked_role_deletion_status
    ),
    # Managed policies
    "CreatePolicy": _writes(managed_policies.create_policy),
    "GetPolicy": _reads(managed_policies.get_policy),
    "ListPolicies": _reads(managed_policies.list_policies),
    "DeletePolicy": _writes(managed_policies.delete_policy),
    "ListEntitiesForPolicy": _reads(managed_policies.list_entities_for_policy),
    "CreatePolicyVersion": _writes(policy_versions.create_policy_version),
    "GetPolicyVersion": _reads(policy_versions.get_policy_version),
    "ListPolicyVersions": _reads(policy_versions.list_policy_versions),
    "SetDefaultPolicyVersion": _writes(policy_versions.set_default_policy_version),
    "DeletePolicyVersion": _writes(policy_versions.delete_policy_version),
    # Permissions boundaries
    "PutUserPermissionsBoundary": _writes(boundaries.put_user_permissions_boundary),
    "DeleteUserPermissionsBoundary": _writes(boundaries.delete_user_permissions_boundary),
    "PutRolePermissionsBoundary": _writes(boundaries.put_role_permissions_boundary),
    "DeleteRolePermissionsBoundary": _writes(boundaries.delete_role_permissions_boundary),
    # Access keys
    "CreateAccessKey": _writes(access_keys.create_access_key),
    "ListAccessKeys": _reads(access_keys.list_access_keys),
    "UpdateAccessKey": _writes(access_keys.update_access_key),
    "DeleteAccessKey": _writes(access_keys.delete_access_key),
    "GetAccessKeyLastUsed": _reads(access_keys.get_access_key_last_used),
    # OpenID Connect providers
    "CreateOpenIDConnectProvider": _writes(oidc.create_open_id_connect_provider),
    "GetOpenIDConnectProvider": _reads(oidc.get_open_id_connect_provider),
    "ListOpenIDConnectProviders": _reads(oidc.list_open_id_connect_providers),
    "DeleteOpenIDConnectProvider": _writes(oidc.delete_open_id_connect_provider),
    "AddClientIDToOpenIDConnectProvider": _writes(oidc.add_client_id_to_open_id_connect_provider),
    "RemoveClientIDFromOpenIDConnectProvider": _writes(
        oidc.remove_client_id_from_open_id_connect_provider
    ),
    "UpdateOpenIDConnectProviderThumbprint": _writes(
        oidc.update_open_id_connect_provider_thumbprint
    ),
    # The account
    "CreateAccountAlias": _writes(account.create_account_alias),
    "ListAccountAliases": _reads(account.list_account_aliases),
    "DeleteAccountAlias": _writes(account.delete_account_alias),
    "GetAccountSummary": _reads(account.get_account_summary),
    "GetAccountAuthorizationDetails": _reads(account.get_account_authorization_details),
    # The policy simulator
    "SimulateCustomPolicy": _reads(simulation.simulate_custom_policy),
    "SimulatePrincipalPolicy": _reads(simulation.simulate_principal_policy),
    "GetContextKeysForCustomPolicy": _reads(context_keys.get_context_keys_for_custom_policy),
    "GetContextKeysForPrincipalPolicy": _reads(context_keys.get_context_keys_for_principal_policy),
    # What nobody has here
    "GetLoginProfile": _reads(absent.get_login_profile),
    "ListInstanceProfilesForRole": _reads(absent.list_instance_profiles_for_role),
    "ListMFADevices": _reads(absent.list_mfa_devices),
    "ListServiceSpecificCredentials": _reads(absent.list_service_specific_credentials),
    "ListSigningCertificates": _reads(absent.list_signing_certificates),
    "ListSSHPublicKeys": _reads(absent.list_ssh_public_keys),
    "ListVirtualMFADevices": _reads(absent.list_virtual_mfa_devices),
}

for _owner in (USER, GROUP, ROLE):
    OPERATIONS |= {
        f"Attach{_owner.noun}Policy": _writes(partial(attachments.attach_policy, _owner)),
        f"Detach{_owner.noun}Policy": _writes(partial(attachments.detach_policy, _owner)),
        f"ListAttached{_owner.noun}Policies": _reads(
            partial(attachments.list_attached_policies, _owner)
        ),
        f"Put{_owner.noun}Policy": _writes(partial(inline_policies.put_policy, _owner)),
        f"Get{_owner.noun}Policy": _reads(partial(inline_policies.get_policy, _owner)),
        f"Delete{_owner.noun}Policy": _writes(partial(inline_policies.delete_policy, _owner)),
        f"List{_owner.noun}Policies": _reads(partial(inline_policies.list_policies, _owner)),
    }

for _resource in (tags.USER, tags.ROLE, tags.POLICY, tags.PROVIDER):
    OPERATIONS |= {
        f"Tag{_resource.noun}": _writes(partial(tags.tag, _resource)),
        f"Untag{_resource.noun}": _writes(partial(tags.untag, _resource)),
        f"List{_resource.noun}Tags": _reads(partial(tags.list_tags, _resource)),
    }
