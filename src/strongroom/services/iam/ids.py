"""Unique ids, access key ids and secrets, as AWS forms them.

Source: IAM User Guide, "Unique identifiers": four letters that say what it is, and the rest.
"""

import secrets
import string

from strongroom.policy.entities import Entity

_LETTERS = string.ascii_uppercase + "234567"
_SECRET_LETTERS = string.ascii_letters + string.digits + "+/"


def unique_id(kind: type[Entity]) -> str:
    """21 characters, by which a user, a group, a role or a managed policy is known for ever."""
    return kind.prefix + _drawn(_LETTERS, 17)


def access_key_id() -> str:
    """20 characters."""
    return "AKIA" + _drawn(_LETTERS, 16)


def secret_access_key() -> str:
    """40 characters, 240 bits."""
    return _drawn(_SECRET_LETTERS, 40)


def _drawn(letters: str, count: int) -> str:
    return "".join(secrets.choice(letters) for _ in range(count))
