"""Whose word an attestation document is: its signature, and the chain of its certificate to a root.

A document is believed for as long as its certificates are valid, which of AWS's is three hours.  Its
answer is for the key in it alone, so one that is sent again tells nobody anything.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from cryptography.x509 import BasicConstraints, Certificate, KeyUsage, load_pem_x509_certificates
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from strongroom.attestation.document import Document, certificate, read, refused
from strongroom.attestation.roots import AWS_NITRO_ENCLAVES_G1
from strongroom.errors import Validation
from strongroom.keys.private import Tool
from strongroom.keys.work import Work

_BITS = (2048, 3072, 4096)  # of the key that answers are for
_EXPONENT_BITS = 64  # with a longer one an answer takes milliseconds
_MOST_KEPT = 1_024  # chains

MOST_PEM_BYTES = 3_800
"""Of roots: they go with each document to a helper, in one packet of 16 KiB (`backings.helper`)."""


@dataclass(frozen=True, slots=True)
class Attested:
    """What a document says that a root vouches for."""

    module_id: str
    is_enclave: bool  # else an instance with NitroTPM
    registers: Mapping[int, bytes]
    key: RSAPublicKey  # whose owner alone can read the answer


class Roots:
    """The roots that documents are trusted by, and the chains that were found to lead there."""

    def __init__(self, pem: bytes = AWS_NITRO_ENCLAVES_G1) -> None:
        """ValueError if `pem` has no certificate."""
        self._store = Store(load_pem_x509_certificates(pem))
        self._kept: OrderedDict[bytes, datetime] = OrderedDict()  # until when a chain is valid

    def attested(self, _account: str, document: bytes, now: float) -> Attested:
        """What a document says; Validation if it is none, or not to be believed.

        It takes 0.4 ms, or 2 of an enclave that was not heard of before: `backings.vouching` has it done
        elsewhere.
        """
        found = read(document)
        self.require(found, now)
        return attested(found)

    def require(self, document: Document, now: float) -> None:
        """Validation unless the document is to be believed."""
        self._require_chain(document, datetime.fromtimestamp(now, UTC))
        document.require_signature()

    def _require_chain(self, document: Document, now: datetime) -> None:
        """To verify one takes 1 ms or more: it is done once for all documents of an enclave."""
        said = document.payload
        name = sha256(b"".join(_framed([said.certificate, *said.cabundle]))).digest()
        valid_until = self._kept.get(name)
        if valid_until is not None and document.signer.not_valid_before_utc <= now <= valid_until:
            self._kept.move_to_end(name)
            return
        issuers = [certificate(der) for der in said.cabundle]
        if len({_subject(each) for each in issuers}) < len(issuers):
            # There could be more paths through them than can ever be tried.
            raise refused("two of its issuers have one name")
        # Without its fraction: a certificate is valid to the end of its last second.
        policy = PolicyBuilder().store(self._store).time(now.replace(microsecond=0, tzinfo=None))
        policy = policy.max_chain_depth(len(issuers))
        policy = policy.extension_policies(ca_policy=_OF_ISSUERS, ee_policy=_OF_SIGNERS)
        try:
            chain = policy.build_client_verifier().verify(document.signer, issuers).chain
        except VerificationError:
            raise refused(
                "its certificates do not lead to a trusted root, or are expired"
            ) from None
        self._kept[name] = min(each.not_valid_after_utc for each in chain)
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)


def alone(pem: bytes) -> bytes:
    """Certificates without what stands beside them in a file; ValueError if there are none."""
    return b"".join(each.public_bytes(Encoding.PEM) for each in load_pem_x509_certificates(pem))


def attested(document: Document) -> Attested:
    """What a believed document says; Validation if no answer can be for whom it names."""
    said = document.payload
    if not said.public_key:
        raise refused("it has no public key to encrypt the answer under")
    return Attested(
        said.module_id, said.pcrs is not None, said.registers, _public_key(said.public_key)
    )


class Attest(Work[bytes], frozen=True):
    """Whether a document is to be believed, as a work that another process can do."""

    pem: bytes  # of the roots
    document: bytes
    now: float

    def do(self, tool: Tool | None) -> bytes:  # noqa: ARG002
        """Why it is not, in the words of the refusal; nothing if it is."""
        try:
            _roots(self.pem).require(read(self.document), self.now)
        except Validation as why:
            return why.message.encode()
        return b""


@lru_cache(maxsize=4)
def _roots(pem: bytes) -> Roots:
    return Roots(pem)


def _framed(parts: Sequence[bytes]) -> list[bytes]:
    return [len(part).to_bytes(2) + part for part in parts]


def _subject(issuer: Certificate) -> bytes:
    try:
        return issuer.subject.public_bytes()
    except ValueError:
        raise refused("it has a certificate that cannot be read") from None


def _signs_certificates(_policy: Policy, _of: Certificate, usage: KeyUsage | None) -> None:
    if usage is None or not usage.key_cert_sign:
        raise ValueError


def _signs_documents(_policy: Policy, _of: Certificate, usage: KeyUsage | None) -> None:
    if usage is None or not usage.digital_signature:
        raise ValueError


def _is_no_issuer(_policy: Policy, _of: Certificate, basic: BasicConstraints | None) -> None:
    if basic is None or basic.ca:
        raise ValueError


_OF_ISSUERS = (
    ExtensionPolicy.permit_all()
    .require_present(BasicConstraints, Criticality.CRITICAL, None)
    .require_present(KeyUsage, Criticality.CRITICAL, _signs_certificates)
)
_OF_SIGNERS = (
    ExtensionPolicy.permit_all()
    .require_present(BasicConstraints, Criticality.CRITICAL, _is_no_issuer)
    .require_present(KeyUsage, Criticality.AGNOSTIC, _signs_documents)
)


def _public_key(spki: bytes) -> RSAPublicKey:
    try:
        key = load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm):
        raise refused("its public key cannot be read") from None
    if not isinstance(key, RSAPublicKey) or key.key_size not in _BITS:
        raise refused("its public key is not RSA of 2048, 3072 or 4096 bits")
    numbers = key.public_numbers()
    if numbers.n % 2 == 0 or numbers.e.bit_length() > _EXPONENT_BITS:
        raise refused("nothing can be encrypted under its public key")
    return key
