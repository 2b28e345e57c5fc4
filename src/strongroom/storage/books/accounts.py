"""Accounts, their aliases and access keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from strongroom.keys.credential import Credential
from strongroom.keys.hierarchy import Cell
from strongroom.policy.entities import AccessKey
from strongroom.storage import schema
from strongroom.storage.books.entities import Entities
from strongroom.storage.changes import Kind

_KEYS = schema.access_keys
_ALIASES = schema.iam_account_aliases


@dataclass(slots=True)
class Accounts(Entities):
    def add_account(self, account: str, name: str, now: float) -> None:
        self._insert(
            schema.accounts, account, "", {"account": account, "name": name, "created": now}
        )

    def account_exists(self, account: str) -> bool:
        return self.account_created(account) is not None

    def account_created(self, account: str) -> float | None:
        """When the account was made; None if it was not, as those of throw-away servers are not."""
        table = schema.accounts
        row = self._only(table, account, "")
        return None if row is None else float(row["created"])

    def account_name(self, account: str) -> str:
        """What the account was called when it was made; "" if it was not."""
        table = schema.accounts
        row = self._only(table, account, "")
        return "" if row is None else str(row["name"])

    def accounts(self) -> list[tuple[str, str, float]]:
        """Number, name and creation of every account that was made, by number."""
        table = schema.accounts
        rows = self.connection.execute(select(table).order_by(table.c.account)).mappings()
        found = [self._checked(table, row["account"], "", row) for row in rows.all()]
        return [(str(row["account"]), str(row["name"]), float(row["created"])) for row in found]

    def accounts_known(self) -> list[str]:
        """The numbers of all accounts for which anything was ever kept, in order."""
        table = schema.domains
        found = self.connection.execute(
            select(table.c.account).distinct().order_by(table.c.account)
        )
        return list(found.scalars())

    def account_known(self, account: str) -> bool:
        """Whether anything was ever kept for it."""
        return self.domain(account, "") is not None

    # Access keys

    def add_credential(self, credential: Credential, now: float) -> None:
        self.add_access_key(
            AccessKey(credential.key_id, credential.account, credential.user, True, now),
            credential.secret,
        )

    def add_access_key(self, key: AccessKey, secret: str) -> None:
        domain = self.own_domain(key.account, "")
        row: dict[str, Cell] = {
            "key_id": key.key_id,
            "account": key.account,
            "user_id": key.user_id,
            "status": _status(key),
            "created": key.created,
        }
        row["sealed"] = domain.seal("access-key", access_key_owner(row), secret.encode())
        self._insert(_KEYS, key.account, "", row)
        self._touch_key(key)

    def credential(self, key_id: str) -> Credential | None:
        """The access key of that id, if there is one and it is active."""
        row = self._anywhere(_KEYS, key_id=key_id)
        if row is None or row["status"] != "Active":
            return None
        domain = self.domain(row["account"], "")
        assert domain is not None  # noqa: S101 - the row was checked under it
        secret = domain.unseal("access-key", access_key_owner(row), row["sealed"])
        return Credential(key_id, secret.decode(), row["account"], row["user_id"])

    def access_key(self, key_id: str) -> AccessKey | None:
        """The access key of that id, of whichever account."""
        row = self._anywhere(_KEYS, key_id=key_id)
        return None if row is None else _key(row)

    def access_keys(self, account: str, user_id: str) -> list[AccessKey]:
        """Of a user, or of the root user, the oldest first."""
        order = _KEYS.c.created
        rows = self._some(_KEYS, account, "", _KEYS.c.user_id == user_id, order, None)
        return [_key(row) for row in rows]

    def set_access_key(self, key: AccessKey, *, active: bool) -> None:
        row = self._anywhere(_KEYS, key_id=key.key_id)
        if row is None:
            raise RuntimeError(f"access key {key.key_id} went within the transaction that held it")
        row["status"] = "Active" if active else "Inactive"
        self._update(_KEYS, key.account, "", row, _KEYS.c.key_id == key.key_id)
        self._touch_key(key)

    def delete_access_key(self, key: AccessKey) -> None:
        self._delete(_KEYS, _KEYS.c.key_id == key.key_id)
        self._touch_key(key)

    def _touch_key(self, key: AccessKey) -> None:
        self._touch(Kind.CREDENTIAL, key.account, "", key.key_id)
        self._touch_identities(key.account)

    # Aliases

    def account_alias(self, account: str) -> str | None:
        row = self._one(_ALIASES, account, "", _ALIASES.c.account == account)
        return None if row is None else str(row["alias"])

    def account_of_alias(self, alias: str) -> str | None:
        """The account, of all there are, that has the alias."""
        row = self._anywhere(_ALIASES, alias=alias)
        return None if row is None else str(row["account"])

    def put_account_alias(self, account: str, alias: str) -> None:
        """Give an account its alias, in place of the one it has."""
        self.delete_account_alias(account)
        self._insert(_ALIASES, account, "", {"alias": alias, "account": account})

    def delete_account_alias(self, account: str) -> None:
        self._delete(_ALIASES, _ALIASES.c.account == account)
        self._touch_identities(account)


def access_key_owner(row: Mapping[str, Any]) -> str:
    """Whose the sealed secret of a row is."""
    return str(row["key_id"])


def _status(key: AccessKey) -> str:
    return "Active" if key.active else "Inactive"


def _key(row: dict[str, Any]) -> AccessKey:
    return AccessKey(
        row["key_id"], row["account"], row["user_id"], row["status"] == "Active", row["created"]
    )
