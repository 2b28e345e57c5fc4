"""Two ways to ask for an operation: of the functions themselves, or of a server by boto3.

Both take an operation's name and its members and answer its members, times as seconds since the
epoch; both raise `Refusal`.  Who asks is the root user of the keys' account unless it is said: in
`others` are the ARNs of users of another account, who have no policies of their own.
"""

import contextlib
import secrets
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import msgspec
from botocore.exceptions import ClientError
from clockwork import move

from strongroom import jobs
from strongroom.backings.software import SoftwareBacking
from strongroom.errors import Fault
from strongroom.policy.caller import Caller
from strongroom.policy.entities import User
from strongroom.policy.organization import ALONE
from strongroom.services.call import Aside, Call, Prepare, Slow
from strongroom.services.kms import OPERATIONS
from strongroom.services.kms.access import Decisions
from strongroom.services.kms.world import Kms, KmsBooks
from strongroom.services.operation import Way
from strongroom.services.principal import Principal, root
from strongroom.storage.database import Database
from strongroom.storage.migrations import migrate
from strongroom.storage.page import Page
from strongroom.storage.rootkey import new_root_key
from strongroom.storage.store import Store
from strongroom.wire.shapes import kms as shapes

ACCOUNT = "000000000000"
REGION = "test-1"
WHO = root("aws", ACCOUNT)
OTHERS = ("ann", "bob")


class Refusal(Exception):
    def __init__(self, code, message):
        super().__init__(code, message)
        self.code = code


class InProcess:
    """A database in a file, the operations called as functions, and a clock that is a number."""

    region = REGION
    _template: Path | None = None

    def __init__(self, folder: Path):
        file = folder / "machine.db"
        file.unlink(missing_ok=True)
        template = folder / "template.db"
        if not template.exists():
            database = Database(template)
            migrate(database)
            database.close()
        shutil.copy(template, file)
        self._page = Page.blank()
        self._store = Store(Database(file), new_root_key(), self._page)
        self._backing = SoftwareBacking()
        self._decisions = Decisions(lambda _: ALONE)
        self.now = 1_800_000_000.0
        self.others, self._who = {}, {}
        with self._store.writing() as books:
            for name in OTHERS:
                user = User("777788889999", name, "aws", "/", f"AIDA{name.upper():A<16}", self.now)
                books.put_entity(user)
                self.others[name] = user.arn
                self._who[name] = Principal(Caller.user(user.arn, user.account, user.id))

    def ask(self, operation, members, who=None):
        handler, way, *_ = OPERATIONS[operation]
        request = msgspec.convert(
            members, shapes.OPERATIONS[operation].input, builtin_types=(bytes,)
        )
        call = Call(WHO if who is None else self._who[who], REGION, self.now)
        try:
            try:
                answer = self._run(handler, way, call, request)
            except Prepare as first:
                with self._store.writing() as books:
                    first.work(books)
                answer = self._run(handler, way, call, request)
            except Slow as wanted:
                call.made = wanted.piece.do()
                answer = self._run(handler, way, call, request)
            if isinstance(answer, Aside):
                answer = answer.then(answer.piece.do)
        except Fault as fault:
            raise Refusal(fault.code, fault.message) from None
        return {} if answer is None else msgspec.to_builtins(answer, builtin_types=(bytes,))

    def _run(self, handler, way, call, request):
        if way is Way.WRITING:
            with self._store.writing() as books:
                return handler(KmsBooks(books, self._backing, self._decisions), call, request)
        with self._store.reading() as books:
            world = Kms if way is Way.MEMORY else KmsBooks
            return handler(world(books, self._backing, self._decisions), call, request)

    def wait(self, seconds):
        """Let time pass, and do what is due; the ARNs of the keys deleted, and rotated."""
        self.now += seconds
        done = jobs.do_what_is_due(self._store, self._backing, lambda: self.now)
        return [key.arn for key in done.deleted], [key.arn for key in done.rotated]

    def close(self):
        self._store.close()


class Served:
    """A Region of a throw-away server whose clock nobody else moves."""

    def __init__(self, server, region):
        self.region = region
        self._server = server
        self._clients = {None: server.client("kms", region)}
        account = f"{secrets.randbelow(9 * 10**11) + 10**11}"
        self.others = {}
        with contextlib.closing(server.client("iam", region, account)) as iam:
            for name in OTHERS:
                self.others[name] = iam.create_user(UserName=name)["User"]["Arn"]
                key = iam.create_access_key(UserName=name)["AccessKey"]
                own = replace(server, secret_access_key=key["SecretAccessKey"])
                self._clients[name] = own.client("kms", region, key["AccessKeyId"])

    def ask(self, operation, members, who=None):
        try:
            answer = self._clients[who]._make_api_call(operation, members)
        except ClientError as refused:
            error = refused.response["Error"]
            raise Refusal(error["Code"], error.get("Message", "")) from None
        answer.pop("ResponseMetadata", None)
        return _seconds(answer)

    def wait(self, seconds):
        done = move(self._server, seconds)
        return tuple(
            [arn for arn in done[what] if f":{self.region}:" in arn]
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
