"""A row is believed as it was written and where it was written; else nothing is made of it."""

import contextlib
import itertools
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from functools import partial

import pytest
from keeping import (
    ELSEWHERE,
    HERE,
    NOW,
    STRANGER,
    keep_alias,
    keep_grant,
    keep_identities,
    keep_key,
    keep_organization,
)
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from tests.conftest import init, start

from strongroom.backings.software import SoftwareBacking
from strongroom.keys.credential import Credential
from strongroom.keys.imports import Import
from strongroom.keys.rotation import RotationType
from strongroom.keys.sealing import Tampered
from strongroom.keys.specs import Origin
from strongroom.keys.states import KeyState
from strongroom.keys.usage import LastUsage
from strongroom.policy.entities import Group, ManagedPolicy, PolicyVersion, Role, User
from strongroom.policy.organization import PolicyType
from strongroom.storage import schema
from strongroom.storage.database import Database
from strongroom.storage.migrations import migrate
from strongroom.storage.page import Page
from strongroom.storage.rootkey import new_root_key
from strongroom.storage.store import Store
from strongroom.storage.things import COUNTED, things_of
from strongroom.storage.tree import told

CREDENTIAL = Credential("AKIAAAAAAAAAAAAAAAAA", "s" * 40, HERE[0])
OTHER_CREDENTIAL = Credential("AKIABBBBBBBBBBBBBBBB", "t" * 40, HERE[0], "AIDAone")
THEIR_CREDENTIAL = Credential("AKIACCCCCCCCCCCCCCCC", "u" * 40, STRANGER[0])

IDENTITIES = ((HERE[0], "one"), (HERE[0], "two"), (STRANGER[0], "one"))


@pytest.fixture(scope="module")
def root():
    return new_root_key()


@pytest.fixture(scope="module")
def in_file(tmp_path_factory, root):
    """The file of a database that nobody uses, and the keys in it."""
    file = tmp_path_factory.mktemp("tampering") / "strongroom.db"
    with closing(Database(file)) as database:
        migrate(database)
        keys = keep_everything(database, root)
        database.forget_deleted()  # all is in the file itself
    return file, keys


@pytest.fixture(scope="module")
def at_address(postgresql, root):
    """The address of another, and the keys in it."""
    server, template = postgresql
    address = server.copy(template)
    with closing(Database(address)) as database:
        keys = keep_everything(database, root)
    return address, keys


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def full(request, tmp_path):
    """A database of each sort that has two of everything in one place, and one of everything in two others; and the
    keys in it.
    """
    if request.param == "sqlite":
        file, keys = request.getfixturevalue("in_file")
        where = shutil.copy(file, tmp_path / file.name)
    else:
        address, keys = request.getfixturevalue("at_address")
        server, _ = request.getfixturevalue("postgresql")
        where = server.copy(address)
    with closing(Database(where)) as database:
        yield database, keys


@pytest.fixture
def database(full):
    return full[0]


@pytest.fixture
def kept(full):
    """The keys, by what else of theirs is called."""
    return full[1]


@pytest.fixture
def uses(kept):
    return Uses(kept)


def keep_everything(database, root):
    store, backing = Store(database, root, Page.blank()), SoftwareBacking()
    keys = {}
    for name, place in (("one", HERE), ("two", HERE), ("there", ELSEWHERE), ("theirs", STRANGER)):
        key = keys[name] = keep_key(store, backing, place, origin=Origin.EXTERNAL)
        with store.writing() as books:
            waits = backing.generate(key.id)
            books.add_material(key, waits, 1, NOW, RotationType.ON_DEMAND)
            books.put_import(key, known_of(key.current_id, name))
            books.put_import(key, known_of(waits.id, name, pending=True))
            books.put_usages(
                {(key.account, key.region, key.id): LastUsage("Encrypt", NOW, name, name)}
            )
            books.put_tags(key, {"x": "1", "y": "2"})
        keep_alias(store, key, f"alias/{name}")
        keep_grant(
            store,
            key,
            name=name,
            retiring=RETIRING,
            equals=(("a", "1"),),
            subset=(("b", "2"),),
            source_arn="arn:aws:s3:::a-bucket",
        )
    for place in (HERE, STRANGER):
        primary = keep_key(store, backing, place, multi_region=True)
        replica = primary.but(region="test-3", arn=primary.arn_in("test-3"), version=1)
        with store.writing() as books:
            books.add_replica(primary, replica)
    with store.writing() as books:
        for account in (HERE[0], STRANGER[0]):
            books.add_account(account, f"name of {account}", NOW)
        for credential in (CREDENTIAL, OTHER_CREDENTIAL, THEIR_CREDENTIAL):
            books.add_credential(credential, NOW)
    for account, name in IDENTITIES:
        keep_identities(store, account, name)
    for account in (HERE[0], STRANGER[0]):
        keep_organization(store, account, member_of(account))
    return keys


