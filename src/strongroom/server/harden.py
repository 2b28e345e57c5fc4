"""Keep a process's memory out of files: no core dumps, no ptrace by others of the same user.

Root can still read it, and so can whoever becomes root.  docs/limitations.md says what that means.

Source: prctl(2), PR_SET_DUMPABLE; core(5).
"""

import ctypes
import resource

_PR_SET_DUMPABLE = 4


def harden() -> None:
    """To be called in each process before it holds a secret; it does not survive an exec."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot make the process undumpable")
