"""The constant answer: Strongroom's own listener, with an app that does nothing.

`python -m bench.constant PORT LENGTH` answers every request with the header lines of a KMS answer
and LENGTH bytes.  What it costs is what listener, parser, event loop and kernel cost.
"""

import sys

import uvloop

from strongroom.harden import harden
from strongroom.server.http import Answer, Reply, Request
from strongroom.server.limits import Limits
from strongroom.server.log import to_stderr
from strongroom.server.serve import serve
from strongroom.server.sockets import bind
from strongroom.wire.protocol import END, SUCCESS, Protocol

_REQUEST_ID = b"6c1ee8a5-3c1b-4d7e-9f44-0e0f6a4fd2aa"


def main(port: int, length: int) -> None:
    answer = Answer(200, SUCCESS[Protocol.JSON11] + _REQUEST_ID + END, b"x" * length)

    def constant(_request: Request, reply: Reply) -> None:
        reply(answer)

    harden()
    with bind("127.0.0.1", port, shared=False) as sock:
        uvloop.run(serve(constant, sock, limits=Limits(), log=to_stderr()))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
