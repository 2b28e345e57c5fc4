"""Very many keys that are to be deleted at once: others' changes are made in between, and what is gone is recorded."""

import time
from contextlib import ExitStack, closing

import pytest
from tests.conftest import init, start
from tests.waiting import wait_until

from strongroom.backings.software import SoftwareBacking
from strongroom.keys.rotation import DAY
from strongroom.keys.specs import Manager
from strongroom.keys.states import KeyState
from strongroom.main.foundation import administered, changed
from strongroom.services.call import Call
from strongroom.services.kms.managed import fresh_id, new_key
from strongroom.services.principal import root
from strongroom.storage.seals import Opener

REGION, ACCOUNT = "test-1", "000000000000"
MANY = 1_500  # in fifteen parts


def to_be_deleted(folder):
    """Keys whose time has not come."""
    now, backing = time.time(), SoftwareBacking()
    call = Call(root("aws", ACCOUNT), REGION, now)
    keys = []
    with changed(folder, Opener()) as store, store.writing() as books:
        for _ in range(MANY):
            key_id = fresh_id()
            material = backing.generate(key_id)
            key = new_key(
                call, key_id, material, manager=Manager.CUSTOMER, description="", policy="{}"
            )
            keys.append(
                key.but(
                    state=KeyState.PENDING_DELETION,
                    deletion_date=now + 7 * DAY,
                    deletion_window_days=7,
                )
            )
            books.add_key(keys[-1])
    return keys


def come(folder, keys):
    """Now it has, for all of them at once."""
    with changed(folder, Opener()) as store, store.writing() as books:
        for key in keys:
            books.change_key(key, deletion_date=time.time())


def recorded(folder):
    logs = (folder / "audit").glob("*.jsonl")
    return sum(log.read_text().count('"eventName":"DeleteKey"') for log in logs)


def left(folder):
    with administered(folder, Opener()) as store, store.reading() as books:
        ids = books.key_ids(ACCOUNT, REGION, "", 2 * MANY)
        keys = [books.key(ACCOUNT, REGION, key_id) for key_id in ids]
    return sum(key.state is KeyState.PENDING_DELETION for key in keys)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_others_get_their_turn_and_each_is_recorded_though_the_server_stops(tmp_path, workers):
    folder = tmp_path / "data"
    credential = init(folder, "--account", ACCOUNT)
    keys = to_be_deleted(folder)
    server = start(folder, credential, "--workers", workers)
    try:
        with ExitStack() as open_:
            # Several connections, so that not all are of one worker.
            clients = [open_.enter_context(closing(server.client("kms", REGION))) for _ in range(4)]
            for kms in clients:
                kms.list_keys()
            come(folder, keys)
            wait_until(lambda: recorded(folder) > 0)
            for kms in clients:
                kms.create_key()
        assert recorded(folder) < MANY
    finally:
        server.stop()
    gone = recorded(folder)
    assert 0 < gone < MANY
    assert gone + left(folder) == MANY
