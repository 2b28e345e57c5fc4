"""The server's certificate, which may be renewed while it runs.

A `Certificate` hands out an SSL context for each new connection; those that stand keep theirs.
A renewed pair is tried whole before the old one is let go, so a half-written file or a key of
another certificate costs a line in the log and no connection.
"""

import ssl
from pathlib import Path

# TLS 1.3's suites are OpenSSL's own.  For 1.2: forward secrecy and AEAD, or nothing.
_CIPHERS_1_2 = "ECDHE+AESGCM:ECDHE+CHACHA20"


class UnusableCertificate(Exception):
    """The files do not make a certificate that can be served; the message says why."""


class Certificate:
    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises UnusableCertificate."""
        self._certificate = certificate
        self._key = key
        self.context = _context(certificate, key)  # for the next connection

    def reload(self) -> None:
        """Read both files again; UnusableCertificate, and all stays as it was, if they are bad."""
        self.context = _context(self._certificate, self._key)


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS_1_2)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    for path in (certificate, key):
        try:
            path.read_bytes()
        except OSError as error:
            raise UnusableCertificate(f"cannot read `{path}`: {error.strerror}") from None
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except _Encrypted:
        raise UnusableCertificate(
            f"the key in `{key}` is encrypted; store it decrypted, readable by the server alone"
        ) from None
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise UnusableCertificate(f"`{key}` is not the key of `{certificate}`") from None
        raise UnusableCertificate(
            f"`{certificate}` and `{key}` are not a certificate and its key in PEM form "
            f"({error.reason or error})"
        ) from None
    return context


class _Encrypted(Exception):
    pass


def _no_password() -> str:
    # Without this, OpenSSL would ask on the terminal.
    raise _Encrypted
