"""A Nitro hypervisor's part, by pyca/cryptography and cbor2: certificates, and documents signed with them.

And an enclave's: its key, and OpenSSL's command line to open what comes back.
"""

import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

PROTECTED = bytes.fromhex("a1013822")
REGISTERS = {0: b"\xaa" * 48, 1: b"\x1b" * 48, 2: b"\x02" * 48, 8: b"\x88" * 48}
SIGNS_CERTIFICATES = {"key_cert_sign": True, "crl_sign": True}
SIGNS_DOCUMENTS = {"digital_signature": True}


def usage(**allowed):
    every = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
        "key_cert_sign crl_sign encipher_only decipher_only"
    ).split()
    return x509.KeyUsage(**{name: allowed.get(name, False) for name in every})


@dataclass
class Issuer:
    """A key and its certificate, and what it certifies."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def der(self):
        return self.certificate.public_bytes(Encoding.DER)


def issue(name, by=None, *, depth=None, key=None, days=1, since=None, uses=None, is_ca=True):
    """A certificate for `name`, signed by `by`, or by itself."""
    key = key or ec.generate_private_key(ec.SECP384R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    since = since or datetime.now(UTC) - timedelta(minutes=5)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if by is None else by.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(since + timedelta(days=days))
        .add_extension(x509.BasicConstraints(is_ca, depth), critical=True)
        .add_extension(
            usage(**(uses or (SIGNS_CERTIFICATES if is_ca else SIGNS_DOCUMENTS))), critical=True
        )
        .sign(key if by is None else by.key, hashes.SHA384())
    )
    return Issuer(key, certificate)


class Hypervisor:
    """A root, two issuers, and the certificate of one enclave."""

    def __init__(self):
        self.root = issue("tests.nitro-enclaves", days=3650)
        self.regional = issue("region", self.root, depth=1, days=20)
        self.zonal = issue("zone", self.regional, depth=0)
        self.signer = issue("i-1-enc1", self.zonal, is_ca=False)

    @property
    def pem(self):
        return self.root.certificate.public_bytes(Encoding.PEM)

    def payload(self, public_key, **other):
        """What a document of an enclave says, as the hypervisor's document has it."""
        return {
            "module_id": "i-1234567890abcdef0-enc1234567890abcdef",
            "digest": "SHA384",
            "timestamp": int(datetime.now(UTC).timestamp() * 1000),
            "pcrs": REGISTERS,
            "certificate": self.signer.der,
            "cabundle": [self.root.der, self.regional.der, self.zonal.der],
            "public_key": public_key,
            "user_data": None,
            "nonce": None,
        } | other

    def document(self, public_key, **other):
        return self.sign(cbor2.dumps(self.payload(public_key, **other)))

    def sign(self, payload, *, by=None, protected=PROTECTED, hash_=None):
        key = self.signer.key if by is None else by
        signed = cbor2.dumps(["Signature1", protected, b"", payload])
        r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(hash_ or hashes.SHA384())))
        size = (key.curve.key_size + 7) // 8
        return cbor2.dumps([protected, {}, payload, r.to_bytes(size) + s.to_bytes(size)])


@dataclass
class Enclave:
    """The key that no one else has."""

    bits: int = 2048
    key: rsa.RSAPrivateKey = field(init=False)

    def __post_init__(self):
        self.key = rsa.generate_private_key(65537, self.bits)

    @property
    def public_key(self):
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def opened(self, envelope, folder: Path):
        """The plaintext of a `CiphertextForRecipient`, by `openssl cms`."""
        pem, cms = folder / "enclave.pem", folder / "envelope.cms"
        pem.write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        cms.write_bytes(envelope)
        return subprocess.run(
            ["openssl", "cms", "-decrypt", "-inform", "DER", "-in", cms, "-inkey", pem, "-binary"],
            capture_output=True,
            check=True,
        ).stdout
