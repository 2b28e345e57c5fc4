"""Groups and who is in them."""

from strongroom.errors import DeleteConflict, NoSuchEntity
from strongroom.policy.entities import Group, User, arn_of
from strongroom.services.call import Call
from strongroom.services.iam import access, boundaries, ids, owners, paging, quotas, users
from strongroom.services.iam.identifiers import existing
from strongroom.services.iam.world import Iam
from strongroom.wire.shapes import iam as shapes


def create_group(iam: Iam, call: Call, rq: shapes.CreateGroupRequest) -> shapes.CreateGroupResponse:
    path = rq.Path or "/"
    arn = arn_of(Group, call.partition, call.account, path, rq.GroupName)
    access.require(call, "CreateGroup", arn)
    owners.GROUP.require_free(iam, call, rq.GroupName)
    quotas.require("GroupsPerAccount", iam.books.count(Group, call.account) + 1)
    group = Group(call.account, rq.GroupName, call.partition, path, ids.unique_id(Group), call.now)
    iam.books.put_entity(group)
    return shapes.CreateGroupResponse(Group=shown(group))


def get_group(iam: Iam, call: Call, rq: shapes.GetGroupRequest) -> shapes.GetGroupResponse:
    """A group and, page by page, its members."""
    group = existing(iam, call, "GetGroup", Group, rq.GroupName)
    members, more, marker = paging.cut_whole(
        iam.books.members_of(group), rq, lambda user: user.name.lower()
    )
    return shapes.GetGroupResponse(
        Group=shown(group),
        Users=[users.shown(user) for user in members],
        IsTruncated=more,
        Marker=marker,
    )


def list_groups(iam: Iam, call: Call, rq: shapes.ListGroupsRequest) -> shapes.ListGroupsResponse:
    groups, more, marker = owners.listed(iam, call, Group, rq)
    return shapes.ListGroupsResponse(
        Groups=[shown(group) for group in groups], IsTruncated=more, Marker=marker
    )


def update_group(iam: Iam, call: Call, rq: shapes.UpdateGroupRequest) -> None:
    owners.GROUP.move(iam, call, rq)


def delete_group(iam: Iam, call: Call, rq: shapes.DeleteGroupRequest) -> None:
    group = existing(iam, call, "DeleteGroup", Group, rq.GroupName)
    if iam.books.members_of(group):
        raise DeleteConflict("Cannot delete entity, must remove users from group first.")
    boundaries.require_bare(iam, group)
    iam.books.delete_entity(group)


def add_user_to_group(iam: Iam, call: Call, rq: shapes.AddUserToGroupRequest) -> None:
    """Whoever is a member already stays one."""
    group, user = _both(iam, call, "AddUserToGroup", rq.GroupName, rq.UserName)
    others = [each for each in iam.books.groups_of(user) if each.id != group.id]
    quotas.require("GroupsPerUser", len(others) + 1)
    iam.books.add_member(group, user)


def remove_user_from_group(iam: Iam, call: Call, rq: shapes.RemoveUserFromGroupRequest) -> None:
    """Whoever is no member is none afterwards either."""
    group, user = _both(iam, call, "RemoveUserFromGroup", rq.GroupName, rq.UserName)
    iam.books.remove_member(group, user)


def list_groups_for_user(
    iam: Iam, call: Call, rq: shapes.ListGroupsForUserRequest
) -> shapes.ListGroupsForUserResponse:
    user = existing(iam, call, "ListGroupsForUser", User, rq.UserName)
    groups, more, marker = paging.cut_whole(
        iam.books.groups_of(user), rq, lambda group: group.name.lower()
    )
    return shapes.ListGroupsForUserResponse(
        Groups=[shown(group) for group in groups], IsTruncated=more, Marker=marker
    )


def shown(group: Group) -> shapes.Group:
    return shapes.Group(
        Path=group.path,
        GroupName=group.name,
        GroupId=group.id,
        Arn=group.arn,
        CreateDate=group.created,
    )


def _both(iam: Iam, call: Call, action: str, group_name: str, user_name: str) -> tuple[Group, User]:
    """Permission is asked for the group alone, as on AWS."""
    group = existing(iam, call, action, Group, group_name)
    user = iam.books.named(User, call.account, user_name)
    if user is None:
        raise NoSuchEntity(f"The user with name {user_name} cannot be found.")
    return group, user
