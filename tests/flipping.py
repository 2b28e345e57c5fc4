"""What somebody altered on the way."""


def flipped(blob: bytes, at: int = -1) -> bytes:
    """With one bit otherwise; a byte that is set to something may be that already."""
    at %= len(blob)
    return blob[:at] + bytes((blob[at] ^ 1,)) + blob[at + 1 :]