def known_of(material_id, description, *, pending=False):
    return Import(
        material_id=material_id,
        present=True,
        pending=pending,
        valid_to=NOW + 1,
        description=description,
    )


def member_of(account):
    """The account in the organization that `account` manages."""
    return {HERE[0]: "222233334444", STRANGER[0]: "555566667777"}[account]


RETIRING = "arn:aws:iam::444455556666:role/keeper"


class Uses:
    """Reading each thing that is kept, as operations do."""

    def __init__(self, kept):
        places = HERE[0], STRANGER[0]
        self._all = [
            *(partial(use_key, name=name, key=key) for name, key in kept.items()),
            *(partial(use_account, account=account) for account in places),
            *(
                partial(use_credential, credential=credential)
                for credential in (CREDENTIAL, OTHER_CREDENTIAL, THEIR_CREDENTIAL)
            ),
            *(partial(use_identities, account=account, name=name) for account, name in IDENTITIES),
            *(
                partial(use_organization, account=account, member=member_of(account))
                for account in places
            ),
        ]

    def all(self, store):
        with store.reading() as books:
            for use in self._all:
                use(books)

    def notice(self, store):
        """One of them does that something was tampered with; who did it last is asked first."""
        with store.reading() as books:
            for at, use in enumerate(self._all):
                try:
                    use(books)
                except Tampered:
                    self._all.insert(0, self._all.pop(at))
                    return
        pytest.fail("nobody noticed it")


def use_key(books, name, key):
    assert books.key(key.account, key.region, key.id) is not None
    assert books.alias(key.account, key.region, f"alias/{name}") is not None
    books.generations(key)
    assert books.last_usage(key).request_id == name
    books.tags(key)
    books.aliases_of(key)
    use_grants(books, key)
    books.aliases(key.account, key.region, None, "", 10)


def use_grants(books, key):
    root = f"arn:aws:iam::{key.account}:root"
    (grant,) = books.grants(key.account, key.region, key.id, (root,))
    assert books.retirable_grants(key.region, RETIRING, "", 10)
    assert books.grants_of(key, None, "", 10) == [grant]
    assert books.grant(key.account, key.region, grant.id) == grant
    assert books.grant_like(grant) == grant


def use_account(books, account):
    assert books.account_exists(account)
    for key in books.multi_region_keys(account, 10):
        found = [books.key(account, region, key.id) for region in key.regions.all]
        assert [each.is_replica for each in found] == [False, True]


def use_credential(books, credential):
    assert books.credential(credential.key_id) == credential
    assert books.access_key(credential.key_id).user_id == credential.user


def use_identities(books, account, name):
    user = books.identity(account, "user", name)
    assert [document.text for document in user.policies] == [
        "the inline one of the user",
        "the managed one",
        "the inline one of the group",
        "the managed one",
    ]
    assert user.groups == (f"arn:aws:iam::{account}:group/path/{name}",)
    assert user.boundary.text == "the managed one"
    role = books.identity(account, "role", name)
    assert books.identity_by_id(account, role.unique_id) == role
    assert len(role.policies) == 2
    assert (user.tags, role.tags) == ({"x": "1"}, {"x": "1"})
    for owner in (f"AGPA{name}", f"ANPA{name}"):
        assert books.iam_tags(account, owner) == {"x": "1"}
    assert books.provider(account, f"{name}.example") is not None
    assert books.role_deletion(account, f"task-{name}").role == f"Linked{name}"
    assert books.account_of_alias(f"alias-{account}") == account
    assert books.account_alias(account) == f"alias-{account}"


