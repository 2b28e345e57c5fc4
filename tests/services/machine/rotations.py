"""Rotation, by itself and on demand."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from machine.base import Base, keys, one_of
from machine.lifecycle import Switching
from machine.model import (
    CONFLICT,
    DAY,
    GONE,
    HOUR,
    LIMIT,
    MINUTE,
    MOST_ON_DEMAND,
    QUIET,
    WRONG_STATE,
)

periods = st.sampled_from([90, 100, 365])


def turns(member):
    """Whether it may be asked to rotate by itself: the rotation of a multi-Region key is its primary's."""
    shared = member.shared
    return shared.kind.symmetric and not shared.external and not member.is_replica


def rotates(member):
    """Whether it may rotate on demand now."""
    shared = member.shared
    ready = shared.pending is not None or not shared.external
    return shared.kind.symmetric and not member.is_replica and ready and member.state == "Enabled"


class OnDemand(Base):
    @rule(key=keys, times=st.sampled_from([1, 1, 1, 2, 12, 25]))
    def rotate(self, key, times):
        key = self.aim(key, rotates)
        while times and self._rotate(key):
            times -= 1

    def _rotate(self, key):
        if self.ask_of(key, "RotateKeyOnDemand", self._on_demand(key)) is None:
            return False
        member = self.model.members[key]
        shared = member.shared
        shared.on_demand += 1
        if shared.external:
            shared.pending.how, shared.pending.pending = "ON_DEMAND", False
        else:
            self.rotated(member, "ON_DEMAND")
        return True

    def _on_demand(self, key):
        suits = self.model.unsupported(
            key, lambda member: member.shared.kind.symmetric and not member.is_replica
        )
        expected = suits or self.model.unusable(key)
        if expected:
            return expected
        shared = self.model.members[key].shared
        if shared.on_demand == MOST_ON_DEMAND:
            expected = expected | {LIMIT}
        if shared.rotates is not None and shared.rotates[1] - self.model.now < QUIET:
            expected = expected | {CONFLICT}
        if shared.external and not self.model.waits_everywhere(shared):
            expected = expected | {WRONG_STATE}
        return expected

    def look_closely(self, key):
        super().look_closely(key)
        expected = self.model.unsupported(key, lambda member: member.shared.kind.symmetric)
        gone = expected & {GONE}
        status = self.ask_of(key, "GetKeyRotationStatus", gone)
        everything = {"IncludeKeyMaterial": "ALL_KEY_MATERIAL"}
        listed = self.ask_of(key, "ListKeyRotations", expected, **everything)
        only = self.ask_of(key, "ListKeyRotations", expected)
        if expected:
            assert gone or status["KeyRotationEnabled"] is False
            return
        member = self.model.members[key]
        rotates = None if member.window is not None else member.shared.rotates
        assert status["KeyRotationEnabled"] == (rotates is not None)
        assert status.get("RotationPeriodInDays") == (rotates and rotates[0])
        assert self.near(status.get("NextRotationDate"), rotates and rotates[1])
        wanted = self.model.listed(member)
        assert len(wanted) == len(listed["Rotations"])
        for entry, shown in zip(wanted, listed["Rotations"], strict=True):
            for name, value in entry.items():
                same = (
                    self.near(value, shown.get(name))
                    if name == "ValidTo"
                    else value == shown.get(name)
                )
                assert same, f"{key}: {name} is {shown.get(name)!r} and should be {value!r}"
            assert ("RotationDate" in shown) == (entry["RotationType"] is not None)
        rotations = [each for each in listed["Rotations"] if "RotationType" in each]
        assert rotations == only["Rotations"]


class Rotations(OnDemand, Switching):
    @rule(key=keys, days=periods)
    def rotate_every(self, key, days):
        key = self.aim(key, lambda member: turns(member) and member.state == "Enabled")
        expected = self._automatic(key)
        answer = self.ask_of(key, "EnableKeyRotation", expected, RotationPeriodInDays=days)
        if answer is not None:
            self.model.members[key].shared.rotates = days, self.model.now + days * DAY

    @rule(key=keys)
    def rotate_no_more(self, key):
        key = self.aim(key, lambda member: member.shared.rotates is not None)
        if self.ask_of(key, "DisableKeyRotation", self._automatic(key)) is not None:
            self.model.members[key].shared.rotates = None

    def _automatic(self, key):
        return self.model.unsupported(key, turns) or self.model.refusals(
            key, "Enabled", "PendingImport"
        )

    @rule(key=keys, days=periods, late=st.sampled_from([0, 1, 100, 1500]), off=st.booleans())
    def a_long_time(self, key, days, late, off):
        """A key that is to rotate, and may be switched off meanwhile."""
        key = self.aim(key, lambda member: turns(member) and member.state == "Enabled")
        self.rotate_every(key, days)
        if off:
            self.switch(key, on=False)
        self.wait((days + late) * DAY)
        self.switch(key, on=True)

    @precondition(lambda self: self._turning())
    @rule(at=st.integers(0, 9), before=st.sampled_from([HOUR, 19 * MINUTE]))
    def wait_for_rotation(self, at, before):
        """To shortly before a rotation, and then to the moment."""
        shared = one_of(self._turning(), at)
        left = shared.rotates[1] - self.model.now
        if left > before:
            self.wait(left - before)
        if shared in self.model.all_keys():
            primary = self.model.primary(shared).arn
            self._rotate(primary)
            self.wait(max(0, shared.rotates[1] - self.model.now))

    def _turning(self):
        return [shared for shared in self.model.all_keys() if shared.rotates is not None]
