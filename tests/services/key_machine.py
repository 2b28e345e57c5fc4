"""Keys, aliases, tags, grants, rotation, deletion and ciphertexts, against a model in plain dicts.

The model knows what KMS documents and nothing of how it is done here: what a key's state
refuses, when it rotates, what is left when it is gone.  Every rule asks the world and the model
the same, and they must say the same; whenever time passes, what the world lists and shows must be
what the model holds.  What grants allow is said in `grant_model`.
"""

from dataclasses import dataclass, field, replace

from grant_model import OWNER, Constraint, Grant, Grants
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    multiple,
    precondition,
    rule,
)
from worlds import OTHERS, Refusal

DAY = 86_400
GONE = "NotFoundException"
DISABLED = "DisabledException"
WRONG_STATE = "KMSInvalidStateException"
BEHIND = "AccessDeniedException"
NOISE = "InvalidCiphertextException"
NO_GRANT = "InvalidGrantIdException"
NO_TOKEN = "InvalidGrantTokenException"

names = st.sampled_from(["alias/a", "alias/b", "alias/c"])
tag_names = st.sampled_from(["x", "X", "y"])
contexts = st.dictionaries(
    st.sampled_from(["k", "l", "kl"]), st.sampled_from(["", "v", "lv"]), max_size=2
)
others = st.sampled_from(OTHERS)
anybody = st.sampled_from([OWNER, *OTHERS])
constraints = st.none() | st.builds(
    lambda pairs, exact: Constraint(tuple(pairs.items()), exact) if exact or pairs else None,
    st.dictionaries(st.sampled_from(["k", "L"]), st.sampled_from(["", "v"]), max_size=2),
    st.booleans(),
)
EVERYTHING = frozenset(
    "CreateGrant Decrypt DescribeKey Encrypt GenerateDataKey RetireGrant ReEncryptFrom "
    "ReEncryptTo".split()
)
operations = st.one_of(
    st.just(EVERYTHING),
    st.frozensets(st.sampled_from(sorted(EVERYTHING)), min_size=1).filter(
        lambda chosen: chosen != {"CreateGrant"}
    ),
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
    grants = Bundle("grants")

    def __init__(self, world):
        super().__init__()
        self.world = world
        self.day = 0
        self.model: dict[str, Model] = {}
        self.aliases: dict[str, str] = {}
        self.granted = Grants()

    def teardown(self):
        self.look_around()
        self.world.close()

    def ask(self, operation, expected, who=OWNER, **members):
        """The answer, if none of the faults `expected` is to come; else None."""
        try:
            answer = self.world.ask(operation, members, None if who == OWNER else who)
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

    def _encrypt(self, form, key, plaintext, context, who=OWNER, **more):
        answer = self.ask(
            "Encrypt",
            self.refusals_as(who, "Encrypt", key, context),
            who,
            KeyId=form,
            Plaintext=plaintext,
            EncryptionContext=context,
            **more,
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

    # Grants

    def principal(self, who):
        return self.world.others.get(who, "arn:aws:iam::000000000000:root")

    @rule(
        target=grants,
        key=keys,
        grantee=others,
        retiring=st.none() | anybody,
        operations=operations,
        constraint=constraints,
        name=st.sampled_from([None, "n", "m"]),
    )
    def grant(self, key, grantee, retiring, operations, constraint, name):
        return self._grant(Grant(key, OWNER, grantee, retiring, operations, constraint, name))

    @rule(
        target=grants,
        grant_id=grants,
        grantee=others,
        less=st.frozensets(st.sampled_from(sorted(EVERYTHING - {"Encrypt"}))),
        more=st.frozensets(st.sampled_from(sorted(EVERYTHING)), max_size=1),
    )
    def hand_on(self, grant_id, grantee, less, more):
        """A grantee gives of what she has, and perhaps more, under any constraint of its pairs."""
        had = self.granted.ever[grant_id]
        pairs = () if had.constraint is None else had.constraint.pairs
        child = replace(
            had,
            author=had.grantee,
            grantee=grantee,
            operations=had.operations - less | more | {"Encrypt"},
            name=None,
        )
        made = [
            self._grant(replace(child, constraint=constraint))
            for constraint in (
                None,
                Constraint(pairs, exact=True),
                Constraint(pairs or (("k", "v"),), exact=False),
            )
        ]
        return multiple(*(grant_id for grant_id in made if isinstance(grant_id, str)))

    def _grant(self, grant):
        if self.granted.may_be_made(grant):
            expected = self.refusals(grant.key, "Enabled")
        else:
            expected = {BEHIND}
        optional = {
            "RetiringPrincipal": grant.retiring and self.principal(grant.retiring),
            "Constraints": grant.constraint and grant.constraint.shown,
            "Name": grant.name,
        }
        answer = self.ask(
            "CreateGrant",
            expected,
            grant.author,
            KeyId=self.arn(grant.key),
            GranteePrincipal=self.principal(grant.grantee),
            Operations=sorted(grant.operations),
            **{member: value for member, value in optional.items() if value is not None},
        )
        if answer is None:
            return multiple()
        grant_id = self.granted.like(grant)
        if grant_id is None:
            assert answer["GrantId"] not in self.granted.ever
            self.granted.add(answer["GrantId"], grant, answer["GrantToken"])
            return answer["GrantId"]
        assert grant_id == answer["GrantId"]
        assert answer["GrantToken"] != self.granted.tokens[grant_id]
        return multiple()

    @rule(
        grant_id=grants,
        who=st.sampled_from(["retiring", "grantee", OWNER, *OTHERS]),
        how=st.sampled_from(["retired by token", "retired by id", "revoked", "made again"]),
    )
    def end(self, grant_id, who, how):
        grant = self.granted.ever[grant_id]
        who = {"retiring": grant.retiring or OWNER, "grantee": grant.grantee}.get(who, who)
        there = grant_id in self.granted.live
        absent = {NO_GRANT} if grant.key in self.model else {GONE}
        by_id = {"KeyId": self.arn(grant.key), "GrantId": grant_id}
        match how:
            case "made again":
                self._grant(grant)
                return
            case "revoked":
                operation, named = "RevokeGrant", by_id
                expected = {BEHIND} if who != OWNER else () if there else absent
            case "retired by token":
                operation, named = "RetireGrant", {"GrantToken": self.granted.tokens[grant_id]}
                may = () if grant.may_be_retired_by(who) else {BEHIND}
                expected = may if there else {NO_TOKEN}
            case _:
                operation, named = "RetireGrant", by_id
                may = () if grant.may_be_retired_by(who) else {BEHIND}
                expected = may if there else {BEHIND} if who != OWNER else absent
        if self.ask(operation, expected, who, **named) is not None:
            del self.granted.live[grant_id]

    @rule(
        grant_id=grants,
        token=grants,
        who=st.sampled_from(["grantee", *OTHERS]),
        plaintext=plaintexts,
        context=contexts,
        as_constrained=st.booleans(),
        other=keys,
    )
    def use(self, grant_id, token, who, plaintext, context, as_constrained, other):
        """What a grant is for, or was, by somebody of another account; tokens change nothing."""
        grant = self.granted.ever[grant_id]
        who = grant.grantee if who == "grantee" else who
        if as_constrained and grant.constraint is not None:
            context = context | grant.constraint.compared
        key, arn = grant.key, self.arn(grant.key)
        tokens = [self.granted.tokens[token]]
        self.ask("ListGrants", {BEHIND}, who, KeyId=arn)
        may = self.granted.let(who, "DescribeKey", key, {})
        self.ask("DescribeKey", () if may else {BEHIND}, who, KeyId=arn, GrantTokens=tokens)
        self.ask(
            "GenerateDataKey",
            self.refusals_as(who, "GenerateDataKey", key, context),
            who,
            KeyId=arn,
            NumberOfBytes=8,
            EncryptionContext=context,
        )
        self._encrypt(arn, key, plaintext, context, who, GrantTokens=tokens)
        sealed = self._encrypt(arn, key, plaintext, context)
        if isinstance(sealed, Sealed):
            self._open_as(who, sealed, other, context)

    def _open_as(self, who, sealed, other, context):
        answer = self.ask(
            "Decrypt",
            self.refusals_as(who, "Decrypt", sealed.key, context),
            who,
            CiphertextBlob=sealed.blob,
            EncryptionContext=context,
        )
        assert answer is None or answer["Plaintext"] == sealed.plaintext
        source = self.refusals_as(who, "ReEncryptFrom", sealed.key, context)
        destination = self.refusals_as(who, "ReEncryptTo", other, context)
        self.ask(
            "ReEncrypt",
            {*source, *destination},
            who,
            CiphertextBlob=sealed.blob,
            SourceEncryptionContext=context,
            DestinationKeyId=self.arn(other),
            DestinationEncryptionContext=context,
        )

    def refusals_as(self, who, operation, key, context):
        """What a cryptographic operation is refused with; without permission nothing else is told."""
        if self.granted.let(who, operation, key, context):
            return self.refusals(key, "Enabled")
        return {BEHIND}

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
            self.granted.forget_key(key_id)
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
            self.look_at_grants(key_id)
        mine = self.world.ask("ListRetirableGrants", {"RetiringPrincipal": self.principal(OWNER)})
        retirable = [id_ for id_, grant in self.granted.live.items() if grant.retiring == OWNER]
        assert sorted(retirable) == [each["GrantId"] for each in mine["Grants"]]

    def look_at_grants(self, key_id):
        listed = self.world.ask("ListGrants", {"KeyId": key_id})["Grants"]
        assert sorted(self.granted.of(key_id)) == [each["GrantId"] for each in listed]
        for each in listed:
            grant = self.granted.live[each["GrantId"]]
            by = OWNER if each["IssuingAccount"] == self.principal(OWNER) else "another"
            assert (each["KeyId"], each["GranteePrincipal"], each["Name"], by) == (
                self.arn(key_id),
                self.principal(grant.grantee),
                grant.name or "",
                OWNER if grant.author == OWNER else "another",
            )
            assert grant.operations == set(each["Operations"])
            assert each.get("RetiringPrincipal") == (
                grant.retiring and self.principal(grant.retiring)
            )
            assert each.get("Constraints") == (grant.constraint and grant.constraint.shown)

    @rule(key=keys)
    def look_closely(self, key):
        self.look_around()
        if key not in self.model:
            for operation in ("DescribeKey", "ListResourceTags", "ListKeyRotations", "ListGrants"):
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


class GrantMachine(KeyMachine):
    """The same without the rules that have no part in grants, so that these are about them."""

    create = describe_anew = tag_or_untag = None
    name_it = rename_it = unname_it = encrypt_by_alias = None
    encrypt = data_key = re_encrypt = decrypt = None
    schedule = cancel = think_again = None
    rotate_every = rotate_no_more = rotate = a_long_time = wait_for_rotation = None

    def wait(self, days):
        """Nothing becomes due."""

    @rule(key=KeyMachine.keys, on=st.sampled_from([True, True, True, False]))
    def switch(self, key, on):
        KeyMachine.switch(self, key, on)
