"""What requests read, held in memory as immutable values: credentials, identities, keys, aliases,
grants, and how accounts stand in their organizations.

Rules: all of this runs on the event loop's thread.  What is not held raises `NotReady`; the
caller awaits what that holds and asks again.  What some commit touched is dropped before the next
request is looked at: every commit moves the page's number, one look at which costs 50 ns
(`require_current`), and a worker that finds it moved reads what changed (`catch_up`).  The same is done
every quarter of a second without being asked, for a process may die between its commit and
the moving of the number, and other nodes announce what they change but may not be heard.  What has not
been compared with the database for longer than a bound is not believed.

A value read from an older snapshot than what has been caught up with is not kept, so a reader
that was overtaken by a writer cannot put yesterday's key back.  Those who miss the same thing at the
same time wait for the same reading.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Executor
from enum import Enum, auto
from functools import partial
from math import inf
from time import monotonic
from typing import Final, Generic, TypeVar

from strongroom.errors import NotReady, Unavailable
from strongroom.keys.alias import Alias
from strongroom.keys.credential import Credential
from strongroom.keys.grant import Grant
from strongroom.keys.grant_rules import MOST_OF_A_KEY
from strongroom.keys.hierarchy import Domain
from strongroom.keys.key import About, Key, Place
from strongroom.policy.identity import Identity
from strongroom.policy.organization import Standing
from strongroom.storage import bounds, changes
from strongroom.storage.books import Books
from strongroom.storage.changes import Change, Kind
from strongroom.storage.grant_shelf import GrantShelf
from strongroom.storage.lookup import Found
from strongroom.storage.packed import PackedKeys
from strongroom.storage.page import Page
from strongroom.storage.store import Store

_READY = 4_000  # keys held as they are used, some 2 KiB each; and as many aliases, and credentials
DEFAULT_GRANTS = 2 * MOST_OF_A_KEY + 1_000  # some 1.5 KiB each; so many that any two keys' fit
_ONE_IN = 64  # packed keys that are asked for becomes ready
_PATIENCE = 3.0  # seconds for which the database is waited for when it is to say what has changed
_SLOW = 0.010  # seconds that a reading may take on the loop
_SLOW_FOR = 1.0  # seconds for which it is not tried again
_SOON = 0.5  # seconds within which a reading that broke off is begun again
_MISSING_CAPACITY = 1_000  # names known not to exist

Name = TypeVar("Name")
Value = TypeVar("Value")
Read = TypeVar("Read")
_Found = tuple[Callable[[], None], int]
"""How to hold what was read, and the last change that the reading saw."""


class _Unknown(Enum):
    UNKNOWN = auto()


_UNKNOWN: Final = _Unknown.UNKNOWN


class _Shelf(Generic[Name, Value]):
    """Values of one kind, the least recently used dropped first; and names that have none."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._held: OrderedDict[Name, Value] = OrderedDict()
        self._missing: OrderedDict[Name, None] = OrderedDict()

    def find(self, name: Name) -> Value | _Unknown | None:
        """What is held, or None if there is known to be nothing; _UNKNOWN if it is not known.

        No exception, for under very many keys each request asks in vain.
        """
        value = self._held.get(name)
        if value is not None:
            self._held.move_to_end(name)
            return value
        return None if name in self._missing else _UNKNOWN

    def hold(self, name: Name, value: Value | None) -> None:
        if value is None:
            self._missing[name] = None
            if len(self._missing) > _MISSING_CAPACITY:
                self._missing.popitem(last=False)
        else:
            self._held[name] = value
            if len(self._held) > self._capacity:
                self._held.popitem(last=False)

    def names(self) -> list[Name]:
        return [*self._held, *self._missing]

    def drop(self, name: Name) -> None:
        self._held.pop(name, None)
        self._missing.pop(name, None)

    def clear(self) -> None:
        self._held.clear()
        self._missing.clear()


