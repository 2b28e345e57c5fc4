"""The log: one JSON object a line, on stderr.

Never written to it: bodies, header values, secrets, and what a client sent where it could be
mistaken for ours.  A line that belongs to a request carries its `request`.
"""

import sys
import time
from collections.abc import Callable
from typing import Protocol

import msgspec

Field = str | int | float | bool | None


class Log(Protocol):
    def __call__(self, event: str, /, **fields: Field) -> None: ...


def to_stderr(now: Callable[[], float] = time.time, **always: Field) -> Log:
    """A log whose every line has the time and the fields `always`."""

    def log(event: str, /, **fields: Field) -> None:
        seconds = now()
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{seconds % 1:.3f}"[2:]
        line = {"time": f"{at}Z", "event": event, **always, **fields}
        sys.stderr.write(msgspec.json.encode(line).decode() + "\n")
        sys.stderr.flush()

    return log


def where(error: BaseException) -> str:
    """`function:line` of what raised, or nothing.  Messages stay out: they may quote a request."""
    at = error.__traceback__
    if at is None:
        return ""
    while at.tb_next is not None:
        at = at.tb_next
    return f"{at.tb_frame.f_code.co_qualname}:{at.tb_lineno}"
