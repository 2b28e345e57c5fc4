"""Organizational units, and what is where in the tree."""

from dataclasses import replace

from strongroom.policy.organization import FULL_ACCESS, Organization, Unit, path
from strongroom.services.call import Call
from strongroom.services.organizations import access, ids, paging, quotas, tagging
from strongroom.services.organizations.identifiers import about, parent
from strongroom.services.organizations.refusals import (
    ChildNotFound,
    DuplicateUnit,
    UnitNotEmpty,
    UnitNotFound,
)
from strongroom.services.organizations.world import Organizations
from strongroom.wire.shapes import organizations as shapes


def create_organizational_unit(
    world: Organizations, call: Call, rq: shapes.CreateOrganizationalUnitRequest
) -> shapes.CreateOrganizationalUnitResponse:
    """A unit with AWS's policy of every type that is enabled attached to it."""
    context = access.of_tags(rq.Tags)
    organization = about(world, call, "CreateOrganizationalUnit", rq.ParentId, context=context)
    above = parent(world, organization, rq.ParentId)
    quotas.require(
        "OU_DEPTH_LIMIT_EXCEEDED",
        len(world.books.ancestors(organization, above.id)),
        quotas.DEPTH,
    )
    quotas.require(
        "OU_NUMBER_LIMIT_EXCEEDED", world.books.count_units(organization) + 1, quotas.UNITS
    )
    _require_free(world, organization, above.id, rq.Name)
    tags = tagging.with_tags({}, rq.Tags)
    unit = Unit(organization.account, ids.unit(organization.root), above.id, rq.Name)
    world.books.put_unit(unit)
    world.books.put_organization_tags(organization, unit.id, tags)
    give_full_access(world, organization, unit.id)
    return shapes.CreateOrganizationalUnitResponse(
        OrganizationalUnit=shown(world, organization, unit)
    )


def describe_organizational_unit(
    world: Organizations, call: Call, rq: shapes.DescribeOrganizationalUnitRequest
) -> shapes.DescribeOrganizationalUnitResponse:
    organization = about(world, call, "DescribeOrganizationalUnit", rq.OrganizationalUnitId)
    unit = parent(world, organization, rq.OrganizationalUnitId, UnitNotFound)
    return shapes.DescribeOrganizationalUnitResponse(
        OrganizationalUnit=shown(world, organization, unit)
    )


def update_organizational_unit(
    world: Organizations, call: Call, rq: shapes.UpdateOrganizationalUnitRequest
) -> shapes.UpdateOrganizationalUnitResponse:
    """Rename a unit."""
    organization = about(world, call, "UpdateOrganizationalUnit", rq.OrganizationalUnitId)
    unit = parent(world, organization, rq.OrganizationalUnitId, UnitNotFound)
    if rq.Name is not None and rq.Name != unit.name:
        _require_free(world, organization, unit.parent, rq.Name)
        unit = replace(unit, name=rq.Name)
        world.books.put_unit(unit)
    return shapes.UpdateOrganizationalUnitResponse(
        OrganizationalUnit=shown(world, organization, unit)
    )


def delete_organizational_unit(
    world: Organizations, call: Call, rq: shapes.DeleteOrganizationalUnitRequest
) -> None:
    organization = about(world, call, "DeleteOrganizationalUnit", rq.OrganizationalUnitId)
    unit = parent(world, organization, rq.OrganizationalUnitId, UnitNotFound)
    if world.books.units_under(organization, unit.id) or world.books.members_under(
        organization, unit.id
    ):
        raise UnitNotEmpty
    world.books.delete_unit(unit)


def list_organizational_units_for_parent(
    world: Organizations, call: Call, rq: shapes.ListOrganizationalUnitsForParentRequest
) -> shapes.ListOrganizationalUnitsForParentResponse:
    organization = about(world, call, "ListOrganizationalUnitsForParent", rq.ParentId)
    above = parent(world, organization, rq.ParentId)
    units, token = paging.cut(
        world.books.units_under(organization, above.id), rq, lambda unit: unit.id
    )
    return shapes.ListOrganizationalUnitsForParentResponse(
        OrganizationalUnits=[shown(world, organization, unit) for unit in units], NextToken=token
    )


def list_parents(
    world: Organizations, call: Call, rq: shapes.ListParentsRequest
) -> shapes.ListParentsResponse:
    """The one parent that a unit or an account has."""
    organization = about(world, call, "ListParents", rq.ChildId)
    if rq.ChildId[:1].isdigit():
        member = world.books.member(rq.ChildId)
        above = member.parent if member and member.account == organization.account else ""
    else:
        unit = world.books.unit(organization, rq.ChildId)
        above = unit.parent if unit else ""
    if not above:
        raise ChildNotFound
    kind = "ROOT" if above == organization.root else "ORGANIZATIONAL_UNIT"
    parents, token = paging.cut([above], rq, lambda each: each)
    return shapes.ListParentsResponse(
        Parents=[shapes.Parent(Id=each, Type=kind) for each in parents], NextToken=token
    )


def list_children(
    world: Organizations, call: Call, rq: shapes.ListChildrenRequest
) -> shapes.ListChildrenResponse:
    organization = about(world, call, "ListChildren", rq.ParentId)
    above = parent(world, organization, rq.ParentId)
    found = (
        [member.id for member in world.books.members_under(organization, above.id)]
        if rq.ChildType == "ACCOUNT"
        else [unit.id for unit in world.books.units_under(organization, above.id)]
    )
    children, token = paging.cut(found, rq, lambda each: each)
    return shapes.ListChildrenResponse(
        Children=[shapes.Child(Id=each, Type=rq.ChildType) for each in children], NextToken=token
    )


def give_full_access(world: Organizations, organization: Organization, target: str) -> None:
    """Attach AWS's policies to what is new in the organization, as AWS does."""
    for kind in organization.enabled:
        world.books.attach_to(organization, [target], FULL_ACCESS[kind])


def shown(
    world: Organizations, organization: Organization, unit: Unit
) -> shapes.OrganizationalUnit:
    return shapes.OrganizationalUnit(
        Id=unit.id,
        Arn=organization.arn_of(unit.id),
        Name=unit.name,
        Path=path(organization, world.books.ancestors(organization, unit.id)),
    )


def _require_free(world: Organizations, organization: Organization, above: str, name: str) -> None:
    if any(unit.name == name for unit in world.books.units_under(organization, above)):
        raise DuplicateUnit
