"""Things to keep, for tests of keeping them."""

from dataclasses import replace

from strongroom.keys.alias import Alias
from strongroom.keys.specs import Manager
from strongroom.services.call import Call
from strongroom.services.kms.managed import new_key
from strongroom.services.principal import root

NOW = 1_800_000_000.0
HERE = ("000000000000", "test-1")
ELSEWHERE = ("000000000000", "test-2")
STRANGER = ("111122223333", "test-1")


def call_from(place):
    account, region = place
    return Call(root("aws", account), region, NOW)


def keep_key(store, backing, place=HERE, **change):
    key = new_key(backing, call_from(place), manager=Manager.CUSTOMER, description="", policy="{}")
    key = replace(key, **change)
    with store.writing() as books:
        books.add_key(key)
    return key


def keep_alias(store, key, name="alias/a"):
    alias = Alias(key.account, key.region, name, key.id, NOW, NOW)
    with store.writing() as books:
        books.put_alias(alias)
    return alias
