"""What an operation of a service is to the door: a function, its shapes, and where it runs."""

from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple


class Way(Enum):
    """Where a handler runs, and what its world reads from."""

    MEMORY = "memory"  # on the event loop, from what is held in memory; must not block
    READING = "reading"  # in a thread, from one snapshot of what is kept
    WRITING = "writing"  # in a thread, in a transaction that is durable before the answer
    APART = "apart"  # in a thread; its world opens what transactions it needs


class Operation(NamedTuple):
    handler: Callable[[Any, Any, Any], Any]  # (world, call, request) -> response or None
    way: Way
    read_only: bool  # as the audit log says it
    signed: bool = True  # whoever asks must sign; if not, the handler settles who that is
    names_key: bool = False  # the audit log shows the key with what was answered
    shows_answer: bool = False  # the audit log shows it although the operation only reads
