"""A key by one statement is what it is by many, or is left to those."""

import pytest
from keeping import ELSEWHERE, HERE, NOW, STRANGER, keep_key
from sqlalchemy import inspect, select, text, update
from tests.flipping import flipped

from strongroom.errors import Unavailable
from strongroom.keys.private import Private, fresh
from strongroom.keys.rotation import RotationType, Schedule
from strongroom.keys.sealing import Tampered
from strongroom.keys.specs import Manager, Origin, Usage
from strongroom.keys.states import KeyState
from strongroom.storage import changes, schema
from strongroom.storage.database import Database
from strongroom.storage.page import Page
from strongroom.storage.renewal import renew
from strongroom.storage.store import Store


@pytest.fixture
def kept(store, backing):
    """Keys of all sorts, most of them of the sort that one statement gives."""
    keys = [
        keep_key(store, backing),
        keep_key(store, backing, ELSEWHERE, description="ünï", principals={"arn:x": "AIDA"}),
        keep_key(store, backing, STRANGER, state=KeyState.DISABLED, manager=Manager.AWS),
        keep_key(
            store,
            backing,
            state=KeyState.PENDING_DELETION,
            deletion_date=NOW,
            deletion_window_days=7,
        ),
        keep_key(store, backing, rotation=Schedule(365, NOW + 1)),
    ]
    rotated = keep_key(store, backing)
    with store.writing() as books:
        for generation in range(1, 4):
            material = backing.generate(rotated.id)
            books.add_material(rotated, material, generation, NOW, RotationType.ON_DEMAND)
        books.change_key(rotated, current_id=material.id, on_demand_rotations=3)
    for spec, usage in (("RSA_2048", Usage.SIGN_VERIFY), ("HMAC_256", Usage.GENERATE_VERIFY_MAC)):
        material_id = bytes([len(spec)]) * 32
        private = Private.of(material_id, spec, fresh(spec))
        keys.append(
            keep_key(
                store,
                backing,
                spec=spec,
                usage=usage,
                current_id=material_id,
                materials={},
                private=private,
            )
        )
    return [*keys, rotated]


@pytest.fixture
def left(store, backing):
    """Keys that are left to many statements."""
    several = keep_key(store, backing, multi_region=True)
    with store.writing() as books:
        books.add_replica(
            several, several.but(region="test-3", arn=several.arn_in("test-3"), version=1)
        )
    empty = keep_key(store, backing, origin=Origin.EXTERNAL, current_id=b"", materials={})
    return [several, empty]


def of(store, key):
    return store.key(key.account, key.region, key.id)


def by_many(store, key):
    with store.reading() as books:
        return books.key(key.account, key.region, key.id), changes.last(books.connection)


def test_the_same_key(store, kept, left, monkeypatch):
    for key in kept + left:
        wanted = by_many(store, key)  # and the domain is open
        assert of(store, key) == wanted
        assert wanted[0].materials == of(store, key).key.materials
        assert type(of(store, key).key.multi_region) is bool
    monkeypatch.setattr(Store, "reading", None)
    for key in kept:
        assert of(store, key).key.id == key.id
    missing = kept[0].but(id="00000000-0000-0000-0000-000000000000")
    assert of(store, missing).key is None
    for key in left:
        with pytest.raises(TypeError):
            of(store, key)


def test_one_that_was_altered_is_refused(store, kept):
    key = kept[0]
    for table in (schema.keys, schema.materials):
        for column in table.columns:
            if column.primary_key and column.name != "generation":
                continue
            with store._database.reading() as connection:
                (before,) = connection.execute(select(column).where(table.c.key_id == key.id)).one()
            match before:
                case bool():
                    after = not before
                case int() | float():
                    after = before + 1
                case bytes():
                    after = flipped(before, 0)
                case str():
                    after = before + "x"
                case None:
                    after = "x" if column.name == "rotation_type" else 1
            here = update(table).where(table.c.key_id == key.id)
            assert of(store, key).key == key
            with store._database.writing() as connection:
                connection.execute(here.values({column.name: after}))
            with pytest.raises(Tampered):
                of(store, key)
            with store._database.writing() as connection:
                connection.execute(here.values({column.name: before}))
    assert of(store, key).key == key


def test_under_a_domain_key_that_is_not_known_yet(store, root, kept):
    other = Store(store._database, root, Page.blank())
    assert of(other, kept[0]).key == of(other, kept[0]).key == kept[0]
    renew(store, HERE)
    assert of(other, kept[0]).key == kept[0]


def test_what_is_committed_is_seen_at_once(store, backing):
    key = keep_key(store, backing)
    for number in range(20):
        found, before = of(store, key)
        with store.writing() as books:
            books.change_key(found, description=str(number))
        found, after = of(store, key)
        assert found.description == str(number)
        assert after == before + 1


def test_a_database_that_is_away(postgresql, root, backing):
    server, template = postgresql
    database = Database(server.copy(template))
    store = Store(database, root, Page.blank())
    key = keep_key(store, backing)
    assert of(store, key).key == key
    with database.reading() as connection:
        assert inspect(connection).has_table("keys")
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        )
    assert of(store, key).key == key  # by another connection
    name = "postgresql://127.0.0.1:1/none"
    gone = Store(Database(name), root, Page.blank())
    gone._domains.update(store._domains)
    with pytest.raises(Unavailable):
        of(gone, key)
    database.close()
