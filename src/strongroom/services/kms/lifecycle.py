"""CreateKey, DescribeKey, ListKeys, EnableKey, DisableKey, UpdateKeyDescription.

Source: KMS API Reference; facts recorded on AWS for messages and for which members are present.
"""

from collections.abc import Callable
from functools import partial

from strongroom.errors import InvalidMarker, LimitExceeded, NotImplementedHere, Validation
from strongroom.keys import states
from strongroom.keys.envelope import Material
from strongroom.keys.hierarchy import material_id
from strongroom.keys.key import Key
from strongroom.keys.private import IMPORTABLE, MADE_HERE, Private
from strongroom.keys.specs import SPECS, SYMMETRIC_DEFAULT, Manager, Origin, Usage
from strongroom.keys.states import KeyState
from strongroom.keys.work import Fresh, Piece
from strongroom.services.call import Call, Slow
from strongroom.services.circumstances import Besides, Value, nothing
from strongroom.services.kms import access, last_usage, metadata, paging, policies, tokens
from strongroom.services.kms.circumstances import of_alias, of_bypass, of_new_key
from strongroom.services.kms.identifiers import any_form, id_or_arn
from strongroom.services.kms.managed import fresh_id, new_key
from strongroom.services.kms.tags import with_tags
from strongroom.services.kms.world import Backing, Kms, KmsBooks
from strongroom.wire.shapes.kms import (
    CreateKeyRequest,
    CreateKeyResponse,
    DescribeKeyRequest,
    DescribeKeyResponse,
    DisableKeyRequest,
    EnableKeyRequest,
    KeyListEntry,
    ListKeysRequest,
    ListKeysResponse,
    UpdateKeyDescriptionRequest,
)


def create_key(kms: KmsBooks, call: Call, rq: CreateKeyRequest) -> CreateKeyResponse:
    """A new key, enabled.  Calling twice makes two: there is no token to make it idempotent."""

    def born() -> Born:
        key_id = fresh_id(multi_region=bool(rq.MultiRegion))
        return key_id, _material(kms.backing, call, rq, key_id)

    key = create(kms, call, rq, born)
    return CreateKeyResponse(KeyMetadata=metadata.of(key))


Born = tuple[str, Material | Private | None]
"""What makes a key this one: its id and its first material, if it is not to be imported."""


def create(kms: KmsBooks, call: Call, rq: CreateKeyRequest, born: Callable[[], Born]) -> Key:
    """The key that the caller may make, kept; `born` is asked once that is settled."""
    _require_kind(rq)
    if rq.Policy is not None:
        policies.require_form(rq.Policy)
    tags = with_tags({}, rq.Tags or [])
    access.require_account(kms, call, "CreateKey", partial(_of_creation, rq))
    if tags:
        access.require_account(kms, call, "TagResource", partial(_of_creation, rq))
    require_room(kms, call)
    key = new_key(
        call,
        *born(),
        manager=Manager.CUSTOMER,
        spec=_spec(rq),
        usage=Usage(rq.KeyUsage or Usage.ENCRYPT_DECRYPT),
        origin=Origin(rq.Origin or Origin.AWS_KMS),
        description=rq.Description or "",
        policy=rq.Policy or policies.default(call.account, call.region),
        multi_region=bool(rq.MultiRegion),
    )
    if rq.Policy is not None:
        document, named = policies.settled(kms, call, rq.Policy)
        key = key.but(policy=document, principals=named)
        policies.require_no_lockout(kms, call, key, bypass=rq.BypassPolicyLockoutSafetyCheck)
    kms.books.add_key(key)
    if tags:
        kms.books.put_tags(key, tags)
    call.resources.append(key.arn)
    return key


def require_room(kms: KmsBooks, call: Call) -> None:
    """LimitExceeded if the caller's account can have no further key in the Region."""
    if kms.books.holds(call.account, call.region, kms.key_quota):
        raise LimitExceeded(
            f"The account has {kms.key_quota} KMS keys in {call.region}, the most it can have."
        )


def _spec(rq: CreateKeyRequest) -> str:
    return rq.KeySpec or rq.CustomerMasterKeySpec or SYMMETRIC_DEFAULT


def _material(
    backing: Backing, call: Call, rq: CreateKeyRequest, key_id: str
) -> Material | Private | None:
    """To make that of an RSA key takes up to seconds, so it is not done while the
    database waits; what was made for another attempt of the same call is taken.
    """
    spec = _spec(rq)
    if rq.Origin == Origin.EXTERNAL:
        return None
    if spec == SYMMETRIC_DEFAULT:
        return backing.generate(key_id)
    if call.made is None:
        piece = Piece(Fresh(spec), spec)
        if piece.slow:
            raise Slow(piece)
        call.made = piece.do()
    return Private.of(material_id(key_id, call.made), spec, call.made)