def use_organization(books, account, member):
    organization = books.organization_of(account)
    assert organization == books.organization_of(member)
    standing = books.standing(member)
    assert standing.path == f"o-{member}/r-{member}/ou-{member}/"
    assert [len(level) for level in (*standing.scps, *standing.rcps)] == [1] * 6
    books.everything_in(organization)
    invitation = books.invitation(f"h-{member}")
    assert [invitation] == books.invitations_by(organization) == books.invitations_to(member)
    creation = books.creation(organization, f"car-{member}")
    assert [creation] == books.creations(organization)
    assert books.organization_tags(organization, f"ou-{member}") == {"x": "1"}


def wrong(store):
    """Everything that `strongroom verify` finds, and how many rows it has looked at."""
    with store.verifying() as verification:
        return list(verification.run()), verification.rows


def flipped(value):
    """Another value of the same type."""
    match value:
        case None:
            return 7
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return value[:-1] + ("0" if value[-1:] != "0" else "1")
        case bytes():
            return value[:-1] + bytes([value[-1] ^ 1])
    raise AssertionError(value)


CHECKED = [table for table in COUNTED if table is not schema.domains]


def cells(database, table):
    """Each row of a table, as it was read, with each column that is no part of its name."""
    columns = [column.name for column in table.columns if not column.primary_key]
    return itertools.product(rows_of(database, table), columns)


def alter(database, table, row, **change):
    """Change a row behind the store's back; `row` as it was read."""
    here = [column == row[column.name] for column in table.primary_key.columns]
    with database.writing() as connection:
        assert connection.execute(update(table).where(*here).values(**change)).rowcount == 1


def rows_of(database, table):
    with database.reading() as connection:
        return [dict(row) for row in connection.execute(select(table)).mappings()]


def opened_anew(database, root, page):
    """The store as another process has it, which has opened no domain yet."""
    return Store(database, root, page)


def by_name(tables):
    return pytest.mark.parametrize("table", tables, ids=lambda table: table.name)


@by_name([*CHECKED, schema.domains])
def test_no_column_of_any_row_may_change(database, root, page, uses, table):
    for row, column in cells(database, table):
        alter(database, table, row, **{column: flipped(row[column])})
        uses.notice(opened_anew(database, root, page))
        (found, *more), _ = wrong(opened_anew(database, root, page))
        assert found.where == name_of(table, row) or table is schema.domains, column
        # Without a domain none of its rows can be checked; of another account a row is there too many.
        assert table is schema.domains or all(each.where.startswith("rows of") for each in more)
        alter(database, table, row, **{column: row[column]})
    uses.all(opened_anew(database, root, page))
    found, rows = wrong(opened_anew(database, root, page))
    assert found == []
    assert rows > 4 * 10 + 2 * 5 + 2 + 3 + 3 * 18 + 2 + 2 * 16


BESIDE = [schema.epoch, schema.branches, schema.leaves, schema.changes]
EVERY = [*CHECKED, schema.domains, *BESIDE]


@by_name(BESIDE)
def test_nor_any_of_what_vouches_for_all(database, root, page, table):
    for row, column in cells(database, table):
        alter(database, table, row, **{column: flipped(row[column])})
        found, _ = wrong(opened_anew(database, root, page))
        assert len(found) in (1, 2), column  # of branches, the whole is another too
        alter(database, table, row, **{column: row[column]})
    assert wrong(opened_anew(database, root, page))[0] == []


def test_no_row_may_go(database, root, page, uses):
    for table in EVERY:
        for row in rows_of(database, table)[-3:]:
            with replaced(database, table, row, None):
                assert_noticed(opened_anew(database, root, page), table, row)
                # A leaf may be of what is read in another way here.
                if table not in (schema.changes, schema.leaves):
                    uses.notice(opened_anew(database, root, page))
    assert wrong(opened_anew(database, root, page))[0] == []
    uses.all(opened_anew(database, root, page))


def test_no_row_may_be_there_twice(database, root, page):
    """Under another name, for the database keeps names apart."""
    tried = 0
    for table in EVERY:
        row = rows_of(database, table)[-1]
        for column in table.primary_key.columns:
            double = {**row, column.name: flipped(row[column.name])}
            try:
                with replaced(database, table, None, double):
                    tried += 1
                    assert wrong(opened_anew(database, root, page))[0] != [], table
            except IntegrityError:
                continue  # there is one of that name
    assert tried > 2 * len(EVERY)
    assert wrong(opened_anew(database, root, page))[0] == []


