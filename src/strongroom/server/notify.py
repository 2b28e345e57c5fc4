"""What a service manager is told: that we are ready, that we stop.  Without one, nothing is sent.

Source: sd_notify(3), systemd.service(5): one datagram to the socket that NOTIFY_SOCKET names; a name
that begins with `@` is of Linux's abstract ones.
"""

import os
import socket
from contextlib import suppress


def notify(*lines: str) -> None:
    """Tell `READY=1`, `STOPPING=1`, `STATUS=…`; to be called in the process that was started.

    Who does not listen is not waited for, and no reason not to serve.
    """
    name = os.environ.get("NOTIFY_SOCKET", "")
    if not name.startswith(("/", "@")):
        return
    address = "\0" + name[1:] if name[0] == "@" else name
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.sendto("\n".join(lines).encode(), address)
