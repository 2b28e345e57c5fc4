"""`strongroom` as a command, without the half second in which Python starts and imports what one needs.

That is done once, in a process of its own; each command is then forked from it, with arguments, an environment, a folder
and streams of its own, and ends as any process does.  Servers are started in earnest.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

_MOST_SAID = 1 << 16  # bytes of a command's arguments and environment
_ROOT = Path(__file__).parents[1]


class Ended(NamedTuple):
    code: int  # as `subprocess` has it
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one sentence of a command that could not do as asked."""
        assert (self.code, self.out) == (1, ""), self
        assert self.err.startswith("strongroom: "), self.err
        assert self.err.count("\n") == 1, self.err
        return self.err.removeprefix("strongroom: ").removesuffix("\n")


def run(
    *arguments: str | Path,
    stdin: str = "",
    folder: Path | str = ".",
    environment: dict[str, str] | None = None,
    timeout: float = 60.0,
) -> Ended:
    """A command with this process' environment, or that one; TimeoutError if it does not end."""
    said = {
        "arguments": [str(each) for each in arguments],
        "environment": dict(os.environ) if environment is None else environment,
        "folder": str(Path(folder).absolute()),
    }
    with contextlib.ExitStack() as files:
        given, out, err = (files.enter_context(tempfile.TemporaryFile()) for _ in range(3))
        given.write(stdin.encode())
        given.seek(0)
        code = _source().fork(
            json.dumps(said), [each.fileno() for each in (given, out, err)], timeout
        )
        out.seek(0)
        err.seek(0)
        return Ended(code, out.read().decode(), err.read().decode())


class _Source:
    """The process that they are forked from."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.commands", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=_ROOT,
                env={"PATH": "/usr/bin:/bin"},
            )
        atexit.register(self._end)

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._ours.close()

    def fork(self, said: str, streams: list[int], timeout: float) -> int:
        self._ours.settimeout(timeout)
        socket.send_fds(self._ours, [said.encode()], streams)
        pid = int(self._ours.recv(20))
        try:
            return int(self._ours.recv(20))
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            self._ours.recv(20)
            raise


_source = cache(_Source)


def _serve(told: socket.socket) -> None:
    for module in pkgutil.walk_packages(
        importlib.import_module("strongroom").__path__, "strongroom."
    ):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    gc.freeze()
    while True:
        said, streams, _, _ = socket.recv_fds(told, _MOST_SAID, 3)
        if not said:
            return
        pid = os.fork()
        if not pid:
            told.close()
            _become(json.loads(said), streams)
            return
        for each in streams:
            os.close(each)
        told.send(b"%d" % pid)
        _, status = os.waitpid(pid, 0)
        told.send(b"%d" % os.waitstatus_to_exitcode(status))


def _become(said: dict, streams: list[int]) -> None:
    for number, each in enumerate(streams):
        os.dup2(each, number)
        os.close(each)
    os.chdir(said["folder"])
    os.environ.clear()
    os.environ.update(said["environment"])
    sys.argv[1:] = said["arguments"]
    runpy.run_module("strongroom", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as _told:
        _serve(_told)
