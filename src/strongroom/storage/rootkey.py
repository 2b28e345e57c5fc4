"""The root key: 32 random bytes, and how an operator keeps them.

Two seals:

* `file`: the key stands in a file of its own, mode 0600, *outside* the data folder, so that a
  stolen disk or backup of the folder alone opens nothing.  A file of root's may have mode 0640, for
  somebody else who is in its group: service managers hand out secrets so.  One line of text:
  `strongroom-root-key-1 <base64 of the key> <first 8 hex digits of its SHA-256>`
* `passphrase`: the key stands in the data folder's description, sealed under a key that argon2id
  makes of a passphrase and a random salt.

Nothing here ever makes a key where one may already have been in use: `create` refuses to
overwrite, and opening what is missing or wrong fails with what to do.
"""

import base64
import hashlib
import os
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from strongroom.errors import SetupError
from strongroom.keys.hierarchy import RootKey
from strongroom.keys.sealing import Tampered, names, seal, unseal

_BYTES = 32
_TAG = "strongroom-root-key-1"
_SHORTEST_PASSPHRASE = 12  # characters
_SALT_BYTES = 16
# What a damaged description may ask of this machine.
_MOST_PASSES = 64
_MOST_MEMORY_KIB = 4 << 20
_MOST_LANES = 64


class RootKeyError(SetupError):
    """The root key cannot be made or opened; the message says what to do."""


def new_root_key() -> RootKey:
    return RootKey(os.urandom(_BYTES))


def write_file(path: Path, root: RootKey) -> None:
    """Keep `root` in a new file, durably; RootKeyError if there is one, or none can be made."""
    digest = hashlib.sha256(root).hexdigest()[:8]
    line = f"{_TAG} {base64.b64encode(root).decode()} {digest}\n"
    try:
        _make_folder(path.parent)
        descriptor = new_private(path)
    except FileExistsError:
        raise RootKeyError(
            f"there is a file at `{path}` already; a root key is never written over another: "
            "name a new file with --root-key"
        ) from None
    except OSError as failure:
        raise RootKeyError(
            f"the root key file `{path}` cannot be made: {failure.strerror}; name another place "
            "with --root-key"
        ) from None
    write_durably(descriptor, line)
    sync_folder(path.parent)


def new_private(path: Path) -> int:
    """A descriptor of a new file that is its owner's alone.  Raises: FileExistsError, OSError."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def write_durably(descriptor: int, content: str) -> None:
    """Write a text, have it on the disk, and close the descriptor.  Raises: OSError."""
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as failure:  # what is there is no folder
        raise NotADirectoryError(failure.errno, "the place for it is not a folder") from None


def read_file(path: Path) -> RootKey:
    """The key kept at `path`; RootKeyError if it is missing, readable by others or damaged."""
    try:
        # Without blocking, for it may be a pipe that nobody writes to.
        with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)) as file:  # noqa: PTH123
            found = os.fstat(file.fileno())
            line = file.read(256) if stat.S_ISREG(found.st_mode) else ""
            mode = stat.S_IMODE(found.st_mode)
            handed_out = found.st_uid == 0 != os.geteuid()
    except FileNotFoundError:
        raise RootKeyError(
            f"the root key file `{path}` is missing; without it nothing in the data folder can be "
            "opened, and no new one would help: bring the file back, or name its new place with "
            "--root-key"
        ) from None
    except OSError as failure:
        raise RootKeyError(
            f"the root key file `{path}` cannot be read: {failure.strerror}"
        ) from None
    except ValueError:  # neither its name nor its content is text
        raise RootKeyError(f"{path!a} is not a root key; name the right one") from None
    if mode & (0o037 if handed_out else 0o077):
        raise RootKeyError(
            f"the root key file `{path}` can be read by others (mode {mode:04o}); "
            f"run `chmod 600 {path}`"
        )
    parts = line.split()
    try:
        tag, encoded, digest = parts
        root = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise RootKeyError(f"the file `{path}` is not a root key; name the right one") from None
    if tag != _TAG or len(root) != _BYTES or hashlib.sha256(root).hexdigest()[:8] != digest:
        raise RootKeyError(f"the root key file `{path}` is damaged; bring back a good copy")
    return RootKey(root)


@dataclass(frozen=True, slots=True)
class PassphraseSeal:
    """A root key sealed under a passphrase.  Parameters: RFC 9106, second recommended option."""

    salt: str  # hex, 16 bytes
    sealed: str  # hex, of `keys.sealing`
    passes: int = 3
    memory_kib: int = 65_536
    lanes: int = 4

    @classmethod
    def make(cls, root: RootKey, passphrase: str) -> Self:
        if len(passphrase) < _SHORTEST_PASSPHRASE:
            raise RootKeyError(
                f"a passphrase needs at least {_SHORTEST_PASSPHRASE} characters; choose a longer one"
            )
        blank = cls(os.urandom(_SALT_BYTES).hex(), "")
        box = seal(blank._key(passphrase), root, blank._belongs())
        return cls(blank.salt, box.hex())

    @classmethod
    def of(cls, parameters: dict[str, Any]) -> Self:
        """The seal that `to_dict` gave; RootKeyError if that is not what these are."""
        try:
            found = cls(**parameters)
            sound = (
                len(bytes.fromhex(found.salt)) == _SALT_BYTES
                and bytes.fromhex(found.sealed)
                and all(
                    type(given) is int and 0 < given <= most
                    for given, most in (
                        (found.passes, _MOST_PASSES),
                        (found.memory_kib, _MOST_MEMORY_KIB),
                        (found.lanes, _MOST_LANES),
                    )
                )
                and found.memory_kib >= 8 * found.lanes
            )
        except (TypeError, ValueError):
            sound = False
        if not sound:
            raise RootKeyError(
                "the sealed root key in `strongroom.json` is damaged; bring back a good copy"
            )
        return found

    def open(self, passphrase: str) -> RootKey:
        try:
            return RootKey(
                unseal(self._key(passphrase), bytes.fromhex(self.sealed), self._belongs())
            )
        except (Tampered, ValueError):
            raise RootKeyError("the passphrase is wrong, or the sealed root key damaged") from None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def _key(self, passphrase: str) -> bytes:
        from argon2.low_level import Type, hash_secret_raw

        return hash_secret_raw(
            passphrase.encode(),
            bytes.fromhex(self.salt),
            time_cost=self.passes,
            memory_cost=self.memory_kib,
            parallelism=self.lanes,
            hash_len=_BYTES,
            type=Type.ID,
        )

    def _belongs(self) -> bytes:
        return names("root", f"argon2id/{self.passes}/{self.memory_kib}/{self.lanes}", self.salt)


def sync_folder(folder: Path) -> None:
    """Make a new name in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
