"""Accounts and their access keys."""

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import select

from strongroom.storage import schema
from strongroom.storage.books.book import Book
from strongroom.storage.changes import Kind
from strongroom.storage.rows import checked


class Credential(NamedTuple):
    """An access key and whose it is."""

    key_id: str
    secret: str
    account: str

    def __repr__(self) -> str:
        return f"Credential(key_id={self.key_id!r}, account={self.account!r})"


@dataclass(slots=True)
class Accounts(Book):
    def add_account(self, account: str, name: str, now: float) -> None:
        self._insert(
            schema.accounts, account, "", {"account": account, "name": name, "created": now}
        )

    def account_exists(self, account: str) -> bool:
        table = schema.accounts
        return self._one(table, account, "", table.c.account == account) is not None

    def add_credential(self, credential: Credential, now: float) -> None:
        domain = self.own_domain(credential.account, "")
        sealed = domain.seal("access-key", credential.key_id, credential.secret.encode())
        self._insert(
            schema.access_keys,
            credential.account,
            "",
            {
                "key_id": credential.key_id,
                "account": credential.account,
                "status": "Active",
                "created": now,
                "sealed": sealed,
            },
        )
        self._touch(Kind.CREDENTIAL, credential.account, "", credential.key_id)

    def credential(self, key_id: str) -> Credential | None:
        """The access key of that id, if there is one and it is active."""
        table = schema.access_keys
        read = self.connection.execute(select(table).where(table.c.key_id == key_id)).mappings()
        found = read.one_or_none()
        if found is None:
            return None
        domain = self.domain(found["account"], "")
        row = checked(domain, table, found)
        if domain is None or row["status"] != "Active":
            return None
        secret = domain.unseal("access-key", key_id, found["sealed"]).decode()
        return Credential(key_id, secret, found["account"])
