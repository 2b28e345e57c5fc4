import functools
import os
import sys
import tempfile
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "services")]

from worlds import InProcess  # noqa: E402

from strongroom.keys import private  # noqa: E402
from strongroom.services.operation import Way  # noqa: E402


class Secrets:
    """In place of random ones: of a key that is made, the secret is what a vector says, where one does.

    Wrapping keys are made once for each length: to make one takes longer than all that is done with it.
    """

    def __init__(self):
        self.next = None
        self._fresh = private.fresh
        self._pair = functools.cache(private.pair)

    def fresh(self, spec):
        secret, self.next = self.next, None
        return self._fresh(spec) if secret is None else secret

    def pair(self, spec):
        return self._pair(spec)


class FromMemory(InProcess):
    """What a worker answers from memory is asked of memory alone."""

    compares = False

    def _from_books(self, handler, way, call, request):
        if way is Way.MEMORY:
            return self._from_memory(handler, call, request)
        return super()._from_books(handler, way, call, request)


@pytest.fixture(scope="session")
def secrets():
    chosen = Secrets()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(private, "fresh", chosen.fresh)
        patch.setattr(private, "pair", chosen.pair)
        yield chosen


@pytest.fixture(scope="session")
def world(secrets):
    """The operations over books of their own; in memory where there is such a file system, for each of
    a thousand imports is three commits that wait for the disk.
    """
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        made = FromMemory(Path(folder))
        yield made
        made.close()
