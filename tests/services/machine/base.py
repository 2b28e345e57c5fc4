"""What all rules stand on: keys are made, questions asked, and what is shown compared with the model."""

from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from worlds import Refusal

from machine.grant_model import OWNER
from machine.kinds import SYMMETRIC, Kind
from machine.model import DAY, GONE, MINUTE, Material, Member, Model, Shared, id_of, region_of

MOST_KEYS = 4  # so that rules meet on the same ones

tag_names = st.sampled_from(["x", "X", "y"])
kept_characters = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
tags = st.dictionaries(tag_names, st.text(kept_characters, max_size=3))
descriptions = st.text(kept_characters, max_size=8)
anything = st.integers(0, 1_000_000)
"""To choose from what there is by then."""
keys = anything
"""Of rules about a key, which `Base.aim` makes of it."""


@dataclass(frozen=True)
class Wish:
    kind: Kind = SYMMETRIC
    origin: str = "AWS_KMS"
    multi: bool = False


def one_of(choices, at):
    return choices[at % len(choices)]


def some_of(choices, at):
    """All of them, every other time."""
    bits = at >> 1
    chosen = [each for place, each in enumerate(choices) if bits >> place & 1]
    return frozenset(chosen) if at & 1 and chosen else frozenset(choices)


class Base(RuleBasedStateMachine):
    wishes = (Wish(),)

    def __init__(self, world):
        super().__init__()
        self.world = world
        self.regions = world.regions
        self.model = Model(world.now)
        self.ever = []  # ARNs, of keys that are gone too
        self._writes_seen = 0

    def teardown(self):
        try:
            self.look_at_the_end()
        finally:
            self.world.close()

    def look_at_the_end(self):
        self.look_around()

    def ask(self, operation, expected, region, who=OWNER, **members):
        """The answer, if none of the faults `expected` is to come; else None."""
        try:
            answer = self.world.ask(operation, members, None if who == OWNER else who, region)
        except Refusal as refusal:
            assert refusal.code in expected, (
                f"{operation}: {refusal.code}, {refusal}; expected {expected or 'an answer'}"
            )
            return None
        assert not expected, f"{operation} was served and should have been {expected}"
        return answer

    def ask_of(self, arn, operation, expected, who=OWNER, **members):
        """The same about a key; its owner names it by its id."""
        key_id = id_of(arn) if who == OWNER else arn
        return self.ask(operation, expected, region_of(arn), who, KeyId=key_id, **members)

    def whole(self, operation, region, part, **members):
        """All pages of a list."""
        found, more = [], {}
        while True:
            page = self.ask(operation, (), region, **members, **more)
            found += page[part]
            if not page["Truncated"]:
                return found
            more = {"Marker": page["NextMarker"]}

    def described(self, arn):
        return self.ask_of(arn, "DescribeKey", ())["KeyMetadata"]

    def aim(self, at, suits=lambda _: True):
        """A key's ARN as it is; or one of those that suit, but every eighth time of all that ever were."""
        if isinstance(at, str):
            return at
        fit = [each.arn for each in self.model.members.values() if suits(each)]
        return one_of(fit if fit and at % 8 else self.ever, at // 8)

    def near(self, one, other):
        """Whether two times, either of which may be missing, are the same."""
        if one is None or other is None:
            return one is other
        return abs(one - other) <= self.world.slack

    # Keys are made

    @initialize(at=st.lists(anything, min_size=2, max_size=2))
    def begin(self, at):
        for each in at:
            self._create(each, "", {}, 0)

    @precondition(lambda self: len(self.model.all_keys()) < MOST_KEYS)
    @rule(at=anything, description=descriptions, tags=tags)
    def create(self, at, description, tags):
        self._create(at, description, tags, at // 7 % 2)

    def _create(self, at, description, tags, region):
        wish, region = one_of(self.wishes, at), self.regions[region]
        shown = self.ask(
            "CreateKey",
            (),
            region,
            KeySpec=wish.kind.spec,
            KeyUsage=wish.kind.usage,
            Origin=wish.origin,
            MultiRegion=wish.multi,
            Description=description,
            Tags=[{"TagKey": name, "TagValue": value} for name, value in tags.items()],
        )
        shown = shown["KeyMetadata"]
        assert shown["Arn"] not in self.model.members
        assert shown["KeyId"].startswith("mrk-") == wish.multi
        shared = Shared(shown["KeyId"], wish.kind, wish.origin, wish.multi, region)
        if not shared.external:
            shared.materials.append(Material(shown.get("CurrentKeyMaterialId"), object()))
        state = "PendingImport" if shared.external else "Enabled"
        member = Member(shared, region, description, state, dict(tags))
        self.model.members[member.arn] = member
        self.ever.append(member.arn)
        self.compare(member, shown)
        self.born(member, at)

    def born(self, member, at):
        """What is done with a new key or replica at once."""

    # Time

    @rule(days=st.sampled_from([1, 6, 7, 25, 90, 400, 1500]))
    def wait_days(self, days):
        self.wait(days * DAY + MINUTE)

    def wait(self, seconds):
        deleted, rotated = self.world.wait(seconds)
        dead, turned = self.model.pass_time(seconds)
        assert sorted(dead) == sorted(deleted)
        for arn in turned:
            self.rotated(self.model.members[arn], "AUTOMATIC")
        # The server may have been quicker than the question, so it may list fewer.
        assert set(rotated) <= set(turned)
        assert len(rotated) == len(set(rotated))
        if dead or turned:
            self.look_around()

    def rotated(self, member, how):
        """It has new material, made by KMS."""
        material = self.described(member.arn)["CurrentKeyMaterialId"]
        materials = member.shared.materials
        assert material not in [each.id for each in materials]
        materials.append(Material(material, object(), how))

    # What must be true whenever it is looked at

    @invariant()
    def every_key_is_shown_as_it_is(self):
        """Looked at whenever anything was written."""
        if self.world.writes != self._writes_seen:
            for member in self.model.members.values():
                self.compare(member, self.described(member.arn))
            self._writes_seen = self.world.writes

    def compare(self, member, shown):
        times = ("ValidTo", "DeletionDate")
        for name, value in self.model.shown(member).items():
            same = self.near(value, shown.get(name)) if name in times else value == shown.get(name)
            assert same, f"{member.arn}: {name} is {shown.get(name)!r} and should be {value!r}"

    def look_around(self):
        """What the world lists and shows is what the model holds."""
        for region in self.regions:
            here = sorted(arn for arn in self.model.members if region_of(arn) == region)
            assert here == [key["KeyArn"] for key in self.whole("ListKeys", region, "Keys")]
        for member in self.model.members.values():
            self.look_closely(member.arn)

    @rule(key=keys)
    def look_at(self, key):
        key = self.aim(key)
        self.look_closely(key)

    def look_closely(self, key):
        """More than DescribeKey says; each kind of rules adds its own."""
        member = self.model.members.get(key)
        tags = self.ask_of(key, "ListResourceTags", {GONE} if member is None else ())
        self.ask_of(key, "DescribeKey", {GONE} if member is None else ())
        if member is not None:
            own = [(tag["TagKey"], tag["TagValue"]) for tag in tags["Tags"]]
            assert list(member.tags.items()) == own