def _of_creation(rq: CreateKeyRequest) -> dict[str, Value]:
    """The condition keys of CreateKey: the key as it will be."""
    found = of_new_key(
        _spec(rq),
        rq.KeyUsage or Usage.ENCRYPT_DECRYPT.value,
        rq.Origin or Origin.AWS_KMS.value,
        "PRIMARY" if rq.MultiRegion else None,
        {tag.TagKey: tag.TagValue for tag in rq.Tags or []},
    )
    return found | of_bypass(rq.BypassPolicyLockoutSafetyCheck)


def _require_kind(rq: CreateKeyRequest) -> None:
    """Refuse a combination that AWS refuses; and, openly, the kinds that are not made here yet."""
    if rq.KeySpec is not None and rq.CustomerMasterKeySpec is not None:
        raise Validation(
            "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. "
            "CustomerMasterKeySpec is deprecated."
        )
    spec = _spec(rq)
    if rq.KeyUsage is None and spec != SYMMETRIC_DEFAULT:
        raise Validation(
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption "
            "keys."
        )
    usage = Usage(rq.KeyUsage or Usage.ENCRYPT_DECRYPT)
    if usage not in SPECS[spec].usages:
        raise Validation(f"KeyUsage {usage} is not compatible with KeySpec {spec}")
    origin = Origin(rq.Origin or Origin.AWS_KMS)
    in_store = origin in (Origin.AWS_CLOUDHSM, Origin.EXTERNAL_KEY_STORE)
    if in_store != (rq.CustomKeyStoreId is not None):
        raise Validation(
            "CustomKeyStoreId is required for, and only for, a key in a custom key store."
        )
    if (origin is Origin.EXTERNAL_KEY_STORE) != (rq.XksKeyId is not None):
        raise Validation("XksKeyId is required for, and only for, a key in an external key store.")
    if in_store and (spec != SYMMETRIC_DEFAULT or rq.MultiRegion):
        raise Validation(
            "A key in a custom key store must be a single-Region symmetric encryption key."
        )
    if spec not in MADE_HERE:
        raise NotImplementedHere(f"CreateKey with KeySpec {spec} is not implemented yet.")
    if origin is Origin.EXTERNAL and spec not in IMPORTABLE:
        raise Validation(f"KeySpec {spec} is not compatible with Origin {origin}")
    if in_store:
        raise NotImplementedHere(f"CreateKey with Origin {origin} is not implemented yet.")


def describe_key(kms: Kms, call: Call, rq: DescribeKeyRequest) -> DescribeKeyResponse:
    tokens.require(kms, call, rq.GrantTokens)
    key = any_form(kms, call, "DescribeKey", rq.KeyId)
    access.require(kms, call, "DescribeKey", key, partial(of_alias, rq.KeyId))
    return DescribeKeyResponse(KeyMetadata=metadata.of(key))


def list_keys(kms: KmsBooks, call: Call, rq: ListKeysRequest) -> ListKeysResponse:
    """Keys of the caller's account and Region, AWS managed ones among them, ordered by id."""
    most = paging.count(rq.Limit, paging.WIDE)
    after = paging.start(rq.Marker)
    access.require_account(kms, call, "ListKeys")
    if rq.ResourceOwners and "SELF" not in rq.ResourceOwners:
        if after:
            raise InvalidMarker("Invalid marker")  # no page of these ever had one
        return ListKeysResponse(Keys=[], Truncated=False)  # nothing is shared with anyone
    found = kms.books.key_ids(call.account, call.region, after, most + 1)
    page, more, following = paging.cut(found, most, str)
    prefix = f"arn:{call.partition}:kms:{call.region}:{call.account}:key/"
    return ListKeysResponse(
        Keys=[KeyListEntry(KeyId=key_id, KeyArn=prefix + key_id) for key_id in page],
        Truncated=more,
        NextMarker=following,
    )


def enable_key(kms: KmsBooks, call: Call, rq: EnableKeyRequest) -> None:
    _switch(kms, call, "EnableKey", rq.KeyId, KeyState.ENABLED)


def disable_key(kms: KmsBooks, call: Call, rq: DisableKeyRequest) -> None:
    _switch(kms, call, "DisableKey", rq.KeyId, KeyState.DISABLED)


def _switch(kms: KmsBooks, call: Call, operation: str, key_id: str, to: KeyState) -> None:
    key = id_or_arn(kms, call, operation, key_id)
    besides: Besides = nothing
    if to is KeyState.DISABLED:
        besides = partial(last_usage.trailing_days, kms, key, call.now)
    access.require(kms, call, operation, key, besides)
    states.require(operation, key.state, key.arn)
    if key.state is not to:
        kms.books.change_key(key, state=to)


def update_key_description(kms: KmsBooks, call: Call, rq: UpdateKeyDescriptionRequest) -> None:
    key = id_or_arn(kms, call, "UpdateKeyDescription", rq.KeyId)
    access.require(kms, call, "UpdateKeyDescription", key)
    states.require("UpdateKeyDescription", key.state, key.arn)
    kms.books.change_key(key, description=rq.Description)
