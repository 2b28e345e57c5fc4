"""Import tokens: what GetParametersForImport gives, and ImportKeyMaterial takes back.

A token is all there is of a wrapping key: a box under the domain of the key (`keys.sealing`), for one
key only, that holds the private wrapping key as PKCS#8, the algorithm, and until when it is good.
Nothing of it is kept here, so it may be used again within its 24 hours, to import the same
material once more.

    offset  length  field, inside the box
    0       1       version, 0x01
    1       8       good until, seconds since the epoch, big endian
    9       1       length of the algorithm's name
    10      n       the name, "RSAES_OAEP_SHA_256"
    10+n    m       the private key

Source: KMS API Reference, "GetParametersForImport"; formats drawn in docs/formats/import-tokens.md.
"""

from dataclasses import dataclass, field

from strongroom.errors import ExpiredImportToken, InvalidImportToken
from strongroom.keys.hierarchy import Domain
from strongroom.keys.sealing import Tampered

GOOD_FOR = 24 * 3_600.0  # seconds
_VERSION = b"\x01"
_PURPOSE = "import-token"


@dataclass(frozen=True, slots=True)
class ImportToken:
    algorithm: str
    until: float
    private: bytes = field(repr=False)  # PKCS#8


def seal(domain: Domain, key_id: str, algorithm: str, until: float, private: bytes) -> bytes:
    name = algorithm.encode()
    inside = b"".join((_VERSION, int(until).to_bytes(8, "big"), bytes((len(name),)), name, private))
    return domain.seal(_PURPOSE, key_id, inside)


def unseal(domain: Domain | None, key_id: str, token: bytes, now: float) -> ImportToken:
    """InvalidImportToken if it was not given for this key; ExpiredImportToken if it is too old."""
    if domain is None:
        raise InvalidImportToken
    try:
        inside = domain.unseal(_PURPOSE, key_id, token)
    except Tampered:
        raise InvalidImportToken from None
    if inside[:1] != _VERSION:
        raise InvalidImportToken
    until, length = int.from_bytes(inside[1:9], "big"), inside[9]
    if until < now:
        raise ExpiredImportToken
    return ImportToken(inside[10 : 10 + length].decode(), until, inside[10 + length :])
