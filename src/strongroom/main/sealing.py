"""Sealing a folder's root key in another way, while it may be being served: `strongroom seal`.

The key stays the same, so nothing in the database is touched.  What opened it before opens older copies
of `strongroom.json` still, and a key file that is left still is the key.
"""

from collections.abc import Callable
from pathlib import Path

from strongroom.harden import harden
from strongroom.keys.hierarchy import RootKey
from strongroom.storage import rootkey
from strongroom.storage.folder import Folder
from strongroom.storage.rootkey import RootKeyError, sync_folder
from strongroom.storage.seals import (
    Opener,
    Seal,
    among,
    in_file,
    open_sealed,
    signed,
    under_passphrase,
)
from strongroom.storage.shares import Share, ShareError


def seal_in_file(data: Path, opener: Opener, to: Path) -> None:
    """Keep the root key in a new file, outside the folder; RootKeyError if there is one at `to`."""
    folder, root = opened(data, opener)
    path = file_outside(folder, to)
    rootkey.write_file(path, root)
    _reseal(folder, root, in_file(path), Opener())


def seal_under_passphrase(data: Path, opener: Opener, passphrase: Callable[[], str]) -> None:
    """Keep the root key in the folder's description, under a new passphrase."""
    folder, root = opened(data, opener)
    new = passphrase()
    _reseal(folder, root, under_passphrase(root, new), Opener(passphrase=lambda: new))


def seal_among(data: Path, opener: Opener, wanted: int, count: int, to: Path) -> list[Path]:
    """Keep the root key nowhere: split it into shares, each a file of the new folder `to`.

    ShareError if it cannot be split so, or if there is something at `to`.
    """
    folder, root = opened(data, opener)
    place = to.absolute()
    if folder.holds(place):
        raise ShareError(
            f"`{place}` would lie in the data folder that the shares open; name a place outside"
        )
    seal, handed = among(root, wanted, count)
    try:
        place.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise ShareError(
            f"there is something at `{place}` already; name a new folder with --into"
        ) from None
    files = [_hand_out(place, share) for share in handed]
    sync_folder(place)
    _reseal(folder, root, seal, Opener(shares=lambda _: (path.read_text() for path in files)))
    return files


def file_outside(folder: Folder, root_key: Path) -> Path:
    """Where a root key's file is to be; RootKeyError if that is in the folder it seals."""
    path = root_key.absolute()
    if folder.holds(path):
        raise RootKeyError(
            f"the root key `{path}` would lie in the data folder that it seals, and be "
            "stolen with it; name a place outside with --root-key"
        )
    return path


def opened(data: Path, opener: Opener) -> tuple[Folder, RootKey]:
    """A data folder and its root key, in a process that is hardened first.  SetupError as both say."""
    harden()
    folder = Folder(data.absolute())
    return folder, folder.open_root_key(opener)


def _reseal(folder: Folder, root: RootKey, seal: Seal, opener: Opener) -> None:
    """The old seal is given up only once the new one was seen to open."""
    if open_sealed(signed(root, seal), opener) != root:
        raise RootKeyError("the new seal does not open; the old one stays")
    folder.reseal(root, seal)


def _hand_out(place: Path, share: Share) -> Path:
    path = place / f"share-{share.number}"
    rootkey.write_durably(rootkey.new_private(path), f"{share}\n")
    return path
