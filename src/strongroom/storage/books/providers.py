"""OpenID Connect providers."""

import json
from dataclasses import dataclass

from strongroom.keys.hierarchy import Cell
from strongroom.policy.entities import Provider
from strongroom.storage import schema
from strongroom.storage.books.entities import Entities

_TABLE = schema.iam_providers


@dataclass(slots=True)
class Providers(Entities):
    def provider(self, account: str, url: str) -> Provider | None:
        """`url` without its scheme."""
        return next((each for each in self.providers(account) if each.url == url), None)

    def providers(self, account: str) -> list[Provider]:
        rows = self._all(_TABLE, account, "", _TABLE.c.url)
        return [
            Provider(
                account,
                row["url"],
                row["partition"],
                tuple(json.loads(row["client_ids"])),
                tuple(json.loads(row["thumbprints"])),
                row["created"],
            )
            for row in rows
        ]

    def put_provider(self, provider: Provider) -> None:
        """Keep a provider, in place of one of the same URL."""
        self.delete_provider(provider)
        row: dict[str, Cell] = {
            "account": provider.account,
            "url": provider.url,
            "partition": provider.partition,
            "client_ids": json.dumps(provider.client_ids),
            "thumbprints": json.dumps(provider.thumbprints),
            "created": provider.created,
        }
        self._insert(_TABLE, provider.account, "", row)

    def delete_provider(self, provider: Provider) -> None:
        self._delete(_TABLE, _TABLE.c.account == provider.account, _TABLE.c.url == provider.url)
        self._touch_identities(provider.account)
