"""A grant as the services see it, and what follows from its parts alone.

Rules kept here: which grant is no wider than another, who may retire one, and by what a repeated
CreateGrant is known.  What may be asked for when one is made is in `keys.grant_rules`; what one
allows is `policy.grants`.

Where a principal stands, an AWS service's name may stand too: an ARN begins with `arn:`, and no
service's name has a colon, so a grant has exactly one grantee and at most one retiring principal.
A user or a role is meant by its unique id, so that another one of the same name has no part in it.

Source: KMS Developer Guide, "Grants in AWS KMS"; API Reference, CreateGrant and GrantConstraints.
"""

import hashlib
from dataclasses import dataclass

from strongroom.arn import Arn, partition_of, root_user
from strongroom.keys.sealing import names

Pairs = tuple[tuple[str, str], ...]
"""Of an encryption context, as they were given."""


def is_service(principal: str) -> bool:
    """Whether what stands for a principal is the name of an AWS service."""
    return ":" not in principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Times are seconds since the epoch."""

    id: str  # 64 hex digits
    account: str  # of the key, as are Region and key id
    region: str
    key_id: str
    name: str  # "" for none
    grantee: str  # an ARN, or the name of a service
    grantee_id: str  # whom it means: the unique id of a user or a role, else as `grantee`
    retiring: str  # likewise; "" for nobody
    retiring_id: str
    operations: tuple[str, ...]
    equals: Pairs | None  # the encryption context has exactly these pairs
    subset: Pairs | None  # or at least these
    source_arn: str  # "" for any
    issuing_account: str
    issuer: str  # ARN of the principal that made it
    created: float
    parent: str  # id of the grant that allowed to make it; "" where a policy did

    @property
    def key_arn(self) -> str:
        return str(
            Arn(partition_of(self.region), "kms", self.region, self.account, f"key/{self.key_id}")
        )

    @property
    def issuing_root(self) -> str:
        """The ARN of the account in which it was made."""
        return self._root(self.issuing_account)

    @property
    def likeness(self) -> bytes | None:
        """The same for two grants of a key that a repeated CreateGrant may take for each other.

        None for one without a name, which is like no other.  Order and repetition of operations,
        and order of pairs, make no difference.
        """
        if not self.name:
            return None
        parts = names(
            self.issuing_account,
            self.name,
            self.grantee_id,
            self.retiring_id,
            names(*sorted(set(self.operations))),
            _encoded(self.equals),
            _encoded(self.subset),
            self.source_arn,
        )
        return hashlib.sha256(parts).digest()

    @property
    def retirers(self) -> tuple[str, ...]:
        """Whom it lets retire it: the retiring principal and its account, the account in which it
        was made, and the grantee if RetireGrant is among the operations.

        Users and roles stand as their unique ids, accounts stand as the ARNs of their root users.  Source: KMS Developer Guide, "Retiring and
        revoking grants".
        """
        may = [self.issuing_root]
        if self.retiring:
            may.append(self.retiring_id)
            if not is_service(self.retiring):
                may.append(self._root(Arn.parse(self.retiring).account))
        if "RetireGrant" in self.operations:
            may.append(self.grantee_id)
        return tuple(dict.fromkeys(may))

    def _root(self, account: str) -> str:
        return root_user(partition_of(self.region), account)


def narrower(child: Grant, parent: Grant) -> bool:
    """Whether `child` allows nothing that `parent` does not.

    Operations are among the parent's; a constraint of the parent's stands in the child too, equal
    or stricter: Equals stays as it is, Subset may gain pairs or become Equals.
    """
    return (
        set(child.operations) <= set(parent.operations)
        and parent.source_arn in ("", child.source_arn)
        and (parent.equals is None or _same(child.equals, parent.equals))
        and (not parent.subset or _holds(child, parent.subset))
    )


def compared(pairs: Pairs) -> dict[str, str]:
    """Pairs as they are compared: their keys without regard to case, their values with it."""
    return {key.lower(): value for key, value in pairs}


def _same(pairs: Pairs | None, others: Pairs) -> bool:
    return pairs is not None and compared(pairs) == compared(others)


def _holds(child: Grant, needed: Pairs) -> bool:
    """Whether every encryption context that `child` admits has the pairs `needed`."""
    given = compared(child.equals or ()).items() | compared(child.subset or ()).items()
    return compared(needed).items() <= given


def _encoded(pairs: Pairs | None) -> bytes:
    if pairs is None:
        return b"n"
    return b"p" + names(*(names(key, value) for key, value in sorted(pairs)))
