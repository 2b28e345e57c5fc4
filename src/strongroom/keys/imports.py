"""What is known of imported material, beside the material itself.

A key of origin EXTERNAL has the materials that were imported into it: one, or of a symmetric key
several, of which one is current and at most one waits for a rotation.  Each may be deleted or expire,
and be imported again, the same and no other; the key works while all that ever were current are here.

Source: KMS Developer Guide, "Importing key material"; KMS API Reference, "ImportKeyMaterial".
"""

from collections.abc import Iterable
from dataclasses import dataclass

EXPIRES = "KEY_MATERIAL_EXPIRES"
LASTS = "KEY_MATERIAL_DOES_NOT_EXPIRE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    material_id: bytes
    present: bool
    pending: bool  # of a symmetric key: not rotated to yet
    valid_to: float | None  # seconds since the epoch; None: it does not expire
    description: str

    @property
    def expiration_model(self) -> str:
        return LASTS if self.valid_to is None else EXPIRES


def complete(imports: Iterable[Import]) -> bool:
    """Whether all material that the key depends on is here, and there is any."""
    needed = [each for each in imports if not each.pending]
    return bool(needed) and all(each.present for each in needed)


def earliest(imports: Iterable[Import]) -> float | None:
    """When the first of what the key depends on expires; None if nothing does."""
    return min(
        (each.valid_to for each in imports if each.valid_to is not None and not each.pending),
        default=None,
    )


def waiting(imports: Iterable[Import]) -> Import | None:
    """The one that waits for a rotation."""
    return next((each for each in imports if each.pending), None)
