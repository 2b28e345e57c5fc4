"""A disk that forgets, beneath the SQLite of the real storage layer, and beneath the anchor.

What is asked of the files is remembered in its order (`Disk.log`).  At a power cut (`Platter.left`) every
write and truncation that was not synced is there, or not, or torn, each by chance and whatever came
after it; of the files made and deleted that no sync has brought to the disk, the first so many.  What is
left is what a machine finds that is switched on again.

* A write is torn into sectors of 512 bytes, or behind any byte.  It never changes bytes beside its own:
  SQLite assumes as much (SQLITE_IOCAP_POWERSAFE_OVERWRITE, which it assumes unless told otherwise).  A
  sector of the anchor is whole: its two pages share one.
* Older bytes never come back over newer ones that were kept: that is the same as the newer being dropped.
* The first sync of a new journal or write-ahead log syncs the folder too, as SQLite's own VFS does.
* A sync that fails brings nothing to the disk, and what it should have brought is not tried again: the
  kernel takes those pages for clean.  Programs read what they wrote all the same.

SQLAlchemy is given apsw in place of Python's sqlite3 (`dialect`), whose files can be watched: the same
dialect, pragmas, pool and statements, over another build of SQLite.  Locks and the shared memory of the
write-ahead log are those of SQLite's VFS for unix.
"""

import contextlib
import errno
import itertools
import os
import random
import sqlite3
from functools import partial
from math import inf
from types import SimpleNamespace
from typing import NamedTuple
from unittest import mock

import apsw
from sqlalchemy import create_engine

from strongroom.keys.witness import Whole
from strongroom.storage.anchor import Anchor
from strongroom.storage.tree import Tree

SECTOR = 512  # bytes
_SYNCS_FOLDER = ("-journal", "-wal")


class Wrote(NamedTuple):
    file: int
    at: int
    data: bytes


class Truncated(NamedTuple):
    file: int
    length: int


class Synced(NamedTuple):
    file: int
    folder: bool = False


class Failed(NamedTuple):
    """A sync, which brought nothing to the disk."""

    file: int


class Made(NamedTuple):
    file: int
    name: str


class Deleted(NamedTuple):
    name: str
    folder: bool  # synced at once


class Intended(NamedTuple):
    """A transaction is about to be committed; this would be the state after it."""

    whole: Whole


class Acknowledged(NamedTuple):
    """Somebody was told that a transaction is done; this is the state after it."""

    whole: Whole


class Disk:
    """One folder's files, watched."""

    def __init__(self, content):
        """`content`: the bytes of what is there already, by name; all of it on the disk."""
        self.content = dict(content)
        self.log = []
        self._files = {name: number for number, name in enumerate(self.content)}
        self._numbers = itertools.count(len(self.content))
        self.syncs = 0
        self.failing = frozenset()
        """Which syncs fail, counted from 1."""
        self.dies_at = inf
        """After how many events in all the process dies: it brings nothing more about."""

    def require_alive(self):
        if len(self.log) >= self.dies_at:
            raise apsw.IOError("the process is dead")

    def opened(self, name):
        """The number of the file of that name, which is made now if there is none."""
        if name not in self._files:
            self._files[name] = next(self._numbers)
            self.log.append(Made(self._files[name], name))
        return self._files[name]

    def deleted(self, name, folder):
        if self._files.pop(name, None) is not None:
            self.log.append(Deleted(name, folder))

    def sync(self, file, name):
        """Whether the disk has it now."""
        self.syncs += 1
        if self.syncs in self.failing:
            self.log.append(Failed(file))
            return False
        self.log.append(Synced(file, name.endswith(_SYNCS_FOLDER)))
        return True


