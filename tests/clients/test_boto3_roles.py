"""boto3's own way into roles: profiles that assume them, one out of another, and stay in them.

The clocks of a server and of a client are moved, so that a session ends while it is in use.
"""

import contextlib
import datetime
import json
import secrets

import boto3
import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.conftest import start_dev
from tests.services.clockwork import move

REGION = "test-1"
HOUR = 3_600


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, **more):
    return {"Effect": "Allow", "Action": action, **more}


class House:
    """An account with a key, a user, and two roles that lead to it one by the other.

    `reader` trusts alice with an external id, and may decrypt and go on; `writer` trusts `reader`,
    and may encrypt.
    """

    def __init__(self, server, folder):
        self.server = server
        self.account = f"{secrets.randbelow(9 * 10**11) + 10**11}"
        self._config = folder / "config"
        self._open = contextlib.ExitStack()
        root = boto3.Session(self.account, "test", region_name=REGION)
        self.iam, self.kms = (
            self._kept(root.client(service, endpoint_url=server.url)) for service in ("iam", "kms")
        )
        self.key = self.kms.create_key()["KeyMetadata"]["Arn"]
        alice = self.iam.create_user(UserName="alice")["User"]["Arn"]
        self._policy("user", "alice", allow("sts:AssumeRole", Resource="*"))
        wants = {"StringEquals": {"sts:ExternalId": "blue"}}
        self.reader = self._role("reader", allow("kms:Decrypt", Resource=self.key), alice, wants)
        self._policy("role", "reader", allow(["kms:Decrypt", "sts:AssumeRole"], Resource="*"))
        self.writer = self._role("writer", allow("kms:Encrypt", Resource=self.key), self.reader)
        self._secrets = self.iam.create_access_key(UserName="alice")["AccessKey"]

    def _role(self, name, may, trusted, condition=None):
        trust = allow("sts:AssumeRole", Principal={"AWS": trusted})
        if condition is not None:
            trust["Condition"] = condition
        made = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))
        self._policy("role", name, may)
        return made["Role"]["Arn"]

    def _policy(self, kind, name, *statements):
        put = getattr(self.iam, f"put_{kind}_policy")
        who = {f"{kind.capitalize()}Name": name}
        put(PolicyName="own", PolicyDocument=document(*statements), **who)

    def _kept(self, client):
        self._open.callback(client.close)
        return client

    def configure(self, *profiles):
        """Write the configuration: alice's, and these (name, its lines)."""
        alice = (
            f"aws_access_key_id = {self._secrets['AccessKeyId']}",
            f"aws_secret_access_key = {self._secrets['SecretAccessKey']}",
        )
        lines = []
        for name, *own in (("alice", *alice), *profiles):
            lines += [
                f"[profile {name}]",
                f"region = {REGION}",
                f"endpoint_url = {self.server.url}",
            ]
            lines += own
        self._config.write_text("\n".join(lines) + "\n")

    def session(self, profile):
        """A session of botocore's with nothing but the configuration."""
        session = botocore.session.Session(profile=profile)
        session.set_config_variable("config_file", str(self._config))
        return session

    def client(self, session, service):
        once = Config(retries={"total_max_attempts": 1})
        return self._kept(session.create_client(service, config=once))

    def close(self):
        self._open.close()


@pytest.fixture(scope="module")
def server():
    server = start_dev("--workers", "2")
    yield server
    server.stop()


@pytest.fixture
def house(server, tmp_path):
    with contextlib.closing(House(server, tmp_path)) as house:
        yield house


@pytest.fixture
def hurried_house(tmp_path):
    """One whose server's clock is the test's own to move."""
    server = start_dev()
    try:
        with contextlib.closing(House(server, tmp_path)) as house:
            yield house
    finally:
        server.stop()


@pytest.fixture
def later(monkeypatch):
    """Move the clock by which botocore looks after credentials; its signatures stay in the present."""

    def move_on(credentials, seconds):
        def now():
            return datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)

        monkeypatch.setattr("botocore.credentials._local_now", now)
        monkeypatch.setattr(credentials, "_time_fetcher", now)

    return move_on


def as_reader(house):
    return (
        "reader",
        f"role_arn = {house.reader}",
        "source_profile = alice",
        "external_id = blue",
        "duration_seconds = 3600",
        "role_session_name = mine",
    )


def denied(ask):
    with pytest.raises(ClientError, match="AccessDenied") as caught:
        ask()
    return caught.value.response["Error"]["Message"]


