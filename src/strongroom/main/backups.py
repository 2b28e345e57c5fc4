"""Backups: everything of an installation in one file, and an installation of such a file.

A backup is of one moment, while servers write on.  It holds the database and this node's audit log, not
the root key (unless that is asked for, under a passphrase) and not the anchor, whose sense it is not to go
back with the rest.
"""

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection

from strongroom.audit.chain import worker_of
from strongroom.errors import SetupError
from strongroom.harden import harden
from strongroom.keys.hierarchy import RootKey
from strongroom.keys.rotation import DAY
from strongroom.keys.sealing import Tampered
from strongroom.keys.witness import Whole, Witness
from strongroom.main.continuity import require_continuity
from strongroom.main.foundation import anchor_outside, open_store
from strongroom.main.sealing import opened
from strongroom.services.kms.deletion import SHORTEST_DAYS
from strongroom.storage import backup, counting
from strongroom.storage.anchor import Anchor, taken
from strongroom.storage.backup import Backup, BackupError, Began, Counts, Ended, Log
from strongroom.storage.copying import Rows, put, rows_of
from strongroom.storage.database import Database
from strongroom.storage.folder import Folder
from strongroom.storage.migrations import require_own
from strongroom.storage.page import Page
from strongroom.storage.rootkey import RootKeyError, new_private, sync_folder
from strongroom.storage.schema import REVISION
from strongroom.storage.seals import Opener, Seal, in_file, open_sealed, signed, under_passphrase
from strongroom.storage.store import Store
from strongroom.storage.tree import Tree
from strongroom.storage.verification import Verification, Wrong

_AT_ONCE = 1 << 20  # bytes of the audit log
_MOST_TOLD = 20  # rows that are not as they were written


class Damaged(SetupError):
    """Rows of a backup are not as they were written."""


def back_up(
    data: Path,
    opener: Opener,
    to: Path | None,
    new_passphrase: Callable[[], str] | None,
    *,
    log: bool,
) -> Counts:
    """Write a backup to a new file, or to standard output; what is in it.

    With `new_passphrase` the root key is in it: under the passphrase that seals it in the folder, or else
    under that one.  `log` says whether the audit log is.  BackupError, with nothing left behind, if there
    is a file already, or if the database is of another release.
    """
    folder, root = opened(data, opener)
    seal = _shown(folder.seal, root, new_passphrase)
    with (
        _new_file(to) as file,
        closing(Database(folder.database)) as database,
        database.reading() as connection,
    ):
        require_own(connection)
        with closing(_everything(connection, folder.audit if log else None)) as parts:
            return backup.write(file, root, seal, time.time(), REVISION, parts)


def _shown(seal: Seal, root: RootKey, new_passphrase: Callable[[], str] | None) -> Seal:
    """What a backup says of what opens the root key."""
    if new_passphrase is None:
        return (
            {"kind": "withheld", "fingerprint": seal["fingerprint"]}
            if seal["kind"] == "passphrase"
            else seal
        )
    if seal["kind"] == "passphrase":
        return seal
    return signed(root, under_passphrase(root, new_passphrase()))


def _everything(connection: Connection, audit: Path | None) -> Generator[Rows | Log, None, None]:
    yield from rows_of(connection)
    if audit is not None:
        for path in sorted(audit.iterdir()):
            if worker_of(path.name) is not None:
                with contextlib.suppress(FileNotFoundError):  # moved away by its operator
                    yield from _lines(path)


def _lines(path: Path) -> Iterator[Log]:
    """A file of the audit log, up to its last whole line as of now: it may be growing."""
    with path.open("rb") as file:
        left = file.seek(0, os.SEEK_END)
        file.seek(0)
        rest = b""
        while left and (read := file.read(min(left, _AT_ONCE))):
            left -= len(read)
            whole, feed, rest = (rest + read).rpartition(b"\n")
            if whole:
                yield Log(path.name, whole + feed)


