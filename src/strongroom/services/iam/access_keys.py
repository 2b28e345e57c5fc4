"""Access keys of users and of the account's root user.  A secret is answered once, when it is made."""

from strongroom.errors import InvalidInput, NoSuchEntity
from strongroom.policy.entities import AccessKey, User
from strongroom.services.call import Call
from strongroom.services.iam import access, ids, paging, quotas
from strongroom.services.iam.identifiers import subject
from strongroom.services.iam.world import Iam
from strongroom.wire.shapes import iam as shapes


def create_access_key(
    iam: Iam, call: Call, rq: shapes.CreateAccessKeyRequest
) -> shapes.CreateAccessKeyResponse:
    user = subject(iam, call, "CreateAccessKey", rq.UserName)
    owner = _id(user)
    quotas.require("AccessKeysPerUser", len(iam.books.access_keys(call.account, owner)) + 1)
    key = AccessKey(ids.access_key_id(), call.account, owner, True, call.now)
    secret = ids.secret_access_key()
    iam.books.add_access_key(key, secret)
    return shapes.CreateAccessKeyResponse(
        AccessKey=shapes.AccessKey(
            UserName=_name(user),
            AccessKeyId=key.key_id,
            Status=_status(key),
            SecretAccessKey=secret,
            CreateDate=key.created,
        )
    )


def list_access_keys(
    iam: Iam, call: Call, rq: shapes.ListAccessKeysRequest
) -> shapes.ListAccessKeysResponse:
    user = subject(iam, call, "ListAccessKeys", rq.UserName)
    keys, more, marker = paging.cut_whole(
        iam.books.access_keys(call.account, _id(user)), rq, lambda key: key.key_id
    )
    return shapes.ListAccessKeysResponse(
        AccessKeyMetadata=[
            shapes.AccessKeyMetadata(
                UserName=_name(user) or None,
                AccessKeyId=key.key_id,
                Status=_status(key),
                CreateDate=key.created,
            )
            for key in keys
        ],
        IsTruncated=more,
        Marker=marker,
    )


def update_access_key(iam: Iam, call: Call, rq: shapes.UpdateAccessKeyRequest) -> None:
    user = subject(iam, call, "UpdateAccessKey", rq.UserName)
    key = _existing(iam, call, user, rq.AccessKeyId)
    if rq.Status == "Expired":
        raise InvalidInput("The status of an access key is Active or Inactive.")
    iam.books.set_access_key(key, active=rq.Status == "Active")


def delete_access_key(iam: Iam, call: Call, rq: shapes.DeleteAccessKeyRequest) -> None:
    user = subject(iam, call, "DeleteAccessKey", rq.UserName)
    iam.books.delete_access_key(_existing(iam, call, user, rq.AccessKeyId))


def get_access_key_last_used(
    iam: Iam, call: Call, rq: shapes.GetAccessKeyLastUsedRequest
) -> shapes.GetAccessKeyLastUsedResponse:
    """Whose key it is.  Its use is not kept, so it is told as AWS tells of one never used."""
    action = "GetAccessKeyLastUsed"
    key = iam.books.access_key(rq.AccessKeyId)
    if key is None or key.account != call.account:
        raise access.denied(call, action, f"access key {rq.AccessKeyId}")
    user = iam.books.by_id(User, call.account, key.user_id) if key.user_id else None
    access.require(call, action, call.principal if user is None else user.arn)
    return shapes.GetAccessKeyLastUsedResponse(
        UserName=_name(user) or None,
        AccessKeyLastUsed=shapes.AccessKeyLastUsed(ServiceName="N/A", Region="N/A"),
    )


def _existing(iam: Iam, call: Call, user: User | None, key_id: str) -> AccessKey:
    """A key of that user and of nobody else."""
    key = iam.books.access_key(key_id)
    if key is None or (key.account, key.user_id) != (call.account, _id(user)):
        raise NoSuchEntity(f"The Access Key with id {key_id} cannot be found.")
    return key


def _id(user: User | None) -> str:
    return "" if user is None else user.id


def _name(user: User | None) -> str:
    """Of the root user nothing, though the model demands a name of a new key's owner."""
    return "" if user is None else user.name


def _status(key: AccessKey) -> str:
    return "Active" if key.active else "Inactive"
