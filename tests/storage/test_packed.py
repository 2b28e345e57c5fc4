"""A key that is packed is the same key when it is found again, or is not held at all."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.keys.envelope import Material, key_id_bytes
from strongroom.keys.hierarchy import new_material
from strongroom.keys.key import Key
from strongroom.keys.regions import Regions
from strongroom.keys.rotation import Schedule
from strongroom.keys.specs import SPECS, Manager, Origin, Usage
from strongroom.keys.states import KeyState
from strongroom.storage.packed import PackedKeys

ACCOUNT, REGION = "111122223333", "test-1"
TIMES = st.floats(0, 4e9)


def made(key_id, **change):
    materials = {each.id: each for each in [new_material(key_id)]}
    parts = {
        "account": ACCOUNT,
        "region": REGION,
        "id": key_id,
        "arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key_id}",
        "id_bytes": key_id_bytes(key_id),
        "manager": Manager.CUSTOMER,
        "spec": "SYMMETRIC_DEFAULT",
        "usage": Usage.ENCRYPT_DECRYPT,
        "origin": Origin.AWS_KMS,
        "multi_region": False,
        "state": KeyState.ENABLED,
        "description": "",
        "created": 1.0,
        "policy": "{}",
        "deletion_date": None,
        "deletion_window_days": None,
        "rotation": None,
        "on_demand_rotations": 0,
        "materials": materials,
        "current_id": next(iter(materials)),
        "version": 1,
    }
    return Key(**{**parts, **change})


def place(key):
    return key.account, key.region, key.id


@st.composite
def keys(draw):
    """Usual ones, and ones that have everything; two often have one profile."""
    key_id = str(draw(st.uuids(version=4)))
    if draw(st.booleans()):
        return made(key_id)
    materials = {}
    for secret in draw(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=5)):
        material_id = draw(st.binary(min_size=32, max_size=32))
        materials[material_id] = Material(material_id, secret)
    return made(
        key_id,
        manager=draw(st.just(Manager.CUSTOMER) | st.sampled_from(Manager)),
        state=draw(st.sampled_from(KeyState)),
        description=draw(st.text(max_size=200)),
        created=draw(TIMES),
        policy=draw(st.sampled_from(["{}", '{"Version": "2012-10-17"}'])),
        principals=draw(
            st.dictionaries(st.sampled_from(["arn:a", "arn:b"]), st.just("AIDA"), max_size=2)
        ),
        deletion_date=draw(st.none() | TIMES),
        deletion_window_days=draw(st.none() | st.integers(7, 30)),
        rotation=draw(st.none() | st.builds(Schedule, st.integers(90, 2560), TIMES)),
        on_demand_rotations=draw(st.integers(0, 25)),
        materials=materials,
        current_id=draw(st.sampled_from(sorted(materials))),
        version=draw(st.integers(1, 2**32 - 1)),
    )


@given(st.lists(keys(), max_size=6, unique_by=lambda key: key.id))
def test_it_is_the_same(some):
    packed = PackedKeys(100)
    for key in some:
        packed.hold(key)
    for key in some:
        found = packed.find(place(key))
        assert found == key
        assert found.profile is key.profile
        assert list(found.materials) == list(key.materials)
        for material_id, material in found.materials.items():
            was = key.materials[material_id]
            assert material.message_key(b"salt") == was.message_key(b"salt")


def fresh(**change):
    return made(str(uuid.uuid4()), **change)


def test_what_changed_takes_the_place_of_what_was_and_what_is_dropped_is_gone():
    packed, key = PackedKeys(10), fresh()
    packed.hold(key)
    changed = key.but(state=KeyState.DISABLED, version=2)
    packed.hold(changed)
    assert (packed.find(place(key)), len(packed)) == (changed, 1)
    packed.drop(place(key))
    assert packed.find(place(key)) is None


def other_kinds():
    key = fresh()
    yield pytest.param(key.but(origin=Origin.EXTERNAL), id="imported")
    regions = Regions(REGION, (REGION,))
    yield pytest.param(key.but(multi_region=True, regions=regions), id="multi-Region")
    yield pytest.param(key.but(description="x" * 2_048), id="long description")
    yield pytest.param(key.but(version=2**32), id="version")
    for spec in SPECS:
        if spec != "SYMMETRIC_DEFAULT":
            usage = next(iter(SPECS[spec].algorithms))
            other = key.but(spec=spec, usage=usage, materials={})
            yield pytest.param(other, id=spec)


@pytest.mark.parametrize("key", list(other_kinds()))
def test_a_key_of_another_kind_is_not_held(key):
    packed = PackedKeys(10)
    packed.hold(key)
    assert (packed.find(place(key)), len(packed)) == (None, 0)


def test_another_accounts_key_of_that_id_is_not_taken_for_it():
    packed, one = PackedKeys(10), fresh()
    packed.hold(one)
    for other in (fresh(), one.but(account="444455556666"), one.but(region="test-2")):
        assert packed.find(place(other)) is None
    assert packed.find(place(one)) == one


def test_policies_without_end_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr("strongroom.storage.packed._MOST_TEXT", 20_000)
    packed = PackedKeys(10_000)
    for number in range(100):
        key = fresh(policy=f'{{"Id": "{number}"}}')
        packed.hold(key)
        assert packed.find(place(key)) == key
        assert packed._text <= 20_000
        assert len(packed._commons) < 20


def test_a_key_does_not_show_its_secrets():
    key = fresh()
    (material,) = key.materials.values()
    for _ in range(2):
        material.message_key(b"salt")
    assert material.kdf is not None
    for shown in (
        repr(key),
        str(key),
        repr(material),
        repr(material.kdf),
        repr(dict(key.materials)),
    ):
        assert material.secret.hex() not in shown
        assert repr(material.secret)[2:-1] not in shown