class Platter:
    """What is on the disk for certain, and what may be, as the log goes on."""

    def __init__(self, content):
        self._names = {name: number for number, name in enumerate(content)}
        self._files = {number: bytearray(data) for number, data in enumerate(content.values())}
        self._whole = {number for name, number in self._names.items() if name == "anchor"}
        self._waiting = []
        self._moves = []
        self._new = set()

    def take(self, event):
        match event:
            case Wrote() | Truncated():
                self._waiting.append(event)
            case Synced(file, folder):
                for each in self._waiting:
                    if each.file == file:
                        _apply(each, self._files[file])
                self._waiting = [each for each in self._waiting if each.file != file]
                if folder and file in self._new:
                    self._settle()
            case Failed(file):
                self._waiting = [each for each in self._waiting if each.file != file]
            case Made(file):
                self._files[file] = bytearray()
                self._new.add(file)
                self._moves.append(event)
            case Deleted(_, folder):
                self._moves.append(event)
                if folder:
                    self._settle()

    def _settle(self):
        _rename(self._names, self._moves)
        self._moves, self._new = [], set()

    def left(self, chance):
        """The bytes of every file that is found after a power cut now, by name."""
        names = dict(self._names)
        _rename(names, self._moves[: chance.randint(0, len(self._moves))])
        kept, torn = chance.choice(((0, 0), (1, 0), (0, 1), (0.5, 0), (0.3, 0.3), (0.9, 0.05)))
        files = {number: self._files[number] for number in names.values()}
        for each in self._waiting:
            if each.file not in files:
                continue
            draw = chance.random()
            pieces = [each] if draw < kept else []
            if kept <= draw < kept + torn:
                pieces = _torn(each, chance, whole=each.file in self._whole)
            if pieces and files[each.file] is self._files[each.file]:
                files[each.file] = bytearray(self._files[each.file])
            for piece in pieces:
                _apply(piece, files[each.file])
        return {name: bytes(files[number]) for name, number in names.items()}

    def nothing(self):
        """What is found after a power cut at the least."""
        return {name: bytes(self._files[number]) for name, number in self._names.items()}

    def everything(self):
        """What is found after a mere end of the process: all that was ever asked for."""
        names = dict(self._names)
        _rename(names, self._moves)
        files = {number: bytearray(self._files[number]) for number in names.values()}
        for each in self._waiting:
            if each.file in files:
                _apply(each, files[each.file])
        return {name: bytes(files[number]) for name, number in names.items()}


def _apply(event, content):
    if isinstance(event, Truncated):
        del content[event.length :]
        return
    if len(content) < event.at:
        content.extend(bytes(event.at - len(content)))
    content[event.at : event.at + len(event.data)] = event.data


def _rename(names, moves):
    for move in moves:
        if isinstance(move, Made):
            names[move.name] = move.file
        else:
            names.pop(move.name, None)


def _torn(event, chance, *, whole):
    """Parts of a write; of a truncation, nothing."""
    if isinstance(event, Truncated):
        return []
    file, at, data = event
    if not whole and chance.random() < 0.5:
        return [Wrote(file, at, data[: chance.randint(0, len(data))])]
    edges = [at, *range(at - at % SECTOR + SECTOR, at + len(data), SECTOR), at + len(data)]
    return [
        Wrote(file, begin, data[begin - at : end - at])
        for begin, end in itertools.pairwise(edges)
        if chance.random() < 0.5
    ]


# Watching


class _File(apsw.VFSFile):
    def __init__(self, disk, named, flags):
        super().__init__("unix", named, flags)
        self._disk = disk
        self._name = _short(named)
        self._number = disk.opened(self._name)

    def xWrite(self, data, at):
        self._disk.require_alive()
        super().xWrite(data, at)
        self._disk.log.append(Wrote(self._number, at, bytes(data)))

    def xTruncate(self, length):
        self._disk.require_alive()
        super().xTruncate(length)
        self._disk.log.append(Truncated(self._number, length))

    def xSync(self, flags):
        self._disk.require_alive()
        if not self._disk.sync(self._number, self._name):
            failure = apsw.IOError("no sync")
            failure.extendedresult = apsw.SQLITE_IOERR_FSYNC
            raise failure


class _Vfs(apsw.VFS):
    def __init__(self, disk, chance):
        self.name = f"watched-{id(disk)}"
        super().__init__(self.name, "unix", makedefault=True)  # whose randomness SQLite takes
        self._disk = disk
        self._chance = chance

    def xOpen(self, named, flags):
        if named is None or flags[0] & apsw.SQLITE_OPEN_DELETEONCLOSE:
            return apsw.VFSFile("unix", named, flags)
        return _File(self._disk, named, flags)

    def xDelete(self, path, folder):
        self._disk.require_alive()
        super().xDelete(path, False)
        self._disk.deleted(_short(path), folder)

    def xRandomness(self, count):
        return self._chance.randbytes(count)


def _short(named):
    path = named.filename() if isinstance(named, apsw.URIFilename) else named
    return os.path.basename(path)  # noqa: PTH119


class WatchedAnchor(Anchor):
    disk: Disk

    def _write(self, slot, body):
        before = os.pread(self._fd, 1 << 16, 0)
        super()._write(slot, body)
        after = os.pread(self._fd, 1 << 16, 0)
        (at,) = (at for at in range(0, len(after), 128) if after[at : at + 128] != _at(before, at))
        self.disk.log.append(Wrote(self.disk.opened("anchor"), at, after[at : at + 128]))


def write_again(disk, file):
    """What `database._write_again` does."""
    disk.require_alive()
    number = disk.opened(file.name)
    disk.log.append(Wrote(number, 0, file.read_bytes()))
    if not disk.sync(number, file.name):
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def _at(content, at):
    """A page of the anchor as it was, zeros where there was none."""
    return content[at : at + 128].ljust(128, b"\0")


