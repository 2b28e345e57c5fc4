"""A KMS endpoint, found the way botocore finds it: options, environment, ~/.aws, and so on.

A key's ARN names its Region, so a client is made for each Region that is asked for, and only
then: `import botocore.session` takes a quarter of a second, which `--help` should not.
"""

import os
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from botocore.exceptions import BotoCoreError, NoRegionError

from strongroom import __version__
from strongroom.arn import Arn
from strongroom.client.datakeys import DecryptedKey, GeneratedKey, Kms
from strongroom.client.faults import EndpointRefused

if TYPE_CHECKING:
    import botocore.session

_CONNECT_TIMEOUT = 10  # seconds


class _Client(Kms, Protocol):
    def close(self) -> None: ...


class Endpoint:
    """A `Kms` that sends each call to the Region of the key it is for; close it after use.

    `region` is for keys that are not named by ARN, and for every key if it is given.
    """

    def __init__(
        self,
        *,
        endpoint_url: str | None = None,
        region: str | None = None,
        profile: str | None = None,
    ) -> None:
        self._endpoint_url = endpoint_url
        self._region = region
        self._profile = profile
        self._session: botocore.session.Session | None = None
        self._clients: dict[str, _Client] = {}

    def generate_data_key(
        self,
        *,
        KeyId: str,  # noqa: N803
        KeySpec: str,  # noqa: N803
        EncryptionContext: Mapping[str, str],  # noqa: N803
    ) -> GeneratedKey:
        return self._client(KeyId).generate_data_key(
            KeyId=KeyId, KeySpec=KeySpec, EncryptionContext=EncryptionContext
        )

    def decrypt(
        self,
        *,
        KeyId: str,  # noqa: N803
        CiphertextBlob: bytes,  # noqa: N803
        EncryptionContext: Mapping[str, str],  # noqa: N803
    ) -> DecryptedKey:
        return self._client(KeyId).decrypt(
            KeyId=KeyId, CiphertextBlob=CiphertextBlob, EncryptionContext=EncryptionContext
        )

    def client_of(self, key: str) -> Any:
        """A client of botocore's for the Region of a key, for other calls than those above."""
        return self._client(key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def _client(self, key: str) -> _Client:
        region = self._region or _region_in(key) or self._configured_region()
        if region not in self._clients:
            self._clients[region] = self._new_client(region)
        return self._clients[region]

    def _new_client(self, region: str) -> _Client:
        from botocore.config import Config

        config = Config(
            connect_timeout=_CONNECT_TIMEOUT,
            user_agent_extra=f"strongroom/{__version__}",
        )
        try:
            client: _Client = self._botocore().create_client(
                "kms", region_name=region, endpoint_url=self._endpoint_url, config=config
            )
        except ValueError as cause:
            if isinstance(cause, BotoCoreError):
                raise
            # botocore's bare ValueError is about the endpoint alone, wherever that came from.
            raise EndpointRefused(
                f"`{str(cause).removeprefix('Invalid endpoint: ')}` is not a KMS endpoint: "
                "give a URL such as `http://127.0.0.1:4599`"
            ) from None
        return client

    def _configured_region(self) -> str:
        # botocore reads AWS_DEFAULT_REGION; AWS's other tools read AWS_REGION, too.
        region = self._botocore().get_config_variable("region") or os.environ.get("AWS_REGION")
        if not region:
            raise NoRegionError
        return str(region)

    def _botocore(self) -> "botocore.session.Session":
        if self._session is None:
            import botocore.session

            self._session = botocore.session.Session(profile=self._profile)
        return self._session


def _region_in(key: str) -> str | None:
    try:
        return Arn.parse(key).region or None
    except ValueError:
        return None
