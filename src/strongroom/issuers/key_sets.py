"""The key sets that a worker holds, and when they are fetched.

* A set is good for an hour.  It is fetched again sooner for a key that it does not have, so that
  an issuer may change its keys at any time.
* One issuer is asked by one request at a time, and not again within ten seconds, whatever came of
  it and whatever is asked for: whoever makes up key ids makes the issuer no work.
* What one account's issuers take is not taken from others (`slots`), and issuers that have answered
  before, or that the operator has named, have slots of their own.
* A file is read again when it has changed.
* What could not be had is told to the operator once, and to callers in AWS's words.

`keys` is called in any thread and does not wait; what it raises instead (NotReady) is awaited on
the loop.
"""

import asyncio
import ssl
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from urllib.parse import urlsplit

from strongroom.errors import Fault, IDPCommunicationError, InvalidIdentityToken, NotReady
from strongroom.issuers import addresses, jwks
from strongroom.issuers.addresses import Admits
from strongroom.issuers.discovery import discovered
from strongroom.issuers.fetch import SECONDS, Unreachable, get
from strongroom.issuers.jwks import Jwk, Unusable
from strongroom.issuers.slots import Slots
from strongroom.issuers.sources import Source

_FRESH = 3_600.0  # seconds
_PAUSE = 10.0  # seconds between two questions to one issuer
_MOST_HELD = 256  # issuers
_NO_ANSWER = "The identity provider that was asked to verify the token could not be reached"

Say = Callable[[str, str], None]
"""Tells the operator of an issuer why its keys could not be had."""


@cache
def _authorities() -> ssl.SSLContext:
    """The system's certificate authorities, read when they are first needed: that takes a while."""
    return ssl.create_default_context()


@dataclass(slots=True)
class _Held:
    """What is known of an issuer's keys; times are of `time.monotonic`."""

    keys: tuple[Jwk, ...] = ()
    got: float = -_FRESH
    tried: float = -_FRESH
    failure: str = ""  # of the last try
    passing: bool = False  # it may go better later


@dataclass(slots=True)
class _File:
    keys: tuple[Jwk, ...]
    mark: tuple[int, int, int]  # by which a change is seen


@dataclass(slots=True)
class KeySets:
    """One for each worker."""

    sources: Mapping[str, Source]
    say: Say
    now: Callable[[], float] = time.monotonic
    trust: Callable[[], ssl.SSLContext] = _authorities
    _held: OrderedDict[str, _Held] = field(default_factory=OrderedDict)
    _files: dict[Path, _File] = field(default_factory=dict)
    _fetching: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _said: dict[str, str] = field(default_factory=dict)
    _slots_of_strangers: Slots = field(default_factory=partial(Slots, 16))
    _slots_of_known: Slots = field(default_factory=partial(Slots, 8))

    def keys(self, account: str, issuer: str, key_id: str | None) -> tuple[Jwk, ...]:
        """The issuer's keys as they were last seen, `key_id` hopefully among them.  `account` is
        the one that has the issuer for a provider.

        NotReady if they are to be fetched first; IDPCommunicationError, InvalidIdentityToken.
        """
        file = self.sources.get(issuer, Source()).file
        if file is not None:
            return self._of_file(issuer, file)
        held = self._held.get(issuer) or _Held()
        now = self.now()
        fresh = now - held.got < _FRESH
        if fresh and (key_id is None or any(key.get("kid") == key_id for key in held.keys)):
            return held.keys
        if now - held.tried >= _PAUSE:
            raise NotReady(lambda: self._fetched(account, issuer))
        if fresh:
            return held.keys
        raise _fault(passing=held.passing)

    def _of_file(self, issuer: str, file: Path) -> tuple[Jwk, ...]:
        try:
            stat = file.stat()
            mark = stat.st_mtime_ns, stat.st_size, stat.st_ino
            known = self._files.get(file)
            if known is None or known.mark != mark:
                known = self._files[file] = _File(jwks.read(file), mark)
        except (OSError, Unusable) as failure:
            self._tell(issuer, str(failure))
            raise _fault(passing=False) from None
        self._tell(issuer, "")
        return known.keys

    async def _fetched(self, account: str, issuer: str) -> None:
        """Return when the issuer has been asked, by this call or by one that is under way.

        IDPCommunicationError if there is no slot for it; it has no pause then.
        """
        task = self._fetching.get(issuer)
        if task is None:
            task = self._fetching[issuer] = asyncio.ensure_future(self._begun(account, issuer))
            task.add_done_callback(lambda _: self._fetching.pop(issuer, None))
        await asyncio.shield(task)

    def _begun(self, account: str, issuer: str) -> Coroutine[None, None, None]:
        before = self._held.get(issuer) or _Held()
        known = issuer in self.sources or before.keys
        slots = self._slots_of_known if known else self._slots_of_strangers
        answer = slots.begun(account, partial(self._asked, issuer))
        if answer is None:
            raise _fault(passing=True)
        return self._fetch(issuer, before, answer)

    async def _fetch(
        self, issuer: str, before: _Held, answer: "asyncio.Future[tuple[Jwk, ...]]"
    ) -> None:
        try:
            keys = await asyncio.wait_for(answer, SECONDS)
        except (Unreachable, TimeoutError) as failure:
            held = _Held(before.keys, before.got, self.now(), str(failure) or "it is slow", True)
        except Unusable as failure:
            held = _Held(before.keys, before.got, self.now(), str(failure), False)
        except Exception as mistake:  # noqa: BLE001 - an issuer that brings it about has its pause
            held = _Held(before.keys, before.got, self.now(), type(mistake).__name__, False)
        else:
            held = _Held(keys, self.now(), self.now())
        self._tell(issuer, held.failure)
        self._held[issuer] = held
        self._held.move_to_end(issuer)
        if len(self._held) > _MOST_HELD:
            gone, _ = self._held.popitem(last=False)
            self._said.pop(gone, None)

    def _asked(self, issuer: str) -> tuple[Jwk, ...]:
        """An issuer's keys, fetched now; runs in a thread."""
        deadline = time.monotonic() + SECONDS
        url = self.sources.get(issuer, Source()).url
        if not url:
            text = discovered(issuer, lambda each: self._get(each, addresses.is_public, deadline))
        elif urlsplit(url).scheme == "http":
            text = self._get(url, addresses.is_local, deadline)
        else:
            text = self._get(url, addresses.anywhere, deadline)  # the operator has named it
        return jwks.keys_of(text)

    def _get(self, url: str, admits: Admits, deadline: float) -> bytes:
        seconds = deadline - time.monotonic()
        return get(url, admits=admits, trust=self.trust, seconds=seconds)

    def close(self) -> None:
        self._slots_of_strangers.close()
        self._slots_of_known.close()

    def _tell(self, issuer: str, failure: str) -> None:
        if failure and failure != self._said.get(issuer):
            self.say(issuer, failure)
        if failure:
            self._said[issuer] = failure
        else:
            self._said.pop(issuer, None)


def _fault(*, passing: bool) -> Fault:
    if passing:
        return IDPCommunicationError(_NO_ANSWER)
    return InvalidIdentityToken(InvalidIdentityToken.NO_KEY)
