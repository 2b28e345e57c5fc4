"""Is a key in a state, of a usage and of a spec for an operation?  Asked once the caller may use it."""

from strongroom.errors import InvalidKeyUsage
from strongroom.keys import states
from strongroom.keys.key import Key
from strongroom.keys.specs import Usage


def require(operation: str, key: Key, usage: Usage, algorithm: str | None = None) -> None:
    """Refuse unless the key's state allows `operation`, it is for `usage` and has the algorithm."""
    states.require(operation, key.state, key.arn)
    if key.usage is not usage:
        raise InvalidKeyUsage(
            f"{key.arn} key usage is {key.usage} which is not valid for {operation}."
        )
    if algorithm is not None and algorithm not in key.algorithms:
        raise InvalidKeyUsage(f"Algorithm {algorithm} is incompatible with key spec {key.spec}.")
