"""What a signature is verified with, and whom it speaks for."""

from typing import NamedTuple

from strongroom.keys.session import Session


class Credential(NamedTuple):
    """An access key, long-term or a session's."""

    key_id: str
    secret: str
    account: str
    user: str = ""  # the unique id of the user or role; the account's root user has none
    session: Session | None = None

    def __repr__(self) -> str:
        return f"Credential(key_id={self.key_id!r}, account={self.account!r}, user={self.user!r})"
