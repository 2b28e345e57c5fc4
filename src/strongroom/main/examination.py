"""`strongroom doctor`: what is wrong with an installation, and what to do.

It looks and changes nothing.  Each check gives one line: what was looked at, whether it is well,
and if not, what to do.
"""

import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from strongroom.audit.verify import verify
from strongroom.errors import Fault, SetupError
from strongroom.harden import harden
from strongroom.keys.hierarchy import RootKey, audit_key
from strongroom.keys.sealing import Tampered
from strongroom.main.continuity import anchored, discontinuities
from strongroom.main.sealing import opened
from strongroom.storage.anchor import AnchorError
from strongroom.storage.database import Database
from strongroom.storage.databases.kind import DatabaseError
from strongroom.storage.folder import Folder, FolderError, FolderInUse
from strongroom.storage.migrations import at_current, is_unmarked
from strongroom.storage.page import Page
from strongroom.storage.seals import Opener
from strongroom.storage.store import Store

_LITTLE_SPACE = 1 << 30  # bytes


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    verdict: Literal["well", "watch", "ill"]
    advice: str = ""


def examine(data: Path, opener: Opener) -> Iterator[Finding]:
    """Findings, one by one; those that need what was found ill are left out."""
    harden()
    folder = Folder(data.absolute())
    if folder.path.exists() and not folder.path.is_dir():
        yield Finding(f"data folder `{folder.path}`", "ill", "it is not a folder; name one")
        return
    if not folder.path.is_dir():
        yield Finding(
            f"data folder `{folder.path}`",
            "ill",
            f"it does not exist; make it with `strongroom init --data {data}`",
        )
        return
    yield _privacy(folder)
    yield _space(folder)
    yield _service(folder)
    try:
        root = folder.open_root_key(opener)
    except SetupError as failure:
        yield Finding("root key", "ill", str(failure))
        return
    yield Finding("root key opens and is this folder's", "well")
    database = folder.database
    damage = _damage(database) if isinstance(database, Path) else _away(database)
    if damage:
        yield Finding("database", "ill", damage)
        return
    yield Finding("database is whole" if isinstance(database, Path) else "database answers", "well")
    yield from _as_written(folder, root)


def verify_everything(data: Path, opener: Opener) -> Iterator[Finding]:
    """Whether the database and the audit log are as they were written, all there, and the latest."""
    yield from _as_written(*opened(data, opener))


def _as_written(folder: Folder, root: RootKey) -> Iterator[Finding]:
    yield from _rows(folder.database, root)
    yield from _audit(folder, root)
    yield from _continues(folder, root)


def _continues(folder: Folder, root: RootKey) -> Iterator[Finding]:
    try:
        with anchored(folder, root, None) as anchor:
            if anchor is None:
                return
            with closing(Database(folder.database)) as database:
                if not at_current(database):
                    return
                store = Store(database, root, Page.blank())
                wrong = discontinuities(folder, root, store.whole, anchor)
    except (AnchorError, Fault, Tampered) as failure:
        yield Finding("anchor", "ill", str(failure))
        return
    for each in wrong:
        yield Finding("older copy", "ill", each)
    if not wrong:
        yield Finding(f"this is the latest state that `{anchor.file}` knows of", "well")


def _privacy(folder: Folder) -> Finding:
    mode = stat.S_IMODE(folder.path.stat().st_mode)
    if mode & 0o077:
        return Finding(
            f"data folder is open to others (mode {mode:04o})",
            "ill",
            f"run `chmod 700 {folder.path}`",
        )
    return Finding("data folder is its owner's alone", "well")


def _space(folder: Folder) -> Finding:
    free = shutil.disk_usage(folder.path).free
    if free < _LITTLE_SPACE:
        return Finding(
            f"{free >> 20} MiB of disk are left",
            "watch",
            "without room for the audit log no request is answered; make room or move the folder",
        )
    return Finding(f"{free >> 30} GiB of disk are left", "well")


def _service(folder: Folder) -> Finding:
    try:
        with folder.locked():
            return Finding("no server is running on the folder", "well")
    except FolderInUse:
        return Finding("a server is running on the folder", "well")
    except FolderError as failure:
        return Finding("lock", "ill", str(failure))


def _away(address: str) -> str:
    """Why PostgreSQL cannot be reached, or nothing."""
    try:
        with closing(Database(address)) as database:
            database.require()
    except DatabaseError as failure:
        return str(failure)
    return ""


def _damage(file: Path) -> str:
    """What SQLite's own check says, and what to do, or nothing."""
    do = "stop the server and restore a backup"
    try:
        connection = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)
        try:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            connection.close()
    except sqlite3.DatabaseError as failure:
        return f"it cannot be read: {failure}; {do}"
    return "" if verdict == "ok" else f"it is damaged: {' '.join(verdict.split())}; {do}"


def _rows(where: Path | str, root: RootKey) -> Iterator[Finding]:
    database = Database(where)
    try:
        if is_unmarked(database):
            yield Finding(
                "database", "ill", "it does not say which release made it; restore a backup"
            )
            return
        if not at_current(database):
            yield Finding(
                "database was made by another release",
                "watch",
                "an older one is brought up to date when it is served; for a newer one, use that "
                "release",
            )
            return
        store = Store(database, root, Page.blank())
        sound = True
        with store.verifying() as verification:
            for wrong in verification.run():
                sound = False
                yield Finding(wrong.where, "ill", f"{wrong.what}; compare with a backup")
        if not sound:
            return
        yield Finding(f"{verification.rows} rows are as they were written, and all there", "well")
        with store.reading() as books:
            opened = sum(1 for _ in books.all_keys())
        yield Finding(f"{opened} keys open", "well")
    except Tampered as failure:
        yield Finding("keys and what belongs to them", "ill", f"{failure}; compare with a backup")
    except Fault as failure:
        yield Finding("keys and what belongs to them", "ill", failure.message)
    finally:
        database.close()


def _audit(folder: Folder, root: RootKey) -> Iterator[Finding]:
    reports = verify(folder.audit, audit_key(root))
    records = sum(report.records for report in reports)
    for report in reports:
        for finding in report.findings:
            if not report.sound:
                yield Finding(
                    f"audit log `{report.name}`, line {finding.line}: {finding.kind.value}",
                    "ill",
                    f"{finding.detail}; keep the file as evidence and compare with a copy",
                )
    if all(report.sound for report in reports):
        yield Finding(f"audit log is whole: {records} records in {len(reports)} files", "well")