@contextlib.contextmanager
def watched(disk, seed, **pragmas):
    """Databases that are made meanwhile have their files on `disk`, and all that is random is of `seed`.

    `pragmas` are set on every connection behind those of `Database`: what would be if it were different.
    """
    chance = random.Random(f"watched/{seed}")
    vfs = _Vfs(disk, chance)
    apsw.randomness(0)  # SQLite's own generator is seeded anew
    module = dialect(vfs.name, pragmas)
    keep = Tree.keep

    def kept(*arguments):
        state = keep(*arguments)
        disk.log.append(Intended(state.whole))
        return state

    try:
        with (
            mock.patch.object(Tree, "keep", kept),
            mock.patch(
                "strongroom.storage.databases.sqlite._write_again",
                lambda file: write_again(disk, file),
            ),
            mock.patch(
                "strongroom.storage.databases.sqlite.create_engine",
                partial(create_engine, module=module),
            ),
            mock.patch("os.urandom", chance.randbytes),
            mock.patch("random._urandom", chance.randbytes),
        ):
            yield
    finally:
        die()
        vfs.unregister()


# apsw by the names of Python's sqlite3


def dialect(vfs, pragmas):
    """What SQLAlchemy wants of a module."""
    return SimpleNamespace(
        **{name: getattr(sqlite3, name) for name in _LIKE_SQLITE3},
        sqlite_version_info=tuple(map(int, apsw.sqlite_lib_version().split("."))),
        connect=lambda file, **how: _Connection(file, vfs, pragmas, how["timeout"]),
    )


_LIKE_SQLITE3 = (
    "Binary DatabaseError DataError Error IntegrityError InterfaceError InternalError "
    "NotSupportedError OperationalError PARSE_COLNAMES PARSE_DECLTYPES ProgrammingError Warning "
    "paramstyle"
).split()
_KINDS = {
    apsw.ConstraintError: sqlite3.IntegrityError,
    apsw.CorruptError: sqlite3.DatabaseError,
    apsw.NotADBError: sqlite3.DatabaseError,
    apsw.SQLError: sqlite3.OperationalError,
}


@contextlib.contextmanager
def _as_sqlite3():
    try:
        yield
    except apsw.Error as failure:
        as_sqlite3 = _KINDS.get(type(failure), sqlite3.OperationalError)(str(failure))
        code = getattr(failure, "extendedresult", apsw.SQLITE_ERROR)
        names = apsw.mapping_extended_result_codes, apsw.mapping_result_codes
        as_sqlite3.sqlite_errorname = names[0].get(code) or names[1].get(code & 255)
        raise as_sqlite3 from failure


_connections = set()


def die():
    """Let go of all files, as a process that is killed does: nothing is checkpointed."""
    for connection in _connections:
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.close(True)
    _connections.clear()


class _Connection:
    isolation_level = None

    def __init__(self, file, vfs, pragmas, patience):
        self._pragmas = pragmas
        with _as_sqlite3():
            self._apsw = apsw.Connection(file, vfs=vfs)
        _connections.add(self._apsw)
        self._apsw.setbusytimeout(int(patience * 1000))

    def cursor(self):
        return _Cursor(self._apsw)

    def execute(self, statement):
        name = statement.removeprefix("PRAGMA ").partition("=")[0]
        if name in self._pragmas:
            statement = f"PRAGMA {name}={self._pragmas[name]}"
        return self.cursor().execute(statement)

    def commit(self):
        if self._apsw.in_transaction:
            self.execute("COMMIT")

    def rollback(self):
        if self._apsw.in_transaction:
            self.execute("ROLLBACK")

    def create_function(self, name, count, function, deterministic=False):
        self._apsw.create_scalar_function(name, function, count, deterministic=deterministic)

    def close(self):
        _connections.discard(self._apsw)
        self._apsw.close()


class _Cursor:
    arraysize = 1
    lastrowid = None

    def __init__(self, connection):
        self._connection = connection
        self._rows = iter(())
        self.description = None
        self.rowcount = -1

    def execute(self, statement, parameters=()):
        self.description = None
        cursor = self._connection.cursor()
        cursor.exec_trace = self._describe
        with _as_sqlite3():
            self._rows = iter(cursor.execute(statement, parameters).fetchall())
        self.rowcount = self._connection.changes()
        return self

    def executemany(self, statement, several):
        for parameters in several:
            self.execute(statement, parameters)
        return self

    def _describe(self, cursor, _statement, _parameters):
        columns = cursor.get_description()
        self.description = [(each[0], *[None] * 6) for each in columns] or None
        return True

    def fetchone(self):
        return next(self._rows, None)

    def fetchmany(self, size=None):
        return list(itertools.islice(self._rows, size or self.arraysize))

    def fetchall(self):
        return list(self._rows)

    def close(self):
        self._rows = iter(())
