"""A server for tests of whole processes: `echo_server.py SETTINGS`, in JSON.

It prints `ready PORT` once all its workers take connections.  Its app answers the worker's index
and process id; a target `/slow?SECONDS` takes its time.
"""

import asyncio
import json
import os
import sys
import time
from pathlib import Path

import uvloop

from strongroom.harden import harden
from strongroom.server.http import Answer, Reply, Request
from strongroom.server.limits import Limits
from strongroom.server.log import to_stderr
from strongroom.server.serve import serve
from strongroom.server.sockets import CannotListen
from strongroom.server.tls import Certificate
from strongroom.server.workers import DISK_FAILED, Worker, WorkerFailed, run


async def main(worker: Worker, settings: dict[str, str]) -> None:
    loop = asyncio.get_running_loop()

    def app(request: Request, reply: Reply) -> None:
        answer = Answer(200, b"", f"{worker.index} {os.getpid()}".encode())
        if request.target.startswith(b"/slow?"):
            loop.call_later(float(request.target[6:]), reply, answer)
        elif request.target == b"/hang":
            time.sleep(60)  # what an app must not do
        elif request.target == b"/disk-failed":
            os._exit(DISK_FAILED)
        else:
            reply(answer)

    certificate = None
    if "cert" in settings:
        certificate = Certificate(Path(settings["cert"]), Path(settings["key"]))
    await serve(
        app,
        worker.sock,
        limits=Limits(grace=float(settings.get("grace", "5"))),
        log=to_stderr(worker=worker.index),
        certificate=certificate,
        ready=worker.ready,
        orphaned=worker.orphaned,
    )


def target(worker: Worker, settings: dict[str, str]) -> None:
    marker = Path(settings.get("fail_if", "/nonexistent"))
    if worker.index == 1 and marker.exists():
        if marker.read_text() == "die":
            os._exit(3)
        raise RuntimeError("worker 1 was told to fail; remove the marker")
    if worker.index == 1 and "late" in settings:
        time.sleep(1)
        Path(settings["late"]).touch()
    if "harden" in settings:
        harden()
    uvloop.run(main(worker, settings))


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    try:
        run(
            int(given.get("workers", "1")),
            target,
            given,
            host="127.0.0.1",
            port=int(given.get("port", "0")),
            grace=float(given.get("grace", "5")),
            log=to_stderr(),
            ready=lambda port: os.write(1, b"ready %d\n" % port),
        )
    except (CannotListen, WorkerFailed) as error:
        raise SystemExit(f"error: {error}") from None
