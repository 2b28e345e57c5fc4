"""A real listener in a thread of its own, and clients that are bare sockets."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from strongroom.server.http import Answer, Reply, Request
from strongroom.server.limits import Limits
from strongroom.server.listener import Listener
from strongroom.server.sockets import bind
from strongroom.server.tls import Certificate

PLAIN = b"Content-Type: text/plain\r\n"


@dataclass
class Served:
    """A listener that runs, and what its app was given.

    The app echoes `METHOD target body`.  A target `/held…` is answered when `release` is called,
    `/later` in the next turn of the loop, `/big?n` with n bytes.
    """

    limits: Limits
    certificate: Certificate | None = None
    requests: list[Request] = field(default_factory=list)
    held: list[Callable[[], None]] = field(default_factory=list)
    log: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: uvloop.run(self._main()))
        self._thread.start()
        assert self._started.wait(10)

    async def _main(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        sock = bind("127.0.0.1", 0, shared=False)
        self.port: int = sock.getsockname()[1]
        self.listener = Listener(self.app, self.limits, self._log, certificate=self.certificate)
        self.listener.listen(sock)
        self._started.set()
        await self._stop.wait()
        self.finished = await self.listener.close()

    def _log(self, event: str, /, **fields: object) -> None:
        self.log.append((event, fields))

    def app(self, request: Request, reply: Reply) -> None:
        self.requests.append(request)
        body = b"%b %b %b" % (request.method, request.target, request.body)
        answer = partial(reply, Answer(200, PLAIN, body))
        if request.target.startswith(b"/held"):
            self.held.append(answer)
        elif request.target == b"/later":
            self.loop.call_soon(answer)
        elif request.target.startswith(b"/big?"):
            reply(Answer(200, PLAIN, b"x" * int(request.target[5:])))
        elif request.target == b"/raise":
            raise ZeroDivisionError("a secret")
        elif request.target == b"/twice":
            answer()
            answer()
        elif request.target == b"/status":
            reply(Answer(int(request.body), b"", b"body"))
        else:
            answer()

    def on_loop(self, call: Callable[[], object]) -> object:
        """The result of `call`, run on the listener's thread."""

        async def there() -> object:
            return call()

        return asyncio.run_coroutine_threadsafe(there(), self.loop).result(10)

    def release(self) -> None:
        self.on_loop(lambda: [answer() for answer in self.held])
        self.held.clear()

    def stop(self) -> bool:
        with contextlib.suppress(RuntimeError):  # it has stopped by itself, and closed its loop
            self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        return self.finished

    def connect(self, timeout: float = 10) -> "Client":
        return Client(socket.create_connection(("127.0.0.1", self.port), timeout))

    @property
    def targets(self) -> list[bytes]:
        return [request.target for request in self.requests]


class Client:
    """A bare connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.unread = b""

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def rest(self) -> bytes:
        """Everything until the server closes; a reset counts as that."""
        received = self.unread
        try:
            while part := self.sock.recv(65536):
                received += part
        except ConnectionResetError:
            pass
        return received

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer: status, headers by lower-case name, body."""
        while b"\r\n\r\n" not in self.unread:
            self._more()
        head, _, self.unread = self.unread.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])
        }
        length = int(headers.get("content-length", "0"))
        while len(self.unread) < length:
            self._more()
        body, self.unread = self.unread[:length], self.unread[length:]
        return int(lines[0].split(" ")[1]), headers, body

    def _more(self) -> None:
        part = self.sock.recv(65536)
        if not part:
            raise EOFError(self.unread)
        self.unread += part


Serve = Callable[..., Served]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a listener with the limits given by name."""
    running: list[Served] = []

    def start(*, certificate: Certificate | None = None, **limits: float) -> Served:
        served = Served(Limits(**{"grace": 5.0, **limits}), certificate)  # type: ignore[arg-type]
        running.append(served)
        return served

    yield start
    for served in running:
        for answer in served.held:
            served.loop.call_soon_threadsafe(answer)
        served.stop()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A listener for all tests of a module, with small limits on sizes."""
    served = Served(Limits(body=1000, head=2000, request_line=500, fields=20, linger_time=1.0))
    yield served
    served.stop()


def write_pair(folder, name, *, key_of=None, password=None):
    """A self-signed certificate for `name`, with its key, or with another's."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    shown = key if key_of is None else key_of
    (folder / "key.pem").write_bytes(
        shown.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()
            if password is None
            else serialization.BestAvailableEncryption(password),
        )
    )
    return folder / "cert.pem", folder / "key.pem"


def secure(client, **settings):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for name, value in settings.items():
        if callable(getattr(context, name)):
            getattr(context, name)(value)
        else:
            setattr(context, name, value)
    client.sock = context.wrap_socket(client.sock, server_hostname="one.test")
    return client


def name_of(client):
    certificate = x509.load_der_x509_certificate(client.sock.getpeercert(binary_form=True))
    return certificate.subject.rfc4514_string()


@pytest.fixture(scope="session")
def tls() -> SimpleNamespace:
    """What tests of TLS share: `write_pair`, `secure`, `name_of`."""
    return SimpleNamespace(write_pair=write_pair, secure=secure, name_of=name_of)
