"""Roles and whom they trust."""

import json
from dataclasses import replace

from msgspec import structs

from strongroom.errors import InvalidInput
from strongroom.policy import grammar
from strongroom.policy.compiled import Use
from strongroom.policy.entities import SERVICES_PATH, Role, arn_of
from strongroom.services.call import Call
from strongroom.services.iam import access, boundaries, documents, ids, owners, quotas, tagging
from strongroom.services.iam.identifiers import existing, require_changeable
from strongroom.services.iam.tagging import Tagged
from strongroom.services.iam.world import Iam
from strongroom.wire.shapes import iam as shapes

_SERVICES_NAME = "awsservicerolefor"  # of the roles of AWS's own services; nobody else may make one


def create_role(iam: Iam, call: Call, rq: shapes.CreateRoleRequest) -> shapes.CreateRoleResponse:
    path = rq.Path or "/"
    access.require(
        call,
        "CreateRole",
        arn_of(Role, call.partition, call.account, path, rq.RoleName),
        {**access.of_tags(rq.Tags), **access.of_boundary(rq.PermissionsBoundary)},
    )
    if path.startswith(SERVICES_PATH) or rq.RoleName.lower().startswith(_SERVICES_NAME):
        raise InvalidInput("Service-linked roles are made by the services that they are linked to.")
    owners.ROLE.require_free(iam, call, rq.RoleName)
    quotas.require("RolesPerAccount", iam.books.count(Role, call.account) + 1)
    role = Role(
        call.account,
        rq.RoleName,
        call.partition,
        path,
        ids.unique_id(Role),
        call.now,
        boundaries.checked(iam, call, rq.PermissionsBoundary),
        description=rq.Description or "",
        max_session_seconds=rq.MaxSessionDuration or 3600,
    )
    role = _trusting(iam, role, rq.AssumeRolePolicyDocument)
    tags = tagging.with_tags(Tagged.ROLE, {}, rq.Tags)
    iam.books.put_entity(role)
    iam.books.put_iam_tags(role.account, role.id, tags)
    return shapes.CreateRoleResponse(Role=whole(iam, role))


def get_role(iam: Iam, call: Call, rq: shapes.GetRoleRequest) -> shapes.GetRoleResponse:
    return shapes.GetRoleResponse(
        Role=whole(iam, existing(iam, call, "GetRole", Role, rq.RoleName))
    )


def list_roles(iam: Iam, call: Call, rq: shapes.ListRolesRequest) -> shapes.ListRolesResponse:
    """By name, without their tags and boundaries, as AWS lists them."""
    roles, more, marker = owners.listed(iam, call, Role, rq)
    return shapes.ListRolesResponse(
        Roles=[shown(iam, role) for role in roles], IsTruncated=more, Marker=marker
    )


def update_role(iam: Iam, call: Call, rq: shapes.UpdateRoleRequest) -> shapes.UpdateRoleResponse:
    """What the request does not name stays as it is."""
    role = existing(iam, call, "UpdateRole", Role, rq.RoleName)
    if rq.MaxSessionDuration is not None:
        require_changeable(role)
    iam.books.put_entity(
        replace(
            role,
            description=role.description if rq.Description is None else rq.Description,
            max_session_seconds=rq.MaxSessionDuration or role.max_session_seconds,
        )
    )
    return shapes.UpdateRoleResponse()


def update_role_description(
    iam: Iam, call: Call, rq: shapes.UpdateRoleDescriptionRequest
) -> shapes.UpdateRoleDescriptionResponse:
    role = existing(iam, call, "UpdateRoleDescription", Role, rq.RoleName)
    changed = replace(role, description=rq.Description)
    iam.books.put_entity(changed)
    return shapes.UpdateRoleDescriptionResponse(Role=whole(iam, changed))


def update_assume_role_policy(
    iam: Iam, call: Call, rq: shapes.UpdateAssumeRolePolicyRequest
) -> None:
    role = existing(iam, call, "UpdateAssumeRolePolicy", Role, rq.RoleName)
    require_changeable(role)
    iam.books.put_entity(_trusting(iam, role, rq.PolicyDocument))


def delete_role(iam: Iam, call: Call, rq: shapes.DeleteRoleRequest) -> None:
    role = existing(iam, call, "DeleteRole", Role, rq.RoleName)
    require_changeable(role)
    boundaries.require_bare(iam, role)
    iam.books.put_iam_tags(role.account, role.id, {})
    iam.books.delete_entity(role)


def shown(iam: Iam, role: Role) -> shapes.Role:
    return shapes.Role(
        Path=role.path,
        RoleName=role.name,
        RoleId=role.id,
        Arn=role.arn,
        CreateDate=role.created,
        AssumeRolePolicyDocument=documents.shown_trust(iam, role),
        Description=role.description or None,
        MaxSessionDuration=role.max_session_seconds,
    )


def whole(iam: Iam, role: Role) -> shapes.Role:
    """A role with its tags and boundary."""
    tags = tagging.shown(iam.books.iam_tags(role.account, role.id))
    return structs.replace(
        shown(iam, role),
        PermissionsBoundary=boundaries.shown(role),
        Tags=tags or None,
        RoleLastUsed=shapes.RoleLastUsed(),
    )


def _trusting(iam: Iam, role: Role, trust: str) -> Role:
    """The role with a new trust policy."""
    quotas.require("ACLSizePerRole", quotas.size(trust))
    grammar.require(trust, Use.TRUST)
    document, named = documents.trusted(iam, role.partition, role.account, trust)
    return replace(role, trust=document, principals=json.dumps(named))
