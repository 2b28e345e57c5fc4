"""A new domain key, while everybody goes on."""

import threading
import time
from contextlib import closing

import boto3
import pytest
from botocore.config import Config
from keeping import (
    ELSEWHERE,
    HERE,
    STRANGER,
    keep_alias,
    keep_grant,
    keep_identities,
    keep_key,
    keep_organization,
)
from sqlalchemy import select, update
from tests.commands import run
from tests.conftest import init, start
from tests.waiting import wait_until

from strongroom.errors import InvalidGrantToken
from strongroom.keys import grant_token
from strongroom.keys.credential import Credential
from strongroom.keys.hierarchy import open_domain
from strongroom.keys.sealing import Tampered
from strongroom.storage import renewal, schema
from strongroom.storage.books import Books
from strongroom.storage.page import Page
from strongroom.storage.renewal import renew
from strongroom.storage.rows import checked
from strongroom.storage.store import Store
from strongroom.storage.things import COUNTED

NOW = 1_800_000_000.0
CREDENTIAL = Credential("AKIAAAAAAAAAAAAAAAAA", "s" * 40, HERE[0])
ACCOUNT_HOME = (HERE[0], "")


@pytest.fixture
def kept(store, backing):
    """Keys here and elsewhere, and what belongs to them and to the account."""
    keys = [keep_key(store, backing, place) for place in (HERE, HERE, ELSEWHERE, STRANGER)]
    for number, key in enumerate(keys):
        keep_alias(store, key, f"alias/{number}")
        keep_grant(store, key)
        with store.writing() as books:
            books.put_tags(key, {"x": "1"})
            books.add_material(key, backing.generate(key.id), 1, NOW, None)
    with store.writing() as books:
        books.add_account(HERE[0], "first", NOW)
        books.add_credential(CREDENTIAL, NOW)
    keep_identities(store, HERE[0], "one")
    keep_organization(store, HERE[0])
    return keys


def rows(store, home):
    """All rows of a domain, with their tables."""
    account, region = home
    with store.reading() as books:
        for table in COUNTED:
            if table is schema.domains or ("region" not in table.c and region):
                continue
            query = select(table).where(table.c.account == account)
            if "region" in table.c:
                query = query.where(table.c.region == region)
            for row in books.connection.execute(query).mappings():
                yield table, row


def sealed(store, home):
    with store.reading() as books:
        return books._sealed_domain(*home)


def under(domain, table, row):
    """Whether a row is under a domain's key."""
    try:
        checked(domain, table, row)
    except Tampered:
        return False
    return True


def wrong(store):
    with store.verifying() as verification:
        return list(verification.run())


def of(store, keys):
    """Everything that can be read of some keys and their accounts."""
    with store.reading() as books:
        found = [books.key(key.account, key.region, key.id) for key in keys]
        return (
            found,
            [books.about(key) for key in found],
            [books.grants_of(key, None, "", 10) for key in found],
            books.credential(CREDENTIAL.key_id),
            books.identity(HERE[0], "user", "one"),
            books.accounts(),
        )


def test_everything_is_under_the_new_key_and_what_it_was(store, root, kept):
    before = of(store, kept)
    for home in (HERE, ACCOUNT_HOME):
        old = open_domain(root, *home, sealed(store, home))
        there = list(rows(store, home))
        assert len(there) > 5
        assert all(under(old, *each) for each in there)
        assert renew(store, home) == len(there)
        now = list(rows(store, home))
        new = open_domain(root, *home, sealed(store, home))
        assert new.before is None
        assert len(now) == len(there)
        assert all(under(new, *each) and not under(old, *each) for each in now)
        boxes = {row["sealed"] for _, row in there if "sealed" in row}
        assert not boxes & {row["sealed"] for _, row in now if "sealed" in row}
        for table, row in now:
            if table is schema.materials:
                with pytest.raises(Tampered):
                    old.unseal(
                        "material", f"{row['key_id']}/{row['material_id'].hex()}", row["sealed"]
                    )
    assert wrong(store) == []
    assert of(store, kept) == before
    fresh = Store(store._database, root, Page.blank())
    assert of(fresh, kept) == before
    assert renew(store, HERE) == len(list(rows(store, HERE)))  # and again


class Died(Exception):
    pass


class Dying(Store):
    """A store whose process dies when it begins its n-th writing."""

    left = 1_000

    def writing(self):
        self.left -= 1
        if self.left < 0:
            raise Died
        return super().writing()


@pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("in_postgresql", marks=pytest.mark.long)], indirect=True
)
def test_at_whatever_point_it_ends_all_goes_on(store, root, backing, kept, monkeypatch):
    """Another process, which had the old key in memory, reads and writes meanwhile."""
    monkeypatch.setattr(renewal, "_AT_ONCE", 1)
    dying = Dying(store._database, root, Page.blank())
    dying.pause = 0.0  # nobody waits to write
    stale = Store(store._database, root, Page.blank())
    keys, before, ended = list(kept), of(stale, kept), 0
    for writings in range(60):
        dying.left = writings
        try:
            renew(dying, HERE)
            ended += 1
        except Died:
            pass
        assert of(stale, kept) == before, writings
        if writings % 7 == 0:
            fresh = Store(store._database, root, Page.blank())
            assert of(fresh, kept) == before
            stale = Store(store._database, root, Page.blank())
            of(stale, kept)
        if writings % 5 == 0:
            keys.append(keep_key(stale, backing, HERE))
            keep_grant(stale, keys[-1])
        assert wrong(store) == [], writings
    assert ended > 1
    dying.left = 1_000
    renew(dying, HERE)
    domain = open_domain(root, *HERE, sealed(store, HERE))
    assert domain.before is None
    assert [each for each in rows(store, HERE) if not under(domain, *each)] == []
    with stale.reading() as books:
        assert all(books.key(key.account, key.region, key.id) is not None for key in keys)


def test_a_row_that_was_altered_is_not_signed_anew(store, root, kept):
    with store._database.writing() as connection:
        connection.execute(update(schema.aliases).values(target=kept[1].id))
    with pytest.raises(Tampered, match="a row of `aliases` was altered"):
        renew(store, HERE)
    assert open_domain(root, *HERE, sealed(store, HERE)).before is not None
    assert [found.what for found in wrong(store)][:1] == [
        "a row of `aliases` was altered outside Strongroom"
    ]


def test_a_grant_token_is_good_until_the_old_key_is_forgotten(store, root, kept):
    with store.reading() as books:
        token = grant_token.mint(books.domain(*HERE), "ab" * 32)
    with store.writing() as books:
        books.renew_domain(*HERE)
        grant_token.parse(token).require(books.domain(*HERE))
    renew(store, HERE)
    with store.reading() as books, pytest.raises(InvalidGrantToken):
        grant_token.parse(token).require(books.domain(*HERE))


def test_who_holds_the_domain_in_memory_is_told(store, root, kept):
    other = Store(store._database, root, Page.blank())
    number, _ = other.changes(0)
    with other.reading() as books:
        held = books.domain(*HERE)
    renew(store, HERE)
    _, touched = other.changes(number)
    assert {(each.kind.value, each.account, each.region) for each in touched} == {("domain", *HERE)}
    with other.reading() as books:
        assert books.domain(*HERE) != held


def test_who_waits_to_write_gets_a_turn(store, database, root, backing, monkeypatch):
    """Though each part takes a tenth of a second, and the next begins when it has ended."""
    for _ in range(12):
        keep_key(store, backing)
    parts = []

    def slow(books, *arguments):
        parts.append(time.monotonic())
        time.sleep(0.1)
        return sign_again(books, *arguments)

    sign_again = Books.sign_again
    monkeypatch.setattr(renewal, "_AT_ONCE", 1)
    monkeypatch.setattr(Books, "sign_again", slow)
    other = Store(database, root, Page.blank())
    renewing = threading.Thread(target=renew, args=(store, HERE))
    renewing.start()
    try:
        wait_until(lambda: parts)
        for _ in range(5):
            keep_key(other, backing, ELSEWHERE)
        written = time.monotonic()
    finally:
        renewing.join()
    assert sum(at > written for at in parts) > 2


def test_servers_are_not_disturbed(tmp_path):
    data = tmp_path / "data"
    credential = init(data, "--account", "000000000000")
    server = start(data, credential, "--workers", "2", "--cache-keys", "100")
    done, failures, count = threading.Event(), [], [0] * 3

    def use(number):
        kms = boto3.client(
            "kms",
            endpoint_url=server.url,
            region_name="test-1",
            aws_access_key_id=credential[0],
            aws_secret_access_key=credential[1],
            config=Config(retries={"total_max_attempts": 1}),
        )
        try:
            while not done.is_set():
                key = kms.create_key()["KeyMetadata"]["KeyId"]
                kms.create_alias(AliasName=f"alias/{key}", TargetKeyId=key)
                blob = kms.encrypt(KeyId=f"alias/{key}", Plaintext=b"x")["CiphertextBlob"]
                assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
                kms.create_grant(
                    KeyId=key,
                    GranteePrincipal="arn:aws:iam::000000000000:root",
                    Operations=["Decrypt"],
                )
                count[number] += 1
        except Exception as failure:  # noqa: BLE001 - told to the test's thread
            failures.append(failure)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(3)]
    try:
        for thread in threads:
            thread.start()
        wait_until(lambda: failures or min(count) > 0)
        for _ in range(2):
            rotated = run("rotate", "--data", data)
            assert rotated.code == 0, rotated.err
            assert "2 domains have a new key; " in rotated.err
    finally:
        done.set()
        for thread in threads:
            thread.join()
        with closing(server.client("kms", "test-1")) as kms:
            keys = len(kms.list_keys(Limit=1000)["Keys"])
        server.stop()
    assert failures == []
    assert min(count) > 0
    assert keys >= sum(count)
    verified = run("verify", "--data", data)
    assert verified.code == 0, verified.out
