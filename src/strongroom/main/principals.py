"""From a credential that has signed to the principal that it speaks for."""

from functools import lru_cache

from strongroom.arn import partition_of
from strongroom.services import principal
from strongroom.services.principal import Principal
from strongroom.storage.books import Credential


class Principals:
    """The same object for the same principal, for as long as nothing about it changes."""

    def __call__(self, credential: Credential, region: str) -> Principal:
        return _root(partition_of(region), credential.account, credential.key_id)


@lru_cache(maxsize=4_096)
def _root(partition: str, account: str, key_id: str) -> Principal:
    return principal.root(partition, account, key_id)
