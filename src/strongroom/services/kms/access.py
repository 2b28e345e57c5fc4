"""May the caller do this to that key?

So far the only principals are the root users of accounts, and this is the whole rule: the root
user may do everything with the customer managed keys of its own account, may look at AWS
managed keys and not use or change them, and has nothing to do with another account's.  Key
policies are kept and validated but not yet weighed (docs/divergences.md).

Every handler that acts on a key passes here, which is also where the audit record learns which
keys a call was about.
"""

from strongroom.errors import AccessDenied, InvalidGrantToken
from strongroom.keys.key import Key
from strongroom.keys.specs import Manager
from strongroom.services.call import Call

_OF_AWS_KEYS = frozenset(
    "DescribeKey GetKeyPolicy GetKeyRotationStatus ListAliases ListGrants ListKeyPolicies "
    "ListKeyRotations ListResourceTags".split()
)
"""What the fixed policy of an AWS managed key leaves to the account's own principals."""


def require(call: Call, action: str, key: Key) -> None:
    """AccessDenied unless the caller may do `action` (`Encrypt`, `ReEncryptFrom`, ...)."""
    call.resources.append(key.arn)
    if key.account != call.account:
        raise foreign(call, action, key.arn)
    if key.manager is Manager.AWS and action not in _OF_AWS_KEYS:
        raise _denied(call, action, key.arn)


def require_no_tokens(tokens: list[str] | None) -> None:
    """InvalidGrantToken for any token: there are no grants yet that one could stand for."""
    if tokens:
        raise InvalidGrantToken("Grant tokens are not valid: no grants exist.")


def foreign(call: Call, action: str, resource: str) -> AccessDenied:
    """The refusal for what belongs to another account, whether it exists or not."""
    return _denied(call, action, resource)


def behind_ciphertext() -> AccessDenied:
    """One refusal for a ciphertext whose key does not exist and one whose key is not yours."""
    return AccessDenied(
        "The ciphertext refers to a customer master key that does not exist, does not exist in "
        "this region, or you are not allowed to access."
    )


def _denied(call: Call, action: str, resource: str) -> AccessDenied:
    return AccessDenied(
        f"User: {call.principal} is not authorized to perform: kms:{action} on resource: "
        f"{resource} because no resource-based policy allows the kms:{action} action"
    )