def test_no_row_may_be_as_it_once_was(store, database, root, page):
    tables = [*CHECKED, schema.leaves, schema.branches, schema.epoch]
    older = {table: rows_of(database, table) for table in tables}
    change_everything(store)
    for table in tables:
        newer = {name_of(table, row): row for row in rows_of(database, table)}
        pairs = [(row, newer.get(name_of(table, row))) for row in older[table]]
        changed = [(row, now) for row, now in pairs if row != now]
        assert changed, table
        for row, now in changed[:3]:
            with replaced(database, table, now, row):
                assert_noticed(opened_anew(database, root, page), table, row)
    assert wrong(opened_anew(database, root, page))[0] == []


def test_nor_may_rows_with_their_sum(store, database, root, page, kept):
    """All grants of a place as they were, and what were the sums of them."""
    tables = schema.grants, schema.leaves, schema.branches
    older = {table: rows_of(database, table) for table in tables}
    with store.writing() as books:
        for grant in books.grants_of(kept["one"], None, "", 10):
            books.remove_grant(grant)
    with database.defining() as connection:
        for table, rows in older.items():
            connection.execute(delete(table))
            connection.execute(insert(table), rows)
    (found,), _ = wrong(opened_anew(database, root, page))
    assert found.where == "branches"


def disable(books, kept):
    books.change_key(kept["one"], state=KeyState.DISABLED)


def expire_sooner(books, kept):
    key = kept["one"]
    books.put_import(key, replace(known_of(key.current_id, "one"), valid_to=NOW))


def delete_key(books, kept):
    books.delete_key(kept["one"])


def revoke(books, kept):
    (grant,) = books.grants_of(kept["one"], None, "", 10)
    books.remove_grant(grant)


def untag(books, kept):
    books.put_tags(kept["one"], {})


def retarget(books, kept):
    alias = books.alias(*HERE, "alias/one")
    books.put_alias(replace(alias, target=kept["two"].id))


def change_primary(books, _):
    (primary,) = (key for key in books.multi_region_keys(HERE[0], 10) if not key.is_replica)
    books.put_primary(primary, books.key(HERE[0], "test-3", primary.id))


def deactivate(books, _):
    books.set_access_key(books.access_key(OTHER_CREDENTIAL.key_id), active=False)


def delete_access_key(books, _):
    books.delete_access_key(books.access_key(OTHER_CREDENTIAL.key_id))


def distrust(books, _):
    books.put_entity(replace(books.named(Role, HERE[0], "one"), trust="another"))


def unbind(books, _):
    books.put_entity(replace(books.named(User, HERE[0], "one"), boundary=""))


def default_version(books, _):
    policy = books.named(ManagedPolicy, HERE[0], "one")
    books.add_version(policy, PolicyVersion(2, "other", NOW))
    books.put_entity(replace(policy, default_version=2, last_version=2))


def other_version(books, _):
    policy = books.named(ManagedPolicy, HERE[0], "one")
    books.delete_version(policy, 1)
    books.add_version(policy, PolicyVersion(1, "other", NOW))


def leave_group(books, _):
    books.remove_member(books.named(Group, HERE[0], "one"), books.named(User, HERE[0], "one"))


def detach(books, _):
    user = books.named(User, HERE[0], "one")
    (policy,) = books.attached_to(user)
    books.detach(user, policy)


def other_inline(books, _):
    user = books.named(User, HERE[0], "one")
    (name,) = books.inline_policies(user)
    books.put_inline_policy(user, name, "another")


def move_account(books, _):
    member = books.member(member_of(HERE[0]))
    books.put_member(replace(member, parent=f"r-{member.id}"))


def other_control_policy(books, _):
    organization = books.organization_of(HERE[0])
    policy = books.organization_policies(organization, PolicyType.SCP)[0]
    books.put_organization_policy(replace(policy, document='{"Version":"2012-10-17"}'))


def detach_control_policy(books, _):
    organization = books.organization_of(HERE[0])
    policy = books.organization_policies(organization, PolicyType.SCP)[0]
    books.detach_from(organization, policy)


def key_one(books, kept):
    books.key(*HERE, kept["one"].id)


def grants_of_one(books, kept):
    books.grants(*HERE, kept["one"].id, (f"arn:aws:iam::{HERE[0]}:root",))


def other_credential(books, _):
    books.credential(OTHER_CREDENTIAL.key_id)


