"""Grants as KMS documents them, in plain sets and dicts; it knows nothing of how they are done here.

Principals are called by names: `owner` is the root user of the keys' account, everybody else is a
user of another one who has no policy of her own, so that she may do what grants let her and no more.
"""

from dataclasses import dataclass, field

OWNER = "owner"
UNCONSTRAINED = ("DescribeKey", "RetireGrant")


@dataclass(frozen=True)
class Constraint:
    pairs: tuple  # of an encryption context
    exact: bool  # it has these pairs, or at least these

    @property
    def compared(self):
        """Keys without regard to case, values with it."""
        return {key.lower(): value for key, value in self.pairs}

    @property
    def shown(self):
        kind = "EncryptionContextEquals" if self.exact else "EncryptionContextSubset"
        return {kind: dict(self.pairs)}

    def admits(self, context):
        given = {key.lower(): value for key, value in context.items()}
        return given == self.compared if self.exact else self.compared.items() <= given.items()

    def covers(self, other):
        """Whether every context that `other` admits is admitted here."""
        if other is None or (self.exact and not other.exact):
            return False
        if self.exact:
            return self.compared == other.compared
        return self.compared.items() <= other.compared.items()


@dataclass(frozen=True)
class Grant:
    key: str
    author: str
    grantee: str
    retiring: str | None
    operations: frozenset
    constraint: Constraint | None
    name: str | None

    def lets(self, who, operation, context):
        return (
            self.grantee == who
            and operation in self.operations
            and (
                self.constraint is None
                or operation in UNCONSTRAINED
                or self.constraint.admits(context)
            )
        )

    def covers(self, child):
        """Whether its grantee may make `child` out of it."""
        return (
            (self.key, self.grantee) == (child.key, child.author)
            and "CreateGrant" in self.operations
            and child.operations <= self.operations
            and (self.constraint is None or self.constraint.covers(child.constraint))
        )

    def may_be_retired_by(self, who):
        """By its retiring principal, its grantee if it says so, and the account it was made in;
        of another account nobody has a policy that would pass that on.
        """
        return (
            who == self.retiring
            or (who == self.grantee and "RetireGrant" in self.operations)
            or (who == OWNER and self.author == OWNER)
        )


@dataclass
class Grants:
    """Those that there are, by their ids, and all that ever were."""

    live: dict[str, Grant] = field(default_factory=dict)
    ever: dict[str, Grant] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)  # one of each

    def of(self, key):
        return {grant_id: grant for grant_id, grant in self.live.items() if grant.key == key}

    def let(self, who, operation, key, context):
        """Whether somebody may do `operation` with a key."""
        return who == OWNER or any(
            grant.lets(who, operation, context) for grant in self.of(key).values()
        )

    def may_be_made(self, grant):
        return grant.author == OWNER or any(
            parent.covers(grant) for parent in self.of(grant.key).values()
        )

    def like(self, grant):
        """The id of the grant that is meant when the same is asked for again, by its name."""
        if grant.name is None:
            return None
        same = [
            grant_id
            for grant_id, other in self.live.items()
            if _likeness(other) == _likeness(grant)
        ]
        return same[0] if same else None

    def add(self, grant_id, grant, token):
        self.live[grant_id] = self.ever[grant_id] = grant
        self.tokens[grant_id] = token

    def forget_key(self, key):
        for grant_id in self.of(key):
            del self.live[grant_id]


def _likeness(grant):
    """All but who of an account made it."""
    return (
        grant.key,
        grant.author == OWNER,
        grant.grantee,
        grant.retiring,
        grant.operations,
        grant.constraint,
        grant.name,
    )
