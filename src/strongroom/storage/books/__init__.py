"""Everything that is kept, read and written within one transaction.

`Books` is what a handler holds: it knows domains, checks every row it reads, signs every row it
writes, and remembers what it touched.  It speaks of keys, aliases, grants, users, roles and
organizations; SQL stays here.
"""

from dataclasses import dataclass

from strongroom.keys.key import About, Key
from strongroom.storage.books.accounts import Accounts
from strongroom.storage.books.book import Home
from strongroom.storage.books.domains import Domains
from strongroom.storage.books.grants import Grants
from strongroom.storage.books.identities import Identities
from strongroom.storage.books.keys import Keys
from strongroom.storage.books.organizations import Organizations
from strongroom.storage.books.tags import Tags
from strongroom.storage.books.usage import Usage


@dataclass(slots=True)
class Books(Accounts, Domains, Grants, Identities, Keys, Organizations, Tags, Usage):
    """One transaction's books; `Store` makes them."""

    def about(self, key: Key) -> About:
        return About(tuple(alias.name for alias in self.aliases_of(key)), self.tags(key))


__all__ = ["Books", "Home"]