def user_one(books, _):
    books.identity(HERE[0], "user", "one")


def standing(books, _):
    books.standing(member_of(HERE[0]))


PUT_BACK = [
    (disable, schema.keys, key_one),
    (expire_sooner, schema.imports, key_one),
    (delete_key, schema.keys, key_one),
    (revoke, schema.grants, grants_of_one),
    (untag, schema.tags, lambda books, kept: books.tags(kept["one"])),
    (retarget, schema.aliases, lambda books, _: books.alias(*HERE, "alias/one")),
    (retarget, schema.aliases, lambda books, kept: books.aliases_of(kept["one"])),
    (change_primary, schema.primaries, lambda books, _: books.multi_region_keys(HERE[0], 10)),
    (deactivate, schema.access_keys, other_credential),
    (delete_access_key, schema.access_keys, other_credential),
    (distrust, schema.iam_roles, lambda books, _: books.identity(HERE[0], "role", "one")),
    (unbind, schema.iam_users, user_one),
    (default_version, schema.iam_policies, user_one),
    (other_version, schema.iam_policy_versions, user_one),
    (leave_group, schema.iam_members, user_one),
    (detach, schema.iam_attachments, user_one),
    (other_inline, schema.iam_inline_policies, user_one),
    (move_account, schema.organization_members, standing),
    (other_control_policy, schema.organization_policies, standing),
    (detach_control_policy, schema.organization_attachments, standing),
]
"""What is changed, in which table older rows are put back, and who reads them."""


@pytest.mark.parametrize("beside", [(), ("leaves",), ("leaves", "branches")], ids=len)
@pytest.mark.parametrize(
    ("change", "table", "use"), PUT_BACK, ids=[f"{case[0].__name__}-{case[1]}" for case in PUT_BACK]
)
def test_what_was_put_back_is_noticed_by_who_reads_it(
    store, database, root, page, kept, change, table, use, beside
):
    """And if what says that it is no more was put back with it."""
    tables = [table, *(schema.metadata.tables[name] for name in beside)]
    older = {each: rows_of(database, each) for each in tables}
    with store.writing() as books:
        change(books, kept)
    newer = {each: rows_of(database, each) for each in tables}
    assert not all(row in newer[table] for row in older[table])
    opened(store, lambda books: use(books, kept))
    put_in_place(database, older)
    for reader in (
        store,
        opened_anew(database, root, page),
    ):  # that saw the change, and that did not
        with pytest.raises(Tampered):
            opened(reader, lambda books: use(books, kept))
    put_in_place(database, newer)
    for reader in (store, opened_anew(database, root, page)):
        opened(reader, lambda books: use(books, kept))


def put_in_place(database, rows_by_table):
    with database.defining() as connection:
        for table, rows in rows_by_table.items():
            connection.execute(delete(table))
            if rows:
                connection.execute(insert(table), rows)


def test_who_reads_a_key_by_few_statements_notices_it_too(store, database, backing):
    key = keep_key(store, backing)
    assert store.key(*HERE, key.id).key.enabled
    older = {schema.keys: rows_of(database, schema.keys)}
    with store.writing() as books:
        books.change_key(key, state=KeyState.DISABLED)
    assert not store.key(*HERE, key.id).key.enabled
    put_in_place(database, older)
    with pytest.raises(Tampered, match="as it once was"):
        store.key(*HERE, key.id)
    put_in_place(database, {schema.keys: []})
    with pytest.raises(Tampered, match="is gone"):
        store.key(*HERE, key.id)


def test_what_is_put_back_is_not_made_genuine_by_who_changes_it(store, database, kept):
    """Who disables a key would sign the rest of an older row anew."""
    older = {schema.keys: rows_of(database, schema.keys)}
    with store.writing() as books:
        books.change_key(kept["one"], policy='{"Version":"2012-10-17"}')
    put_in_place(database, older)
    with pytest.raises(Tampered), store.writing() as books:
        books.change_key(books.key(*HERE, kept["one"].id), state=KeyState.DISABLED)


def change_everything(store):
    """Write every row anew with some other value in it, as we would, or take it away."""
    with store.writing() as books:
        for table in CHECKED:
            names = [column.name for column in table.columns if not column.primary_key]
            free = next((each for each in names if each not in ("mac", "account", "region")), None)
            for row in books.connection.execute(select(table)).mappings().all():
                here = [column == row[column.name] for column in table.primary_key.columns]
                fresh = {name: value for name, value in row.items() if name != "mac"}
                home = row["account"], row.get("region", "")
                if free is None:  # it is nothing but a name
                    books._delete(table, *here)
                    continue
                books._update(table, *home, {**fresh, free: flipped(row[free])}, *here)


