"""What the STS operations are given."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from strongroom.keys.session import Session, Temporary
from strongroom.policy.entities import AccessKey, ManagedPolicy, PolicyVersion, Provider
from strongroom.policy.identity import Identity
from strongroom.policy.organization import Standing


class Books(Protocol):
    """See `storage.books` for what each does."""

    def identity(
        self, account: str, kind: Literal["user", "role"], name: str
    ) -> Identity | None: ...
    def standing(self, account: str) -> Standing: ...
    def managed_policy(self, account: str, arn: str) -> ManagedPolicy | None: ...
    def version(self, policy: ManagedPolicy, number: int) -> PolicyVersion | None: ...
    def provider(self, account: str, url: str) -> Provider | None: ...
    def access_key(self, key_id: str) -> AccessKey | None: ...
    def account_known(self, account: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Sts:
    books: Books
    seal: Callable[[Session], Temporary]
    issuer_keys: Callable[[str, str, str | None], Sequence[Mapping[str, object]]]
    """The public keys of an OpenID Connect issuer, as JWKs, for the account whose provider it is; it
    is told which one (`kid`) is wanted.

    NotReady if they have to be fetched first; InvalidIdentityToken or IDPCommunicationError if they
    cannot be had.
    """
