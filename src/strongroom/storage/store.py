"""Transactions over a data folder's database, with its root key."""

import contextlib
from collections.abc import Callable, Iterator

from sqlalchemy import Connection

from strongroom.errors import Unavailable
from strongroom.keys.hierarchy import Domain, RootKey
from strongroom.keys.witness import Whole, Witness
from strongroom.storage import changes, counting
from strongroom.storage.anchor import Anchor
from strongroom.storage.books import Books, Home
from strongroom.storage.changes import Change, Kind
from strongroom.storage.database import Database
from strongroom.storage.lookup import Found, Lookup
from strongroom.storage.page import Page
from strongroom.storage.tallies import Tallies
from strongroom.storage.tree import State, Tree
from strongroom.storage.verification import Verification


class Store:
    """Hands out `Books`; safe to use from several threads."""

    def __init__(
        self, database: Database, root: RootKey, page: Page, anchor: Anchor | None = None
    ) -> None:
        """`anchor` is told of every commit, if there is one."""
        self._database = database
        self._root = root
        self._page = page
        self._anchor = anchor
        self._witness = Witness(root)
        self._tree = Tree(self._witness)
        self._lookup = Lookup(database, self._tree)
        self._seen = 0  # commits; a database that knows of fewer is an older one
        self._domains: dict[Home, Domain] = {}
        self._tallies = Tallies()
        self.pause = database.pause
        """See `Database.pause`."""

    @contextlib.contextmanager
    def reading(self) -> Iterator[Books]:
        """Books as of now, not to be written in."""
        with self._database.reading() as connection:
            yield Books(connection, self._root, self._domains, self._tree)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Books]:
        """Books whose changes are durable, and known to every worker, once the block has ended."""
        now: State | None = None
        seen = self._seen
        with self._database.writing() as connection:
            books = Books(connection, self._root, dict(self._domains), self._tree)
            books.tallies = self._tallies
            yield books
            if books.touched or books.moves:
                before = books.state()
                self._require_latest(before.whole, seen)
                last = before.whole.number
                number = changes.record(connection, self._witness, last, books.touched)
                now = self._tree.record(connection, before, number, books.moves)
            if books.touched:
                self._database.announce(connection, number)
        # Only now: domains made in a transaction that failed must not be used.
        self._domains.update(books.domains)
        if now is not None:
            self._tree.hold(now)
            self._saw(now.whole)
            if books.touched:
                self._page.last_change = now.whole.number
            if self._anchor is not None:
                self._anchor.raise_to(now.whole)

    def changes(self, since: int) -> tuple[int, list[Change] | None]:
        """The last change's number, and all after `since`: None if some are no longer kept.

        Unavailable if the database is an older one than it was.
        """
        seen = self._seen
        with self._database.reading() as connection:
            now = self._whole(connection, seen)
            touched = changes.since(connection, self._witness, now.number, since)
        if touched is None:
            self._domains.clear()
        else:
            for each in touched:
                if each.kind is Kind.DOMAIN:
                    self._domains.pop((each.account, each.region), None)
        return now.number, touched

    @contextlib.contextmanager
    def verifying(self) -> Iterator[Verification]:
        """A pass over everything there is, as of now."""
        with self._database.reading() as connection:
            yield Verification(connection, self._root)

    def begin(self) -> Whole:
        """Count the rows of a database that has no sums yet; the state as of then.

        Tampered if there are sums of the release before, and they are not those of the rows.
        """
        with self._database.reading() as connection:
            found = self._whole(connection, self._seen)
            if counting.current(connection, self._witness, found):
                return found
        with self._database.holding() as connection:
            found = counting.bring_up(connection, self._tree)
        if self._anchor is not None:
            self._anchor.raise_to(found)
        return found

    def whole(self) -> Whole:
        """The state as of now."""
        seen = self._seen
        with self._database.reading() as connection:
            return self._whole(connection, seen)

    def _whole(self, connection: Connection, seen: int) -> Whole:
        """The state that a transaction sees; `seen` is what was seen before that began."""
        found = self._tree.whole(connection)
        self._require_latest(found, seen)
        self._saw(found)
        return found

    def _require_latest(self, whole: Whole, seen: int) -> None:
        if whole.commits < seen:
            raise Unavailable("The key database is an older one than it was.")

    def _saw(self, whole: Whole) -> None:
        # Two threads that meet here may leave the lower number; that is a bound too.
        self._seen = max(self._seen, whole.commits)

    def time(self) -> float:
        """See `Database.time`."""
        return self._database.time()

    def key_at_hand(self, account: str, region: str, key_id: str) -> Found | None:
        """What is known of a key now; None if it cannot be told without waiting for other than a disk."""
        return self._key(account, region, key_id) if self._database.at_hand else None

    def _key(self, account: str, region: str, key_id: str) -> Found | None:
        domain = self._domains.get((account, region))
        return None if domain is None else self._lookup.key(domain, key_id)

    def key(self, account: str, region: str, key_id: str) -> Found:
        """What is known of a key now."""
        found = self._key(account, region, key_id)
        if found is None:
            with self.reading() as books:
                number = changes.last(books.connection)
                found = Found(books.key(account, region, key_id), number)
        return found

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