@contextmanager
def _new_file(to: Path | None) -> Iterator[BinaryIO]:
    """A file that appears under its name whole and durable, or not at all; or standard output."""
    if to is None:
        if sys.stdout.isatty():
            raise BackupError(
                "a backup is not for a terminal; name a file with --to, or pipe it on"
            )
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if to.exists():
        raise BackupError(f"there is something at `{to}` already; name a new file with --to")
    part = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        with os.fdopen(new_private(part), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(part, to)  # not over what came meanwhile
        except FileExistsError:
            raise BackupError(
                f"there is something at `{to}` now; name a new file with --to"
            ) from None
    finally:
        part.unlink(missing_ok=True)
    sync_folder(to.absolute().parent)


# Back again


@dataclass(frozen=True, slots=True)
class Restored:
    """What is there again."""

    made: float  # when the backup was
    counts: Counts
    accepted: list[
        str
    ]  # what does not go on from where the anchor was, or is not as it was written
    put_off: int  # deletions that became due meanwhile


def restore(
    data: Path,
    source: Path,
    opener: Opener,
    address: str | None,
    anchor: Path | None,
    *,
    accept_rollback: bool,
    accept_damage: bool,
) -> Restored:
    """Make a data folder of a backup, on a new SQLite file or an empty PostgreSQL.

    SetupError, with nothing changed, where there is something already, where the backup or a row in it is
    not as it was written, or where the anchor knows of a later state, unless that is accepted.
    """
    harden()
    folder = Folder(data.absolute())
    folder.require_unused()
    if address is not None:
        with closing(Database(address)) as database:
            database.require_unused()
    anchor_file = anchor_outside(folder, anchor)
    with _opened(source) as file:
        read = Backup.open(file)
        seal, root = _root_key(read.seal, opener)
        with _made(folder), ExitStack() as stack:
            where = folder.file if address is None else address
            database = stack.enter_context(closing(Database(where)))
            database.require()
            with database.defining() as connection:
                counts = _fill(connection, read, root, folder.audit)
                whole, wrong = _examined(connection, root, accept=accept_damage)
                kept = stack.enter_context(_anchor(anchor_file, Witness(root)))
                accepted = require_continuity(
                    folder, root, lambda: whole, kept, accept=accept_rollback
                )
            with closing(open_store(where, root, Page.make(folder.page), kept)) as store:
                put_off = _put_off(store, time.time())
        folder.describe(root, seal, anchor_file, address)
    return Restored(read.made, counts, [*accepted, *wrong], put_off)


def check(source: Path, opener: Opener) -> Restored:
    """Restore a backup to a place that is thrown away: whether it could be, and what is in it."""
    with tempfile.TemporaryDirectory(prefix="strongroom-check-") as place:
        return restore(
            Path(place) / "data",
            source,
            opener,
            None,
            None,
            accept_rollback=False,
            accept_damage=False,
        )


@contextmanager
def _opened(source: Path) -> Iterator[BinaryIO]:
    try:
        file = source.open("rb")
    except OSError as failure:
        raise BackupError(f"the backup `{source}` cannot be read: {failure.strerror}") from None
    with file:
        yield file


def _root_key(seal: Seal, opener: Opener) -> tuple[Seal, RootKey]:
    """The root key, and how the new folder is to have it sealed."""
    fingerprint = seal.get("fingerprint")
    if opener.root_key is not None:
        seal = {**in_file(opener.root_key.absolute()), "fingerprint": fingerprint}
    if seal.get("kind") == "withheld":
        raise RootKeyError(
            "the root key is not in this backup, and was under a passphrase in the folder's "
            "`strongroom.json`; give a file of it with --root-key"
        )
    return seal, open_sealed(seal, opener)


@contextmanager
def _made(folder: Folder) -> Iterator[None]:
    """The folder with what stands in it; as it was before, if the block fails."""
    there = folder.path.exists()
    try:
        folder.make()
        yield
    except BaseException:
        shutil.rmtree(folder.path, ignore_errors=True)
        if there:
            folder.path.mkdir(mode=0o700)
        raise


@contextmanager
def _anchor(file: Path, witness: Witness) -> Iterator[Anchor]:
    """The anchor that is there, which may know of a later state, or a new one."""
    new = not file.exists()
    with closing(Anchor.make(file, witness) if new else Anchor.open(file, witness)) as anchor:
        if anchor.in_use and anchor.state() is None:
            raise taken(file)
        try:
            yield anchor
        except BaseException:
            if new:
                file.unlink()
            raise


def _fill(connection: Connection, read: Backup, root: RootKey, audit: Path) -> Counts:
    parts = read.parts(root)
    began = next(parts)
    if not isinstance(began, Began):
        raise BackupError("the backup does not begin as one; take another one")
    ended = Counts(0, 0)

    def rows() -> Generator[Rows, None, None]:
        nonlocal ended
        for part in parts:
            match part:
                case Rows():
                    yield part
                case Log():
                    _append(audit, part)
                case Ended():
                    ended = Counts(part.rows, part.log_bytes)

    with closing(rows()) as them:
        _put(connection, began.revision, them, audit.with_name("older.db"))
    for path in audit.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    sync_folder(audit)
    return ended


def _put(connection: Connection, revision: str, rows: Iterable[Rows], aside: Path) -> None:
    """Put rows of a revision into an empty database, which is at this release's afterwards.

    Those of an earlier one are brought up to date in a SQLite file first: each database of PostgreSQL was
    new at a later revision than the first.
    """
    if revision == REVISION:
        put(connection, revision, rows)
        return
    try:
        with closing(Database(aside)) as older:
            with older.defining() as filled:
                put(filled, revision, rows)
            with older.reading() as filled, closing(rows_of(filled)) as them:
                put(connection, REVISION, them)
    finally:
        for path in aside.parent.glob(f"{aside.name}*"):
            path.unlink()


def _append(audit: Path, part: Log) -> None:
    if worker_of(part.name) is None:
        raise BackupError("the backup has an audit log of a name that it cannot have")
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    with os.fdopen(os.open(audit / part.name, flags, 0o600), "ab") as file:
        file.write(part.content)


def _examined(connection: Connection, root: RootKey, *, accept: bool) -> tuple[Whole, list[str]]:
    """The state, and what is not as it was written; Damaged unless that is to be accepted."""
    found = []
    tree = Tree(Witness(root))
    try:
        whole = counting.bring_up(connection, tree)
    except Tampered as failure:
        found.append(f"{failure}")
        whole = counting.bring_up(connection, tree, believed=True)
    found += [_told(wrong) for wrong in Verification(connection, root).run()]
    if found and not accept:
        more = f"; and {len(found) - _MOST_TOLD} more" if len(found) > _MOST_TOLD else ""
        raise Damaged(
            f"{'; '.join(found[:_MOST_TOLD])}{more}. The backup was made of a database that had been altered: "
            "take an older one, or restore it with --accept-damage; altered rows are refused when they are used"
        )
    return whole, found


def _told(wrong: Wrong) -> str:
    return f"{wrong.where}: {wrong.what}"


def _put_off(store: Store, now: float) -> int:
    """Give keys whose deletion became due since the backup the shortest waiting period anew.

    Somebody may have cancelled it after the backup was made, and what is deleted is gone.
    """
    with store.writing() as books:
        due = list(books.keys_to_delete(now, sys.maxsize))
        for key in due:
            books.change_key(key, deletion_date=now + SHORTEST_DAYS * DAY)
    return len(due)
