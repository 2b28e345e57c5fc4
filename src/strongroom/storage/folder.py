"""The data folder: what stands in it, who may use it, how it comes to be.

    strongroom.json     what the folder is: format, id, how its root key is kept, where its database
                        and its anchor (`storage.anchor`) are
    strongroom.db       the database (and its -wal and -shm), if it is not PostgreSQL's
    audit/              the audit log
    lock                held by the one set of workers that serves from here
    shared              the page that the workers share (`storage.page`)
    metrics/            counters of the running workers

Rules: `strongroom.json` is written last and durably, so a folder without it was never in use;
a folder that has a database but no description, or whose root key does not match, is refused
and nothing is ever made anew in it.
"""

import contextlib
import fcntl
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from strongroom.errors import SetupError
from strongroom.keys.hierarchy import RootKey
from strongroom.storage import rootkey
from strongroom.storage.seals import Opener, Seal, UnknownSeal, open_sealed, signed

_LARGEST_DESCRIPTION = 65_536  # bytes
_UNSAID = Path()


class FolderError(SetupError):
    """The folder cannot be used; the message says what to do."""


class FolderInUse(FolderError):
    """Another set of workers serves from it."""


@dataclass(frozen=True, slots=True)
class Folder:
    path: Path

    @property
    def description(self) -> Path:
        return self.path / "strongroom.json"

    @property
    def file(self) -> Path:
        """The database of a folder that has its own."""
        return self.path / "strongroom.db"

    @property
    def audit(self) -> Path:
        return self.path / "audit"

    @property
    def page(self) -> Path:
        return self.path / "shared"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics"

    def holds(self, path: Path) -> bool:
        """Whether a path leads into the folder, by whatever links."""
        return path.resolve().is_relative_to(self.path.resolve())

    # Coming to be

    def require_unused(self) -> None:
        """FolderError if there is anything in the folder."""
        if self.description.exists():
            raise FolderError(
                f"`{self.path}` is a data folder already; serve it with "
                f"`strongroom serve --data {self.path}`, or name another"
            )
        if self.path.exists() and not self.path.is_dir():
            raise FolderError(f"`{self.path}` is not a folder; name a new one with --data")
        if self.path.exists() and any(self.path.iterdir()):
            raise FolderError(f"`{self.path}` is not empty; name a new folder with --data")

    def make(self) -> None:
        """The empty folder with what stands in it, its owner's alone; FolderError if it cannot be."""
        for folder in (self.path, self.audit, self.metrics):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as failure:
                raise FolderError(f"`{folder}` cannot be made: {failure.strerror}") from None

    def describe(
        self,
        root: RootKey,
        seal: Seal,
        anchor: Path | None,
        address: str | None = None,
    ) -> None:
        """Write the description, durably, as the last step of making the folder.

        `anchor` is none for a folder that is thrown away; `address` is PostgreSQL's, if the database is
        there.
        """
        description = {
            "format": 1,
            "id": str(uuid.uuid4()),
            "root_key": signed(root, seal),
            "anchor": None if anchor is None else str(anchor),
        }
        if address is not None:
            description["database"] = address
        self._write(description)

    def reseal(self, root: RootKey, seal: Seal) -> None:
        """Say from now on, durably, that the root key is sealed in another way; it may be being served."""
        self._write({**self._described().all, "root_key": signed(root, seal)})

    def redirect(self, address: str | None) -> None:
        """Say from now on, durably, that the database is PostgreSQL's at `address`, or the folder's own file."""
        description = {**self._described().all, "database": address}
        if address is None:
            del description["database"]
        self._write(description)

    def _write(self, description: dict[str, Any]) -> None:
        """The old description or the new one is there, whatever happens."""
        temporary = self.path / "strongroom.json.new"
        temporary.unlink(missing_ok=True)
        # Its owner's alone: an address may have a password in it.
        text = json.dumps(description, indent=2) + "\n"
        rootkey.write_durably(rootkey.new_private(temporary), text)
        temporary.rename(self.description)
        rootkey.sync_folder(self.path)
        rootkey.sync_folder(self.path.parent)

    # Being used

    @property
    def database(self) -> Path | str:
        """Where the database is: a file here, or PostgreSQL's address.  FolderError as below."""
        return self._described().address or self.file

    @property
    def anchor(self) -> Path | None:
        """Where the anchor is; None for a folder that is thrown away."""
        said = self._described().anchor
        return default_anchor(self.path) if said == _UNSAID else said

    @property
    def seal(self) -> Seal:
        """How the root key is sealed; it was opened, so this is a seal."""
        return dict(self._described().seal)

    @property
    def says_anchor(self) -> bool:
        """Whether the folder was made with one: earlier releases had none."""
        return self._described().anchor != _UNSAID

    def open_root_key(self, opener: Opener) -> RootKey:
        """See `Description.open_root_key`."""
        return self._described().open_root_key(opener)

    def _described(self) -> "Description":
        """What the folder is; FolderError if it is none, or lacks what it says that it has."""
        if self.path.exists() and not self.path.is_dir():
            raise FolderError(f"`{self.path}` is not a folder; name a data folder")
        if not self.description.exists():
            if self.file.exists():
                raise FolderError(
                    f"`{self.path}` holds a database but not its `strongroom.json`; bring that "
                    "file back from a backup, for it cannot be made anew; or, if `strongroom init` "
                    "was interrupted here, remove the folder and begin again"
                )
            raise FolderError(
                f"`{self.path}` is not a data folder; make one with "
                f"`strongroom init --data {self.path}`"
            )
        found = Description.read(self.description)
        if found.address is None and not (self.file.exists() and self.file.stat().st_size):
            raise FolderError(
                f"`{self.file}` is missing or empty; bring it back from a backup: a new one in "
                "its place would lose every key"
            )
        return found

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one set of workers; FolderError if another holds it.

        The lock is the kernel's and ends with the process, however that ends.
        """
        try:
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as failure:
            raise FolderError(f"`{self.path}` cannot be used: {failure}") from None
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FolderInUse(
                    f"another Strongroom is serving `{self.path}`; stop it first, or name "
                    "another folder"
                ) from None
            yield
        finally:
            os.close(descriptor)


def default_anchor(data: Path) -> Path:
    """Where the anchor is unless its operator says otherwise: beside the folder, not in it."""
    return data.with_name(data.name + ".anchor")


@dataclass(frozen=True, slots=True)
class Description:
    """What `strongroom.json` says."""

    file: Path
    seal: Any  # of the root key; `storage.seals` knows its forms
    address: str | None = field(repr=False)  # of PostgreSQL, perhaps with a password
    anchor: Path | None  # `_UNSAID` by earlier releases
    all: dict[str, Any] = field(repr=False)

    @classmethod
    def read(cls, file: Path) -> Self:
        """FolderError, with what to do, if it cannot be read or understood."""
        try:
            with file.open() as opened:
                read = json.loads(opened.read(_LARGEST_DESCRIPTION))
        except OSError as failure:
            raise FolderError(f"`{file}` cannot be read: {failure.strerror}") from None
        except (ValueError, RecursionError):
            raise FolderError(f"`{file}` is damaged; bring that file back from a backup") from None
        match read:
            case {"format": 1, "root_key": seal}:
                address, anchor = read.get("database"), read.get("anchor", str(_UNSAID))
                if all(each is None or isinstance(each, str) for each in (address, anchor)):
                    return cls(file, seal, address, None if anchor is None else Path(anchor), read)
        raise FolderError(
            f"`{file}` is of a format that this release does not know; "
            "use the release that made it, or a later one"
        )

    def open_root_key(self, opener: Opener) -> RootKey:
        """The root key; FolderError, RootKeyError or ShareError, with what to do, in every other case."""
        try:
            return open_sealed(self.seal, opener)
        except UnknownSeal as failure:
            raise FolderError(f"`{self.file}`: {failure}") from None
