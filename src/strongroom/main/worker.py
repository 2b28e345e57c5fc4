"""One worker: from its settings to an app that answers.

Everything a worker holds is made here and closed here, in the reverse order.
"""

import asyncio
import gc
import itertools
import os
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import uvloop

from strongroom import cores, jobs
from strongroom.audit.identifiers import identifiers
from strongroom.audit.trail import Trail
from strongroom.backings.helpers import Helpers
from strongroom.backings.software import SoftwareBacking
from strongroom.backings.vouching import Vouching
from strongroom.clock import SMALL_STEP, Began, Clock
from strongroom.errors import Unavailable
from strongroom.harden import harden
from strongroom.issuers.key_sets import KeySets
from strongroom.issuers.sources import Source
from strongroom.jobs import Done
from strongroom.keys.credential import Credential
from strongroom.keys.hierarchy import RootKey, audit_key
from strongroom.keys.sealing import Tampered
from strongroom.keys.session import session_key
from strongroom.keys.witness import Witness
from strongroom.main import services
from strongroom.main.counting import Counting
from strongroom.main.principals import Credentials, Principals
from strongroom.main.recording import Recording, nobody_waits
from strongroom.main.service_events import ServiceEvents
from strongroom.main.usage import Noted
from strongroom.server.dispatch import Dispatcher, Threads
from strongroom.server.exchange import Exchange
from strongroom.server.health import with_health
from strongroom.server.http import Reply, Request
from strongroom.server.limits import Limits
from strongroom.server.log import Log, to_stderr
from strongroom.server.serve import serve
from strongroom.server.tls import Certificate
from strongroom.server.workers import DISK_FAILED
from strongroom.server.workers import Worker as Place
from strongroom.storage.anchor import Anchor, Head
from strongroom.storage.books import Books
from strongroom.storage.database import Database
from strongroom.storage.folder import Folder
from strongroom.storage.page import Page
from strongroom.storage.registry import Registry
from strongroom.storage.store import Store

_POLL_SECONDS = 0.25  # how long a change may stay unnoticed if whoever made it died at once
_DUE_SECONDS = 1.0
_ANCHOR_EVERY = 4  # polls
_LAST_WRITING = 5.0  # seconds for what was noted of keys and is not written down yet
_LAST_WORDS = 0.2  # seconds from a failure of the disk to the end
_DEV_SECRET = "test"  # noqa: S105 - known to everybody, and accepted by throw-away servers alone
_DEV_ACCOUNT = "000000000000"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a worker needs to know; passed to its process through a pipe."""

    folder: Path
    database: Path | str = field(repr=False)  # a file, or PostgreSQL's address with its password
    anchor: Path | None  # none of a folder that is thrown away
    root: RootKey = field(repr=False)
    throw_away: bool
    cache_keys: int
    staleness: float  # seconds
    audit_durable: bool
    metrics: bool
    certificate: tuple[Path, Path] | None
    limits: Limits
    oidc_keys: Mapping[str, Source]  # by issuer
    attestation_roots: bytes  # PEM
    key_quota: int
    began: Began = field(default_factory=Began.now)


class Ledger:
    """The store, as the dispatcher and the jobs use it: a function is run on opened books."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def reading(self, work: Callable[[Books], Any]) -> Any:
        with self._store.reading() as books:
            return work(books)

    def writing(self, work: Callable[[Books], Any]) -> Any:
        with self._store.writing() as books:
            return work(books)


def known_to_all(key_id: str) -> Credential | None:
    """The access keys of throw-away servers: `test`, and any account's twelve digits."""
    if key_id == "test":
        return _everybodys(key_id, _DEV_ACCOUNT)
    if len(key_id) == 12 and key_id.isascii() and key_id.isdigit():
        return _everybodys(key_id, key_id)
    return None


@lru_cache(maxsize=4_096)
def _everybodys(key_id: str, account: str) -> Credential:
    return Credential(key_id, _DEV_SECRET, account)


