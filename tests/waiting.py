"""Until something has come about, which it does sooner or later."""

import contextlib
import time

import psutil


def wait_until(holds, seconds=30.0):
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.005)


def kill(processes):
    """SIGKILL for all of them, as good as at once; what has ended by itself is well too."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    wait_ended(processes)


def wait_ended(processes):
    """Until nothing of them runs any more.

    Of a process whose parent has ended, whoever adopted it may take its time to take notice: that is not waited for.
    """
    wait_until(lambda: all(map(_has_ended, processes)), 10)


def _has_ended(process):
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