def test_a_role_decrypts_and_does_nothing_else(house):
    house.configure(as_reader(house))
    session = house.session("reader")
    kms = house.client(session, "kms")
    blob = house.kms.encrypt(KeyId=house.key, Plaintext=b"x")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    me = f"arn:aws:sts::{house.account}:assumed-role/reader/mine"
    assert house.client(session, "sts").get_caller_identity()["Arn"] == me
    said = denied(lambda: kms.encrypt(KeyId=house.key, Plaintext=b"x"))
    assert said.startswith(f"User: {me} is not authorized to perform: kms:Encrypt")
    denied(lambda: kms.describe_key(KeyId=house.key))
    # Nor may she who assumes it, in her own name.
    alice = house.client(house.session("alice"), "kms")
    denied(lambda: alice.decrypt(CiphertextBlob=blob))


@pytest.mark.parametrize("lines", [(), ("external_id = green",)], ids=["none", "another"])
def test_without_its_external_id_a_role_is_not_to_be_had(house, lines):
    house.configure(("reader", f"role_arn = {house.reader}", "source_profile = alice", *lines))
    kms = house.client(house.session("reader"), "kms")
    said = denied(lambda: kms.decrypt(CiphertextBlob=b"x" * 100))
    assert f"is not authorized to perform: sts:AssumeRole on resource: {house.reader}" in said


def test_one_role_out_of_another(house):
    onward = ("writer", f"role_arn = {house.writer}", "source_profile = reader")
    straight = ("straight", f"role_arn = {house.writer}", "source_profile = alice")
    too_long = (*onward, "duration_seconds = 3601")
    house.configure(as_reader(house), onward, straight, ("long", *too_long[1:]))
    kms = house.client(house.session("writer"), "kms")
    blob = kms.encrypt(KeyId=house.key, Plaintext=b"x")["CiphertextBlob"]
    denied(lambda: kms.decrypt(CiphertextBlob=blob))
    reader = house.client(house.session("reader"), "kms")
    assert reader.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    denied(lambda: house.client(house.session("straight"), "kms").list_keys())
    with pytest.raises(
        ClientError, match="1 hour session limit for roles assumed by role chaining"
    ):
        house.client(house.session("long"), "kms").list_keys()


# A session's end


def test_a_session_is_renewed_when_it_ends(hurried_house, later):
    """The client asks for another one; the old one opens nothing any more."""
    house = hurried_house
    house.configure(as_reader(house))
    session = house.session("reader")
    kms = house.client(session, "kms")
    blob = house.kms.encrypt(KeyId=house.key, Plaintext=b"x")["CiphertextBlob"]
    kms.decrypt(CiphertextBlob=blob)
    credentials = session.get_credentials()
    first = credentials.get_frozen_credentials()
    kms.decrypt(CiphertextBlob=blob)
    assert credentials.get_frozen_credentials() == first

    move(house.server, HOUR + 1)
    with pytest.raises(ClientError, match="ExpiredTokenException"):
        kms.decrypt(CiphertextBlob=blob)
    later(credentials, HOUR + 1)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    second = credentials.get_frozen_credentials()
    assert second.access_key != first.access_key
    old = botocore.session.Session()
    old.set_credentials(first.access_key, first.secret_key, first.token)
    late = old.create_client("kms", region_name=REGION, endpoint_url=house.server.url)
    with contextlib.closing(late), pytest.raises(ClientError, match="ExpiredTokenException"):
        late.decrypt(CiphertextBlob=blob)


def test_a_role_that_no_longer_trusts_renews_nothing(house, later):
    """Sessions of 15 minutes are renewed at every call; the one there is serves until it ends."""
    name, *lines = as_reader(house)
    short = [line.replace("3600", "900") for line in lines]
    house.configure((name, *short))
    session = house.session("reader")
    kms = house.client(session, "kms")
    blob = house.kms.encrypt(KeyId=house.key, Plaintext=b"x")["CiphertextBlob"]
    kms.decrypt(CiphertextBlob=blob)
    credentials = session.get_credentials()
    first = credentials.get_frozen_credentials()
    assert credentials.get_frozen_credentials().access_key != first.access_key
    nobody = allow("sts:AssumeRole", Principal={"Service": "ec2.amazonaws.com"})
    house.iam.update_assume_role_policy(RoleName="reader", PolicyDocument=document(nobody))
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    # When its last ten minutes have begun, the client will not go on without a new one.
    later(credentials, 301)
    assert "sts:AssumeRole" in denied(lambda: kms.decrypt(CiphertextBlob=blob))
