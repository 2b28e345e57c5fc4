"""Which key a request means.

A `KeyId` is a key id, a key ARN, an alias name or an alias ARN.  Ids and names are looked up in
the caller's account and Region; an ARN says its own account, and must say the Region of the
endpoint.  Cryptographic operations and DescribeKey take all four forms (`any_form`), the rest
only the first two (`id_or_arn`).

What a caller may learn: in her own account, that a key does not exist; of another account,
nothing: a key there that does not exist is refused like one that is not shared with her.

Source: KMS API Reference, `KeyId` of each operation; messages as recorded.
"""

import re
from functools import partial

from strongroom.arn import Arn, partition_of
from strongroom.errors import InvalidArn, NotFound
from strongroom.keys import alias as aliases
from strongroom.keys.key import Key
from strongroom.services.call import Call, Prepare
from strongroom.services.kms import access, managed
from strongroom.services.kms.world import Kms, KmsBooks

_KEY_ID = re.compile(
    r"(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32})\Z"
)
_ACCOUNT = re.compile(r"[0-9]{12}\Z")


def any_form(kms: Kms | KmsBooks, call: Call, operation: str, key_id: str) -> Key:
    """The key that any of the four forms names; `operation` is what it is to be used for."""
    if key_id.startswith("arn:"):
        account, resource = _named(call, key_id)
        if resource.startswith(aliases.PREFIX):
            return _by_alias(kms, call, operation, account, resource)
        return _by_id(kms, call, operation, account, key_id, resource.removeprefix("key/"))
    if key_id.startswith(aliases.PREFIX):
        return _by_alias(kms, call, operation, call.account, key_id)
    return _by_id(kms, call, operation, call.account, key_id, key_id)


def id_or_arn(kms: Kms | KmsBooks, call: Call, operation: str, key_id: str) -> Key:
    """The key that an id or a key ARN names."""
    if key_id.startswith("arn:"):
        account, resource = _named(call, key_id)
        if not resource.startswith("key/"):
            raise NotFound(f"Invalid keyId '{key_id}'")
        return _by_id(kms, call, operation, account, key_id, resource.removeprefix("key/"))
    return _by_id(kms, call, operation, call.account, key_id, key_id)


def account_and_id(call: Call, key_id: str) -> tuple[str, str]:
    """What an id or a key ARN of this Region says; nothing is looked up."""
    if not key_id.startswith("arn:"):
        return call.account, key_id
    account, resource = _named(call, key_id)
    return account, resource.removeprefix("key/")


def _named(call: Call, text: str) -> tuple[str, str]:
    """Account and resource of an ARN that means something in this Region."""
    try:
        arn = Arn.parse(text)
    except ValueError:
        raise InvalidArn(f"Invalid arn {text}") from None
    if arn.service != "kms" or not _ACCOUNT.match(arn.account):
        raise InvalidArn(f"Invalid arn {text}")
    if arn.region != call.region or arn.partition != partition_of(call.region):
        raise NotFound(f"Invalid arn {arn.region}")
    if not arn.resource.startswith(("key/", aliases.PREFIX)):
        raise InvalidArn(f"Invalid arn {text}")
    return arn.account, arn.resource


def is_key_id(key_id: str) -> bool:
    """Whether it has the form of one."""
    return _KEY_ID.match(key_id) is not None


def _by_id(
    kms: Kms | KmsBooks, call: Call, operation: str, account: str, asked: str, key_id: str
) -> Key:
    if not is_key_id(key_id):
        raise NotFound(f"Invalid keyId '{asked}'")
    key = kms.books.key(account, call.region, key_id)
    if key is None:
        arn = str(Arn(partition_of(call.region), "kms", call.region, account, f"key/{key_id}"))
        if account != call.account:
            access.refuse_absent(call, operation, arn, account)
        raise NotFound(f"Key '{arn}' does not exist")
    return key


def _by_alias(kms: Kms | KmsBooks, call: Call, operation: str, account: str, name: str) -> Key:
    alias = kms.books.alias(account, call.region, name)
    key = None if alias is None else kms.books.key(account, call.region, alias.target)
    if key is not None:
        return key
    arn = aliases.alias_arn(account, call.region, name)
    if account != call.account:
        access.refuse_absent(call, operation, arn, account)
    if alias is None and aliases.service_of(name) is not None:
        raise Prepare(partial(managed.provide, kms.backing, call, name))
    raise NotFound(f"Alias {arn} is not found.")
