"""Ids of what an organization has, and numbers of accounts.

Source: the patterns of the service's model; "Terminology and concepts".
"""

import secrets
import string

_LETTERS = string.ascii_lowercase + string.digits


def organization() -> str:
    return "o-" + _drawn(10)


def root() -> str:
    return "r-" + _drawn(4)


def unit(of_root: str) -> str:
    return f"ou-{of_root.removeprefix('r-')}-{_drawn(8)}"


def policy() -> str:
    return "p-" + _drawn(8)


def handshake() -> str:
    return "h-" + _drawn(12)


def creation() -> str:
    return "car-" + _drawn(32)


def account() -> str:
    """Twelve digits, the first of which is no zero."""
    return f"{secrets.randbelow(9 * 10**11) + 10**11}"


def _drawn(count: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(count))
