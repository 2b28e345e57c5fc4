"""Keys, aliases, tags, rotation, deletion and ciphertexts, against a model in plain dicts.

The model knows what KMS documents and nothing of how it is done here: what a key's state
refuses, when it rotates, what is left when it is gone.  Every rule asks the world and the model
the same, and they must say the same; whenever time passes, what the world lists and shows must be
what the model holds.
"""

from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    multiple,
    precondition,
    rule,
)
from worlds import Refusal

DAY = 86_400
GONE = "NotFoundException"
DISABLED = "DisabledException"
WRONG_STATE = "KMSInvalidStateException"
BEHIND = "AccessDeniedException"
NOISE = "InvalidCiphertextException"

names = st.sampled_from(["alias/a", "alias/b", "alias/c"])
tag_names = st.sampled_from(["x", "X", "y"])
contexts = st.dictionaries(
    st.sampled_from(["k", "l", "kl"]), st.sampled_from(["", "v", "lv"]), max_size=2
)
plaintexts = st.binary(min_size=1, max_size=40)
periods = st.sampled_from([90, 100, 365])
MOST_ON_DEMAND = 25
MOST_KEYS = 4  # so that rules meet on the same ones


@dataclass
class Model:
    """A key as its owner may know it."""

    description: str
    state: str = "Enabled"
    tags: dict = field(default_factory=dict)
    rotates: tuple | None = None  # its period in days, and the day it comes next
    dies: float | None = None  # the day
    on_demand: int = 0
    materials: list = field(default_factory=list)


@dataclass
class Sealed:
    blob: bytes
    key: str
    material: str
    plaintext: bytes
    context: dict


