"""What three nodes do together is what one could have done, but for readings of a second ago.

Threads at all nodes disable and enable keys, grant and revoke, and encrypt; what they asked, when, and what
they were told is one history for each key and each grant.  That an acknowledged Disable or Revoke holds for
every call that begins later than the bound follows from its being linearizable.
"""

import itertools
import random
import secrets
import threading
import time
from contextlib import suppress
from functools import partial
from math import inf

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from histories import Operation, linearizable
from hypothesis import given
from hypothesis import strategies as st
from test_nodes import BOUND, run
from tests.conftest import init, start
from tests.postgresql import Server

REGION = "region-1"


# The checker


def brute(history, initial):
    """Whether some order of all fits; what nobody knows to be done may be left out."""
    sure = [each for each in history if each.ended < inf]
    unsure = [each for each in history if each.ended == inf]
    for count in range(len(unsure) + 1):
        for done in itertools.combinations(unsure, count):
            for order in itertools.permutations([*sure, *done]):
                if _in_time(order) and _right(order, initial):
                    return True
    return False


def _in_time(order):
    return all(later.ended >= earlier.began for earlier, later in itertools.combinations(order, 2))


def _right(order, value):
    for each in order:
        if each.sets:
            value = each.value
        elif each.value is not value:
            return False
    return True


moments = st.integers(0, 9)
operations = st.builds(
    lambda began, lasts, value, sets, lost: Operation(
        began, inf if lost and sets else began + lasts, value, sets
    ),
    moments,
    moments,
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


@given(st.lists(operations, max_size=6), st.booleans())
def test_the_checker_says_what_trying_all_orders_says(history, initial):
    assert linearizable(history, initial) == brute(history, initial)


def test_the_checker_knows_a_reading_that_is_too_old():
    disabled = Operation(0, 1, False, sets=True)
    assert linearizable([disabled, Operation(1.5, 1.6, True)], initial=True, bound=1)
    assert not linearizable([disabled, Operation(2.5, 2.6, True)], initial=True, bound=1)
    back = Operation(2, inf, True, sets=True)
    assert linearizable([disabled, back, Operation(2.5, 2.6, True)], initial=True, bound=1)


# The history


class Nodes:
    def __init__(self, folder, count=3):
        self.postgresql = Server()
        self.credential = init(folder / "0", "--database", self.postgresql.new())
        like = folder / "0" / "strongroom.json"
        for number in range(1, count):
            run("join", "--data", folder / str(number), "--like", like)
        self.servers = [
            start(folder / str(number), self.credential, "--workers", "1")
            for number in range(count)
        ]

    def client(self, node, credential=None):
        key_id, secret = credential or self.credential
        return boto3.client(
            "kms",
            endpoint_url=self.servers[node].url,
            region_name=REGION,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            config=Config(retries={"total_max_attempts": 1}),
        )

    def user(self):
        """A user of the account, without a policy: its ARN and its access key."""
        iam = self.servers[0].client("iam", "us-east-1")
        user = iam.create_user(UserName=f"user-{secrets.token_hex(4)}")["User"]
        key = iam.create_access_key(UserName=user["UserName"])["AccessKey"]
        return user["Arn"], (key["AccessKeyId"], key["SecretAccessKey"])

    def stop(self):
        for server in self.servers:
            server.stop()
        self.postgresql.stop()


class Recorder:
    """What was asked of one thing, of which a client is told yes or no."""

    def __init__(self):
        self.history = []
        self._lock = threading.Lock()

    def set(self, value, ask):
        """The answer; none if nobody knows what became of it."""
        began, ended, answer = time.monotonic(), inf, None
        with suppress(ClientError):
            answer = ask()
            ended = time.monotonic()
        self._add(Operation(began, ended, value, sets=True))
        return answer

    def read(self, ask, no):
        began = time.monotonic()
        try:
            ask()
            value = True
        except ClientError as refusal:
            if refusal.response["Error"]["Code"] != no:
                return  # it was not told
            value = False
        self._add(Operation(began, time.monotonic(), value))

    def _add(self, operation):
        with self._lock:
            self.history.append(operation)


def lived(nodes, seconds, seed):
    """The histories of six keys and three grants, each asked about at all nodes."""
    kms = nodes.client(0)
    keys = {kms.create_key()["KeyMetadata"]["KeyId"]: Recorder() for _ in range(6)}
    arn, credential = nodes.user()
    granted = {kms.create_key()["KeyMetadata"]["Arn"]: Recorder() for _ in range(3)}
    until = time.monotonic() + seconds

    # What is set stays so for longer than the bound, now and then: else any old reading would be right.
    def switching(key, recorder, node, chance):
        mine, on = nodes.client(node), chance.random() < 0.5
        while time.monotonic() < until:
            on = not on
            recorder.set(on, partial(mine.enable_key if on else mine.disable_key, KeyId=key))
            time.sleep(chance.uniform(0, 3))

    def encrypting(node, chance):
        mine = nodes.client(node)
        while time.monotonic() < until:
            key, recorder = chance.choice([*keys.items()])
            recorder.read(partial(mine.encrypt, KeyId=key, Plaintext=b"x"), "DisabledException")

    def of_grants(key, recorder, chance):
        owners = [nodes.client(node) for node in range(len(nodes.servers) - 1)]
        asked = {"KeyId": key, "GranteePrincipal": arn, "Operations": ["Encrypt"]}
        while time.monotonic() < until:
            grant = recorder.set(True, partial(chance.choice(owners).create_grant, **asked))
            time.sleep(chance.uniform(0, 2))
            if grant is not None:
                revoke = chance.choice(owners).revoke_grant
                recorder.set(False, partial(revoke, KeyId=key, GrantId=grant["GrantId"]))
            time.sleep(chance.uniform(0, 2))

    def of_the_grantee(node, chance):
        mine = nodes.client(node, credential)
        while time.monotonic() < until:
            key, recorder = chance.choice([*granted.items()])
            recorder.read(partial(mine.encrypt, KeyId=key, Plaintext=b"x"), "AccessDeniedException")

    # Who writes hears of what was written before, so the last node only reads.
    work = [
        *(
            (switching, *each, node)
            for each in keys.items()
            for node in range(len(nodes.servers) - 1)
        ),
        *((encrypting, node) for node in range(len(nodes.servers))),
        *((of_grants, key, recorder) for key, recorder in granted.items()),
        *((of_the_grantee, node) for node in range(len(nodes.servers))),
    ]
    threads = [
        threading.Thread(target=what, args=(*about, random.Random(f"{seed}/{number}")))
        for number, (what, *about) in enumerate(work)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 60)
        assert not thread.is_alive()
    return [each.history for each in keys.values()], [each.history for each in granted.values()]


def live(tmp_path, seconds):
    seed = secrets.randbits(32)
    nodes = Nodes(tmp_path)
    try:
        of_keys, of_grants = lived(nodes, seconds, seed)
    finally:
        nodes.stop()
    for histories, initial in ((of_keys, True), (of_grants, False)):
        for history in histories:
            assert {each.value for each in history if each.sets} == {True, False}
            right = linearizable(history, initial, BOUND)
            assert right, f"seed {seed}, {len(history)} operations"


@pytest.mark.xdist_group("nodes")
def test_three_nodes_do_what_one_could_have_done(tmp_path):
    live(tmp_path, seconds=6)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.xdist_group("nodes")
def test_three_nodes_do_it_for_minutes(tmp_path):
    for round_ in range(10):
        live(tmp_path / str(round_), seconds=20)
