"""What a worker notes of the keys that it uses, until it is written down."""

import asyncio
from concurrent.futures import Executor
from itertools import islice

from strongroom.audit.identifiers import event_of
from strongroom.keys.usage import TRACKED, LastUsage
from strongroom.server.exchange import Exchange
from strongroom.storage.store import Store

_BATCH = 200  # keys in one transaction, so that others get their turn in between


class Noted:
    """Used on the loop's thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._noted: dict[str, LastUsage] = {}
        self._written: dict[str, LastUsage] = {}  # is being written at the moment

    def note(self, exchange: Exchange) -> None:
        """Of a request that succeeded: each key that it was about."""
        call, endpoint = exchange.call, exchange.endpoint
        if call is None or endpoint is None or endpoint.name not in TRACKED:
            return
        usage = LastUsage(endpoint.name, call.now, exchange.id, event_of(exchange.id))
        for arn in call.resources:
            self._noted[arn] = usage

    def of(self, arn: str) -> LastUsage | None:
        """What is not written down yet."""
        return self._noted.get(arn) or self._written.get(arn)

    async def write(self, executor: Executor) -> None:
        """Write down what was noted so far; what cannot be written is noted still."""
        taken, self._noted = self._noted, {}
        if not taken:
            return
        self._written = taken
        try:
            await asyncio.get_running_loop().run_in_executor(executor, self._write, taken)
        except BaseException:
            self._noted = taken | self._noted
            raise
        finally:
            self._written = {}

    def _write(self, taken: dict[str, LastUsage]) -> None:
        entries = iter(taken.items())
        while batch := list(islice(entries, _BATCH)):
            with self._store.writing() as books:
                for arn, usage in batch:
                    books.put_usage(arn, usage)
