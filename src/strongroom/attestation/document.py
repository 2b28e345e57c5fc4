"""Attestation documents, as a Nitro hypervisor writes them: COSE_Sign1 over a map in CBOR.

    [h'a1013822', {}, payload, signature]      {1: -35} is ECDSA with SHA-384; a tag 18 may stand before it
    payload    module_id digest timestamp certificate cabundle public_key user_data nonce,
               and pcrs (of an enclave) or nitrotpm_pcrs (of an instance with NitroTPM)
    signature  r and s, 48 bytes each, by the key of `certificate`
    cabundle   from the root to the issuer of `certificate`

What a document says is known only when `trust` has found who signed it.

Source: "Nitro Enclaves Attestation Process" (aws-nitro-enclaves-nsm-api, docs); RFC 9052.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

import cbor2
import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509 import Certificate, InvalidVersion, load_der_x509_certificate
from msgspec import Meta

from strongroom.errors import Serialization, Validation
from strongroom.wire.cbor_bounds import require_bounded

_TAG = b"\xd2"
_PROTECTED = bytes.fromhex("a1013822")
_COORDINATE = 48  # bytes of r and of s
_LENGTHS = (32, 48, 64)  # of registers, bytes
_MOST_ISSUERS = 8  # AWS has four
MOST_BYTES = 12 * 1024  # AWS's have 5 to 9
_MOST_ITEMS = 512  # of CBOR: what the specification lets one say has some hundred

_DerCertificate = Annotated[bytes, Meta(min_length=1, max_length=1_024)]
_Enclosed = Annotated[bytes, Meta(max_length=1_024)]
_Registers = Annotated[
    dict[Annotated[int, Meta(ge=0, lt=32)], Annotated[bytes, Meta(min_length=32, max_length=64)]],
    Meta(min_length=1, max_length=32),
]


class Payload(msgspec.Struct, frozen=True):
    """What a document says, as it stands there; nobody has vouched for it yet."""

    module_id: Annotated[str, Meta(min_length=1, max_length=256)]
    digest: Literal["SHA384"]
    timestamp: Annotated[int, Meta(gt=0)]  # milliseconds since the epoch
    certificate: _DerCertificate
    cabundle: Annotated[list[_DerCertificate], Meta(min_length=1, max_length=_MOST_ISSUERS)]
    pcrs: _Registers | None = None
    nitrotpm_pcrs: _Registers | None = None
    public_key: _Enclosed | None = None
    user_data: _Enclosed | None = None
    nonce: _Enclosed | None = None

    @property
    def registers(self) -> Mapping[int, bytes]:
        return self.pcrs or self.nitrotpm_pcrs or {}


class Document(NamedTuple):
    payload: Payload
    signer: Certificate
    signed: bytes  # what the signature is over
    signature: bytes

    def require_signature(self) -> None:
        """Refuse unless the key of the document's own certificate signed it."""
        key = self.signer.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp384r1":
            raise refused("its certificate's key is not of P-384")
        r, s = (
            int.from_bytes(half)
            for half in (self.signature[:_COORDINATE], self.signature[_COORDINATE:])
        )
        try:
            key.verify(encode_dss_signature(r, s), self.signed, ec.ECDSA(hashes.SHA384()))
        except InvalidSignature:
            raise refused("its signature does not match") from None


def refused(reason: str) -> Validation:
    """The refusal of a document, for a reason that says nothing of the plaintext or the key."""
    return Validation(f"The attestation document is not valid: {reason}.")


def read(document: bytes) -> Document:
    """The document in these bytes; Validation if they are none."""
    if len(document) > MOST_BYTES:
        raise refused("it is too large")
    whole = _item(document.removeprefix(_TAG))
    match whole:
        case [bytes(protected), dict(), bytes(payload), bytes(signature)]:
            pass
        case _:
            raise refused("it is not a COSE_Sign1 structure")
    if protected != _PROTECTED or len(signature) != 2 * _COORDINATE:
        raise refused("it is not signed by ECDSA with SHA-384")
    said = _payload(payload)
    signed = cbor2.dumps(["Signature1", protected, b"", payload])
    return Document(said, certificate(said.certificate), signed, signature)


def certificate(der: bytes) -> Certificate:
    try:
        return load_der_x509_certificate(der)
    except (ValueError, InvalidVersion):
        raise refused("it has a certificate that cannot be read") from None


def _payload(encoded: bytes) -> Payload:
    try:
        said = msgspec.convert(_item(encoded), Payload, builtin_types=(bytes,))
    except msgspec.ValidationError:
        raise refused("its content is not that of an attestation document") from None
    if (said.pcrs is None) == (said.nitrotpm_pcrs is None) or any(
        len(register) not in _LENGTHS for register in said.registers.values()
    ):
        raise refused("its content is not that of an attestation document")
    return said


def _item(encoded: bytes) -> object:
    try:
        require_bounded(encoded, _MOST_ITEMS)
        return cbor2.loads(encoded)
    except (Serialization, cbor2.CBORDecodeError, ValueError):
        raise refused("it is not CBOR") from None
