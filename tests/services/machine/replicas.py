"""Multi-Region keys: replicas made, the primary moved."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from machine.base import Base, descriptions, keys, tags
from machine.model import EXISTS, UNSUPPORTED, Member, arn, id_of


class Replicas(Base):
    def born(self, member, at):
        """Half of the primaries have a replica from the beginning."""
        super().born(member, at)
        if member.is_primary and at % 2:
            self.replicate(member.arn, at // 2 % 3, "", {})

    @rule(key=keys, to=st.integers(0, 2), description=descriptions, own=tags)
    def replicate(self, key, to, description, own):
        key = self.aim(key, lambda member: member.is_primary and member.state == "Enabled")
        region = self.regions[to]
        there = arn(region, id_of(key))
        expected = self._primary(key) or self.model.unusable(key)
        if not expected and there in self.model.members:
            expected = {EXISTS}
        answer = self.ask_of(
            key,
            "ReplicateKey",
            expected,
            ReplicaRegion=region,
            Description=description,
            Tags=[{"TagKey": name, "TagValue": value} for name, value in own.items()],
        )
        if answer is None:
            return
        shared = self.model.members[key].shared
        state = "PendingImport" if shared.external else "Enabled"
        member = Member(shared, region, description, state, dict(own))
        self.model.members[there] = member
        told = answer["ReplicaKeyMetadata"]
        assert (told["Arn"], told["KeyState"], told["Enabled"]) == (there, "Creating", False)
        assert "CurrentKeyMaterialId" not in told
        self.ever.append(there)
        self.look_closely(there)
        self.born(member, to + len(description))

    @precondition(lambda self: any(each.is_replica for each in self.model.members.values()))
    @rule(key=keys, to=st.integers(0, 2))
    def move_primary(self, key, to):
        key = self.aim(key, self._has_replicas)
        region = self.regions[to]
        there = arn(region, id_of(key))
        expected = self._primary(key) or self.model.unusable(key)
        if not expected and there == key:
            expected = {UNSUPPORTED}
        expected = expected or self.model.unusable(there)
        answer = self.ask_of(key, "UpdatePrimaryRegion", expected, PrimaryRegion=region)
        if answer is not None:
            self.model.members[key].shared.primary = region

    def _has_replicas(self, member):
        return member.is_primary and bool(self.model.replicas(member.shared))

    def _primary(self, key):
        return self.model.unsupported(key, lambda member: member.is_primary)
