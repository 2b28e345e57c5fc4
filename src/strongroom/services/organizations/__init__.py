"""AWS Organizations: a function per operation, and the table of them all.

An operation that the service model has and this table has not is answered with NotImplemented and
its name.  What a policy of an organization decides is decided where it is asked: `services.kms`,
`services.iam`, `services.sts` ask `policy`, which has them by `policy.organization.Standing`.
"""

from collections.abc import Callable
from typing import Any

from strongroom.services.operation import Operation, Way
from strongroom.services.organizations import (
    accounts,
    attachments,
    creation,
    handshakes,
    organization,
    policies,
    tagging,
    units,
)


def _reads(handler: Callable[..., Any]) -> Operation:
    return Operation(handler, Way.READING, read_only=True)


def _writes(handler: Callable[..., Any]) -> Operation:
    return Operation(handler, Way.WRITING, read_only=False)


OPERATIONS: dict[str, Operation] = {
    # The organization
    "CreateOrganization": _writes(organization.create_organization),
    "DescribeOrganization": _reads(organization.describe_organization),
    "DeleteOrganization": _writes(organization.delete_organization),
    "LeaveOrganization": _writes(organization.leave_organization),
    "ListRoots": _reads(organization.list_roots),
    # Units
    "CreateOrganizationalUnit": _writes(units.create_organizational_unit),
    "DescribeOrganizationalUnit": _reads(units.describe_organizational_unit),
    "UpdateOrganizationalUnit": _writes(units.update_organizational_unit),
    "DeleteOrganizationalUnit": _writes(units.delete_organizational_unit),
    "ListOrganizationalUnitsForParent": _reads(units.list_organizational_units_for_parent),
    "ListParents": _reads(units.list_parents),
    "ListChildren": _reads(units.list_children),
    # Accounts
    "ListAccounts": _reads(accounts.list_accounts),
    "ListAccountsForParent": _reads(accounts.list_accounts_for_parent),
    "DescribeAccount": _reads(accounts.describe_account),
    "MoveAccount": _writes(accounts.move_account),
    "RemoveAccountFromOrganization": _writes(accounts.remove_account_from_organization),
    "CreateAccount": _writes(creation.create_account),
    "DescribeCreateAccountStatus": _reads(creation.describe_create_account_status),
    "ListCreateAccountStatus": _reads(creation.list_create_account_status),
    # Invitations
    "InviteAccountToOrganization": _writes(handshakes.invite_account_to_organization),
    "AcceptHandshake": _writes(handshakes.accept_handshake),
    "DeclineHandshake": _writes(handshakes.decline_handshake),
    "CancelHandshake": _writes(handshakes.cancel_handshake),
    "DescribeHandshake": _reads(handshakes.describe_handshake),
    "ListHandshakesForAccount": _reads(handshakes.list_handshakes_for_account),
    "ListHandshakesForOrganization": _reads(handshakes.list_handshakes_for_organization),
    # Policies
    "EnablePolicyType": _writes(policies.enable_policy_type),
    "DisablePolicyType": _writes(policies.disable_policy_type),
    "CreatePolicy": _writes(policies.create_policy),
    "UpdatePolicy": _writes(policies.update_policy),
    "DescribePolicy": _reads(policies.describe_policy),
    "DeletePolicy": _writes(policies.delete_policy),
    "ListPolicies": _reads(policies.list_policies),
    "AttachPolicy": _writes(attachments.attach_policy),
    "DetachPolicy": _writes(attachments.detach_policy),
    "ListPoliciesForTarget": _reads(attachments.list_policies_for_target),
    "ListTargetsForPolicy": _reads(attachments.list_targets_for_policy),
    # Tags
    "TagResource": _writes(tagging.tag_resource),
    "UntagResource": _writes(tagging.untag_resource),
    "ListTagsForResource": _reads(tagging.list_tags_for_resource),
}
