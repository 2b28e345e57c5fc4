"""The footer of a signed message (suite 0x0578), and the key that it is checked with.

    offset  length  field
    0       2       length s of the signature, at most 104
    2       s       ECDSA over P-384 with SHA-384, in DER

It signs every byte before the footer.  The public key stands in the encryption context as
`aws-crypto-public-key`, a compressed point in base64, so KMS has authenticated it with the data
key: whoever may only decrypt can read the data key and seal frames, but cannot sign.

A signed message without that key and an unsigned one with it are both refused; otherwise a
signature could be taken off.

Source: AWS Encryption SDK Developer Guide, "Message format reference", footer structure.
"""

import binascii
import hashlib
from base64 import b64decode
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA384

from strongroom.client.faults import CHANGED, CUT_SHORT, NOT_ITS_OWN, Altered
from strongroom.client.header import Header
from strongroom.client.suites import Suite

PUBLIC_KEY = "aws-crypto-public-key"
LONGEST = 2 + 104  # bytes of a footer


class Unsigned:
    """The check of a message that has no signature: there must be no footer."""

    def update(self, part: bytes | memoryview) -> None:
        pass

    def verify(self, footer: bytes) -> None:
        """Return only if nothing follows the body."""
        if footer:
            raise Altered(NOT_ITS_OWN)


class Signed:
    """The check of a signed message: told all of it in order, then given what follows."""

    def __init__(self, key: ec.EllipticCurvePublicKey) -> None:
        self._key = key
        self._digest = hashlib.sha384()

    def update(self, part: bytes | memoryview) -> None:
        self._digest.update(part)

    def verify(self, footer: bytes) -> None:
        """Return only if `footer` is the signature of what was told, and nothing more."""
        size = int.from_bytes(footer[:2])
        if size > LONGEST - 2:
            raise Altered(CHANGED)
        if len(footer) < 2 + size or not size:
            raise Altered(CUT_SHORT)
        if len(footer) > 2 + size:
            raise Altered(NOT_ITS_OWN)
        try:
            self._key.verify(footer[2:], self._digest.digest(), ec.ECDSA(Prehashed(SHA384())))
        except InvalidSignature:
            raise Altered(CHANGED) from None


def check_of(header: Header) -> Signed | Unsigned:
    """What this message's end is checked with; Altered if suite and context disagree."""
    require_agreement(header.suite, header.context)
    if header.suite is Suite.PLAIN:
        return Unsigned()
    try:
        point = b64decode(header.context[PUBLIC_KEY], validate=True)
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), point)
    except (ValueError, binascii.Error):
        raise Altered("the public key of the signature cannot be read") from None
    check = Signed(key)
    check.update(header.raw)
    check.update(header.tag)
    return check


def require_agreement(suite: Suite, context: Mapping[str, str]) -> None:
    """Refuse a signed message without a public key, and an unsigned one with it."""
    if (PUBLIC_KEY in context) is not (suite is Suite.SIGNED):
        raise Altered("the header's suite and its encryption context disagree on a signature")
