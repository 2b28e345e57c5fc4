"""CreateAlias, UpdateAlias, DeleteAlias, ListAliases."""

from strongroom.errors import (
    AlreadyExists,
    LimitExceeded,
    NotAuthorized,
    NotFound,
    Validation,
)
from strongroom.keys import states
from strongroom.keys.alias import (
    MOST_OF_A_KEY,
    PREFIX,
    RESERVED,
    Alias,
    alias_arn,
    well_formed,
)
from strongroom.services.call import Call
from strongroom.services.kms import access, paging
from strongroom.services.kms.identifiers import id_or_arn
from strongroom.services.kms.world import KmsBooks
from strongroom.wire.shapes.kms import (
    AliasListEntry,
    CreateAliasRequest,
    DeleteAliasRequest,
    ListAliasesRequest,
    ListAliasesResponse,
    UpdateAliasRequest,
)


def create_alias(kms: KmsBooks, call: Call, rq: CreateAliasRequest) -> None:
    name = rq.AliasName
    _require_name(name)
    _require_target(rq.TargetKeyId)
    _require_alias(kms, call, "CreateAlias", name)
    key = id_or_arn(kms, call, "CreateAlias", rq.TargetKeyId)
    access.require(kms, call, "CreateAlias", key)
    states.require("CreateAlias", key.state, key.arn)
    if kms.books.alias(call.account, call.region, name) is not None:
        arn = alias_arn(call.account, call.region, name)
        raise AlreadyExists(f"An alias with the name {arn} already exists")
    if len(kms.books.aliases_of(key)) >= MOST_OF_A_KEY:
        raise LimitExceeded(f"The key {key.arn} has {MOST_OF_A_KEY} aliases, the most it can have.")
    kms.books.put_alias(Alias(call.account, call.region, name, key.id, call.now, call.now))


def update_alias(kms: KmsBooks, call: Call, rq: UpdateAliasRequest) -> None:
    """Point an alias to another key of the same kind; the key it leaves may be pending deletion."""
    _require_name(rq.AliasName)
    _require_target(rq.TargetKeyId)
    _require_alias(kms, call, "UpdateAlias", rq.AliasName)
    alias = _existing(kms, call, rq.AliasName)
    key = id_or_arn(kms, call, "UpdateAlias", rq.TargetKeyId)
    access.require(kms, call, "UpdateAlias", key)
    states.require("UpdateAlias", key.state, key.arn)
    before = kms.books.key(call.account, call.region, alias.target)
    if before is not None:
        access.require(kms, call, "UpdateAlias", before)
        if before.usage is not key.usage or before.family is not key.family:
            raise Validation(
                f"Alias {alias.arn} cannot be changed from a CMK with key usage {before.usage} "
                f"to a CMK with key usage {key.usage}"
            )
    if alias.target != key.id and len(kms.books.aliases_of(key)) >= MOST_OF_A_KEY:
        raise LimitExceeded(f"The key {key.arn} has {MOST_OF_A_KEY} aliases, the most it can have.")
    kms.books.put_alias(
        Alias(call.account, call.region, alias.name, key.id, alias.created, call.now)
    )


def delete_alias(kms: KmsBooks, call: Call, rq: DeleteAliasRequest) -> None:
    _require_name(rq.AliasName)
    _require_alias(kms, call, "DeleteAlias", rq.AliasName)
    alias = _existing(kms, call, rq.AliasName)
    key = kms.books.key(call.account, call.region, alias.target)
    if key is not None:
        access.require(kms, call, "DeleteAlias", key)
    kms.books.delete_alias(alias)


def list_aliases(kms: KmsBooks, call: Call, rq: ListAliasesRequest) -> ListAliasesResponse:
    """Aliases of the account and Region, or of one key of it, ordered by name."""
    most = paging.count(rq.Limit, paging.NARROW)
    after = paging.start(rq.Marker)
    access.require_account(kms, call, "ListAliases")
    target = None
    if rq.KeyId is not None:
        key = id_or_arn(kms, call, "ListAliases", rq.KeyId)
        if key.account != call.account:
            access.refuse_absent(call, "ListAliases", key.arn, key.account)
        call.resources.append(key.arn)
        target = key.id
    found = kms.books.aliases(call.account, call.region, target, after, most + 1)
    page, more, following = paging.cut(found, most, lambda alias: alias.name)
    return ListAliasesResponse(
        Aliases=[
            AliasListEntry(
                AliasName=alias.name,
                AliasArn=alias.arn,
                TargetKeyId=alias.target,
                CreationDate=alias.created,
                LastUpdatedDate=alias.updated,
            )
            for alias in page
        ],
        Truncated=more,
        NextMarker=following,
    )


def _require_alias(kms: KmsBooks, call: Call, action: str, name: str) -> None:
    """The alias is a resource of its own, which only the account's policies are about."""
    arn = alias_arn(call.account, call.region, name)
    call.resources.append(arn)
    access.require_account(kms, call, action, resource=arn)


def _existing(kms: KmsBooks, call: Call, name: str) -> Alias:
    alias = kms.books.alias(call.account, call.region, name)
    if alias is None:
        raise NotFound(f"Alias {alias_arn(call.account, call.region, name)} is not found.")
    return alias


def _require_name(name: str) -> None:
    if not name.startswith(PREFIX):
        raise Validation(
            'Alias must start with the prefix "alias/". Please see '
            "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
        )
    if name == PREFIX:
        raise Validation("Invalid identifier")
    if name.startswith(RESERVED):
        raise NotAuthorized
    if not well_formed(name):
        raise Validation(f"{name} contains invalid characters for an alias")


def _require_target(key_id: str) -> None:
    if key_id.startswith(PREFIX) or ":alias/" in key_id:
        raise Validation("Aliases must refer to keys. Not aliases")
