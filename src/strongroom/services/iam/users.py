"""CreateUser, GetUser, ListUsers, UpdateUser, DeleteUser."""

from msgspec import structs

from strongroom.errors import DeleteConflict
from strongroom.policy.entities import User, arn_of
from strongroom.services.call import Call
from strongroom.services.iam import access, boundaries, ids, owners, quotas, tagging
from strongroom.services.iam.identifiers import existing, subject
from strongroom.services.iam.tagging import Tagged
from strongroom.services.iam.world import Iam
from strongroom.wire.shapes import iam as shapes


def create_user(iam: Iam, call: Call, rq: shapes.CreateUserRequest) -> shapes.CreateUserResponse:
    path = rq.Path or "/"
    access.require(
        call,
        "CreateUser",
        arn_of(User, call.partition, call.account, path, rq.UserName),
        {**access.of_tags(rq.Tags), **access.of_boundary(rq.PermissionsBoundary)},
    )
    owners.USER.require_free(iam, call, rq.UserName)
    quotas.require("UsersPerAccount", iam.books.count(User, call.account) + 1)
    user = User(
        call.account,
        rq.UserName,
        call.partition,
        path,
        ids.unique_id(User),
        call.now,
        boundaries.checked(iam, call, rq.PermissionsBoundary),
    )
    tags = tagging.with_tags(Tagged.USER, {}, rq.Tags)
    iam.books.put_entity(user)
    iam.books.put_iam_tags(user.account, user.id, tags)
    return shapes.CreateUserResponse(User=whole(iam, user))


def get_user(iam: Iam, call: Call, rq: shapes.GetUserRequest) -> shapes.GetUserResponse:
    """A user, or whoever asks; the root user has an id, an ARN and no name."""
    user = subject(iam, call, "GetUser", rq.UserName)
    if user is not None:
        return shapes.GetUserResponse(User=whole(iam, user))
    created = iam.books.account_created(call.account)
    return shapes.GetUserResponse(
        User=shapes.User(
            UserId=call.account,
            Arn=call.principal,
            CreateDate=call.now if created is None else created,
        )
    )


def list_users(iam: Iam, call: Call, rq: shapes.ListUsersRequest) -> shapes.ListUsersResponse:
    """By name, without their tags and boundaries, as AWS lists them."""
    users, more, marker = owners.listed(iam, call, User, rq)
    return shapes.ListUsersResponse(
        Users=[shown(user) for user in users], IsTruncated=more, Marker=marker
    )


def update_user(iam: Iam, call: Call, rq: shapes.UpdateUserRequest) -> None:
    """Another name or path; memberships, policies, keys and trust stay, for the id does."""
    owners.USER.move(iam, call, rq)


def delete_user(iam: Iam, call: Call, rq: shapes.DeleteUserRequest) -> None:
    user = existing(iam, call, "DeleteUser", User, rq.UserName)
    if iam.books.access_keys(user.account, user.id):
        raise DeleteConflict("Cannot delete entity, must delete access keys first.")
    if iam.books.groups_of(user):
        raise DeleteConflict("Cannot delete entity, must remove users from group first.")
    boundaries.require_bare(iam, user)
    iam.books.put_iam_tags(user.account, user.id, {})
    iam.books.delete_entity(user)


def shown(user: User) -> shapes.User:
    return shapes.User(
        Path=user.path, UserName=user.name, UserId=user.id, Arn=user.arn, CreateDate=user.created
    )


def whole(iam: Iam, user: User) -> shapes.User:
    """A user with its tags and boundary."""
    tags = tagging.shown(iam.books.iam_tags(user.account, user.id))
    return structs.replace(
        shown(user), PermissionsBoundary=boundaries.shown(user), Tags=tags or None
    )
