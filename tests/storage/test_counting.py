"""A database of the release before is counted anew, if it is what that release left; and one that has no sums."""

from collections import defaultdict

import pytest
from keeping import HERE, NOW, STRANGER, keep_alias, keep_grant, keep_key
from sqlalchemy import delete, insert, select, update

from strongroom.keys.derive import derive
from strongroom.keys.sealing import Tampered, names, seal
from strongroom.keys.states import KeyState
from strongroom.keys.usage import LastUsage
from strongroom.keys.witness import MODULUS, Thing, Witness
from strongroom.storage import counting, schema, things
from strongroom.storage.store import Store
from strongroom.storage.things import COUNTED, beginning, mac_of, place_of
from strongroom.storage.tree import Tree


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


# Last usages, which were one thing in an account and Region


USAGE = LastUsage("Encrypt", NOW, "r", "e")


def place(key):
    return key.account, key.region, key.id


@pytest.fixture
def used(store, backing, kept, monkeypatch):
    """Keys whose last usages are together, as they were before."""
    keys = [*kept, *(keep_key(store, backing, HERE) for _ in range(20))]
    together = things._Kind("last_usage", ())
    with monkeypatch.context() as patched:
        patched.setitem(things._KINDS, schema.last_usage, (together,))
        with store.writing() as books:
            books.put_usages({place(key): USAGE for key in keys})
    return keys


def with_one_total(database, root):
    with database.reading() as connection:
        return counting._with_one_total(connection, Witness(root))


def test_last_usages_become_many_things(database, root, page, used):
    assert len(with_one_total(database, root)) == 2
    store = Store(database, root, page)
    before = store.whole()
    assert store.begin().commits == before.commits + 1
    assert store.begin().commits == before.commits + 1  # once
    assert with_one_total(database, root) == []
    assert found(store) == []
    with store.writing() as books:
        books.put_usages({place(used[0]): USAGE._replace(at=NOW + 1)})
    with store.reading() as books:
        assert [books.last_usage(key).at for key in used] == [NOW + 1] + [NOW] * (len(used) - 1)
    assert found(store) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda key: delete(schema.last_usage).where(schema.last_usage.c.key_id == key.id),
        lambda key: (
            update(schema.last_usage)
            .where(schema.last_usage.c.key_id == key.id)
            .values(mac=bytes(32))
        ),
        lambda _: delete(schema.leaves).where(schema.leaves.c.thing.startswith("last_usage/")),
    ],
    ids=["a row that is gone", "a row that is another", "their totals"],
)
def test_last_usages_that_were_altered_are_not_believed(database, root, page, used, change):
    with database.defining() as connection:
        connection.execute(change(used[0]))
    store = Store(database, root, page)
    before = store.whole()
    if with_one_total(database, root):
        with pytest.raises(Tampered):
            store.begin()
        assert store.whole() == before
        with database.writing() as connection:
            counting.bring_up(connection, Tree(Witness(root)), believed=True)
        assert with_one_total(database, root) == []
    else:
        store.begin()
        with store.reading() as books, pytest.raises(Tampered):
            books.last_usage(used[0])
        assert found(store) != []


def test_what_begins_alike_is_read_together():
    assert beginning("0123abcd-12ab-34cd-56ef-1234567890ab") == "012"
    assert beginning("mrk-0123abcd12ab34cd56ef1234567890ab") == "mrk-012"
    assert Thing("last_usages", *HERE, "012") in things.things_of(
        schema.last_usage,
        {"account": HERE[0], "region": HERE[1], "key_id": "0123abcd-12ab-34cd-56ef-1234567890ab"},
    )
