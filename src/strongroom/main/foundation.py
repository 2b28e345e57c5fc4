"""Making a data folder: `strongroom init`, and the folder that `strongroom dev` throws away."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from strongroom.errors import SetupError
from strongroom.harden import harden
from strongroom.keys.credential import Credential
from strongroom.keys.hierarchy import RootKey
from strongroom.keys.witness import Witness
from strongroom.main.continuity import anchored, require_continuity
from strongroom.main.sealing import file_outside, opened
from strongroom.services.iam import ids
from strongroom.storage import rootkey
from strongroom.storage.anchor import Anchor, AnchorError, taken
from strongroom.storage.database import Database
from strongroom.storage.databases.kind import DatabaseError
from strongroom.storage.folder import Description, Folder, FolderError, default_anchor
from strongroom.storage.migrations import at_current, migrate, revision
from strongroom.storage.page import Page
from strongroom.storage.seals import Opener, in_file, under_passphrase
from strongroom.storage.store import Store


def default_root_key(data: Path) -> Path:
    """Where the root key is kept unless its operator says otherwise: beside the folder, not in it."""
    return data.with_name(data.name + ".root-key")


def new_credential(account: str) -> Credential:
    """An access key of an account's root user."""
    return Credential(ids.access_key_id(), ids.secret_access_key(), account)


def lay(
    data: Path,
    account: str,
    root_key: Path,
    passphrase: Callable[[], str] | None,
    address: str | None = None,
    anchor: Path | None = None,
) -> Credential:
    """Make a data folder with one account, and its root user's first access key.

    Its root key is sealed by a passphrase, if one is given, or else in the file `root_key`; its database
    is a file in it, or else PostgreSQL's at `address`; its anchor is beside it, or else at `anchor`.
    FolderError, RootKeyError, AnchorError or DatabaseError, with nothing changed, where there is something
    already.
    """
    harden()
    folder = Folder(data.absolute())
    folder.require_unused()
    where = folder.file if address is None else address
    if address is not None:
        with closing(Database(address)) as database:
            database.require_unused()
    anchor_file = _new_anchor(folder, anchor)
    root = rootkey.new_root_key()
    if passphrase is None:
        root_key = file_outside(folder, root_key)
        seal = in_file(root_key)
    else:
        seal = under_passphrase(root, passphrase())
    if passphrase is None:
        rootkey.write_file(root_key, root)  # first, for it is what may be refused
    kept = Anchor.make(anchor_file, Witness(root))
    folder.make()
    credential = new_credential(account)
    now = time.time()
    with closing(kept):
        with (
            closing(open_store(where, root, Page.make(folder.page), kept)) as store,
            store.writing() as books,
        ):
            books.add_account(account, "first", now)
            books.add_credential(credential, now)
        kept.sync()
    folder.describe(root, seal, anchor_file, address)
    return credential


def _new_anchor(folder: Folder, anchor: Path | None) -> Path:
    """Where a new folder's anchor is to be; AnchorError if that is in the folder, or is taken."""
    file = anchor_outside(folder, anchor)
    if file.exists():
        raise taken(file)
    return file


def anchor_outside(folder: Folder, anchor: Path | None) -> Path:
    """Where a folder's anchor is to be; AnchorError if that is in the folder."""
    file = (anchor or default_anchor(folder.path)).absolute()
    if folder.holds(file):
        raise AnchorError(
            f"the anchor `{file}` would lie in the data folder, and be put back with an older copy of it; "
            "name a place outside with --anchor"
        )
    return file


