"""Moving an installation's database: from the folder's own file to PostgreSQL, or back.

What is moved is refused where it was, so that nobody goes on with it there: by who starts, and by nodes
that run, within the bound of their staleness.
"""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from strongroom.keys.witness import Witness
from strongroom.main.continuity import anchored, require_continuity
from strongroom.main.sealing import opened
from strongroom.storage import copying, counting
from strongroom.storage.database import Database
from strongroom.storage.databases.kind import DatabaseError
from strongroom.storage.migrations import migrate, require_own
from strongroom.storage.schema import REVISION
from strongroom.storage.seals import Opener
from strongroom.storage.tree import Tree
from strongroom.storage.verification import Verification


def move(data: Path, opener: Opener, address: str | None) -> int:
    """Move a folder's database to an empty PostgreSQL at `address`, or into the folder; how many rows went.

    FolderInUse if the folder is being served.  SetupError, with nothing changed, if there is something
    where it is to go, if it is an older copy, or if a row is not as it was written.
    """
    folder, root = opened(data, opener)
    was = folder.database
    where = folder.file if address is None else address
    if isinstance(was, Path) and isinstance(where, Path):
        raise DatabaseError(
            "the database is in the folder already; say where it is to go with --database"
        )
    with folder.locked(), ExitStack() as stack:
        source = stack.enter_context(closing(Database(was)))
        source.require()
        migrate(source)
        target = stack.enter_context(_empty(where))
        with source.holding() as old:
            require_own(old)
            whole = counting.bring_up(old, Tree(Witness(root)))
            with anchored(folder, root, None, make=True) as anchor:
                if anchor is not None:
                    require_continuity(folder, root, lambda: whole, anchor, accept=False)
            with target.defining() as new:
                rows = copying.put(new, REVISION, copying.rows_of(old))
                for wrong in Verification(new, root).run():
                    raise DatabaseError(
                        f"{wrong.where}: {wrong.what}; `strongroom verify` tells of all. Nothing was moved"
                    )
            folder.redirect(address)
            copying.give_up(old)
    if isinstance(was, Path):
        was.rename(_free(was.with_name(f"{was.name}.moved")))
    return rows


@contextmanager
def _empty(where: Path | str) -> Iterator[Database]:
    """The database that is to be filled; a file is as if it had never been if the block fails."""
    if isinstance(where, Path) and where.exists():
        raise DatabaseError(f"there is a file at `{where}` already; move it away first")
    try:
        with closing(Database(where)) as database:
            database.require_unused()
            yield database
    except BaseException:
        if isinstance(where, Path):
            where.unlink(missing_ok=True)
        raise


def _free(path: Path) -> Path:
    """The path, or with the first number behind it that nothing has."""
    number, found = 1, path
    while found.exists():
        number += 1
        found = path.with_name(f"{path.name}-{number}")
    return found
