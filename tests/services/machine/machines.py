"""The machines: all rules at once, and fewer rules for what needs many of the same."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from machine.base import Wish, keys
from machine.grants import Granting
from machine.imports import Imports
from machine.kinds import ALL, CURVED, MACS, MATERIALS, RSAS, SYMMETRIC
from machine.lifecycle import Aliases, Deletion, Descriptions, Switching
from machine.replicas import Replicas
from machine.rotations import OnDemand, Rotations
from machine.uses import Uses

HERE, OUTSIDE = "AWS_KMS", "EXTERNAL"
OWN = tuple(Wish(kind, HERE, multi) for kind in ALL for multi in (False, True))
IMPORTED = tuple(
    Wish(kind, OUTSIDE, multi)
    for kind in (*MACS, *RSAS, *CURVED)
    for multi in (False, True)
    if kind.importable
)
SEALING = tuple(
    Wish(SYMMETRIC, origin, multi) for origin in (HERE, OUTSIDE) for multi in (False, True)
)


class Renewals(OnDemand, Imports):
    @rule(
        key=keys,
        number=st.integers(0, MATERIALS - 1),
        days=st.none() | st.sampled_from([1, 40]),
        everywhere=st.sampled_from([True, True, False]),
    )
    def renew(self, key, number, days, everywhere):
        """New material from outside comes to every Region, or not, and is to be rotated to."""
        key = self.aim(key, lambda member: member.shared.external and member.shared.kind.symmetric)
        member = self.model.members.get(key)
        if member is None or not member.shared.external or not member.shared.kind.symmetric:
            return
        self.bring(self.model.primary(member.shared).arn, number, "NEW_KEY_MATERIAL", days)
        for replica in self.model.replicas(member.shared) if everywhere else ():
            self.bring(replica.arn, number, None, days)
        self.rotate(self.model.primary(member.shared).arn, 1)


class KeyMachine(Renewals, Rotations, Replicas, Deletion, Descriptions, Aliases, Uses, Granting):
    """Everything; half of the keys are symmetric, which have the most rules."""

    wishes = (*SEALING * 10, *OWN, *IMPORTED)


class ImportMachine(Renewals, Replicas, Deletion, Uses):
    """Keys whose material comes from outside, in several Regions."""

    wishes = (*[wish for wish in SEALING if wish.origin == OUTSIDE] * 20, *IMPORTED)


class ReplicaMachine(Rotations, Replicas, Deletion, Descriptions, Uses):
    """Multi-Region keys."""

    wishes = (*[Wish(multi=True)] * 20, *(wish for wish in OWN if wish.multi))


class AttachedMachine(Replicas, Deletion, Descriptions, Aliases, Granting):
    """What hangs on keys, and goes with them: grants, aliases, tags; and replicas that are made again."""

    wishes = (
        *[Wish(multi=True)] * 12,
        *(wish for wish in OWN if wish.kind in (SYMMETRIC, *RSAS, *CURVED)),
    )


class GrantMachine(Granting, Switching):
    """Keys that nothing happens to, and their grants."""

    wishes = (*[Wish()] * 20, *(wish for wish in OWN if not wish.multi))

    wait_days = None

    @rule(key=keys, on=st.sampled_from([True, True, True, False]))
    def switch(self, key, on):
        Switching.switch(self, key, on)
