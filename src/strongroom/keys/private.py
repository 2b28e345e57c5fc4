"""The secret of an asymmetric or HMAC key: made, opened, taken in from outside, by the key's spec.

What each family does stands in a module of its own: `rsa`, `ec`, `edwards`, `pqc`, `mac`.  A secret is
bytes, so that it is sealed like any other material: PKCS#8 for RSA and curves, the seed for
post-quantum keys, itself for HMAC.

Source: KMS Developer Guide, "Key spec reference".
"""

from dataclasses import dataclass, field
from typing import NamedTuple, Self

from strongroom.keys import ec, edwards, mac, pqc, rsa
from strongroom.keys.derive import KEY_BYTES
from strongroom.keys.ec import EcKey
from strongroom.keys.edwards import EdwardsKey
from strongroom.keys.encoding import NotAKey
from strongroom.keys.mac import MacKey
from strongroom.keys.pqc import MlDsaKey, MlKemKey
from strongroom.keys.rsa import RsaKey
from strongroom.keys.specs import SYMMETRIC_DEFAULT

MADE_HERE = frozenset(
    (SYMMETRIC_DEFAULT, *rsa.BITS, *ec.CURVES, edwards.SPEC, *mac.SPECS, *pqc.SPECS)
)
"""The specs of which keys can be made: all but SM2, and ML_KEM_512 (docs/adr/0005)."""


IMPORTABLE = frozenset((SYMMETRIC_DEFAULT, *rsa.BITS, *ec.CURVES, edwards.SPEC, *mac.SPECS))
"""The specs of which material may come from outside."""


Tool = RsaKey | EcKey | EdwardsKey | MlDsaKey | MlKemKey | MacKey
Signer = RsaKey | EcKey | EdwardsKey | MlDsaKey


@dataclass(frozen=True, slots=True)
class Private:
    """A secret, which stays out of `repr`, so out of logs; and what works with it."""

    id: bytes  # 32 bytes, as the id of a symmetric key's material
    secret: bytes = field(repr=False)
    tool: Tool = field(repr=False, compare=False)

    @classmethod
    def of(cls, material_id: bytes, spec: str, secret: bytes) -> Self:
        """Of a secret that `fresh` or `imported` gave for this spec."""
        return cls(material_id, secret, _opened(spec, secret))


def fresh(spec: str) -> bytes:
    """A new secret; of RSA it takes from 50 ms to seconds."""
    match _family(spec):
        case "RSA":
            return rsa.fresh(spec)
        case "ECC" if spec == edwards.SPEC:
            return edwards.fresh()
        case "ECC":
            return ec.fresh(spec)
        case "HMAC":
            return mac.fresh(spec)
    return pqc.fresh(spec)


class Pair(NamedTuple):
    """A key pair for somebody else: PKCS#8 and SPKI."""

    private: bytes
    public: bytes

    def __repr__(self) -> str:
        return "Pair()"


def pair(spec: str) -> Pair:
    """A fresh pair of any spec that GenerateDataKeyPair has."""
    secret = fresh(spec)
    tool = _opened(spec, secret)
    if isinstance(tool, MacKey | MlDsaKey):
        raise TypeError(f"there are no pairs of {spec}")
    return Pair(tool.pkcs8() if isinstance(tool, MlKemKey) else secret, tool.public)


def imported(spec: str, material: bytes) -> bytes:
    """The secret that somebody else made, in our form; NotAKey if it is not of this spec."""
    match _family(spec):
        case "SYMMETRIC":
            if len(material) != KEY_BYTES:
                raise NotAKey
            return material
        case "RSA":
            return rsa.imported(spec, material)
        case "ECC" if spec == edwards.SPEC:
            return edwards.imported(material)
        case "ECC":
            return ec.imported(spec, material)
    return mac.imported(spec, material)


def _opened(spec: str, secret: bytes) -> Tool:
    match _family(spec):
        case "RSA":
            return RsaKey(secret)
        case "ECC" if spec == edwards.SPEC:
            return EdwardsKey(secret)
        case "ECC":
            return EcKey(secret)
        case "HMAC":
            return MacKey(spec, secret)
    return MlDsaKey(spec, secret) if spec.startswith("ML_DSA") else MlKemKey(spec, secret)


def _family(spec: str) -> str:
    return spec.partition("_")[0]