class KeyMachine(RuleBasedStateMachine):
    keys = Bundle("keys")
    blobs = Bundle("blobs")

    def __init__(self, world):
        super().__init__()
        self.world = world
        self.day = 0
        self.model: dict[str, Model] = {}
        self.aliases: dict[str, str] = {}

    def teardown(self):
        self.look_around()
        self.world.close()

    def ask(self, operation, expected, **members):
        """The answer, if none of the faults `expected` is to come; else None."""
        try:
            answer = self.world.ask(operation, members)
        except Refusal as refusal:
            assert refusal.code in expected, f"{operation}: {refusal.code}, {refusal}"
            return None
        assert not expected, f"{operation} was served and should have been {expected}"
        return answer

    def refusals(self, key_id, *states, changed=True):
        """What a key refuses that may be in `states` only."""
        key = self.model.get(key_id)
        if key is None:
            return {GONE}
        if key.state in states:
            return set()
        return {DISABLED} if key.state == "Disabled" else {WRONG_STATE}

    def arn(self, key_id):
        return f"arn:aws:kms:{self.world.region}:000000000000:key/{key_id}"

    def material(self, key_id):
        return self.world.ask("DescribeKey", {"KeyId": key_id})["KeyMetadata"][
            "CurrentKeyMaterialId"
        ]

    # Keys

    @initialize(target=keys)
    def begin(self):
        return multiple(self._create("first", {}), self._create("second", {"x": ""}))

    @precondition(lambda self: len(self.model) < MOST_KEYS)
    @rule(
        target=keys,
        description=st.text(max_size=8),
        tags=st.dictionaries(tag_names, st.text(max_size=3)),
    )
    def create(self, description, tags):
        return self._create(description, tags)

    def _create(self, description, tags):
        shown = self.ask(
            "CreateKey",
            (),
            Description=description,
            Tags=[{"TagKey": name, "TagValue": value} for name, value in tags.items()],
        )["KeyMetadata"]
        assert shown["KeyId"] not in self.model
        self.model[shown["KeyId"]] = Model(
            description, tags=dict(tags), materials=[shown["CurrentKeyMaterialId"]]
        )
        return shown["KeyId"]

    @rule(key=keys, description=st.text(max_size=8))
    def describe_anew(self, key, description):
        expected = self.refusals(key, "Enabled", "Disabled")
        if (
            self.ask("UpdateKeyDescription", expected, KeyId=key, Description=description)
            is not None
        ):
            self.model[key].description = description

    @rule(key=keys, on=st.booleans())
    def switch(self, key, on):
        operation, state = ("EnableKey", "Enabled") if on else ("DisableKey", "Disabled")
        if self.ask(operation, self.refusals(key, "Enabled", "Disabled"), KeyId=key) is not None:
            self.model[key].state = state
            self.wait(0)  # what is overdue is made up for

    @rule(key=keys, days=st.sampled_from([7, 9, 30]), name=st.none() | names)
    def schedule(self, key, days, name):
        if name is not None:
            self.name_it(key, name)
        expected = self.refusals(key, "Enabled", "Disabled")
        answer = self.ask("ScheduleKeyDeletion", expected, KeyId=key, PendingWindowInDays=days)
        if answer is not None:
            assert answer["KeyState"] == "PendingDeletion"
            self.model[key].state = "PendingDeletion"
            self.model[key].dies = self.day + days

    @rule(key=keys)
    def cancel(self, key):
        expected = self.refusals(key, "PendingDeletion") and (
            {GONE} if key not in self.model else {WRONG_STATE}
        )
        if self.ask("CancelKeyDeletion", expected, KeyId=key) is not None:
            self.model[key].state = "Disabled"
            self.model[key].dies = None

    @precondition(lambda self: self._dying())
    @rule(at=st.integers(0, MOST_KEYS), in_time=st.booleans())
    def think_again(self, at, in_time):
        """A key is saved at the last moment, or not."""
        dying = self._dying()
        key = dying[at % len(dying)]
        left = self.model[key].dies - self.day
        if in_time:
            self.wait(left - 1)
            self.cancel(key)
        else:
            self.wait(left)
            self.look_closely(key)

    def _dying(self):
        return [key_id for key_id, key in self.model.items() if key.dies is not None]

    @precondition(lambda self: self._turning())
    @rule(at=st.integers(0, MOST_KEYS))
    def wait_for_rotation(self, at):
        """To the day before a rotation, and then to the day."""
        turning = self._turning()
        key = turning[at % len(turning)]
        left = self.model[key].rotates[1] - self.day
        if left > 1:
            self.wait(left - 1)
        if key in self.model:
            self.wait(1)
            self.look_closely(key)

    def _turning(self):
        return [key_id for key_id, key in self.model.items() if key.rotates is not None]

    # Tags

    @rule(key=keys, name=tag_names, value=st.none() | st.text(max_size=3))
    def tag_or_untag(self, key, name, value):
        expected = self.refusals(key, "Enabled", "Disabled")
        if value is None:
            if self.ask("UntagResource", expected, KeyId=key, TagKeys=[name]) is not None:
                self.model[key].tags.pop(name, None)
        else:
            tags = [{"TagKey": name, "TagValue": value}]
            if self.ask("TagResource", expected, KeyId=key, Tags=tags) is not None:
                self.model[key].tags[name] = value

    # Aliases

    @rule(key=keys, name=names)
    def name_it(self, key, name):
        expected = self.refusals(key, "Enabled", "Disabled")
        if not expected and name in self.aliases:
            expected = {"AlreadyExistsException"}
        if self.ask("CreateAlias", expected, AliasName=name, TargetKeyId=key) is not None:
            self.aliases[name] = key

    @rule(key=keys, name=names)
    def rename_it(self, key, name):
        expected = {GONE} if name not in self.aliases else self.refusals(key, "Enabled", "Disabled")
        if self.ask("UpdateAlias", expected, AliasName=name, TargetKeyId=key) is not None:
            self.aliases[name] = key

    @rule(name=names)
    def unname_it(self, name):
        expected = () if name in self.aliases else {GONE}
        if self.ask("DeleteAlias", expected, AliasName=name) is not None:
            del self.aliases[name]

    # Ciphertexts

    @rule(target=blobs, key=keys, plaintext=plaintexts, context=contexts)
    def encrypt(self, key, plaintext, context):
        return self._encrypt(key, key, plaintext, context)

    @rule(target=blobs, name=names, plaintext=plaintexts)
    def encrypt_by_alias(self, name, plaintext):
        return self._encrypt(name, self.aliases.get(name, ""), plaintext, {})

    def _encrypt(self, form, key, plaintext, context):
        answer = self.ask(
            "Encrypt",
            self.refusals(key, "Enabled"),
            KeyId=form,
            Plaintext=plaintext,
            EncryptionContext=context,
        )
        if answer is None:
            return multiple()
        assert self.arn(key) == answer["KeyId"]
        material = self.model[key].materials[-1]
        return Sealed(answer["CiphertextBlob"], key, material, plaintext, context)

    @rule(target=blobs, key=keys, context=contexts)
    def data_key(self, key, context):
        answer = self.ask(
            "GenerateDataKey",
            self.refusals(key, "Enabled"),
            KeyId=key,
            KeySpec="AES_256",
            EncryptionContext=context,
        )
        if answer is None:
            return multiple()
        material = self.model[key].materials[-1]
        assert material == answer["KeyMaterialId"]
        return Sealed(answer["CiphertextBlob"], key, material, answer["Plaintext"], context)

    @rule(sealed=blobs, context=st.none() | contexts)
    def decrypt(self, sealed, context):
        context = sealed.context if context is None else context
        answer = self.ask(
            "Decrypt",
            self._opening(sealed, context),
            CiphertextBlob=sealed.blob,
            EncryptionContext=context,
        )
        if answer is not None:
            assert sealed.plaintext == answer["Plaintext"]
            assert (self.arn(sealed.key), sealed.material) == (
                answer["KeyId"],
                answer["KeyMaterialId"],
            )

    @rule(target=blobs, sealed=blobs, key=keys, context=contexts)
    def re_encrypt(self, sealed, key, context):
        opening = self._opening(sealed, sealed.context)
        answer = self.ask(
            "ReEncrypt",
            opening or self.refusals(key, "Enabled"),
            CiphertextBlob=sealed.blob,
            SourceEncryptionContext=sealed.context,
            DestinationKeyId=key,
            DestinationEncryptionContext=context,
        )
        if answer is None:
            return multiple()
        material = self.model[key].materials[-1]
        assert (sealed.material, material) == (
            answer["SourceKeyMaterialId"],
            answer["DestinationKeyMaterialId"],
        )
        return Sealed(answer["CiphertextBlob"], key, material, sealed.plaintext, context)

    def _opening(self, sealed, context):
        if sealed.key not in self.model:
            return {BEHIND}
        return self.refusals(sealed.key, "Enabled") or (
            {NOISE} if context != sealed.context else ()
        )

    # Rotation

    @rule(key=keys, days=periods)
    def rotate_every(self, key, days):
        expected = self.refusals(key, "Enabled")
        answer = self.ask("EnableKeyRotation", expected, KeyId=key, RotationPeriodInDays=days)
        if answer is not None:
            self.model[key].rotates = days, self.day + days

    @rule(key=keys)
    def rotate_no_more(self, key):
        if self.ask("DisableKeyRotation", self.refusals(key, "Enabled"), KeyId=key) is not None:
            self.model[key].rotates = None

    @rule(key=keys)
    def rotate(self, key):
        expected = self.refusals(key, "Enabled")
        if not expected and self.model[key].on_demand == MOST_ON_DEMAND:
            expected = {"LimitExceededException"}
        if self.ask("RotateKeyOnDemand", expected, KeyId=key) is not None:
            self.model[key].on_demand += 1
            self._rotated(key)

    def _rotated(self, key):
        material = self.material(key)
        assert material not in self.model[key].materials
        self.model[key].materials.append(material)

    @rule(key=keys, days=periods, late=st.sampled_from([0, 1, 100, 1500]), off=st.booleans())
    def a_long_time(self, key, days, late, off):
        """A key that is to rotate, and may be switched off meanwhile."""
        self.rotate_every(key, days)
        if off:
            self.switch(key, on=False)
        self.wait(days + late)
        self.switch(key, on=True)

    @rule(days=st.sampled_from([1, 6, 7, 25, 90, 400, 1500]))
    def wait(self, days):
        self.day += days
        deleted, rotated = self.world.wait(days * DAY)
        dead = {
            key_id
            for key_id, key in self.model.items()
            if key.dies is not None and key.dies <= self.day
        }
        assert sorted(map(self.arn, dead)) == sorted(deleted)
        for key_id in dead:
            del self.model[key_id]
        self.aliases = {name: key for name, key in self.aliases.items() if key not in dead}
        turned = {
            key_id: key
            for key_id, key in self.model.items()
            if key.state == "Enabled" and key.rotates is not None and key.rotates[1] <= self.day
        }
        for key_id, key in turned.items():
            self._rotated(key_id)
            period, due = key.rotates
            following = due + period
            key.rotates = period, following if following > self.day else self.day + period
        # The server may have been quicker than the question, so it may list fewer.
        assert set(rotated) <= set(map(self.arn, turned))
        assert len(rotated) == len(set(rotated))
        self.look_around()

    # What must be true whenever it is looked at

    def look_around(self):
        """What the world lists and shows is what the model holds."""
        listed = [key["KeyId"] for key in self.world.ask("ListKeys", {})["Keys"]]
        assert sorted(self.model) == listed
        aliases = self.world.ask("ListAliases", {})["Aliases"]
        assert self.aliases == {each["AliasName"]: each["TargetKeyId"] for each in aliases}
        for key_id, key in self.model.items():
            shown = self.world.ask("DescribeKey", {"KeyId": key_id})["KeyMetadata"]
            assert (key.description, key.state, key.state == "Enabled", key.materials[-1]) == (
                shown["Description"],
                shown["KeyState"],
                shown["Enabled"],
                shown["CurrentKeyMaterialId"],
            )
            assert (key.dies is not None) == ("DeletionDate" in shown)

    @rule(key=keys)
    def look_closely(self, key):
        self.look_around()
        if key not in self.model:
            for operation in ("DescribeKey", "ListResourceTags", "ListKeyRotations"):
                self.ask(operation, {GONE}, KeyId=key)
            return
        model = self.model[key]
        tags = self.world.ask("ListResourceTags", {"KeyId": key})["Tags"]
        assert list(model.tags.items()) == [(tag["TagKey"], tag["TagValue"]) for tag in tags]
        materials = self.world.ask(
            "ListKeyRotations", {"KeyId": key, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"}
        )["Rotations"]
        assert model.materials == [each["KeyMaterialId"] for each in materials]
        states = ["NON_CURRENT"] * (len(materials) - 1) + ["CURRENT"]
        assert states == [each["KeyMaterialState"] for each in materials]
        status = self.world.ask("GetKeyRotationStatus", {"KeyId": key})
        rotates = model.rotates if model.state != "PendingDeletion" else None
        assert (rotates is not None) == status["KeyRotationEnabled"]
        assert (rotates and rotates[0]) == status.get("RotationPeriodInDays")