class Worker:
    """What one process serves from.  To be made on the running loop's thread."""

    def __init__(self, settings: Settings, index: int, workers: int, log: Log) -> None:
        folder = Folder(settings.folder)
        loop = self._loop = asyncio.get_running_loop()
        self._index = index
        self._log = log
        self._page = Page.open(folder.page)
        clock = Clock(
            (lambda: self._page.clock_offset) if settings.throw_away else lambda: 0.0,
            settings.began,
        )
        self._clock = clock
        self._anchor = (
            None
            if settings.anchor is None
            else Anchor.open(settings.anchor, Witness(settings.root))
        )
        self._failed = False
        database = Database(settings.database, self._disk_failed)
        database.require_durable()
        self._store = Store(database, settings.root, self._page, self._anchor)
        self._backing = SoftwareBacking()
        self._helpers = Helpers(max(1, cores.usable() // workers), log)
        self._usage = Noted(self._store)
        self._threads = Threads(
            reading=ThreadPoolExecutor(2, "reading"),
            writing=ThreadPoolExecutor(1, "writing"),
        )
        self._registry = Registry(
            self._store,
            self._page,
            self._threads.reading,
            settings.cache_keys,
            staleness=settings.staleness,
        )
        # One worker listens for all of its machine.
        self._stop_listening = self._store.listen(self._deaf) if index == 0 else None
        self._trail = Trail(
            folder.audit,
            index,
            key=audit_key(settings.root),
            durable=settings.audit_durable,
            loop=loop,
        )
        self._issuers = KeySets(
            settings.oidc_keys,
            lambda issuer, reason: log("issuer-keys-missing", issuer=issuer, reason=reason),
        )
        self._away = ""  # why the database did not answer when it was last asked
        self._anchored: tuple[str, int, bytes] | None = None  # where the audit chain stood
        self._said: dict[str, str] = {}  # what went wrong with each upkeep when last tried
        self._new_id = identifiers().__next__
        self._service_events = ServiceEvents(
            partial(self._trail.append, release=nobody_waits), self._new_id
        )
        offered = [
            services.offered_kms(
                self._registry,
                self._backing,
                self._usage.of,
                Vouching(self._helpers, settings.attestation_roots),
                settings.key_quota,
            ),
            services.offered_iam(),
            services.offered_sts(session_key(settings.root), self._issuers),
            services.offered_organizations(anybody=settings.throw_away),
        ]
        if settings.throw_away:
            offered.append(services.offered_clock(self._page, clock.now, self._do_what_is_due))
        self._counting = Counting(folder.metrics, offered)
        self._begun = self._counting.begun
        self._dispatch = Dispatcher(
            offered,
            credential=Credentials(
                self._registry,
                session_key(settings.root),
                clock.now,
                *((known_to_all,) if settings.throw_away else ()),
            ),
            principal=Principals(self._registry),
            memory=self._registry,
            ledger=Ledger(self._store),
            threads=self._threads,
            slow_work=self._helpers,
            record=Recording(
                self._trail.append,
                self._counting.ended,
                self._note,
                clock.true_now,
                self._new_id,
            ),
            log=log,
            new_id=self._new_id,
            now=clock.now,
        )

    def app(self, request: Request, reply: Reply) -> None:
        """What the listener serves."""
        self._begun(len(request.body))
        self._dispatch(request, reply)

    def _deaf(self, reason: str) -> None:
        self._log("other-nodes-not-heard", reason=reason)

    def metrics(self) -> bytes:
        return self._counting.page()

    def not_ready(self) -> str | None:
        """Why requests cannot be answered now; None if they can."""
        if self._failed:
            return "the disk of the key database failed"
        if self._away:
            return "the key database does not answer"
        if self._trail.failure is not None:
            return "the audit log cannot be written"
        return None

    def _disk_failed(self) -> None:
        """End soon: what is held here may be another state than what is on the disk.

        Whose change it was is told that nobody knows.  Nothing is closed, nor waited for.
        """
        self._failed = True
        self._log("disk-failed")
        self._loop.call_soon_threadsafe(self._loop.call_later, _LAST_WORDS, os._exit, DISK_FAILED)

    # What nobody asks for

    async def keep(self) -> None:
        """Notice changes that were not announced, and do what is due, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_current())
            if self._index == 0:
                tasks.create_task(self._keep_due())

    async def _keep_current(self) -> None:
        rounds = itertools.count(1)
        while True:
            # What else is tried does not say whether the database answers: some of it asks none.
            self._away = await self._try("catch-up", self._registry.catch_up)
            round_ = next(rounds)
            await self._try("last usage", partial(self._usage.write, self._threads.writing))
            if round_ % _ANCHOR_EVERY == 0:
                await self._try("anchor", self._anchor_audit)
            await asyncio.sleep(_POLL_SECONDS)

    async def _keep_due(self) -> None:
        while True:
            await self._try("what is due", self._do_parts)
            await asyncio.sleep(_DUE_SECONDS)

    async def _do_parts(self) -> None:
        """Part by part: who waits for the writing thread, or in another process for the database, gets it in between."""
        parts = jobs.parts(self._store, self._backing, self._settled)
        while True:
            if not await self._loop.run_in_executor(self._threads.writing, self._do_part, parts):
                return
            await asyncio.sleep(self._store.pause)

    def _do_part(self, parts: Iterator[Done]) -> bool:
        """Whether there was anything to do.  Recorded from here, for whoever waits may have been cancelled."""
        done = next(parts, None)
        if done is not None:
            self._loop.call_soon_threadsafe(self._service_events.of_jobs, done)
        return done is not None

    async def _try(self, what: str, work: Callable[[], Awaitable[object]]) -> str:
        """Do it, or log once why not, and go on: the next round may fare better.

        Why the database did not answer, if that was it.
        """
        away = said = ""
        try:
            await work()
        except Unavailable as failure:
            away = said = failure.message
        except Tampered as failure:
            said = str(failure)
        except Exception as mistake:  # noqa: BLE001 - nobody above could do better
            said = type(mistake).__name__
        if said and said != self._said.get(what):
            self._log("upkeep-failed", what=what, reason=said)
        self._said[what] = said
        return away

    async def _anchor_audit(self) -> None:
        """Remember outside the folder how far the audit log has come, once that is on the disk."""
        anchor = self._anchor
        if anchor is None:
            return
        head = self._trail.head
        if head != self._anchored:
            await self._loop.run_in_executor(self._threads.reading, self._trail.syncing())
            anchor.put_head(self._index, Head(*head))
            self._anchored = head
        if anchor.failure is not None:
            raise anchor.failure

    def _do_what_is_due(self) -> Done:
        """For whoever has moved the clock; runs in the writing thread."""
        done = jobs.do_what_is_due(self._store, self._backing, self._settled)
        self._loop.call_soon_threadsafe(self._service_events.of_jobs, done)
        return done

    def _settled(self) -> float:
        """By this machine's clock and by the database's, whichever says less."""
        now, settled = self._clock.now(), self._clock.settled()
        theirs = self._store.time() + self._page.clock_offset
        doubted = "" if now - settled < SMALL_STEP else "this machine's was set forward"
        if now - theirs > SMALL_STEP:
            doubted = "this machine's is ahead of the database's"
        if doubted and doubted != self._said.get("clock"):
            self._log("clock-doubted", reason=doubted, held="deletions, expiry and rotations")
        self._said["clock"] = doubted
        return min(settled, theirs)

    async def _write_usage(self) -> None:
        left = await self._usage.write_all(self._threads.writing, _LAST_WRITING)
        if left:
            self._log("last-usage-lost", keys=left)

    def _note(self, exchange: Exchange) -> None:
        """See to what a request that succeeded brings besides its answer."""
        self._usage.note(exchange)
        if exchange.call is not None:
            self._service_events.of_call(exchange.call)

    async def close(self) -> None:
        await self._helpers.close()
        # What is being done in that thread comes to its end, and is recorded.
        await self._loop.run_in_executor(self._threads.writing, _nothing)
        await asyncio.sleep(0)  # what they gave is answered and recorded
        await self._trail.close()
        await self._try("last usage", self._write_usage)
        await self._try("anchor", self._anchor_audit)
        self._counting.close()
        if self._stop_listening is not None:
            self._stop_listening()
        self._threads.reading.shutdown()
        self._threads.writing.shutdown()
        if self._failed:
            os._exit(DISK_FAILED)
        self._issuers.close()
        self._store.close()
        if self._anchor is not None:
            self._anchor.close()


def _nothing() -> None:
    """For whoever waits until a thread has come to it."""


def run_worker(place: Place, settings: Settings) -> None:
    """One worker's process, from its first line to its last."""
    harden()
    log = to_stderr(pid=os.getpid(), worker=place.index)
    certificate = None if settings.certificate is None else Certificate(*settings.certificate)
    uvloop.run(_serve(place, settings, certificate, log))


async def _serve(
    place: Place, settings: Settings, certificate: Certificate | None, log: Log
) -> None:
    worker = Worker(settings, place.index, place.count, log)
    gc.freeze()  # what is here now stays: the collector need not look through it again
    metrics = worker.metrics if settings.metrics else None
    keeping = asyncio.create_task(worker.keep())
    try:
        await serve(
            with_health(worker.app, not_ready=worker.not_ready, metrics=metrics),
            place.sock,
            limits=settings.limits,
            log=log,
            certificate=certificate,
            ready=place.ready,
            stopping=place.stopping,
            orphaned=place.orphaned,
        )
    finally:
        ignore_signals()
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await worker.close()


def ignore_signals() -> None:
    """From here to the end of the process: whoever insists must not cut the clearing-up short."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
