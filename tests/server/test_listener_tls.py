"""TLS: what is offered, what is not, and a certificate renewed under way."""

import socket
import ssl
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from tests.waiting import wait_until

from strongroom.server.tls import Certificate, UnusableCertificate

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def certificate(tmp_path, tls):
    return Certificate(*tls.write_pair(tmp_path, "one.test"))


def test_requests_say_what_they_came_over(serve, certificate, tls):
    served = serve(certificate=certificate)
    with served.connect() as plain, tls.secure(plain) as client:
        client.send(GET + b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
        assert client.answer()[2] == b"GET / "
        assert client.answer()[2] == b"POST / abc"
        assert client.sock.selected_alpn_protocol() is None
    version, cipher = served.requests[0].tls
    assert version == "TLSv1.3"
    assert cipher.startswith("TLS_")
    assert served.requests[0].peer == "127.0.0.1"


def test_tls_1_2_with_forward_secrecy_is_taken(serve, certificate, tls):
    served = serve(certificate=certificate)
    with (
        served.connect() as plain,
        tls.secure(plain, maximum_version=ssl.TLSVersion.TLSv1_2) as client,
    ):
        client.send(GET)
        client.answer()
    assert served.requests[0].tls[0] == "TLSv1.2"
    assert served.requests[0].tls[1].startswith("ECDHE-")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
@pytest.mark.parametrize(
    "weak",
    [
        {"maximum_version": ssl.TLSVersion.TLSv1_1, "minimum_version": ssl.TLSVersion.TLSv1_1},
        {"maximum_version": ssl.TLSVersion.TLSv1_2, "set_ciphers": "ECDHE-ECDSA-AES128-SHA256"},
    ],
    ids=["TLS 1.1", "CBC"],
)
def test_what_is_weak_is_not(serve, certificate, tls, weak):
    served = serve(certificate=certificate)
    with served.connect() as client, pytest.raises((ssl.SSLError, ConnectionError)):
        tls.secure(client, **weak)
    with served.connect() as plain, tls.secure(plain) as client:
        client.send(GET)
        assert client.answer()[0] == 200


def test_http_2_is_not_offered(serve, certificate, tls):
    served = serve(certificate=certificate)
    with (
        served.connect() as plain,
        tls.secure(plain, set_alpn_protocols=["h2", "http/1.1"]) as client,
    ):
        assert client.sock.selected_alpn_protocol() == "http/1.1"


def test_a_handshake_has_its_time_and_counts_as_a_connection(serve, certificate, tls):
    served = serve(certificate=certificate, handshake_time=0.4, connections=1)
    with served.connect() as silent:
        wait_until(lambda: served.listener.open_connections == 1)
        with served.connect() as client:
            assert client.rest() == b""  # no room, and no word without a handshake
        began = time.monotonic()
        assert silent.rest() == b""
        assert time.monotonic() - began < 5
    wait_until(lambda: served.listener.open_connections == 0)
    with served.connect() as plain, tls.secure(plain) as client:
        client.send(GET)
        assert client.answer()[0] == 200
    assert served.listener.counts.handshakes_failed >= 1


def test_plain_http_to_the_tls_port_is_closed(serve, certificate, tls):
    served = serve(certificate=certificate)
    with served.connect() as client:
        client.send(GET)
        assert b"200" not in client.rest()
    assert served.requests == []


def test_a_refusal_arrives_over_tls_too(serve, certificate, tls):
    served = serve(certificate=certificate, linger_time=0.3)
    with served.connect() as plain, tls.secure(plain) as client:
        client.send(b"GET / HTTP/1.1\r\n\r\n" + GET)
        assert client.answer()[0] == 400
        assert client.rest() == b""
    assert served.requests == []


def test_a_renewed_certificate_is_for_new_connections_and_old_ones_stay(
    serve, certificate, tls, tmp_path
):
    served = serve(certificate=certificate)
    with served.connect() as old:
        tls.secure(old)
        assert tls.name_of(old) == "CN=one.test"
        tls.write_pair(tmp_path, "two.test")
        served.on_loop(certificate.reload)
        with served.connect() as new:
            tls.secure(new)
            assert tls.name_of(new) == "CN=two.test"
            for client in old, new:
                client.send(GET)
                assert client.answer()[0] == 200


OTHER = ec.generate_private_key(ec.SECP256R1())
BAD_PAIRS = {
    "another's key": (
        lambda at, tls: tls.write_pair(at, "two.test", key_of=OTHER),
        "is not the key of",
    ),
    "key encrypted": (
        lambda at, tls: tls.write_pair(at, "two.test", password=b"x"),
        "is encrypted",
    ),
    "certificate cut off": (
        lambda at, _: (at / "cert.pem").write_bytes((at / "cert.pem").read_bytes()[:200]),
        "are not a certificate and its key",
    ),
    "certificate gone": (lambda at, _: (at / "cert.pem").unlink(), "cannot read"),
    "key empty": (lambda at, _: (at / "key.pem").write_bytes(b""), "are not a certificate"),
}


@pytest.mark.parametrize("name", BAD_PAIRS)
def test_a_bad_new_pair_is_refused_and_the_old_one_kept(serve, certificate, tls, tmp_path, name):
    served = serve(certificate=certificate)
    spoil, reason = BAD_PAIRS[name]
    spoil(tmp_path, tls)
    with pytest.raises(UnusableCertificate, match=reason):
        served.on_loop(certificate.reload)
    with served.connect() as plain, tls.secure(plain) as client:
        assert tls.name_of(client) == "CN=one.test"
        client.send(GET)
        assert client.answer()[0] == 200
    with pytest.raises(UnusableCertificate, match=reason):
        Certificate(tmp_path / "cert.pem", tmp_path / "key.pem")


def test_a_client_that_resets_amid_the_handshake_harms_nobody(serve, certificate, tls):
    served = serve(certificate=certificate)
    for _ in range(5):
        client = served.connect()
        client.send(b"\x16\x03\x01\x02\x00\x01")
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.sock.close()
    with served.connect() as plain, tls.secure(plain) as client:
        client.send(GET)
        assert client.answer()[0] == 200
