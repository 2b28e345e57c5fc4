"""Material in this process's memory, used through OpenSSL.

A secret is as safe as the machine: Python cannot wipe memory (docs/limitations.md).
"""

import os

from strongroom.errors import InvalidCiphertext
from strongroom.keys import envelope, hierarchy
from strongroom.keys.envelope import Material
from strongroom.keys.key import Key


class SoftwareBacking:
    def generate(self, key_id: str) -> Material:
        """Fresh material for a key."""
        return hierarchy.new_material(key_id)

    def seal(self, key: Key, plaintext: bytes, context: bytes) -> bytes:
        """Encrypt under the key's current material; `context` is of `keys.context`."""
        return envelope.seal(key.id_bytes, key.current, plaintext, context)

    def unseal(self, key: Key, blob: bytes, material_id: bytes, context: bytes) -> bytes:
        """The plaintext of a ciphertext that names `key`; InvalidCiphertext if it does not open."""
        material = key.materials.get(material_id)
        if material is None:
            raise InvalidCiphertext
        return envelope.unseal(blob, material, context)

    def random(self, count: int) -> bytes:
        return os.urandom(count)
