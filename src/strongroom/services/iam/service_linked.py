"""Service-linked roles: those that KMS has in an account, for itself.

Their name, their trust policy and their permissions are AWS's.  A role can be deleted once nothing
uses it; the request is answered with a task, which here is done when its id is known.

Source: IAM User Guide, "Create a service-linked role"; KMS Developer Guide, "Using service-linked
roles for AWS KMS"; sentences as users have quoted them.
"""

import json
import re
import uuid
from collections import defaultdict
from typing import NamedTuple

from strongroom.errors import InvalidInput, NoSuchEntity
from strongroom.policy import aws_managed
from strongroom.policy.entities import SERVICES_PATH, Role, RoleDeletion, arn_of
from strongroom.services.call import Call
from strongroom.services.iam import access, ids, quotas, roles
from strongroom.services.iam.identifiers import existing
from strongroom.services.iam.world import Iam
from strongroom.wire.shapes import iam as shapes


class _Linked(NamedTuple):
    role: str
    policy: str
    description: str


_MULTI_REGION = "mrk.kms.amazonaws.com"
_LINKED = {
    "cks.kms.amazonaws.com": _Linked(
        "AWSServiceRoleForKeyManagementServiceCustomKeyStores",
        "AWSKeyManagementServiceCustomKeyStoresServiceRolePolicy",
        "Enables access to AWS services and resources required for AWS KMS Custom Key Stores",
    ),
    _MULTI_REGION: _Linked(
        "AWSServiceRoleForKeyManagementServiceMultiRegionKeys",
        "AWSKeyManagementServiceMultiRegionKeysServiceRolePolicy",
        "Enables access to AWS services and resources required for AWS KMS Multi-Region Keys",
    ),
}
"""By the service that assumes the role."""

_MOST_TOLD = 1_000  # keys that use a role
_TASK = re.compile(rf"task{SERVICES_PATH}([\w+=,.@-]+)/([\w+=,.@-]+)/([0-9a-f-]{{36}})", re.ASCII)


def create_service_linked_role(
    iam: Iam, call: Call, rq: shapes.CreateServiceLinkedRoleRequest
) -> shapes.CreateServiceLinkedRoleResponse:
    service = rq.AWSServiceName
    linked = _LINKED.get(service)
    path = f"{SERVICES_PATH}{service}/"
    access.require(
        call,
        "CreateServiceLinkedRole",
        arn_of(Role, call.partition, call.account, path, linked.role if linked else "*"),
        {"iam:awsservicename": service},
    )
    if linked is None:
        raise InvalidInput(f"Service principal {service} has no service-linked roles here.")
    if rq.CustomSuffix is not None:
        raise InvalidInput(f"Custom suffix is not allowed for {service}")
    if iam.books.named(Role, call.account, linked.role) is not None:
        raise InvalidInput(
            f"Service role name {linked.role} has been taken in this account, please try a "
            "different suffix."
        )
    quotas.require("RolesPerAccount", iam.books.count(Role, call.account) + 1)
    policy = aws_managed.find(f"arn:{call.partition}:iam::aws:policy{SERVICES_PATH}{linked.policy}")
    if policy is None:
        raise RuntimeError(f"the policy {linked.policy} is not among AWS's")
    role = Role(
        call.account,
        linked.role,
        call.partition,
        path,
        ids.unique_id(Role),
        call.now,
        trust=_trust(service),
        description=linked.description if rq.Description is None else rq.Description,
    )
    iam.books.put_entity(role)
    iam.books.attach(role, policy)
    return shapes.CreateServiceLinkedRoleResponse(Role=roles.whole(iam, role))


def delete_service_linked_role(
    iam: Iam, call: Call, rq: shapes.DeleteServiceLinkedRoleRequest
) -> shapes.DeleteServiceLinkedRoleResponse:
    role = existing(iam, call, "DeleteServiceLinkedRole", Role, rq.RoleName)
    if not role.service_linked:
        raise NoSuchEntity(f"The service-linked role with name {role.name} cannot be found.")
    service = role.path.removeprefix(SERVICES_PATH).strip("/")
    usage = _usage(iam, role, service)
    deletion = RoleDeletion(
        call.account,
        str(uuid.uuid4()),
        service,
        role.name,
        call.now,
        "Account owns one or more multi-Region keys" if usage else "",
        json.dumps(usage),
    )
    iam.books.add_role_deletion(deletion)
    if not usage:
        for policy in iam.books.attached_to(role):
            iam.books.detach(role, policy)
        iam.books.put_iam_tags(role.account, role.id, {})
        iam.books.delete_entity(role)
    return shapes.DeleteServiceLinkedRoleResponse(DeletionTaskId=deletion.id)


def get_service_linked_role_deletion_status(
    iam: Iam, call: Call, rq: shapes.GetServiceLinkedRoleDeletionStatusRequest
) -> shapes.GetServiceLinkedRoleDeletionStatusResponse:
    match = _TASK.fullmatch(rq.DeletionTaskId)
    if match is None:
        raise InvalidInput(f"Deletion task id {rq.DeletionTaskId} is not valid.")
    service, name, task = match.groups()
    arn = arn_of(Role, call.partition, call.account, f"{SERVICES_PATH}{service}/", name)
    access.require(call, "GetServiceLinkedRoleDeletionStatus", arn)
    deletion = iam.books.role_deletion(call.account, task)
    if deletion is None or deletion.id != rq.DeletionTaskId:
        raise NoSuchEntity(f"Deletion task {rq.DeletionTaskId} cannot be found.")
    if not deletion.reason:
        return shapes.GetServiceLinkedRoleDeletionStatusResponse(Status="SUCCEEDED")
    return shapes.GetServiceLinkedRoleDeletionStatusResponse(
        Status="FAILED",
        Reason=shapes.DeletionTaskFailureReasonType(
            Reason=deletion.reason,
            RoleUsageList=[
                shapes.RoleUsageType(Region=region, Resources=arns)
                for region, arns in json.loads(deletion.usage).items()
            ],
        ),
    )


def _usage(iam: Iam, role: Role, service: str) -> dict[str, list[str]]:
    """What still uses a role: ARNs by Region."""
    found: dict[str, list[str]] = defaultdict(list)
    if service == _MULTI_REGION:
        for key in iam.books.multi_region_keys(role.account, _MOST_TOLD):
            found[key.region].append(key.arn)
    return dict(found)


def _trust(service: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))