def join(
    data: Path,
    other: Path,
    opener: Opener,
    anchor: Path | None = None,
) -> None:
    """Make the data folder of a further node, whose database and root key are those of a node that there is.

    `other` is that node's `strongroom.json`.  FolderError, RootKeyError, DatabaseError or Tampered, with
    nothing changed, where that cannot be.
    """
    harden()
    folder = Folder(data.absolute())
    folder.require_unused()
    description = Description.read(other)
    if description.address is None:
        raise FolderError(
            f"`{other}` is of a folder that has its database in it; only one node can serve that"
        )
    root = description.open_root_key(opener)
    seal = description.seal
    if opener.root_key is not None and seal["kind"] == "file":
        seal = in_file(opener.root_key.absolute())
    anchor_file = _new_anchor(folder, anchor)
    with closing(Database(description.address)) as database:
        database.require()
        if not at_current(database):
            raise DatabaseError(
                "the database is not of this release; bring it up to date with a node that is there"
            )
        store = Store(database, root, Page.blank())
        with store.reading() as books:
            if not list(books.accounts()):  # each was checked with the root key
                raise DatabaseError("there is no account in the database; make it with `init`")
        whole = store.begin()
    with closing(Anchor.make(anchor_file, Witness(root))) as kept:
        kept.set_to(whole)
        kept.sync()
    folder.make()
    Page.make(folder.page).close()
    folder.describe(root, seal, anchor_file, description.address)


class AccountExists(SetupError):
    """There is such an account already."""


@contextmanager
def administered(data: Path, opener: Opener) -> Iterator[Store]:
    """The store of a data folder, to be read, whether or not a server runs on it."""
    folder, root = opened(data, opener)
    with closing(open_store(folder.database, root, Page.blank())) as store:
        yield store


@contextmanager
def changed(data: Path, opener: Opener) -> Iterator[Store]:
    """The same, to be written: AnchorError if it is an older copy.

    What is changed here a running server knows within a quarter of a second, for it looks.
    """
    folder, root = opened(data, opener)
    with (
        anchored(folder, root, None, make=True) as anchor,
        closing(open_store(folder.database, root, Page.blank(), anchor, durable=True)) as store,
    ):
        if anchor is not None:
            require_continuity(folder, root, store.whole, anchor, accept=False)
        yield store


def continued(
    folder: Folder, root: RootKey, file: Path | None, *, accept: bool = False
) -> list[str]:
    """Bring the database up to date, and see that it is the latest there was, by the anchor at `file` or where
    the folder says; what was accepted.

    AnchorError if it is an older copy, unless that is to be accepted.
    """
    with (
        anchored(folder, root, file, make=True, accept=accept) as anchor,
        closing(open_store(folder.database, root, Page.blank(), durable=True)) as store,
    ):
        if anchor is None:
            return []
        return require_continuity(folder, root, store.whole, anchor, accept=accept)


def bring_up(data: Path, opener: Opener) -> tuple[str | None, str]:
    """Bring a folder's database to this release's tables, whether or not nodes run on it; from which revision
    to which.
    """
    folder, root = opened(data, opener)
    with closing(Database(folder.database)) as database:
        database.require()
        before = revision(database)
        continued(folder, root, None)
        return before, revision(database) or ""


def add_account(store: Store, account: str, name: str) -> Credential:
    """A further account, and its root user's first access key; AccountExists if it is there."""
    credential = new_credential(account)
    now = time.time()
    with store.writing() as books:
        if books.account_exists(account):
            raise AccountExists(f"account {account} exists already; give another number")
        books.add_account(account, name, now)
        books.add_credential(credential, now)
    return credential


def lay_throw_away(data: Path) -> RootKey:
    """Make a folder that is removed with all its keys when its server ends.

    Its root key lies in it, for nothing in it is worth a thief's while, and `strongroom explain`
    and `who-can` want to read it.
    """
    folder = Folder(data)
    folder.make()
    root = rootkey.new_root_key()
    root_key = data / "root-key"
    rootkey.write_file(root_key, root)
    open_store(folder.file, root, Page.make(folder.page)).close()
    folder.describe(root, in_file(root_key), None)
    return root


def open_store(
    where: Path | str,
    root: RootKey,
    page: Page,
    anchor: Anchor | None = None,
    *,
    durable: bool = False,
) -> Store:
    """The store of a database, its tables brought to this release's form; `durable`, what is in it brought to
    the disk, for whoever tells others of it.

    DatabaseError if it cannot be reached, or that cannot be done.
    """
    database = Database(where)
    database.require()
    if durable:
        database.require_durable()
    migrate(database)
    store = Store(database, root, page, anchor)
    store.begin()
    return store
