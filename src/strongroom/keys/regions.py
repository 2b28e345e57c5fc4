"""The Regions of a multi-Region key: one primary, and replicas that have its id and its material.

Id, spec, usage, origin, material and automatic rotation are the same everywhere; policy, grants, aliases,
tags, description and state are each member's own.

Source: KMS Developer Guide, "Multi-Region keys in AWS KMS".
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Regions:
    primary: str
    all: tuple[str, ...]  # in order, the primary's among them

    @property
    def replicas(self) -> tuple[str, ...]:
        return tuple(region for region in self.all if region != self.primary)
