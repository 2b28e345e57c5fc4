"""A database of the release before is counted anew, if it is what that release left; and one that has no sums."""

from collections import defaultdict

import pytest
from keeping import HERE, STRANGER, keep_alias, keep_grant, keep_key
from sqlalchemy import delete, insert, select, update

from strongroom.keys.derive import derive
from strongroom.keys.sealing import Tampered, names, seal
from strongroom.keys.states import KeyState
from strongroom.keys.witness import MODULUS, Witness
from strongroom.storage import schema
from strongroom.storage.store import Store
from strongroom.storage.things import COUNTED, mac_of, place_of


@pytest.fixture
def kept(store, backing):
    keys = [keep_key(store, backing, place) for place in (HERE, HERE, STRANGER)]
    for number, key in enumerate(keys):
        keep_alias(store, key, f"alias/{number}")
        keep_grant(store, key)
    return keys


def as_before(database, root):
    """The sums as the release before kept them, in place of ours."""
    witness = Witness(root)
    sealing = derive(root, b"strongroom/v1/witness-sums", b"")
    with database.writing() as connection:
        sums = defaultdict(int)
        for table in COUNTED:
            for row in connection.execute(select(table)).mappings():
                place = place_of(table, row)
                sums[place] += witness.weight(place, row[mac_of(table)])
        for place, total in sums.items():
            sealed = seal(sealing, (total % MODULUS).to_bytes(32), names("total", *place))
            row = {**place._asdict(), "of_table": place.table, "sealed": sealed}
            del row["table"]
            connection.execute(insert(schema.totals).values(row))
        shares = sum(witness.share_of_place(place, total) for place, total in sums.items())
        epoch = connection.execute(select(schema.epoch.c.sealed)).scalar_one()
        whole = witness.open_whole(epoch)._replace(total=shares % MODULUS)
        connection.execute(update(schema.epoch).values(sealed=witness.seal_whole(whole)))
        for table in (schema.leaves, schema.branches):
            connection.execute(delete(table))
    return whole


def found(store):
    with store.verifying() as verification:
        return list(verification.run())


def test_what_the_release_before_left(database, root, page, kept):
    before = as_before(database, root)
    store = Store(database, root, page)
    assert store.begin().commits == before.commits + 1
    assert store.begin().commits == before.commits + 1  # once
    assert found(store) == []
    with database.reading() as connection:
        assert connection.execute(select(schema.totals)).all() == []
    for key in kept:
        assert store.key(key.account, key.region, key.id).key.id == key.id
    with store.writing() as books:
        books.change_key(kept[0], state=KeyState.DISABLED)
    assert found(store) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda: delete(schema.grants),
        lambda: delete(schema.keys).where(schema.keys.c.account == STRANGER[0]),
        lambda: delete(schema.totals).where(schema.totals.c.of_table == "grants"),
        lambda: delete(schema.totals),
        lambda: update(schema.totals).values(sealed=b"\1" * 77),
    ],
)
def test_what_it_did_not_leave_so(database, root, page, kept, change):
    as_before(database, root)
    with database.writing() as connection:
        connection.execute(change())
    with pytest.raises(Tampered):
        Store(database, root, page).begin()
    with database.reading() as connection:  # nothing came of it
        assert connection.execute(select(schema.leaves)).all() == []


def test_older_rows_with_their_sums(database, root, page, store, backing, kept):
    """All that the release before could put back but the row of `epoch`."""
    as_before(database, root)
    with database.reading() as connection:
        older = [dict(row) for row in connection.execute(select(schema.totals)).mappings()]
    Store(database, root, page).begin()
    keep_grant(Store(database, root, page), kept[0], name="another")
    as_before(database, root)
    with database.writing() as connection:
        connection.execute(delete(schema.totals))
        connection.execute(insert(schema.totals), older)
        connection.execute(delete(schema.grants).where(schema.grants.c.name == "another"))
    with pytest.raises(Tampered):
        Store(database, root, page).begin()


def test_a_database_that_has_no_sums(database, root, page, kept):
    with database.writing() as connection:
        connection.execute(update(schema.epoch).values(sealed=b""))
    store = Store(database, root, page)
    assert store.begin().commits == 1
    assert found(store) == []


def test_nothing_is_counted_where_there_is_nothing(database, root, page):
    store = Store(database, root, page)
    assert [store.begin().commits, store.begin().commits] == [1, 1]


def test_more_rows_than_are_counted_at_once(database, root, page, store, kept, monkeypatch):
    monkeypatch.setattr("strongroom.storage.counting._AT_ONCE", 3)
    monkeypatch.setattr("strongroom.storage.tree._AT_ONCE", 2)
    as_before(database, root)
    store = Store(database, root, page)
    store.begin()
    assert found(store) == []
