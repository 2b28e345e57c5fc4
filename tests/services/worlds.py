"""Two ways to ask for an operation: of the functions themselves, or of a server by boto3.

Both take an operation's name and its members and answer its members, times as seconds since the
epoch; both raise `Refusal`.  Where is one of `regions`.  Who asks is the root user of the keys' account
unless it is said: in `others` are the ARNs of users of another account, who have no policies of their own.
"""

import asyncio
import contextlib
import itertools
import secrets
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from botocore.exceptions import ClientError
from clockwork import move

from strongroom import jobs
from strongroom.backings.software import SoftwareBacking
from strongroom.errors import Fault, NotReady
from strongroom.keys import private
from strongroom.policy.caller import Caller
from strongroom.policy.entities import User
from strongroom.services.call import Aside, Call, Prepare, Slow
from strongroom.services.kms import OPERATIONS
from strongroom.services.kms.access import Decisions
from strongroom.services.kms.world import Kms, KmsBooks
from strongroom.services.operation import Way
from strongroom.services.principal import Principal, root
from strongroom.storage.database import Database
from strongroom.storage.migrations import migrate
from strongroom.storage.page import Page
from strongroom.storage.registry import Registry
from strongroom.storage.rootkey import new_root_key
from strongroom.storage.store import Store
from strongroom.wire.shapes import kms as shapes

ACCOUNT = "000000000000"
REGIONS = ("test-one-1", "test-two-1", "test-one-2")
WHO = root("aws", ACCOUNT)
OTHERS = ("ann", "bob")

FRESH = frozenset(
    "Encapsulate Encrypt GenerateDataKey GetParametersForImport ReEncrypt Sign".split()
)
"""Operations that answer the same question otherwise each time."""


class Refusal(Exception):
    def __init__(self, code, message):
        super().__init__(code, message)
        self.code = code


@contextlib.contextmanager
def ready_pairs():
    """RSA keys are those that were made before: a few, over and over."""
    pairs = itertools.cycle([private.pair("RSA_2048") for _ in range(7)])
    fresh, pair = private.fresh, private.pair

    def ready_pair(spec):
        return next(pairs) if spec == "RSA_2048" else pair(spec)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            private,
            "fresh",
            lambda spec: ready_pair(spec).private if spec == "RSA_2048" else fresh(spec),
        )
        patch.setattr(private, "pair", ready_pair)
        yield


