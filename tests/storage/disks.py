"""Small disks, which are file systems in memory, and what is seen of a server that has one."""

import contextlib
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

ALWAYS = 30.0  # seconds in which a server must have found that there is room again


@contextlib.contextmanager
def disk(where, size):
    """A small disk at `where`; the test is skipped where that is not allowed."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", where],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip(f"needs to mount a tmpfs: {done.stderr.strip()}")
    try:
        yield
    finally:
        for _ in range(50):
            if subprocess.run(["umount", where], check=False, capture_output=True).returncode == 0:
                break
            time.sleep(0.1)
        else:
            subprocess.run(["umount", "--lazy", where], check=True)


def fill(folder):
    """Write until there is no room."""
    filler = folder / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return filler


def refusal(ask):
    with pytest.raises(ClientError) as caught:
        ask()
    answer = caught.value.response
    return (
        answer["ResponseMetadata"]["HTTPStatusCode"],
        answer["Error"]["Code"],
        answer["Error"]["Message"],
    )


def heals(ask):
    until = time.monotonic() + ALWAYS
    while True:
        try:
            return ask()
        except ClientError as still:
            if time.monotonic() > until:
                raise AssertionError("it did not heal") from still
            time.sleep(0.1)


def ready(server):
    try:
        with urllib.request.urlopen(server.url + "/readyz", timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code
