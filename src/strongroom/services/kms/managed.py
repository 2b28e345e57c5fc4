"""AWS managed keys: one per service, behind `alias/aws/SERVICE`, made when first asked for."""

import uuid

from strongroom.arn import Arn, partition_of
from strongroom.keys import rotation
from strongroom.keys.alias import Alias, service_of
from strongroom.keys.envelope import Material, key_id_bytes
from strongroom.keys.key import Key
from strongroom.keys.private import Private
from strongroom.keys.regions import Regions
from strongroom.keys.specs import SYMMETRIC_DEFAULT, Manager, Origin, Usage
from strongroom.keys.states import KeyState
from strongroom.services.call import Call
from strongroom.services.kms import policies
from strongroom.services.kms.world import Backing, Writing


def provide(backing: Backing, call: Call, name: str, books: Writing) -> None:
    """Make the key behind the reserved alias `name`, unless it has come into being meanwhile."""
    service = service_of(name)
    if service is None or books.alias(call.account, call.region, name) is not None:
        return
    key_id = fresh_id()
    key = new_key(
        call,
        key_id,
        backing.generate(key_id),
        manager=Manager.AWS,
        description=f"Default key that protects my {service} data when no other key is defined",
        policy=policies.of_aws_managed_key(call.account, call.region, service),
        schedule=rotation.schedule(rotation.DEFAULT_PERIOD_DAYS, call.now),
    )
    books.add_key(key)
    books.put_alias(Alias(call.account, call.region, name, key.id, call.now, call.now))


def fresh_id(*, multi_region: bool = False) -> str:
    return f"mrk-{uuid.uuid4().hex}" if multi_region else str(uuid.uuid4())


def new_key(
    call: Call,
    key_id: str,
    material: Material | Private | None,
    *,
    manager: Manager,
    description: str,
    policy: str,
    schedule: rotation.Schedule | None = None,
    multi_region: bool = False,
    spec: str = SYMMETRIC_DEFAULT,
    usage: Usage = Usage.ENCRYPT_DECRYPT,
    origin: Origin = Origin.AWS_KMS,
) -> Key:
    """A key of the caller's account and Region, not yet kept anywhere: enabled, or without material,
    waiting for its import.
    """
    return Key(
        account=call.account,
        region=call.region,
        id=key_id,
        arn=str(Arn(partition_of(call.region), "kms", call.region, call.account, f"key/{key_id}")),
        id_bytes=key_id_bytes(key_id),
        manager=manager,
        spec=spec,
        usage=usage,
        origin=origin,
        multi_region=multi_region,
        state=KeyState.PENDING_IMPORT if material is None else KeyState.ENABLED,
        description=description,
        created=call.now,
        policy=policy,
        deletion_date=None,
        deletion_window_days=None,
        rotation=schedule,
        on_demand_rotations=0,
        current_id=b"" if material is None else material.id,
        materials={material.id: material} if isinstance(material, Material) else {},
        private=material if isinstance(material, Private) else None,
        regions=Regions(call.region, (call.region,)) if multi_region else None,
        version=1,
    )