class InProcess:
    """A database in a file, the operations called as functions, and a clock that is a number.

    What a worker answers from memory is asked of a registry, as there, and of the database, and
    the two must say the same.
    """

    regions = REGIONS
    slack = 0.0  # seconds by which times may be off
    compares = True  # what memory says with what the database says

    def __init__(self, folder: Path):
        file = folder / "machine.db"
        for left in folder.glob("machine.db*"):
            left.unlink()
        template = folder / "template.db"
        if not template.exists():
            database = Database(template)
            migrate(database)
            database.close()
        shutil.copy(template, file)
        self._page = page = Page.blank()
        self._store = Store(Database(file), new_root_key(), page)
        self._backing = SoftwareBacking()
        self._loop = asyncio.new_event_loop()
        self._threads = ThreadPoolExecutor(1)
        self._registry = Registry(self._store, page, self._threads)
        self._memory = Kms(self._registry, self._backing, Decisions(self._registry.standing))
        self.now = 1_800_000_000.0
        self.others, self._who = {}, {}
        with self._store.writing() as books:
            for name in OTHERS:
                user = User("777788889999", name, "aws", "/", f"AIDA{name.upper():A<16}", self.now)
                books.put_entity(user)
                self.others[name] = user.arn
                self._who[name] = Principal(Caller.user(user.arn, user.account, user.id))

    @property
    def writes(self):
        """How many there have been."""
        return self._page.last_change

    def ask(self, operation, members, who=None, region=REGIONS[0]):
        handler, way, *_ = OPERATIONS[operation]
        request = msgspec.convert(
            members, shapes.OPERATIONS[operation].input, builtin_types=(bytes,)
        )

        def call():
            principal = (
                who if isinstance(who, Principal) else WHO if who is None else self._who[who]
            )
            return Call(principal, region, self.now)

        answer = self._told(lambda: self._from_books(handler, way, call(), request))
        if way is Way.MEMORY and self.compares:
            again = self._told(lambda: self._from_memory(handler, call(), request))
            same = answer == again or (
                operation in FRESH and isinstance(answer, dict) and isinstance(again, dict)
            )
            assert same, f"{operation} by the database: {answer}, from memory: {again}"
        if isinstance(answer, tuple):
            raise Refusal(*answer)
        return answer

    @staticmethod
    def _told(asked):
        """The members of the answer, or the fault's code and message."""
        try:
            answer = asked()
        except Fault as fault:
            return fault.code, fault.message
        return {} if answer is None else msgspec.to_builtins(answer, builtin_types=(bytes,))

    def _from_books(self, handler, way, call, request):
        while True:
            try:
                with self._books(way is Way.WRITING) as books:
                    decisions = Decisions(books.standing)
                    return _done(handler(KmsBooks(books, self._backing, decisions), call, request))
            except Prepare as first:
                with self._store.writing() as books:
                    first.work(books)
            except Slow as slow:
                call.made = slow.piece.do()

    def _books(self, writing):
        return self._store.writing() if writing else self._store.reading()

    def _from_memory(self, handler, call, request):
        while True:
            try:
                self._registry.require_current()
                return _done(handler(self._memory, call, request))
            except NotReady as missing:
                self._loop.run_until_complete(missing.prepare())

    def wait(self, seconds):
        """Let time pass, and do what is due; the ARNs of the keys deleted, and rotated."""
        self.now += seconds
        done = jobs.do_what_is_due(self._store, self._backing, lambda: self.now)
        return [key.arn for key in done.deleted], [key.arn for key in done.rotated]

    def close(self):
        self._threads.shutdown()
        self._loop.close()
        self._store.close()


def _done(answer):
    return answer.then(answer.piece.do) if isinstance(answer, Aside) else answer


class Served:
    """Regions of a throw-away server whose clock nobody else moves."""

    slack = 600.0

    def __init__(self, server, name):
        self.regions = tuple(f"{name}-{number}" for number in (1, 2, 3))
        self._server = server
        self._clients = {}
        self._count = itertools.count(1)
        self._credentials = {None: {"AccessKeyId": "test", "SecretAccessKey": "test"}}
        self.now = move(server, 0)["Now"]
        account = f"{secrets.randbelow(9 * 10**11) + 10**11}"
        self.others = {}
        with contextlib.closing(server.client("iam", self.regions[0], account)) as iam:
            for name in OTHERS:
                self.others[name] = iam.create_user(UserName=name)["User"]["Arn"]
                self._credentials[name] = iam.create_access_key(UserName=name)["AccessKey"]

    def _client(self, who, region):
        if (who, region) not in self._clients:
            client = self._server.client_of(self._credentials[who], "kms", region)
            self._clients[who, region] = client
        return self._clients[who, region]

    @property
    def writes(self):
        """It is not known when there was one."""
        return next(self._count)

    def ask(self, operation, members, who=None, region=None):
        client = self._client(who, region or self.regions[0])
        try:
            answer = client._make_api_call(operation, members)
        except ClientError as refused:
            error = refused.response["Error"]
            raise Refusal(error["Code"], error.get("Message", "")) from None
        answer.pop("ResponseMetadata", None)
        return _seconds(answer)

    def wait(self, seconds):
        self.now += seconds
        done = move(self._server, seconds)
        return tuple(
            [arn for arn in done[what] if arn.split(":")[3] in self.regions]
            for what in ("Deleted", "Rotated")
        )

    def close(self):
        for client in self._clients.values():
            client.close()


def _seconds(value):
    match value:
        case datetime():
            return value.timestamp()
        case dict():
            return {name: _seconds(each) for name, each in value.items()}
        case list():
            return [_seconds(each) for each in value]
        case _:
            return value
