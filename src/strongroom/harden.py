"""Keep a process's memory out of files: no core dumps, no ptrace by others of the same user.

Root can still read it, and so can whoever becomes root.  docs/limitations.md says what that means.

Source: prctl(2), PR_SET_DUMPABLE, PR_SET_PDEATHSIG; core(5).
"""

import ctypes
import resource
import signal

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4


def harden() -> None:
    """To be called in each process before it holds a secret; it does not survive an exec."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _prctl(_PR_SET_DUMPABLE, 0, "make the process undumpable")


def die_with_parent() -> None:
    """Be killed when the thread that started this process ends; one that has ended is not noticed."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, "bind the process to its parent")


def _prctl(option: int, value: int, what: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"cannot {what}")
