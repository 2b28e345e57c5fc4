"""Clients that change their own keys as fast as they can, and remember what they were told.

Of each thing a client knows which values it may have: exactly one when the last change was
answered, the old and the new one when the connection broke before the answer.
"""

import random
import threading
from dataclasses import dataclass, field

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

REGION = "test-1"
_OLDER = 5  # keys, and ciphertexts


@dataclass
class Owned:
    """A key, by what may be true of it."""

    id: str
    state: set = field(default_factory=lambda: {"Enabled"})
    description: set = field(default_factory=lambda: {""})
    tag: set = field(default_factory=lambda: {None})
    alias: set = field(default_factory=lambda: {False})  # whether `alias/<id>` points to it
    rotations: set = field(default_factory=lambda: {0})
    rotating: set = field(default_factory=lambda: {False})


@dataclass
class Sealed:
    key: str
    blob: bytes
    plaintext: bytes


class Broken(Exception):
    """The server is gone."""


class Owner:
    """Of a server that is always at the same address."""

    def __init__(self, number, seed, url, credential):
        self.number = number
        self.random = random.Random(f"{seed}/{number}")
        self.keys: dict[str, Owned] = {}
        self.sealed: list[Sealed] = []
        self.request_ids: set[str] = set()
        self.answered = 0
        self._touched: set[str] = set()  # keys, since they were checked
        self._checked = 0  # of what is sealed
        self._kms = boto3.session.Session().client(
            "kms",
            endpoint_url=url,
            region_name=REGION,
            aws_access_key_id=credential[0],
            aws_secret_access_key=credential[1],
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20),
        )

    def begin(self):
        thread = threading.Thread(target=self._work, daemon=True)
        thread.start()
        return thread

    def _work(self):
        try:
            while True:
                self._step(self._kms)
        except Broken:
            pass

    def ask(self, method, **members):
        try:
            answer = method(**members)
        except ClientError as refusal:
            self.request_ids.add(refusal.response["ResponseMetadata"]["RequestId"])
            if refusal.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                return None  # whether it was done is not known
            raise
        except BotoCoreError:
            raise Broken from None
        self.request_ids.add(answer["ResponseMetadata"]["RequestId"])
        self.answered += 1
        return answer

    def _change(self, key, what, value, method, **members):
        """Ask for a change of `what` to `value`; in between, either may be true."""
        self._touched.add(key.id)
        before = getattr(key, what)
        setattr(key, what, before | {value})
        if self.ask(method, KeyId=key.id, **members) is not None:
            setattr(key, what, {value})

    def _step(self, kms):
        if len(self.keys) < 3 or self.random.random() < 0.08:
            made = self.ask(kms.create_key)
            if made is not None:
                key_id = made["KeyMetadata"]["KeyId"]
                self.keys[key_id] = Owned(key_id)
                self._touched.add(key_id)
            return
        key = self.random.choice(list(self.keys.values())[-12:])
        if len(key.state | key.alias) > 2 or len(key.rotations) > 1:
            return  # it is known again after the next start
        (state,) = key.state
        if state == "PendingDeletion":
            self._change(key, "state", "Disabled", kms.cancel_key_deletion)
        elif state == "Disabled":
            if self.random.random() < 0.3:
                self._change(key, "state", "PendingDeletion", kms.schedule_key_deletion)
            else:
                self._change(key, "state", "Enabled", kms.enable_key)
        else:
            self._use(kms, key)

    def _use(self, kms, key):
        word = f"{self.number}-{self.random.randrange(10**9)}"
        match self.random.randrange(8):
            case 0:
                self._change(key, "description", word, kms.update_key_description, Description=word)
            case 1:
                tags = [{"TagKey": "word", "TagValue": word}]
                self._change(key, "tag", word, kms.tag_resource, Tags=tags)
            case 2:
                self._rename(kms, key)
            case 3:
                self._rotate(kms, key)
            case 4:
                on = not min(key.rotating)
                method = kms.enable_key_rotation if on else kms.disable_key_rotation
                self._change(key, "rotating", on, method)
            case 5 if self.random.random() < 0.5:
                self._change(key, "state", "Disabled", kms.disable_key)
            case _:
                plaintext = word.encode()
                made = self.ask(kms.encrypt, KeyId=key.id, Plaintext=plaintext)
                if made is not None:
                    self.sealed.append(Sealed(key.id, made["CiphertextBlob"], plaintext))

    def _rename(self, kms, key):
        if len(key.alias) > 1:
            return
        self._touched.add(key.id)
        named = min(key.alias)
        key.alias = {True, False}
        name = f"alias/{key.id}"
        if named:
            answer = self.ask(kms.delete_alias, AliasName=name)
        else:
            answer = self.ask(kms.create_alias, AliasName=name, TargetKeyId=key.id)
        if answer is not None:
            key.alias = {not named}

    def _rotate(self, kms, key):
        (count,) = key.rotations
        if count < 25:
            self._change(key, "rotations", count + 1, kms.rotate_key_on_demand)

    # After the next start

    def check(self, everything=False):
        """What was answered is so; and what may be either way is known from now on.

        Of what was done since the last check, of a few older things, or of everything.
        """
        kms = self._kms
        aliases = {
            alias["AliasName"]: alias["TargetKeyId"]
            for page in kms.get_paginator("list_aliases").paginate()
            for alias in page["Aliases"]
        }
        older = [key_id for key_id in self.keys if key_id not in self._touched]
        sealed, earlier = self.sealed[self._checked :], self.sealed[: self._checked]
        if not everything:
            older = self.random.sample(older, min(_OLDER, len(older)))
            earlier = self.random.sample(earlier, min(_OLDER, len(earlier)))
        for key_id in (*self._touched, *older):
            self._check_key(kms, self.keys[key_id], aliases)
        self._touched.clear()
        for each in (*earlier, *sealed):
            self._check_sealed(kms, each)
        self._checked = len(self.sealed)

    def close(self):
        self._kms.close()

    def _check_key(self, kms, key, aliases):
        shown = self.ask(kms.describe_key, KeyId=key.id)["KeyMetadata"]
        tags = self.ask(kms.list_resource_tags, KeyId=key.id)["Tags"]
        rotations = self.ask(kms.list_key_rotations, KeyId=key.id)["Rotations"]
        target = aliases.get(f"alias/{key.id}")
        assert target in (None, key.id)
        actual = {
            "state": shown["KeyState"],
            "description": shown["Description"],
            "tag": tags[0]["TagValue"] if tags else None,
            "alias": target is not None,
            "rotations": len(rotations),
        }
        if shown["KeyState"] != "PendingDeletion":
            status = self.ask(kms.get_key_rotation_status, KeyId=key.id)
            actual["rotating"] = status["KeyRotationEnabled"]
        for what, value in actual.items():
            assert value in getattr(key, what), (key, what, value)
            setattr(key, what, {value})

    def _check_sealed(self, kms, sealed):
        key = self.keys[sealed.key]
        if key.state == {"PendingDeletion"}:
            self._change(key, "state", "Disabled", kms.cancel_key_deletion)
        if key.state == {"Disabled"}:
            self._change(key, "state", "Enabled", kms.enable_key)
        opened = self.ask(kms.decrypt, CiphertextBlob=sealed.blob)
        assert sealed.plaintext == opened["Plaintext"]
