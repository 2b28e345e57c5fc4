"""A file that appears under its name whole, or not at all.

It is written as a file without a name in the folder where it will stand (O_TMPFILE), and linked
to its name when it is complete: whatever ends the process before, `kill -9` included, leaves
nothing behind.  Where the file system has no such files (NFS, some FUSE), it is written under a
name of its own, which is removed on every exception; only a `kill -9` can leave that one.

* An existing file is never overwritten unless that was asked for: the link fails if the name was
  taken in the meantime.
* While it is being written, nobody else may read it (mode 0600).  It gets the mode of the file it
  replaces, or else what the umask leaves of 0666.
* It is on its disk before it has its name only with `durable`.  Without, a power cut within about
  half a minute may lose it, as it may lose what `cp` wrote; a cut-off message is refused when it
  is opened, so this can cost a copy and never pass a part for the whole.
"""

import errno
import os
import secrets
import stat
from contextlib import suppress
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

_NO_NAMELESS_FILES = {errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL}
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}


class Output:
    """A context manager; `file` is what to write to, and without `commit` nothing remains."""

    is_provisional = True

    def __init__(self, path: Path, *, replace: bool = False, nameless: bool = True) -> None:
        """FileExistsError if `path` is there and not to be replaced; OSError if none can be made.

        `nameless=False` is the way of file systems without nameless files: for tests.
        """
        if not replace and os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        # A link to a file stands for that file; the folder it is in must be the new one's too.
        self._path = path.resolve() if path.is_symlink() else path
        self._folder = self._path.parent
        self._replace = replace
        self._temporary: Path | None = None
        fd = _open_nameless(self._folder) if nameless else None
        if fd is None:
            self._temporary = self._new_name()
            fd = os.open(
                self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
            )
        self.file = FileIO(fd, "wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.file.close()
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)

    def reserve(self, size: int) -> None:
        """Have the disk set `size` bytes aside; OSError if it has not as many.

        Beyond learning of a full disk at once, this halves what writing costs on ext4.
        """
        try:
            if size:
                os.posix_fallocate(self.file.fileno(), 0, size)
        except OSError:
            os.ftruncate(self.file.fileno(), 0)
            raise

    def commit(self, *, durable: bool = False) -> None:
        """Give the file its name; FileExistsError if another took it meanwhile."""
        fd = self.file.fileno()
        os.ftruncate(fd, self.file.tell())  # what was reserved and not used
        os.fchmod(fd, self._mode())
        if durable:
            os.fsync(fd)
        if self._replace:
            self._replace_by(fd)
        elif self._temporary is None:
            _link_nameless(fd, self._path)
        else:
            self._claim(self._temporary)
        if durable:
            _sync_folder(self._folder)

    def _replace_by(self, fd: int) -> None:
        if self._temporary is None:
            self._temporary = self._new_name()
            _link_nameless(fd, self._temporary)
        self._temporary.replace(self._path)
        self._temporary = None

    def _claim(self, temporary: Path) -> None:
        try:
            self._path.hardlink_to(temporary)
        except OSError as cause:
            if cause.errno not in _NO_LINKS:
                raise
            # Without links, an empty file of that name is made first, which fails if there is
            # one, and then replaced.
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            try:
                temporary.replace(self._path)
            except BaseException:
                self._path.unlink()
                raise

    def _new_name(self) -> Path:
        return self._folder / f".strongroom-{secrets.token_hex(8)}.part"

    def _mode(self) -> int:
        with suppress(FileNotFoundError):
            return stat.S_IMODE(self._path.stat().st_mode)
        umask = os.umask(0o077)
        os.umask(umask)
        return 0o666 & ~umask


def _open_nameless(folder: Path) -> int | None:
    try:
        fd = os.open(folder, os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, 0o600)
    except OSError as cause:
        if cause.errno in _NO_NAMELESS_FILES and folder.is_dir():
            return None
        raise
    if Path(f"/proc/self/fd/{fd}").exists():
        return fd
    os.close(fd)  # without /proc it could never be given a name
    return None


def _link_nameless(fd: int, path: Path) -> None:
    # Only with a folder's descriptor does Python use linkat(2), which can follow this link.
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.link(f"/proc/self/fd/{fd}", path.name, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
