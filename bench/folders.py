"""Data folders that are filled through the storage layer, in few transactions.

Each row is sealed and signed as the operation that makes it does it, only that not every one waits for the disk.
"""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.processes import REGION, Account, init
from strongroom.backings.software import SoftwareBacking
from strongroom.keys.hierarchy import RootKey
from strongroom.keys.key import Key
from strongroom.keys.specs import Manager
from strongroom.main.foundation import open_store
from strongroom.services import principal
from strongroom.services.call import Call
from strongroom.services.kms import policies
from strongroom.services.kms.managed import fresh_id, new_key
from strongroom.storage.books import Books
from strongroom.storage.folder import Folder
from strongroom.storage.page import Page
from strongroom.storage.seals import Opener
from strongroom.storage.store import Store

_BACKING = SoftwareBacking()


@dataclass(frozen=True, slots=True)
class Made:
    """A folder that nobody serves yet."""

    account: Account
    owner: str
    """The number of that account."""
    root: RootKey
    store: Store

    def add_key(self, books: Books) -> Key:
        key_id = fresh_id()
        key = new_key(
            Call(principal.root("aws", self.owner), REGION, time.time()),
            key_id,
            _BACKING.generate(key_id),
            manager=Manager.CUSTOMER,
            description="",
            policy=policies.default(self.owner, REGION),
        )
        books.add_key(key)
        return key


@contextmanager
def made(data: Path) -> Iterator[Made]:
    """A new folder, by `strongroom init`."""
    account = init(data)
    folder = Folder(data)
    root = folder.open_root_key(Opener())
    with closing(open_store(folder.file, root, Page.blank())) as store:
        with store.reading() as books:
            credential = books.credential(account.key_id)
        if credential is None:
            raise RuntimeError("the folder does not know the key that it was made with")
        yield Made(account, credential.account, root, store)