@contextlib.contextmanager
def replaced(database, table, row, other):
    """`other` stands where `row` did, and is gone afterwards; None for nothing."""

    def swap(goes, comes):
        with database.defining() as connection:
            if goes is not None:
                here = [column == goes[column.name] for column in table.primary_key.columns]
                assert connection.execute(delete(table).where(*here)).rowcount == 1
            if comes is not None:
                connection.execute(insert(table).values(comes))

    swap(row, other)
    yield
    swap(other, row)


def assert_noticed(store, table, row):
    found, _ = wrong(store)
    assert found, table
    if table in CHECKED and "account" in row:
        where = {each.where for each in found}
        assert {f"rows of {told(each)}" for each in things_of(table, row)} <= where


def name_of(table, row):
    values = [row[column.name] for column in table.primary_key.columns]
    names = [value.hex() if isinstance(value, bytes) else str(value) for value in values]
    return f"row of `{table.name}` {' '.join(names)}"


_MOST_PAIRS = 30  # of rows of a table, from all over it


@by_name([*CHECKED, schema.domains])
def test_no_row_may_stand_in_place_of_another(database, root, page, uses, table):
    """Of another key, alias or tag of the same account and Region, of another, or of nobody's."""
    rows = rows_of(database, table)
    place = [column.name for column in table.primary_key.columns]
    assert len(rows) > 1
    pairs = list(itertools.permutations(rows, 2))
    for stands, comes in pairs[:: -(-len(pairs) // _MOST_PAIRS)]:
        carried = {name: value for name, value in comes.items() if name not in place}
        alter(database, table, stands, **carried)
        uses.notice(opened_anew(database, root, page))
        alter(database, table, stands, **{name: stands[name] for name in carried})
    uses.all(opened_anew(database, root, page))


def test_two_rows_that_change_places(database, root, page, uses):
    for table in CHECKED:
        first, second = rows_of(database, table)[:2]
        place = [column.name for column in table.primary_key.columns]
        for stands, comes in ((first, second), (second, first)):
            carried = {name: value for name, value in comes.items() if name not in place}
            alter(database, table, stands, **carried)
        uses.notice(opened_anew(database, root, page))
        for row in (first, second):
            alter(database, table, row, **row)


def test_current_material_that_is_gone(store, database, root, page, backing):
    key = keep_key(store, backing)
    with database.writing() as connection:
        connection.execute(
            delete(schema.materials).where(
                schema.materials.c.key_id == key.id, schema.materials.c.generation == 0
            )
        )
    with (
        pytest.raises(Tampered, match="is gone"),
        opened_anew(database, root, page).reading() as books,
    ):
        books.key(key.account, key.region, key.id)


def test_which_member_is_primary_may_not_be_gone(store, database, root, page, kept):
    """Each would be its own primary."""
    (primary, _) = opened(store, lambda books: books.multi_region_keys(HERE[0], 10))
    with database.writing() as connection:
        connection.execute(delete(schema.primaries))
    for region in ("test-1", "test-3"):
        with pytest.raises(Tampered, match="is gone"):
            opened(
                opened_anew(database, root, page),
                lambda books, region=region: books.key(HERE[0], region, primary.id),
            )


def opened(store, ask):
    with store.reading() as books:
        return ask(books)


def test_material_that_is_not_to_expire_any_more(store, database, root, page, kept):
    key = kept["one"]
    with database.writing() as connection:
        connection.execute(
            delete(schema.imports).where(schema.imports.c.material_id == key.current_id)
        )
    with (
        pytest.raises(Tampered, match="imported material"),
        opened_anew(database, root, page).reading() as books,
    ):
        books.key(key.account, key.region, key.id)


@pytest.mark.parametrize("table", ["iam_groups", "iam_policies", "iam_policy_versions"])
def test_nobody_gains_by_a_policy_that_is_gone(store, database, root, page, kept, table):
    """Its Deny would be gone with it, or the boundary that it is."""
    with database.writing() as connection:
        connection.execute(delete(schema.metadata.tables[table]))
    with (
        pytest.raises(Tampered, match="is gone"),
        opened_anew(database, root, page).reading() as books,
    ):
        books.identity(HERE[0], "user", "one")


@pytest.mark.parametrize("table", ["organizations", "organization_units", "organization_policies"])
def test_no_account_gains_by_what_is_gone_of_its_organization(
    store, database, root, page, kept, table
):
    """A policy's Deny would be gone with it."""
    with database.writing() as connection:
        connection.execute(delete(schema.metadata.tables[table]))
    with (
        pytest.raises(Tampered, match="is gone"),
        opened_anew(database, root, page).reading() as books,
    ):
        books.standing(member_of(HERE[0]))


def test_another_root_key_opens_nothing(database, page, uses):
    uses.notice(opened_anew(database, new_root_key(), page))


def test_what_is_tampered_with_says_nothing_of_what_it_was():
    """The exception is for the log: it names the table, and no value."""
    assert str(Tampered("a row of `keys` was altered outside Strongroom")).count("`") == 2


# At the wire


@pytest.fixture
def served(tmp_path):
    """A server that has one key, and its database from behind."""
    credential = init(tmp_path / "data", "--account", "000000000000")
    server = start(tmp_path / "data", credential, "--workers", "1")
    kms = server.client("kms", "test-1")
    key = kms.create_key(Description="the vault's door")["KeyMetadata"]
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    kms.close()
    server.stop()
    yield tmp_path / "data", credential, key, blob


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE keys SET state = 'Disabled'",
        "UPDATE keys SET policy = '{}'",
        "UPDATE materials SET sealed = CAST(x'00' || substr(sealed, 2) AS BLOB)",
        "UPDATE materials SET mac = x'00'",
        "UPDATE domains SET sealed = x'01' WHERE region = 'test-1'",
    ],
)
def test_a_caller_learns_nothing(served, change):
    folder, credential, key, blob = served
    connection = sqlite3.connect(folder / "strongroom.db")
    with connection:
        assert connection.execute(change).rowcount == 1
    connection.close()
    server = start(folder, credential, "--workers", "1")
    try:
        kms = server.client("kms", "test-1")
        for ask in (
            lambda: kms.describe_key(KeyId=key["KeyId"]),
            lambda: kms.decrypt(CiphertextBlob=blob),
            lambda: kms.disable_key(KeyId=key["KeyId"]),
        ):
            with pytest.raises(kms.exceptions.ClientError) as caught:
                ask()
            answer = caught.value.response
            assert answer["ResponseMetadata"]["HTTPStatusCode"] == 500
            assert answer["Error"]["Code"] == "KMSInternalException"
            assert answer["Error"]["Message"] == "The request failed because of an internal error."
        # It is that key's misfortune, and no other's.
        if "domains" not in change:
            other = kms.create_key()["KeyMetadata"]["KeyId"]
            sealed = kms.encrypt(KeyId=other, Plaintext=b"y")["CiphertextBlob"]
            assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"y"
        kms.close()
    finally:
        server.stop()


