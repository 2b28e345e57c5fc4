"""Enabled, disabled, deleted and saved; descriptions and tags; aliases."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from machine.base import Base, descriptions, kept_characters, keys, one_of, tag_names
from machine.model import EXISTS, GONE, HOUR, INVALID, WRONG_STATE, id_of, region_of

names = st.sampled_from(["alias/a", "alias/b", "alias/c"])


class Switching(Base):
    @rule(key=keys, on=st.booleans())
    def switch(self, key, on):
        key = self.aim(key, lambda member: member.window is None)
        operation, state = ("EnableKey", "Enabled") if on else ("DisableKey", "Disabled")
        expected = self.model.refusals(key, "Enabled", "Disabled")
        if self.ask_of(key, operation, expected) is not None:
            self.model.members[key].state = state
            self.wait(0)  # what is overdue is made up for


class Descriptions(Base):
    @rule(key=keys, description=descriptions)
    def describe_anew(self, key, description):
        key = self.aim(key)
        expected = self.model.unchangeable(key)
        answer = self.ask_of(key, "UpdateKeyDescription", expected, Description=description)
        if answer is not None:
            self.model.members[key].description = description

    @rule(key=keys, name=tag_names, value=st.none() | st.text(kept_characters, max_size=3))
    def tag_or_untag(self, key, name, value):
        key = self.aim(key)
        expected = self.model.unchangeable(key)
        if value is None:
            if self.ask_of(key, "UntagResource", expected, TagKeys=[name]) is not None:
                self.model.members[key].tags.pop(name, None)
        else:
            tags = [{"TagKey": name, "TagValue": value}]
            if self.ask_of(key, "TagResource", expected, Tags=tags) is not None:
                self.model.members[key].tags[name] = value


class Deletion(Switching):
    @rule(key=keys, days=st.sampled_from([7, 9, 30]))
    def schedule(self, key, days):
        key = self.aim(key, lambda member: member.window is None)
        expected = self.model.unchangeable(key)
        answer = self.ask_of(key, "ScheduleKeyDeletion", expected, PendingWindowInDays=days)
        if answer is not None:
            member = self.model.members[key]
            self.model.doom(member, days)
            told = answer["KeyId"], answer["KeyState"], answer["PendingWindowInDays"]
            assert told == (key, member.state, days)
            assert self.near(answer.get("DeletionDate"), member.dies)

    @precondition(lambda self: any(each.window for each in self.model.members.values()))
    @rule(key=keys)
    def cancel(self, key):
        key = self.aim(key, lambda member: member.window is not None)
        expected = self.model.refusals(key, "PendingDeletion", "PendingReplicaDeletion")
        if expected and expected != {GONE}:
            expected = {WRONG_STATE}
        if self.ask_of(key, "CancelKeyDeletion", expected) is not None:
            self.model.back(self.model.members[key])
            self.wait(0)

    @precondition(lambda self: self._dying())
    @rule(at=st.integers(0, 9), in_time=st.booleans())
    def think_again(self, at, in_time):
        """A key is saved at the last moment, or not."""
        member = one_of(self._dying(), at)
        left = member.dies - self.model.now
        if in_time and left > HOUR:
            self.wait(left - HOUR)
            self.cancel(member.arn)
        else:
            self.wait(left)
            assert member.arn not in self.model.members
            self.look_closely(member.arn)

    def _dying(self):
        return [each for each in self.model.members.values() if each.dies is not None]


class Aliases(Base):
    @rule(key=keys, name=names)
    def name_it(self, key, name):
        key = self.aim(key)
        expected = self.model.unchangeable(key)
        if not expected and (region_of(key), name) in self.model.aliases:
            expected = {EXISTS}
        self._point("CreateAlias", expected, key, name)

    @rule(key=keys, name=names)
    def rename_it(self, key, name):
        """Another key of the same family and usage, that is not being deleted."""
        key = self.aim(key)
        before = self.model.aliases.get((region_of(key), name))
        expected = {GONE} if before is None else self.model.unchangeable(key)
        if not expected and self._family(before) != self._family(key):
            expected = {INVALID}
        self._point("UpdateAlias", expected, key, name)

    def _family(self, arn):
        return self.model.members[arn].shared.kind.family

    def _point(self, operation, expected, key, name):
        region = region_of(key)
        answer = self.ask(operation, expected, region, AliasName=name, TargetKeyId=id_of(key))
        if answer is not None:
            self.model.aliases[region, name] = key

    @rule(name=names, at=st.integers(0, 2))
    def unname_it(self, name, at):
        region = self.regions[at]
        expected = () if (region, name) in self.model.aliases else {GONE}
        if self.ask("DeleteAlias", expected, region, AliasName=name) is not None:
            del self.model.aliases[region, name]

    @rule(name=names, at=st.integers(0, 2))
    def ask_by_name(self, name, at):
        region = self.regions[at]
        target = self.model.aliases.get((region, name))
        answer = self.ask("DescribeKey", {GONE} if target is None else (), region, KeyId=name)
        if answer is not None:
            self.compare(self.model.members[target], answer["KeyMetadata"])

    def look_around(self):
        super().look_around()
        for region in self.regions:
            listed = self.whole("ListAliases", region, "Aliases")
            here = {each["AliasName"]: each["TargetKeyId"] for each in listed}
            wanted = self.model.aliases.items()
            assert here == {name: id_of(arn) for (of, name), arn in wanted if of == region}
