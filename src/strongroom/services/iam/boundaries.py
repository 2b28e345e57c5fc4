"""Permissions boundaries: Put- and DeleteUserPermissionsBoundary, the same for roles.

A boundary is a managed policy, the account's own or one of AWS's.  While it is one it cannot be
deleted.
"""

from dataclasses import replace

from strongroom.errors import DeleteConflict, NoSuchEntity
from strongroom.policy.entities import Entity, Role, User
from strongroom.services.call import Call
from strongroom.services.iam import access, identifiers
from strongroom.services.iam.identifiers import existing
from strongroom.services.iam.world import Iam
from strongroom.wire.shapes import iam as shapes

# The model enumerates `PermissionsBoundaryPolicy`; AWS's own examples and recorded answers have this.
_TYPE = "Policy"


def put_user_permissions_boundary(
    iam: Iam, call: Call, rq: shapes.PutUserPermissionsBoundaryRequest
) -> None:
    context = access.of_boundary(rq.PermissionsBoundary)
    user = existing(iam, call, "PutUserPermissionsBoundary", User, rq.UserName, context)
    iam.books.put_entity(replace(user, boundary=checked(iam, call, rq.PermissionsBoundary)))


def put_role_permissions_boundary(
    iam: Iam, call: Call, rq: shapes.PutRolePermissionsBoundaryRequest
) -> None:
    context = access.of_boundary(rq.PermissionsBoundary)
    role = existing(iam, call, "PutRolePermissionsBoundary", Role, rq.RoleName, context)
    identifiers.require_changeable(role)
    iam.books.put_entity(replace(role, boundary=checked(iam, call, rq.PermissionsBoundary)))


def delete_user_permissions_boundary(
    iam: Iam, call: Call, rq: shapes.DeleteUserPermissionsBoundaryRequest
) -> None:
    user = existing(iam, call, "DeleteUserPermissionsBoundary", User, rq.UserName)
    _require_bounded(user)
    iam.books.put_entity(replace(user, boundary=""))


def delete_role_permissions_boundary(
    iam: Iam, call: Call, rq: shapes.DeleteRolePermissionsBoundaryRequest
) -> None:
    role = existing(iam, call, "DeleteRolePermissionsBoundary", Role, rq.RoleName)
    identifiers.require_changeable(role)
    _require_bounded(role)
    iam.books.put_entity(replace(role, boundary=""))


def checked(iam: Iam, call: Call, arn: str | None) -> str:
    """The ARN of a policy that may be a boundary; "" for none."""
    return "" if arn is None else identifiers.attachable(iam, call, arn).arn


def shown(entity: User | Role) -> shapes.AttachedPermissionsBoundary | None:
    if not entity.boundary:
        return None
    return shapes.AttachedPermissionsBoundary(
        PermissionsBoundaryType=_TYPE, PermissionsBoundaryArn=entity.boundary
    )


def require_bare(iam: Iam, owner: Entity) -> None:
    """DeleteConflict if a user, group or role still has policies; a boundary does not count."""
    if iam.books.attached_to(owner):
        raise DeleteConflict("Cannot delete entity, must detach all policies first.")
    if iam.books.inline_policies(owner):
        raise DeleteConflict("Cannot delete entity, must delete policies first.")


def _require_bounded(entity: User | Role) -> None:
    if not entity.boundary:
        raise NoSuchEntity(
            f"The {entity.noun} with name {entity.name} does not have a permissions boundary."
        )
