"""ReplicateKey and UpdatePrimaryRegion.

A replica is a key of its own in another Region, with the primary's id and material: each opens what
the other has sealed.  All members are kept in one database, so a replica is there when the answer
is, and nothing about the two is ever out of step.
"""

from functools import partial
from typing import Any

import msgspec

from strongroom.arn import partition_of
from strongroom.errors import (
    AlreadyExists,
    LimitExceeded,
    NotFound,
    UnsupportedOperation,
    Validation,
)
from strongroom.keys import states
from strongroom.keys.key import Key
from strongroom.keys.specs import Origin
from strongroom.keys.states import KeyState
from strongroom.services.call import Call, Elsewhere
from strongroom.services.circumstances import Value
from strongroom.services.kms import access, lifecycle, metadata, policies
from strongroom.services.kms.circumstances import of_bypass, of_new_key
from strongroom.services.kms.identifiers import id_or_arn
from strongroom.services.kms.tags import with_tags
from strongroom.services.kms.world import KmsBooks
from strongroom.wire.shapes.kms import (
    CreateKeyRequest,
    CreateKeyResponse,
    ReplicateKeyRequest,
    ReplicateKeyResponse,
    UpdatePrimaryRegionRequest,
)

_MOST_REGIONS = 40
"""AWS has fewer; what all members share changes in one transaction, which must not take long."""


def replicate_key(kms: KmsBooks, call: Call, rq: ReplicateKeyRequest) -> ReplicateKeyResponse:
    """A replica of a primary key in another Region of the partition."""
    if rq.Policy is not None:
        policies.require_form(rq.Policy)
    tags = with_tags({}, rq.Tags or [])
    region = rq.ReplicaRegion
    primary = id_or_arn(kms, call, "ReplicateKey", rq.KeyId)
    access.require(kms, call, "ReplicateKey", primary, lambda: {"kms:replicaregion": region})
    regions = primary.require_primary()
    states.require("ReplicateKey", primary.state, primary.arn)
    if partition_of(region) != call.partition:
        raise Validation(f"Region {region} is not of the partition {call.partition}.")
    arn = primary.arn_in(region)
    there = msgspec.structs.replace(call, region=region)
    creation = partial(_of_creation, rq, primary)
    access.require_account(kms, there, "CreateKey", creation)
    if tags:
        access.require_account(kms, there, "TagResource", creation)
    if len(regions.all) >= _MOST_REGIONS:
        raise LimitExceeded(f"A multi-Region key has at most {_MOST_REGIONS} Regions.")
    if region in regions.all:
        raise AlreadyExists(f"Key '{arn}' already exists.")
    lifecycle.require_room(kms, there)
    replica = primary.but(
        region=region,
        arn=arn,
        description=rq.Description or "",
        created=call.now,
        state=KeyState.ENABLED if primary.origin is Origin.AWS_KMS else KeyState.PENDING_IMPORT,
        policy=rq.Policy or policies.default(primary.account, region),
        principals={},
        rotation=None,
        on_demand_rotations=0,
        version=1,
    )
    if rq.Policy is not None:
        document, named = policies.settled(kms, call, rq.Policy)
        replica = replica.but(policy=document, principals=named)
        policies.require_no_lockout(kms, there, replica, bypass=rq.BypassPolicyLockoutSafetyCheck)
    kms.books.add_replica(primary, replica)
    if tags:
        kms.books.put_tags(replica, tags)
    kept_replica = kms.books.key(primary.account, region, primary.id)
    if kept_replica is None:
        raise LookupError(f"the replica of key {primary.id} is gone")
    shown = metadata.of_new_replica(kept_replica)
    call.shared = primary.but(regions=kept_replica.regions)
    call.elsewhere = Elsewhere(
        "CreateKey", kept_replica, _as_creation(rq, primary), CreateKeyResponse(KeyMetadata=shown)
    )
    return ReplicateKeyResponse(
        ReplicaKeyMetadata=shown,
        ReplicaPolicy=policies.shown(kms, kept_replica),
        ReplicaTags=rq.Tags or None,
    )


def update_primary_region(kms: KmsBooks, call: Call, rq: UpdatePrimaryRegionRequest) -> None:
    """The replica in that Region is the primary from now on, and the primary a replica."""
    key = id_or_arn(kms, call, "UpdatePrimaryRegion", rq.KeyId)
    besides: dict[str, Value] = {"kms:primaryregion": rq.PrimaryRegion}
    access.require(kms, call, "UpdatePrimaryRegion", key, lambda: besides)
    key.require_primary()
    states.require("UpdatePrimaryRegion", key.state, key.arn)
    if rq.PrimaryRegion == key.region:
        raise UnsupportedOperation(f"{key.arn} is the primary key already.")
    replica = kms.books.key(key.account, rq.PrimaryRegion, key.id)
    if replica is None:
        arn = key.arn_in(rq.PrimaryRegion)
        raise NotFound(f"Key '{arn}' does not exist")
    there = msgspec.structs.replace(call, region=rq.PrimaryRegion)
    access.require(kms, there, "UpdatePrimaryRegion", replica, lambda: besides)
    states.require("UpdatePrimaryRegion", replica.state, replica.arn)
    kms.books.put_primary(key, replica)
    asked = msgspec.structs.replace(rq, KeyId=replica.arn)
    call.elsewhere = Elsewhere("UpdatePrimaryRegion", replica, asked, None)


def _as_creation(rq: ReplicateKeyRequest, primary: Key) -> CreateKeyRequest:
    as_primary: dict[str, Any] = {
        "KeyUsage": primary.usage.value,
        "CustomerMasterKeySpec": primary.spec,
        "KeySpec": primary.spec,
        "Origin": primary.origin.value,
    }
    return CreateKeyRequest(
        Policy=rq.Policy,
        Description=rq.Description or "",
        BypassPolicyLockoutSafetyCheck=bool(rq.BypassPolicyLockoutSafetyCheck),
        Tags=rq.Tags,
        MultiRegion=True,
        **as_primary,
    )


def _of_creation(rq: ReplicateKeyRequest, primary: Key) -> dict[str, Value]:
    """The condition keys of CreateKey, of the replica as it will be."""
    tags = {tag.TagKey: tag.TagValue for tag in rq.Tags or []}
    return {
        **of_new_key(primary.spec, primary.usage.value, primary.origin.value, "REPLICA", tags),
        **of_bypass(rq.BypassPolicyLockoutSafetyCheck),
    }
