"""Material in this process's memory, used through OpenSSL.

A secret is as safe as the machine: Python cannot wipe memory (docs/limitations.md).  Everything here
may be called from any thread.
"""

import os
from typing import TypeVar

from strongroom.errors import InvalidCiphertext, InvalidState
from strongroom.keys import envelope, hierarchy, private
from strongroom.keys.ec import EcKey
from strongroom.keys.envelope import Material
from strongroom.keys.key import Key
from strongroom.keys.mac import MacKey
from strongroom.keys.pqc import MlKemKey
from strongroom.keys.private import Pair, Use
from strongroom.keys.rsa import RsaKey

Tool = TypeVar("Tool", bound=private.Tool)


class SoftwareBacking:
    def generate(self, key_id: str) -> Material:
        """Fresh material for a symmetric key."""
        return hierarchy.new_material(key_id)

    def fresh(self, spec: str) -> bytes:
        """A fresh secret for a key of any other spec; of RSA it takes from 50 ms to seconds."""
        return private.fresh(spec)

    def pair(self, spec: str) -> Pair:
        """A fresh key pair that is not kept; of RSA it takes as long."""
        return private.pair(spec)

    def random(self, count: int) -> bytes:
        return os.urandom(count)

    # Symmetric keys

    def seal(self, key: Key, plaintext: bytes, context: bytes) -> bytes:
        """Encrypt under the key's current material; `context` is of `keys.context`."""
        return envelope.seal(key.id_bytes, key.materials[key.current_id], plaintext, context)

    def unseal(self, key: Key, blob: bytes, material_id: bytes, context: bytes) -> bytes:
        """The plaintext of a ciphertext that names `key`; InvalidCiphertext if it does not open."""
        material = key.materials.get(material_id)
        if material is None:
            raise InvalidCiphertext
        return envelope.unseal(blob, material, context)

    # All others

    def takes_long(self, key: Key, use: Use, algorithm: str = "") -> bool:
        """The algorithm need be told of signatures alone."""
        return private.takes_long(key.spec, use, algorithm)

    def sign(self, key: Key, algorithm: str, message: bytes, *, hashed: bool) -> bytes:
        """`hashed` is of `keys.messages`."""
        return _signer(key).sign(algorithm, message, hashed=hashed)

    def verify(
        self, key: Key, algorithm: str, message: bytes, signature: bytes, *, hashed: bool
    ) -> bool:
        return _signer(key).verify(algorithm, message, signature, hashed=hashed)

    def encrypt(self, key: Key, algorithm: str, plaintext: bytes) -> bytes:
        """At most `rsa.most_plaintext` bytes."""
        return _tool(key, RsaKey).encrypt(algorithm, plaintext)

    def decrypt(self, key: Key, algorithm: str, ciphertext: bytes) -> bytes:
        """InvalidCiphertext whatever is wrong with it."""
        return _tool(key, RsaKey).decrypt(algorithm, ciphertext)

    def mac(self, key: Key, message: bytes) -> bytes:
        return _tool(key, MacKey).mac(message)

    def verify_mac(self, key: Key, message: bytes, tag: bytes) -> bool:
        return _tool(key, MacKey).verify(message, tag)

    def agree(self, key: Key, other: bytes) -> bytes:
        """NotAKey if `other` is not the SPKI of a point on the key's curve."""
        return _tool(key, EcKey).agree(other)

    def encapsulate(self, key: Key) -> tuple[bytes, bytes]:
        """A shared secret, and the ciphertext that carries it."""
        return _tool(key, MlKemKey).encapsulate()

    def decapsulate(self, key: Key, ciphertext: bytes) -> bytes:
        """InvalidCiphertext if the length is wrong."""
        return _tool(key, MlKemKey).decapsulate(ciphertext)

    def public_key(self, key: Key) -> bytes:
        """SPKI."""
        tool = _present(key)
        if isinstance(tool, MacKey):
            raise _unable(key)
        return tool.public


def _present(key: Key) -> private.Tool:
    if key.private is None:
        raise InvalidState(f"{key.arn} is pending import.")
    return key.private.tool


def _tool(key: Key, kind: type[Tool]) -> Tool:
    tool = _present(key)
    if not isinstance(tool, kind):
        raise _unable(key)
    return tool


def _signer(key: Key) -> private.Signer:
    tool = _present(key)
    if isinstance(tool, MlKemKey | MacKey):
        raise _unable(key)
    return tool


def _unable(key: Key) -> TypeError:
    """A mistake of ours: who may do what was settled before."""
    return TypeError(f"a key of spec {key.spec} cannot do that")
