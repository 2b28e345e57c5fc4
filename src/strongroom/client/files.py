"""From file to file: `encrypt` and `decrypt` over names, for the command line.

* `-` is standard input or output.
* `X` becomes `X.encrypted` and back, unless the output is named.
* A file appears under its name complete and authenticated, or not at all (`client.output`).  What
  went to standard output cannot be taken back: there, each frame is authenticated before it is
  written, and a signed message is held back until its signature is checked.
* A file that changes while it is read is refused: half of it would be of another time.
"""

import os
import stat
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from strongroom.client.datakeys import Kms
from strongroom.client.faults import MessageFault
from strongroom.client.frames import sealed_size
from strongroom.client.opening import Opened, decrypt
from strongroom.client.output import Output
from strongroom.client.sealing import FRAME, Sealed, encrypt

SUFFIX = ".encrypted"
STANDARD = "-"

Progress = Callable[[int | None], AbstractContextManager[Callable[[int], None]]]
"""Given the bytes there are to do, if known: what is told the bytes done, while it is entered."""


class FileRefused(MessageFault):
    """A file that cannot be what it was given for, or that changed while it was read."""


class EncryptedFile(NamedTuple):
    output: str
    sealed: Sealed


class DecryptedFile(NamedTuple):
    output: str
    opened: Opened


def encrypt_file(
    file: str,
    output: str | None,
    *,
    key: str,
    kms: Kms,
    context: Mapping[str, str],
    replace: bool,
    durable: bool,
    progress: Progress,
) -> EncryptedFile:
    """Encrypt `file` to `output`, or to `file` with the suffix added.

    Raises: as `client.encrypt`, and FileRefused, FileExistsError.
    """
    with _Input(file) as source:
        name = output or source.name_with_suffix()
        if name == STANDARD and os.isatty(1):
            raise FileRefused("a message is not for a terminal: give `-o FILE` or redirect")
        with _destination(name, source, replace=replace) as sink, progress(source.size) as tell:
            if source.size is not None:
                sink.reserve(sealed_size(source.size, FRAME))
            sealed = encrypt(
                source.file, sink.file, key=key, kms=kms, context=context, progress=tell
            )
            source.require_unchanged(sealed.plaintext)
            sink.commit(durable=durable)
    return EncryptedFile(name, sealed)


def decrypt_file(
    file: str,
    output: str | None,
    *,
    key: str | None,
    region: str | None,
    kms: Kms,
    context: Mapping[str, str],
    replace: bool,
    durable: bool,
    progress: Progress,
) -> DecryptedFile:
    """Decrypt `file` to `output`, or to `file` with the suffix taken off.

    Raises: as `client.decrypt`, and FileRefused, FileExistsError.
    """
    with _Input(file) as source:
        name = output or source.name_without_suffix()
        with _destination(name, source, replace=replace) as sink, progress(source.size) as tell:
            # The plaintext is a little shorter, so a disk that refuses this may still do.
            with suppress(OSError):
                sink.reserve(source.size or 0)
            opened = decrypt(
                source.file,
                sink.file,
                kms=kms,
                key=key,
                region=region,
                context=context,
                progress=tell,
                sink_is_provisional=sink.is_provisional,
            )
            sink.commit(durable=durable)
    return DecryptedFile(name, opened)


class _Input:
    """A file opened for reading, unbuffered, or standard input."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.file = FileIO(0, closefd=False) if name == STANDARD else FileIO(name)
        self.status = os.fstat(self.file.fileno())
        regular = stat.S_ISREG(self.status.st_mode) and name != STANDARD
        self.size = self.status.st_size if regular else None  # bytes

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.file.close()

    def name_with_suffix(self) -> str:
        return self._name if self._name == STANDARD else self._ordinary() + SUFFIX

    def name_without_suffix(self) -> str:
        if self._name == STANDARD:
            return STANDARD
        name = self._ordinary().removesuffix(SUFFIX)
        if name == self._name or not Path(name).name or name.endswith("/"):
            raise FileRefused(f"`{self._name}` does not end in `{SUFFIX}`: name the output by `-o`")
        return name

    def require_unchanged(self, read: int) -> None:
        """Refuse what was read of a file that was written to meanwhile."""
        now = os.fstat(self.file.fileno())
        same = (now.st_size, now.st_mtime_ns) == (self.status.st_size, self.status.st_mtime_ns)
        if self.size is not None and not (same and read == self.size):
            raise FileRefused(
                f"`{self._name}` changed while it was read: try again when it is still"
            )

    def _ordinary(self) -> str:
        if self.size is None:
            raise FileRefused(f"`{self._name}` is not an ordinary file: name the output by `-o`")
        return self._name


class _Destination(Protocol):
    @property
    def file(self) -> FileIO: ...
    @property
    def is_provisional(self) -> bool: ...
    def reserve(self, size: int) -> None: ...
    def commit(self, *, durable: bool = False) -> None: ...


class _StandardOutput:
    """Standard output in the place of an `Output`: nothing to reserve, nothing to take back."""

    is_provisional = False

    def __init__(self) -> None:
        self.file = FileIO(1, "wb", closefd=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.file.close()

    def reserve(self, size: int) -> None:
        pass

    def commit(self, *, durable: bool = False) -> None:
        pass


def _destination(
    name: str, source: _Input, *, replace: bool
) -> AbstractContextManager[_Destination]:
    if name == STANDARD:
        return _StandardOutput()
    path = Path(name)
    with suppress(FileNotFoundError):
        there = path.stat()
        if os.path.samestat(there, source.status):
            raise FileRefused(f"`{name}` is both the input and the output")
        if stat.S_ISDIR(there.st_mode):
            raise FileRefused(f"`{name}` is a folder: name a file in it by `-o`")
        if not stat.S_ISREG(there.st_mode):
            raise FileRefused(f"`{name}` is not an ordinary file: give `-o -` and redirect")
    return Output(path, replace=replace)
