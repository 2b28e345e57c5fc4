"""What becomes due without being asked for: deletions, rotations, expiry of imported material.

One worker of a data folder does this, once a second; and whoever moves the clock, at once.  Each
part is one transaction, so a key is deleted or rotated once, whoever else is looking.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from strongroom.keys.imports import Import
from strongroom.keys.key import Key
from strongroom.services.kms import deletion, imports, rotation
from strongroom.services.kms.world import Backing, Writing

_BATCH = 100  # keys in one transaction, so that requests get their turn in between


class Ledger(Protocol):
    def reading(self) -> AbstractContextManager[Writing]: ...
    def writing(self) -> AbstractContextManager[Writing]: ...
    def forget_deleted(self) -> None: ...


class Done(NamedTuple):
    deleted: list[Key]
    rotated: list[Key]  # as they are now
    expired: list[tuple[Key, Import]]  # keys as they are now, and the material that is gone


def parts(ledger: Ledger, backing: Backing, now: Callable[[], float]) -> Iterator[Done]:
    """Delete, rotate and expire until nothing is due: each time one transaction, to be recorded before the next.

    To be iterated in a thread.  Nothing is written, and no lock taken, when nothing is due.
    """
    deleted = False
    while _anything_due(ledger, now()):
        with ledger.writing() as books:
            done = Done(
                deleted=deletion.delete_due(books, now(), _BATCH),
                expired=imports.expire_due(books, now(), _BATCH),
                rotated=rotation.rotate_due(books, backing, now(), _BATCH),
            )
        deleted = deleted or bool(done.deleted)
        yield done
    if deleted:
        ledger.forget_deleted()


def do_what_is_due(ledger: Ledger, backing: Backing, now: Callable[[], float]) -> Done:
    """All of it."""
    done = Done([], [], [])
    for part in parts(ledger, backing, now):
        done.deleted.extend(part.deleted)
        done.rotated.extend(part.rotated)
        done.expired.extend(part.expired)
    return done


def _anything_due(ledger: Ledger, now: float) -> bool:
    with ledger.reading() as books:
        return books.anything_due(now)
