"""A worker's listening sockets and the connections that came of them.

Rules kept here:

* Connections are counted from the moment they are accepted, TLS handshakes included.  One too
  many is told 503 (over TLS it is just closed: a handshake is what we cannot afford) and closed.
* Accepting never spins: without a free file descriptor it rests for a moment.
* One timer per worker, the sweep, keeps every client's times and the date of the answers.
* `close` finishes what was begun: no new connection, no new request, every answer that is owed,
  all within the grace; then whoever is left is cut off.
"""

import asyncio
import errno
import socket
import time
from collections.abc import Callable

from strongroom.server import sockets
from strongroom.server.answers import Printer
from strongroom.server.connection import Connection
from strongroom.server.desk import Counts, Guest
from strongroom.server.framing import CLOSE
from strongroom.server.http import App
from strongroom.server.limits import Limits
from strongroom.server.log import Log
from strongroom.server.refusals import Refused
from strongroom.server.tls import Certificate

_AT_ONCE = 64  # connections accepted in one turn of the loop, so that the others get theirs
_REST = 0.2  # seconds without accepting when there is no file descriptor left
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Listener:
    """Serves `app` on the sockets it is given.  To be made and used on the running loop's thread."""

    def __init__(
        self,
        app: App,
        limits: Limits,
        log: Log,
        *,
        certificate: Certificate | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.app = app
        self.limits = limits
        self.log = log
        self.counts = Counts()
        self.orphans = 0
        self.held = 0
        self.closing = False
        self.printer = Printer(now())
        self._certificate = certificate
        self._wall_clock = now
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time()
        self._sockets: list[socket.socket] = []
        self.open_connections = 0
        self._greeting: set[asyncio.Task[None]] = set()
        self._connections: set[Guest] = set()
        self._gone = asyncio.Event()
        self._said_full = False
        self._timer = self._loop.call_later(limits.sweep, self._sweep)

    def listen(self, sock: socket.socket) -> None:
        """Serve a bound socket, which is ours from now on; CannotListen if it is too late."""
        sock.setblocking(False)
        sockets.listen(sock, self.limits.backlog)
        self._sockets.append(sock)
        self._loop.add_reader(sock, self._accept, sock)

    async def close(self) -> bool:
        """Stop; whether everything that was begun was finished within the grace."""
        self.closing = True
        for sock in self._sockets:
            self._loop.remove_reader(sock)
            sock.close()
        self._sockets.clear()
        for connection in tuple(self._connections):
            connection.retire()
        try:
            async with asyncio.timeout(self.limits.grace):
                while self.orphans or self.open_connections:
                    self._gone.clear()
                    await self._gone.wait()
        except TimeoutError:
            return False
        finally:
            self._timer.cancel()
            await self._cut_off()
        return True

    async def _cut_off(self) -> None:
        for task in tuple(self._greeting):
            task.cancel()
        for connection in tuple(self._connections):
            connection.abort()
        while self.open_connections:
            self._gone.clear()
            await self._gone.wait()

    # What connections call (desk.Desk)

    def joined(self, connection: Guest) -> None:
        self._connections.add(connection)
        self.counts.connections += 1
        if self.closing:
            connection.retire()

    def left(self, connection: Guest) -> None:
        self._connections.discard(connection)
        self.open_connections -= 1
        self._gone.set()

    def settled(self) -> None:
        self._gone.set()

    # The sweep

    def _sweep(self) -> None:
        self.now = now = self._loop.time()
        wall = self._wall_clock()
        self.printer.tick(wall)
        for connection in tuple(self._connections):
            connection.sweep(now)
        self._said_full = False
        # Not past the turn of the second: the date of the answers hangs on it.
        self._timer = self._loop.call_later(min(self.limits.sweep, 1 - wall % 1), self._sweep)

    # Accepting

    def _accept(self, sock: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                client, address = sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                self.log("accept-rests", error=error.strerror, connections=self.open_connections)
                self._loop.remove_reader(sock)
                self._loop.call_later(_REST, self._accept_again, sock)
                return
            if self.open_connections >= self.limits.connections:
                self._turn_away(client)
                continue
            self.open_connections += 1
            task = self._loop.create_task(self._greet(client, _plain(address[0])))
            self._greeting.add(task)
            task.add_done_callback(self._greeting.discard)

    def _accept_again(self, sock: socket.socket) -> None:
        if sock in self._sockets:
            self._loop.add_reader(sock, self._accept, sock)

    async def _greet(self, client: socket.socket, peer: str) -> None:
        connection = Connection(self, peer)
        try:
            if self._certificate is None:
                await self._loop.connect_accepted_socket(lambda: connection, client)
            else:
                await self._loop.connect_accepted_socket(
                    lambda: connection,
                    client,
                    ssl=self._certificate.context,
                    ssl_handshake_timeout=self.limits.handshake_time,
                    ssl_shutdown_timeout=self.limits.linger_time,
                )
        except OSError:  # the client's doing; SSLError, ConnectionError and timeouts are OSErrors
            self.counts.handshakes_failed += 1
        finally:
            if not connection.met:
                client.close()
                self.left(connection)

    def _turn_away(self, client: socket.socket) -> None:
        self.counts.turned_away += 1
        if not self._said_full:  # once a sweep
            self._said_full = True
            self.log("connections-full", limit=self.limits.connections)
        if self._certificate is None:
            refused = Refused(503, "too many connections; try again")
            client.setblocking(False)
            try:
                client.send(self.printer.print(refused.answer(), CLOSE, b""))
                client.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it has gone, or will find out
        client.close()


def _plain(address: str) -> str:
    """An IPv4 client's address as such, also when it came through an IPv6 socket."""
    return address.removeprefix("::ffff:").partition("%")[0]
