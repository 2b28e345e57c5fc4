"""Answers for whom an attestation document names: sealed under the public key in it.

Whoever relays the request sees no plaintext.  What the document says of the recipient's software is
there for policies to ask, and for the audit record.

Source: KMS Developer Guide, "Cryptographic attestation support", "Condition keys for attested
platforms", "Monitoring attested requests".
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from strongroom.attestation import envelope
from strongroom.attestation.trust import Attested
from strongroom.services.call import Call
from strongroom.services.circumstances import Value
from strongroom.services.kms.members import needed
from strongroom.services.kms.world import Kms
from strongroom.wire.shapes.kms import RecipientInfo

_RECORDED = "attestationDocument"
"""How CloudTrail's names of what a document says begin."""

_MODULE = "ModuleId"
_IMAGE = 0  # the register that an enclave's image is measured into


class Given(NamedTuple):
    """What of a secret an answer has: itself, or itself sealed."""

    plaintext: bytes | None
    for_recipient: bytes | None


class Recipient:
    """Whom an answer is for; nobody but the caller, if the request names none."""

    __slots__ = ("_attested",)

    def __init__(self, attested: Attested | None) -> None:
        self._attested = attested

    def __bool__(self) -> bool:
        return self._attested is not None

    def given(self, plaintext: bytes) -> Given:
        if self._attested is None:
            return Given(plaintext, None)
        return Given(None, envelope.sealed(self._attested.key, plaintext))

    def circumstances(self) -> dict[str, Value]:
        return {} if self._attested is None else circumstances(_measured(self._attested))


CALLER = Recipient(None)


def of(kms: Kms, call: Call, asked: RecipientInfo | None) -> Recipient:
    """Who is to read the answer; Validation if the document does not show it."""
    if asked is None:
        return CALLER
    needed(asked.KeyEncryptionAlgorithm, "recipient.keyEncryptionAlgorithm")
    document = needed(asked.AttestationDocument, "recipient.attestationDocument")
    attested = kms.roots.attested(call.account, document, call.now)
    call.recipient = _recorded(attested)
    return Recipient(attested)


def circumstances(measured: Mapping[str, bytes]) -> dict[str, Value]:
    """kms:RecipientAttestation:..., lower-case hexadecimal, of registers by their recorded names."""
    found: dict[str, Value] = {}
    for name, register in measured.items():
        key = name.lower().removeprefix("enclave")
        if key == "imagedigest":
            found["kms:recipientattestation:imagesha384"] = register.hex()
            key = f"pcr{_IMAGE}"
        found[f"kms:recipientattestation:{key}"] = register.hex()
    return found


def _measured(said: Attested) -> dict[str, bytes]:
    """The registers, by the ends of the names that CloudTrail has for them."""
    if not said.is_enclave:
        return {f"NitroTPMPCR{at}": register for at, register in sorted(said.registers.items())}
    return {
        "EnclaveImageDigest" if at == _IMAGE else f"EnclavePCR{at}": register
        for at, register in sorted(said.registers.items())
    }


def _recorded(said: Attested) -> bytes:
    """The record's `recipient`; registers in base64, as CloudTrail has them."""
    shown = {
        f"{_RECORDED}{name}": b64encode(register).decode()
        for name, register in _measured(said).items()
    }
    return msgspec.json.encode({f"{_RECORDED}{_MODULE}": said.module_id, **shown})


def of_record(recorded: Mapping[str, str]) -> dict[str, Value]:
    """The condition keys of a recipient that was recorded."""
    return circumstances(
        {
            name.removeprefix(_RECORDED): b64decode(value)
            for name, value in recorded.items()
            if name.removeprefix(_RECORDED) != _MODULE
        }
    )
