"""Material in this process's memory, used through OpenSSL.

A secret is as safe as the machine: Python cannot wipe memory (docs/limitations.md).  Everything here
may be called from any thread.
"""

import os
from typing import TypeVar

from strongroom.errors import InvalidCiphertext, InvalidState
from strongroom.keys import envelope, hierarchy
from strongroom.keys.envelope import Material
from strongroom.keys.key import Key
from strongroom.keys.mac import MacKey
from strongroom.keys.pqc import MlKemKey
from strongroom.keys.private import Private, Tool
from strongroom.keys.rsa import RsaKey
from strongroom.keys.work import AnyWork, Piece, of_kind

Kind = TypeVar("Kind", bound=Tool)


class SoftwareBacking:
    def generate(self, key_id: str) -> Material:
        """Fresh material for a symmetric key."""
        return hierarchy.new_material(key_id)

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

    def piece(self, key: Key, work: AnyWork) -> Piece:
        """Work with that key, to be done here or elsewhere."""
        return Piece(work, key.spec, _present(key))

    def encrypt(self, key: Key, algorithm: str, plaintext: bytes) -> bytes:
        """At most `rsa.most_plaintext` bytes."""
        return _tool(key, RsaKey).encrypt(algorithm, plaintext)

    def mac(self, key: Key, message: bytes) -> bytes:
        return _tool(key, MacKey).mac(message)

    def verify_mac(self, key: Key, message: bytes, tag: bytes) -> bool:
        return _tool(key, MacKey).verify(message, tag)

    def encapsulate(self, key: Key) -> tuple[bytes, bytes]:
        """A shared secret, and the ciphertext that carries it."""
        return _tool(key, MlKemKey).encapsulate()

    def decapsulate(self, key: Key, ciphertext: bytes) -> bytes:
        """InvalidCiphertext if the length is wrong."""
        return _tool(key, MlKemKey).decapsulate(ciphertext)

    def public_key(self, key: Key) -> bytes:
        """SPKI."""
        tool = _present(key).tool
        if isinstance(tool, MacKey):
            raise TypeError("there is no public key of a MAC")
        return tool.public


def _present(key: Key) -> Private:
    if key.private is None:
        raise InvalidState(f"{key.arn} is pending import.")
    return key.private


def _tool(key: Key, kind: type[Kind]) -> Kind:
    return of_kind(_present(key).tool, kind)
