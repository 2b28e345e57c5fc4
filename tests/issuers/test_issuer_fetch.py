"""One bounded GET, of real servers."""

import contextlib
import datetime
import socket
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.issuer import published

from strongroom.issuers.addresses import anywhere, is_local, is_public
from strongroom.issuers.fetch import Unreachable, get
from strongroom.issuers.jwks import Unusable


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for `localhost` with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture(scope="module")
def secure(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with published(context) as running:
        running.pages["/"] = 200, b"over TLS"
        yield running


@pytest.fixture(scope="module")
def plain():
    with published() as running:
        running.pages["/"] = 200, b"plain"
        running.pages["/empty"] = 200, b""
        running.pages["/moved"] = 302, b"/"
        running.pages["/hundred"] = 200, b"x" * 100
        yield running


@pytest.fixture
def trust(certificate):
    return lambda: ssl.create_default_context(cafile=str(certificate))


def fetched(url, admits=anywhere, trust=ssl.create_default_context, **more):
    return get(url, admits=admits, trust=trust, **more)


def test_over_tls(secure, trust):
    assert fetched(f"https://localhost:{secure.port}/", trust=trust) == b"over TLS"


def test_a_certificate_that_is_not_trusted_or_for_another_name(secure, trust):
    before = len(secure.asked)
    with pytest.raises(Unusable, match="its certificate is not trusted"):
        fetched(f"https://localhost:{secure.port}/")
    with pytest.raises(Unusable, match="its certificate is not trusted"):
        fetched(f"https://127.0.0.1:{secure.port}/", trust=trust)
    assert len(secure.asked) == before


def test_plain(plain):
    assert fetched(f"{plain.url}/", is_local) == b"plain"
    assert fetched(f"{plain.url}/empty") == b""


def test_addresses_that_may_not_be_asked(plain):
    before = len(plain.asked)
    for host in ("127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1"):
        with pytest.raises((Unusable, Unreachable)):
            fetched(f"http://{host}:{plain.port}/", is_public)
    # Not even one of several.
    with pytest.raises(Unusable, match="addresses that may not be asked"):
        fetched(plain.url, is_public, resolve=lambda *_: ["1.1.1.1", "127.0.0.1"])
    assert len(plain.asked) == before


def test_a_name_is_resolved_once(plain):
    """What a name means at a second look makes no difference."""
    answers = iter([["127.0.0.1"]])
    url = f"http://issuer.example:{plain.port}/"
    assert fetched(url, is_local, resolve=lambda *_: next(answers)) == b"plain"


def test_statuses_and_redirects(plain):
    plain.pages["/gone"] = 404, b"no"
    plain.pages["/broken"] = 503, b"no"
    plain.pages["/busy"] = 429, b"no"
    for path in ("/gone", "/moved"):
        with pytest.raises(Unusable, match="status"):
            fetched(plain.url + path)
    for path in ("/broken", "/busy"):
        with pytest.raises(Unreachable, match="status"):
            fetched(plain.url + path)


def test_its_size_is_bounded(plain):
    assert len(fetched(f"{plain.url}/hundred", most=100)) == 100
    with pytest.raises(Unusable, match="more than 99 bytes"):
        fetched(f"{plain.url}/hundred", most=99)


@pytest.mark.parametrize("host", [".", "a..b", "a" * 64 + ".example", "[::1", ".example"])
def test_a_host_that_cannot_be(host):
    with pytest.raises(Unusable, match="cannot be asked"):
        fetched(f"https://{host}/")


def test_nobody_is_there():
    with pytest.raises(Unreachable):
        fetched("http://127.0.0.1:9/")
    with pytest.raises(Unreachable):
        fetched("http://no-such-host.invalid/")


@contextlib.contextmanager
def answering(*pieces, pause=0.0, hold=False):
    """A server that sends these pieces to its one client, whatever is asked; its URL."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        with contextlib.suppress(OSError), listening.accept()[0] as sock:
            sock.recv(65_536)
            for piece in pieces:
                sock.sendall(piece)
                time.sleep(pause)
            if hold:
                sock.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    finally:
        listening.close()
        thread.join()


@pytest.mark.parametrize(
    "pieces",
    [
        [b"HTTP/1.1 200 OK\r\n\r\n", b"to the ", b"end"],
        [
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nto t\r\n6\r\nhe end\r\n0\r\n\r\n"
        ],
        [b"HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\nto the end"],
    ],
)
def test_each_way_to_say_where_the_content_ends(pieces):
    with answering(*pieces) as url:
        assert fetched(url) == b"to the end"


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b"HTTP/1.1 200 OK\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nto the"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nto t\r\n"],
    ],
)
def test_half_an_answer_is_none(pieces):
    with answering(*pieces) as url, pytest.raises(Unreachable):
        fetched(url)


@pytest.mark.parametrize(
    "pieces",
    [
        [b"SSH-2.0-OpenSSH\r\n"],
        [b"HTTP/1.1 200 OK\r\n", *[b"X: " + b"x" * 1_000 + b"\r\n"] * 600],
        [b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 300_000],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
    ],
)
def test_what_is_no_answer_or_without_end(pieces):
    with answering(*pieces) as url, pytest.raises(Unusable):
        fetched(url)


@pytest.mark.parametrize(
    "pieces",
    [[b"H"] * 40, [b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n", *[b"x"] * 40]],
)
def test_a_trickle_is_cut_off_in_time(pieces):
    began = time.monotonic()
    with answering(*pieces, pause=0.05) as url, pytest.raises((Unreachable, Unusable)):
        fetched(url, seconds=0.3)
    with answering(hold=True) as url, pytest.raises(Unreachable):
        fetched(url, seconds=0.3)
    assert time.monotonic() - began < 4


def test_a_handshake_that_does_not_come():
    began = time.monotonic()
    with answering(hold=True) as url, pytest.raises(Unreachable):
        fetched(url.replace("http:", "https:"), seconds=0.3)
    assert time.monotonic() - began < 2