class Registry:
    """A bounded copy of what is kept.  Its finders are what handlers on the hot path ask."""

    def __init__(
        self,
        store: Store,
        page: Page,
        executor: Executor,
        capacity: int = bounds.KEYS,
        most_grants: int = DEFAULT_GRANTS,
        staleness: float = bounds.STALENESS,
    ) -> None:
        """`staleness`: seconds for which what is held is believed without hearing from the database."""
        self._store = store
        self._page = page
        self._executor = executor
        self._packed = PackedKeys(capacity)
        self._unpacked = 0  # how many keys, since the start
        capacity = min(capacity, _READY)
        self._keys: _Shelf[Place, Key] = _Shelf(capacity)  # of those that are packed, and others
        self._aliases: _Shelf[tuple[str, str, str], Alias] = _Shelf(capacity)  # by their names
        self._credentials: _Shelf[str, Credential] = _Shelf(capacity)
        self._about: _Shelf[Place, About] = _Shelf(capacity)  # by the key
        self._owners: _Shelf[tuple[str, str], str] = _Shelf(capacity)  # by Region and key id
        self._domains: _Shelf[tuple[str, str], Domain] = _Shelf(capacity)
        self._grants = GrantShelf(most_grants)
        self._identities: _Shelf[tuple[str, str], Identity] = _Shelf(capacity)
        self._standings: _Shelf[str, Standing] = _Shelf(capacity)  # by account
        self.organizations = 0
        """How often some organization has changed; see `Principals`."""
        self._applied = 0  # the last change whose things have been dropped
        self._seen = -1  # the page's number when the changes were last read
        self._staleness = staleness
        self._heard = -inf  # when what was read last was true, of `time.monotonic`
        self._slow_until = -inf  # of `time.monotonic`
        self._catching_up: asyncio.Task[None] | None = None
        self._loading: dict[Hashable, asyncio.Task[None]] = {}

    def credential(self, key_id: str) -> Credential | None:
        found = self._credentials.find(key_id)
        if found is _UNKNOWN:
            raise NotReady(partial(self._load, Change(Kind.CREDENTIAL, "", "", key_id)))
        return found

    def key(self, account: str, region: str, key_id: str) -> Key | None:
        place = account, region, key_id
        held = self._keys.find(place)
        if held is not _UNKNOWN:
            return held
        packed = self._packed.find(place)
        if packed is not None:
            # What is asked for often is soon ready.  What is asked for evenly among very many is not worth its place:
            # it costs more to let the one go that had it, whose memory no cache holds any more, than to unpack this.
            self._unpacked += 1
            if self._unpacked % _ONE_IN == 0:
                self._keys.hold(place, packed)
            return packed
        found = self._at_hand(place)
        if found is None:
            raise NotReady(partial(self._load, Change(Kind.KEY, *place)))
        key, as_of = found
        if as_of >= self._applied:
            self._hold_key(place, key)
        return key

    def _hold_key(self, place: Place, key: Key | None) -> None:
        self._keys.hold(place, key)
        if key is not None:
            self._packed.hold(key)

    def _at_hand(self, place: Place) -> Found | None:
        """A key, read here and now: where the database is a file, that costs less than to have it done.

        A disk that is slow stops everybody once, and is then read by other threads for a while.
        """
        began = monotonic()
        if began < self._slow_until:
            return None
        found = self._store.key_at_hand(*place)
        if (ended := monotonic()) - began > _SLOW:
            self._slow_until = ended + _SLOW_FOR
        return found

    def alias(self, account: str, region: str, name: str) -> Alias | None:
        found = self._aliases.find((account, region, name))
        if found is _UNKNOWN:
            raise NotReady(partial(self._load, Change(Kind.ALIAS, account, region, name)))
        return found

    def about(self, key: Key) -> About:
        place = key.account, key.region, key.id
        found = self._about.find(place)
        if found is None or found is _UNKNOWN:
            read = partial(self._read_about, key)
            raise NotReady(partial(self._read_through, ("about", place), read))
        return found

    def arn_of(self, account: str, unique_id: str) -> str | None:
        """The ARN that a user or a role has now."""
        identity = self.identity(account, unique_id)
        return None if identity is None else identity.arn

    def owner(self, region: str, key_id: str) -> str | None:
        """The account that has a key of this id in the Region."""
        found = self._owners.find((region, key_id))
        if found is _UNKNOWN:
            read = partial(self._read_owner, region, key_id)
            raise NotReady(partial(self._read_through, ("owner", region, key_id), read))
        return found

    def grants(
        self, account: str, region: str, key_id: str, grantees: tuple[str, ...]
    ) -> tuple[Grant, ...]:
        """All grants of a key to any of `grantees`: unique ids, ARNs, or a service's name."""
        place = account, region, key_id
        found: list[Grant] = []
        missing: list[str] = []
        for grantee in dict.fromkeys(grantees):
            try:
                found += self._grants.find(place, grantee)
            except KeyError:
                missing.append(grantee)
        if missing:
            names = tuple(missing)
            read = partial(self._read_grants, place, names)
            raise NotReady(partial(self._read_through, ("grants", place, names), read))
        return tuple(found)

    def domain(self, account: str, region: str) -> Domain | None:
        """The domain, for what is made genuine under its keys."""
        found = self._domains.find((account, region))
        if found is _UNKNOWN:
            raise NotReady(partial(self._load, Change(Kind.DOMAIN, account, region, "")))
        return found

    def identity(self, account: str, principal: str) -> Identity | None:
        """`principal` is `user/NAME`, `role/NAME` or a unique id."""
        found = self._identities.find((account, principal))
        if found is _UNKNOWN:
            raise NotReady(partial(self._load, Change(Kind.IDENTITIES, account, "", principal)))
        return found

    def standing(self, account: str) -> Standing:
        """What has a say on an account by its organization."""
        found = self._standings.find(account)
        if found is None or found is _UNKNOWN:
            missing = Change(Kind.ORGANIZATIONS, "", "", account)
            raise NotReady(partial(self._load, missing))
        return found

    # Keeping it true

    def require_current(self) -> None:
        """NotReady if something was committed that this process has not taken notice of, or may have been."""
        if self._page.last_change != self._seen or monotonic() - self._heard > self._staleness:
            raise NotReady(self.catch_up)

    async def catch_up(self) -> None:
        """Drop what has changed.  Those who ask at the same time wait for the same reading.

        Unavailable if the database does not say it soon.
        """
        catching_up = self._catching_up
        if catching_up is None or catching_up.done():
            catching_up = self._catching_up = asyncio.create_task(self._catch_up())
        # Not `wait_for`: before Python 3.12 it forgets a cancellation that comes with the result.
        done, _ = await asyncio.wait([catching_up], timeout=_PATIENCE)
        if not done:
            raise Unavailable("The key database does not say what has changed.")
        catching_up.result()

    async def _catch_up(self) -> None:
        # INVARIANT: the page is looked at before the database, so that a commit in between
        # leaves the two different and is caught up with next time.
        seen, asked = self._page.last_change, monotonic()
        last, touched = await self._by_another_thread(partial(self._store.changes, self._applied))
        if last < self._applied:
            raise Unavailable("The key database is an older one than it was.")
        if touched is None:
            for shelf in (
                self._keys,
                self._packed,
                self._aliases,
                self._credentials,
                self._about,
                self._owners,
                self._identities,
                self._domains,
                self._grants,
            ):
                shelf.clear()
            self._drop_standings()
        else:
            for what in touched:
                self._drop(what)
        self._applied = last
        self._seen = seen
        self._heard = asked

    def _drop(self, what: Change) -> None:
        # Its key may be another; and it may have been missing before it had anything.
        self._domains.drop((what.account, what.region))
        match what.kind:
            case Kind.DOMAIN:
                pass  # that was it
            case Kind.KEY:
                self._keys.drop((what.account, what.region, what.name))
                self._packed.drop((what.account, what.region, what.name))
                self._about.drop((what.account, what.region, what.name))
                self._owners.drop((what.region, what.name))
                self._grants.drop((what.account, what.region, what.name))
            case Kind.ALIAS:
                self._aliases.drop((what.account, what.region, what.name))
                self._about.clear()  # which key an alias has left is not known here
            case Kind.CREDENTIAL:
                self._credentials.drop(what.name)
            case Kind.IDENTITIES:
                self._drop_identities(what.account)
            case Kind.ORGANIZATIONS:
                self._drop_standings()

    def _drop_identities(self, account: str) -> None:
        """Drop every identity of an account: one policy may be attached to any of them."""
        for name in self._identities.names():
            if name[0] == account:
                self._identities.drop(name)

    def _drop_standings(self) -> None:
        """Drop every account's: who joined or left is not known here, and it happens rarely."""
        self._standings.clear()
        self.organizations += 1

    async def _load(self, what: Change) -> None:
        """Read one thing and hold it, or the knowledge that there is none."""
        await self._read_through(what, partial(self._read, what))

    async def _read_through(self, what: Hashable, read: Callable[[], _Found]) -> None:
        """Read and hold what `what` names; who asks for it meanwhile waits for the same reading."""
        reading = self._loading.get(what)
        if reading is None:
            reading = asyncio.create_task(self._hold(read))
            self._loading[what] = reading
            reading.add_done_callback(lambda _: self._loading.pop(what))
        await asyncio.shield(reading)

    async def _hold(self, read: Callable[[], _Found]) -> None:
        hold, as_of = await self._by_another_thread(read)
        if as_of >= self._applied:
            hold()

    async def _by_another_thread(self, read: Callable[[], Read]) -> Read:
        """What a reading gives, or the next one, if the first soon broke off: all connections do when a database
        is begun anew, or another takes over.
        """
        loop = asyncio.get_running_loop()
        began = monotonic()
        try:
            return await loop.run_in_executor(self._executor, read)
        except Unavailable:
            if monotonic() - began > _SOON:
                raise
        return await loop.run_in_executor(self._executor, read)

    def _read_about(self, key: Key) -> _Found:
        with self._store.reading() as books:
            as_of = changes.last(books.connection)
            place = key.account, key.region, key.id
            return partial(self._about.hold, place, books.about(key)), as_of

    def _read_owner(self, region: str, key_id: str) -> _Found:
        with self._store.reading() as books:
            as_of = changes.last(books.connection)
            owner = books.owner(region, key_id)
            return partial(self._owners.hold, (region, key_id), owner), as_of

    def _read_grants(self, place: Place, grantees: tuple[str, ...]) -> _Found:
        with self._store.reading() as books:
            as_of = changes.last(books.connection)
            to: dict[str, list[Grant]] = {grantee: [] for grantee in grantees}
            for grant in books.grants(*place, grantees):
                to[grant.grantee_id].append(grant)

        def hold() -> None:
            for grantee, grants in to.items():
                self._grants.hold(place, grantee, tuple(grants))

        return hold, as_of

    def _read(self, what: Change) -> _Found:
        place = what.account, what.region, what.name
        kind = what.kind
        if kind is Kind.KEY:
            key, as_of = self._store.key(*place)
            return partial(self._hold_key, place, key), as_of
        with self._store.reading() as books:
            as_of = changes.last(books.connection)
            match kind:
                case Kind.ALIAS:
                    return partial(self._aliases.hold, place, books.alias(*place)), as_of
                case Kind.CREDENTIAL:
                    credential = books.credential(what.name)
                    return partial(self._credentials.hold, what.name, credential), as_of
                case Kind.DOMAIN:
                    domain = books.domain(what.account, what.region)
                    return partial(self._domains.hold, (what.account, what.region), domain), as_of
                case Kind.IDENTITIES:
                    identity = _identity(books, what.account, what.name)
                    name = what.account, what.name
                    return partial(self._identities.hold, name, identity), as_of
                case Kind.ORGANIZATIONS:
                    standing = books.standing(what.name)
                    return partial(self._standings.hold, what.name, standing), as_of


def _identity(books: Books, account: str, principal: str) -> Identity | None:
    kind, _, name = principal.partition("/")
    match kind:
        case "user" | "role":
            return books.identity(account, kind, name)
    return books.identity_by_id(account, principal)
