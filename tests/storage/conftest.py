import sys
from pathlib import Path

import pytest

from strongroom.backings.software import SoftwareBacking
from strongroom.services import principal
from strongroom.services.call import Call
from strongroom.storage.database import Database
from strongroom.storage.migrations import migrate
from strongroom.storage.page import Page
from strongroom.storage.rootkey import new_root_key
from strongroom.storage.store import Store

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def root():
    return new_root_key()


@pytest.fixture
def database(tmp_path):
    database = Database(tmp_path / "strongroom.db")
    migrate(database)
    yield database
    database.close()


@pytest.fixture
def page():
    return Page.blank()


@pytest.fixture
def store(database, root, page):
    return Store(database, root, page)


@pytest.fixture
def backing():
    return SoftwareBacking()


@pytest.fixture
def call():
    return Call(principal.root("aws", "000000000000"), "test-1", 1_800_000_000.0)
