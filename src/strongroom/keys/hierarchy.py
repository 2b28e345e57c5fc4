"""Root key, domain keys, key material: who seals whom.

    root key                       sealed by the operator's choice (`storage.rootkey`)
    `- domain key                  one per account and Region, random, sealed under the root key; two
                                   while the one is being replaced by the other
       |- key material             sealed under the domain's wrapping key
       |- secret access keys       likewise
       |- row MACs                 under the domain's MAC key
       `- grant tokens             their MACs, under the domain's token key

The Region of what belongs to an account as a whole (access keys, the account itself) is "".
A domain key is used only through keys derived from it, one per purpose.  What is written is written under
the newer one; what is read may be of either.
"""

import hmac
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NewType

from strongroom.keys.derive import KEY_BYTES, derive
from strongroom.keys.envelope import Material
from strongroom.keys.sealing import Tampered, names, seal, unseal

RootKey = NewType("RootKey", bytes)

_DOUBLE = struct.Struct(">d").pack
_LENGTH = struct.Struct(">I").pack

Cell = str | bytes | int | float | None
"""What a column of a row that decides may hold."""


def fingerprint(root: RootKey) -> bytes:
    """16 bytes by which a root key is known again; they tell nothing of it."""
    return derive(root, b"strongroom/v1/root-fingerprint", b"")[:16]


def audit_key(root: RootKey) -> bytes:
    """The key of the audit log's MACs."""
    return derive(root, b"strongroom/v1/audit", b"")


@dataclass(frozen=True, slots=True)
class Domain:
    """The keys of one account in one Region."""

    account: str
    region: str
    _wrapping: bytes = field(repr=False)
    _mac: bytes = field(repr=False)
    _token: bytes = field(repr=False)
    before: "Domain | None" = None
    """The same under the key that is being replaced."""

    def seal(self, purpose: str, owner: str, plaintext: bytes) -> bytes:
        """Seal `plaintext`, to be opened only for the same purpose and owner in this domain."""
        return seal(self._wrapping, plaintext, names(self.account, self.region, purpose, owner))

    def unseal(self, purpose: str, owner: str, box: bytes) -> bytes:
        """What `seal` was given; Tampered if the box is of another purpose, owner or domain."""
        try:
            return unseal(self._wrapping, box, names(self.account, self.region, purpose, owner))
        except Tampered:
            if self.before is None:
                raise
            return self.before.unseal(purpose, owner, box)

    def row_mac(self, table: str, row: Mapping[str, Cell]) -> bytes:
        """The MAC over all columns of a row, each with its name and type."""
        return hmac.digest(self._mac, _encoded(table, row), "sha256")

    def require_row(self, table: str, row: Mapping[str, Cell], mac: bytes) -> None:
        """Tampered if `mac` is not the row's."""
        if self.is_new(table, row, mac):
            return
        if self.before is None:
            raise Tampered(f"a row of `{table}` was altered outside Strongroom")
        self.before.require_row(table, row, mac)

    def is_new(self, table: str, row: Mapping[str, Cell], mac: bytes) -> bool:
        """Whether `mac` is the row's under the newer key."""
        return hmac.compare_digest(self.row_mac(table, row), mac)

    def token_mac(self, token: bytes) -> bytes:
        """The MAC that makes a grant token genuine (`keys.grant_token`)."""
        return hmac.digest(self._token, token, "sha256")

    def is_token(self, token: bytes, mac: bytes) -> bool:
        """Whether `mac` makes the token genuine."""
        if hmac.compare_digest(self.token_mac(token), mac):
            return True
        return self.before is not None and self.before.is_token(token, mac)


def new_domain(root: RootKey, account: str, region: str) -> bytes:
    """A fresh domain key, sealed under `root`."""
    return seal(root, os.urandom(KEY_BYTES), names("domain", account, region))


def renewed_domain(root: RootKey, account: str, region: str, sealed: bytes) -> bytes:
    """A fresh domain key beside the one that it is to replace; what is sealed is the same if one is being
    replaced already.
    """
    secret = unseal(root, sealed, names("domain", account, region))
    if len(secret) > KEY_BYTES:
        return sealed
    return seal(root, os.urandom(KEY_BYTES) + secret, names("domain", account, region))


def settled_domain(root: RootKey, account: str, region: str, sealed: bytes) -> bytes:
    """The newer key alone, once nothing is left under the other one."""
    secret = unseal(root, sealed, names("domain", account, region))
    return seal(root, secret[:KEY_BYTES], names("domain", account, region))


def open_domain(root: RootKey, account: str, region: str, sealed: bytes) -> Domain:
    """The domain whose key, or keys, were sealed here; Tampered if it is another's."""
    secret = unseal(root, sealed, names("domain", account, region))
    before = secret[KEY_BYTES:]
    return _domain(
        account, region, secret[:KEY_BYTES], _domain(account, region, before) if before else None
    )


def _domain(account: str, region: str, secret: bytes, before: Domain | None = None) -> Domain:
    return Domain(
        account,
        region,
        derive(secret, b"strongroom/v1/domain-wrapping", b""),
        derive(secret, b"strongroom/v1/domain-mac", b""),
        derive(secret, b"strongroom/v1/grant-token", b""),
        before,
    )


def new_material(key_id: str) -> Material:
    """Fresh symmetric material for a key."""
    secret = os.urandom(KEY_BYTES)
    return Material(material_id(key_id, secret), secret)


def material_id(key_id: str, secret: bytes) -> bytes:
    """The id of `secret` as material of a key: the same wherever that key has it.

    Keyed by the secret, so it is no oracle for anyone who does not hold it.
    """
    return derive(secret, b"strongroom/v1/material-id", key_id.encode())


def _encoded(table: str, row: Mapping[str, Cell]) -> bytes:
    begin, columns = _framed_names(table, tuple(row))
    parts = [begin]
    for framed, column in columns:
        value = row[column]
        match value:
            case str():
                encoded = b"s" + value.encode()
            case bytes():
                encoded = b"b" + value
            case None:
                encoded = b"n"
            case bool() | int():
                encoded = b"i%d" % value
            case float():
                encoded = b"f" + _DOUBLE(value)
        parts.append(framed)
        parts.append(_LENGTH(len(encoded)))
        parts.append(encoded)
    return b"".join(parts)


@lru_cache(maxsize=256)
def _framed_names(table: str, columns: tuple[str, ...]) -> tuple[bytes, list[tuple[bytes, str]]]:
    """The name of a table, and those of its columns in their order, as `sealing.names` frames them."""
    return names(table), [(names(column), column) for column in sorted(columns)]
