"""Taking an address to listen on, or saying why it cannot be had."""

import errno
import os
import socket

_REASONS = {
    errno.EADDRINUSE: "address already in use; stop what listens there or choose another port",
    errno.EACCES: "permission denied; ports below 1024 need a privilege, choose another port",
    errno.EADDRNOTAVAIL: "this machine does not have the address; choose one of its own",
}


class CannotListen(Exception):
    """The address is not to be had; the message says which and what to do."""

    @classmethod
    def at(cls, host: str, port: int, error: OSError) -> "CannotListen":
        if isinstance(error, socket.gaierror):
            return cls(f"cannot listen on `{host}`: no such host name; use an IP address")
        code = error.errno or 0
        shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return cls(f"cannot listen on `{shown}`: {_REASONS.get(code, os.strerror(code))}")


def bind(host: str, port: int, *, shared: bool) -> socket.socket:
    """A bound socket that does not listen yet; CannotListen if the address is not free.

    `shared` sockets share one port among themselves (SO_REUSEPORT), and with any other process of
    the same user that asks for it: whoever takes an address must first have held it alone.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CannotListen.at(host, port, error) from None
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(address)
    except OSError as error:
        sock.close()
        raise CannotListen.at(host, port, error) from None
    return sock


def listen(sock: socket.socket, backlog: int) -> None:
    """CannotListen if another process began to listen there since the socket was bound."""
    try:
        sock.listen(backlog)
    except OSError as error:
        host, port = sock.getsockname()[:2]
        raise CannotListen.at(host, port, error) from None