def test_a_secret_in_a_column_of_another_type_is_not_quoted(served):
    """SQLite's driver quotes text that it cannot decode; that must not reach a caller."""
    folder, credential, key, _ = served
    connection = sqlite3.connect(folder / "strongroom.db")
    with connection:
        connection.execute("UPDATE materials SET sealed = CAST(x'534543524554ff' AS TEXT)")
    connection.close()
    server = start(folder, credential, "--workers", "1")
    try:
        kms = server.client("kms", "test-1")
        with pytest.raises(kms.exceptions.ClientError) as caught:
            kms.describe_key(KeyId=key["KeyId"])
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (500, 503)
        assert "SECRET" not in str(caught.value.response)
        kms.close()
    finally:
        server.stop()


def test_an_access_key_given_to_another_account(served):
    folder, credential, *_ = served
    connection = sqlite3.connect(folder / "strongroom.db")
    with connection:
        connection.execute("UPDATE access_keys SET account = '111122223333'")
    connection.close()
    server = start(folder, credential, "--workers", "1")
    try:
        kms = server.client("kms", "test-1")
        with pytest.raises(kms.exceptions.ClientError) as caught:
            kms.list_keys()
        assert caught.value.response["Error"]["Code"] == "KMSInternalException"
        kms.close()
    finally:
        server.stop()
