"""Transactions over a data folder's database, with its root key."""

import contextlib
from collections.abc import Callable, Iterator

from strongroom.keys.hierarchy import Domain, RootKey
from strongroom.storage import changes
from strongroom.storage.books import Books, Place
from strongroom.storage.database import Database
from strongroom.storage.page import Page


class Store:
    """Hands out `Books`; safe to use from several threads."""

    def __init__(self, database: Database, root: RootKey, page: Page) -> None:
        self._database = database
        self._root = root
        self._page = page
        self._domains: dict[Place, Domain] = {}

    @contextlib.contextmanager
    def reading(self) -> Iterator[Books]:
        """Books as of now, not to be written in."""
        with self._database.reading() as connection:
            yield Books(connection, self._root, self._domains)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Books]:
        """Books whose changes are durable, and known to every worker, once the block has ended."""
        number = 0
        with self._database.writing() as connection:
            books = Books(connection, self._root, dict(self._domains))
            yield books
            if books.touched:
                number = changes.record(connection, books.touched)
                self._database.announce(connection, number)
        # Only now: domains made in a transaction that failed must not be used.
        self._domains.update(books.domains)
        if number:
            self._page.last_change = number

    def listen(self, told: Callable[[str], None]) -> Callable[[], None]:
        """Show every worker of this machine what other nodes change, until what this gives is called."""

        def heard(number: int | None) -> None:
            # What this machine changed it knows already.
            if number is None or number > self._page.last_change:
                self._page.last_change = number or 0

        return self._database.listen(heard, told)

    def forget_deleted(self) -> None:
        """See `Database.forget_deleted`."""
        self._database.forget_deleted()

    def close(self) -> None:
        self._database.close()
