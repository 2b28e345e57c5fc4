import sys
from pathlib import Path

import pytest
from tests.postgresql import Server

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
def sqlite(tmp_path):
    """A database in a file."""
    database = Database(tmp_path / "strongroom.db")
    migrate(database)
    yield database
    database.close()


@pytest.fixture(scope="session")
def postgresql():
    """A server of PostgreSQL, and the address of a database in it that has our tables and is not used."""
    server = Server()
    template = server.new()
    database = Database(template)
    migrate(database)
    database.close()
    yield server, template
    server.stop()


@pytest.fixture
def in_postgresql(postgresql):
    server, template = postgresql
    database = Database(server.copy(template))
    yield database
    database.close()


@pytest.fixture(params=["sqlite", "in_postgresql"])
def database(request):
    """A database of each sort: what is asked of one is asked of both."""
    return request.getfixturevalue(request.param)


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
