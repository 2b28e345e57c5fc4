"""An OpenID Connect issuer of the tests: its keys, its tokens, and a server that publishes the keys."""

import contextlib
import json
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_RSA = rsa.generate_private_key(65537, 2048)
_KEYS = {
    "RS256": _RSA,
    "RS384": _RSA,
    "RS512": _RSA,
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
}


def jwk(algorithm: str, kid: str | None = None, key: Any = None) -> dict[str, Any]:
    """The public key of an algorithm as a JSON Web Key."""
    private = key or _KEYS[algorithm]
    made = jwt.get_algorithm_by_name(algorithm).to_jwk(private.public_key(), as_dict=True)
    return made | {"kid": kid or algorithm, "use": "sig", "alg": algorithm}


def public_pem(algorithm: str = "RS256") -> bytes:
    public = _KEYS[algorithm].public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@dataclass
class Issuer:
    url: str
    keys: list[dict[str, Any]] = field(default_factory=lambda: [jwk(each) for each in _KEYS])

    @property
    def name(self) -> str:
        """As providers and condition keys have it."""
        return self.url.removeprefix("https://")

    @property
    def key_set(self) -> bytes:
        return json.dumps({"keys": self.keys}).encode()

    def claims(self, **changed: Any) -> dict[str, Any]:
        """What its tokens say; None for a claim to be left out."""
        now = int(time.time())
        whole = {"iss": self.url, "sub": "repo:a/b", "aud": "sts", "iat": now, "exp": now + 600}
        return {name: value for name, value in (whole | changed).items() if value is not None}

    def token(
        self,
        algorithm: str = "RS256",
        *,
        key: Any = None,
        header: dict[str, Any] | None = None,
        **changed: Any,
    ) -> str:
        """A signed token; `changed` are claims."""
        whole = {"kid": algorithm} | (header or {})
        head = {name: value for name, value in whole.items() if value is not None}
        signer = _KEYS[algorithm] if key is None else key
        return jwt.encode(self.claims(**changed), signer, algorithm, headers=head)


@dataclass
class Publisher:
    """A server of what is put into `pages`: a status and content by path; it counts who asks."""

    port: int
    pages: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    slow: float = 0.0  # seconds before each answer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def published(trust: ssl.SSLContext | None = None) -> Iterator[Publisher]:
    """A publisher that runs, over TLS if it has a certificate."""
    publisher = Publisher(0)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            publisher.asked.append(self.path)
            time.sleep(publisher.slow)
            status, content = publisher.pages.get(self.path, (404, b"no"))
            with contextlib.suppress(OSError):
                self.send_response(status)
                if status in (301, 302, 307):
                    self.send_header("Location", content.decode())
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if trust is not None:
        server.socket = trust.wrap_socket(server.socket, server_side=True)
    publisher.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield publisher
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
