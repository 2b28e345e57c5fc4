"""One call of an operation, and what may stand in the way of answering it at once."""

from collections.abc import Callable
from typing import Any

import msgspec

from strongroom.arn import partition_of


class Call(msgspec.Struct):
    """Who calls from where, settled at the door; and what the audit record will say besides."""

    account: str
    region: str
    principal: str  # ARN
    now: float  # seconds since the epoch
    resources: list[str] = []  # ARNs of keys, for the audit record
    material_id: bytes = b""  # of the key material that was used, likewise

    @property
    def partition(self) -> str:
        return partition_of(self.region)


class Prepare(Exception):
    """Something must be written before the call can be answered.

    The door runs `work` on the books of a transaction, and then makes the call again.
    """

    def __init__(self, work: Callable[[Any], None]) -> None:
        super().__init__()
        self.work = work
