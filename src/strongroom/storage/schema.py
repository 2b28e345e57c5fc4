"""The tables.

Rules kept here: a row that decides anything carries `mac`, over all its other columns (see
`storage.rows`); secrets stand in `sealed` columns only; times are seconds since the epoch; the
SQL types are those that SQLite and PostgreSQL both have.

A change of this file goes with a migration in `storage/migrations/versions`; a test compares
what the migrations make with what stands here.  So that nodes of two releases can use one database, what is
new comes in tables of its own and nothing that the release before reads is changed or taken away; a
migration says so (`storage.migrations`).
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeEngine

REVISION = "0009"
"""The migration that makes these tables; a database at another one is migrated before use."""

WORKS_WITH: tuple[str, ...] = ()
"""Earlier revisions whose releases can use these tables, beside this one: those since which tables were
only added.
"""

metadata = MetaData()


def _text(most: int | None = None) -> "TypeEngine[str]":
    """Characters, so many at most; compared and sorted byte by byte, as SQLite does."""
    kind = Text if most is None else String
    return kind(most).with_variant(kind(most, collation="C"), "postgresql")


_ACCOUNT = _text(12)
_REGION = _text(64)
_KEY_ID = _text(36)
_UNIQUE_ID = _text(32)  # of IAM: AIDA and 17 more
_UNIT = _text(68)  # of Organizations: r-..., ou-...; or an account's digits
_POLICY = _text(130)  # of Organizations: p-...


def _mac() -> "Column[bytes]":
    return Column("mac", LargeBinary, nullable=False)


domains = Table(
    "domains",
    metadata,
    Column("account", _ACCOUNT, primary_key=True),
    Column("region", _REGION, primary_key=True),  # "" for what belongs to the account as a whole
    Column("sealed", LargeBinary, nullable=False),  # names its account and Region in its AAD
)

accounts = Table(
    "accounts",
    metadata,
    Column("account", _ACCOUNT, primary_key=True),
    Column("name", _text(), nullable=False),
    Column("created", Double, nullable=False),
    _mac(),
)

access_keys = Table(
    "access_keys",
    metadata,
    Column("key_id", _text(128), primary_key=True),
    Column("account", _ACCOUNT, nullable=False),
    Column("user_id", _UNIQUE_ID, nullable=False),  # "" for the account's root user
    Column("status", _text(16), nullable=False),
    Column("created", Double, nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # the secret access key
    _mac(),
)
Index("access_keys_by_user", access_keys.c.account, access_keys.c.user_id)

keys = Table(
    "keys",
    metadata,
    Column("account", _ACCOUNT, primary_key=True),
    Column("region", _REGION, primary_key=True),
    Column("key_id", _KEY_ID, primary_key=True),
    Column("manager", _text(16), nullable=False),
    Column("spec", _text(32), nullable=False),
    Column("usage", _text(32), nullable=False),
    Column("origin", _text(32), nullable=False),
    Column("multi_region", Boolean, nullable=False),
    Column("state", _text(32), nullable=False),
    Column("description", _text(), nullable=False),
    Column("created", Double, nullable=False),
    Column("policy", _text(), nullable=False),
    Column("principals", _text(), nullable=False),  # JSON: ARNs in the policy to unique ids
    Column("deletion_date", Double),
    Column("deletion_window_days", Integer),
    Column("rotation_period_days", Integer),
    Column("next_rotation", Double),
    Column("on_demand_rotations", Integer, nullable=False),
    Column("current_material", LargeBinary, nullable=False),
    Column("version", BigInteger, nullable=False),
    _mac(),
)
Index("keys_by_id", keys.c.key_id, keys.c.region)
Index("keys_by_deletion_date", keys.c.deletion_date)
Index("keys_by_next_rotation", keys.c.next_rotation)

materials = Table(
    "materials",
    metadata,
    Column("account", _ACCOUNT, primary_key=True),
    Column("region", _REGION, primary_key=True),
    Column("key_id", _KEY_ID, primary_key=True),
    Column("generation", Integer, primary_key=True),  # from 0
    Column("material_id", LargeBinary, nullable=False),
    Column("created", Double, nullable=False),  # of generation n > 0: when the key rotated to it
    Column("rotation_type", _text(16)),  # none for generation 0
    Column("sealed", LargeBinary, nullable=False),  # nothing: it was imported and is not here
    _mac(),
)

last_usage = Table(
    "last_usage",
    metadata,
    Column("account", _ACCOUNT, primary_key=True),
    Column("region", _REGION, primary_key=True),
    Column("key_id", _KEY_ID, primary_key=True),
    Column("operation", _text(64), nullable=False),
    Column("at", Double, nullable=False),
    Column("request_id", _text(36), nullable=False),
    Column("event_id", _text(36), nullable=False),
    _mac(),
)

primaries = Table(
    "primaries",
    metadata,
    Column("account", _ACCOUNT, primary_key=True),
    Column("key_id", _KEY_ID, primary_key=True),  # of a multi-Region key that was replicated
    Column("primary_region", _REGION, nullable=False),
    _mac(),
)

imports = Table(
    "imports",
    metadata,
    Column("account", _ACCOUNT, primary_key=True),
    Column("region", _REGION, primary_key=True),
    Column("key_id", _KEY_ID, primary_key=True),
    Column("material_id", LargeBinary, primary_key=True),
    Column("pending", Boolean, nullable=False),
    Column("valid_to", Double),  # none: it does not expire, or is not here
    Column("description", _text(), nullable=False),
    _mac(),
)
Index("imports_by_valid_to", imports.c.valid_to)

aliases = Table(
    "aliases",
    metadata,
    Column("account", _ACCOUNT, primary_key=True),
    Column("region", _REGION, primary_key=True),
    Column("name", _text(256), primary_key=True),  # with its prefix `alias/`
    Column("target", _KEY_ID, nullable=False),
    Column("created", Double, nullable=False),
    Column("updated", Double, nullable=False),
    _mac(),
)
Index("aliases_by_target", aliases.c.account, aliases.c.region, aliases.c.target)

tags = Table(
    "tags",
    metadata,
    Column("account", _ACCOUNT, primary_key=True),
    Column("region", _REGION, primary_key=True),
    Column("key_id", _KEY_ID, primary_key=True),
    Column("tag_key", _text(128), primary_key=True),
    Column("tag_value", _text(), nullable=False),
    Column("position", Integer, nullable=False),  # tags are listed in the order they came
    _mac(),
)

# IAM.  An entity is referred to by its unique id, so that who comes later under the same name is
# somebody else; names differ by more than case, which the primary keys hold.


def _named(name: str, *further: "Column[Any]") -> Table:
    """A table of entities that have a name, a path and a unique id."""
    return Table(
        name,
        metadata,
        Column("account", _ACCOUNT, primary_key=True),
        Column("folded", _text(128), primary_key=True),  # the name in lower case
        Column("name", _text(128), nullable=False),
        Column("partition", _text(16), nullable=False),
        Column("path", _text(), nullable=False),
        Column("id", _UNIQUE_ID, nullable=False),
        Column("created", Double, nullable=False),
        *further,
        _mac(),
        Index(f"{name}_by_id", "account", "id"),
    )


iam_users = _named("iam_users", Column("boundary", _text(), nullable=False))
iam_groups = _named("iam_groups")
iam_roles = _named(
    "iam_roles",
    Column("boundary", _text(), nullable=False),  # a managed policy's ARN, or ""
    Column("trust", _text(), nullable=False),
    Column("principals", _text(), nullable=False),  # JSON: ARNs in `trust` to unique ids
    Column("description", _text(), nullable=False),
    Column("max_session_seconds", Integer, nullable=False),
)
iam_policies = _named(
    "iam_policies",
    Column("description", _text(), nullable=False),
    Column("updated", Double, nullable=False),
    Column("default_version", Integer, nullable=False),
    Column("last_version", Integer, nullable=False),  # numbers are not given twice
)

iam_policy_versions = Table(
    "iam_policy_versions",
    metadata,
    Column("account", _ACCOUNT, primary_key=True),
    Column("policy_id", _UNIQUE_ID, primary_key=True),
    Column("number", Integer, primary_key=True),  # from 1
    Column("document", _text(), nullable=False),
    Column("created", Double, nullable=False),
    _mac(),
)

iam_members = Table(
    "iam_members",
    metadata,
    Column("account", _ACCOUNT, primary_key=True),
    Column("group_id", _UNIQUE_ID, primary_key=True),
    Column("user_id", _UNIQUE_ID, primary_key=True),
    _mac(),
)
Index("iam_members_by_user", iam_members.c.account, iam_members.c.user_id)

iam_attachments = Table(
    "iam_attachments",
    metadata,
    Column("account", _ACCOUNT, primary_key=True),
    Column("owner", _UNIQUE_ID, primary_key=True),  # a user's, group's or role's
    Column("policy", _text(640), primary_key=True),  # a managed policy's ARN, AWS's or ours
    _mac(),
)
Index("iam_attachments_by_policy", iam_attachments.c.account, iam_attachments.c.policy)

iam_inline_policies = Table(
    "iam_inline_policies",
    metadata,
    Column("account", _ACCOUNT, primary_key=True),
    Column("owner", _UNIQUE_ID, primary_key=True),
    Column("name", _text(128), primary_key=True),
    Column("document", _text(), nullable=False),
    _mac(),
)

iam_tags = Table(
    "iam_tags",
    metadata,
    Column("account", _ACCOUNT, primary_key=True),
    Column("owner", _text(320), primary_key=True),  # a unique id; of a provider, its resource name
    Column("tag_key", _text(128), primary_key=True),
    Column("tag_value", _text(), nullable=False),
    _mac(),
)

iam_providers = Table(
    "iam_providers",
    metadata,
    Column("account", _ACCOUNT, primary_key=True),
    Column("url", _text(256), primary_key=True),  # without `https://`
    Column("partition", _text(16), nullable=False),
    Column("client_ids", _text(), nullable=False),  # JSON
    Column("thumbprints", _text(), nullable=False),  # JSON
    Column("created", Double, nullable=False),
    _mac(),
)

iam_role_deletions = Table(
    "iam_role_deletions",
    metadata,
    Column("account", _ACCOUNT, primary_key=True),
    Column("task", _text(36), primary_key=True),
    Column("service", _text(128), nullable=False),
    Column("role", _text(64), nullable=False),
    Column("created", Double, nullable=False),
    Column("reason", _text(), nullable=False),
    Column("usage", _text(), nullable=False),  # JSON
    _mac(),
)

iam_account_aliases = Table(
    "iam_account_aliases",
    metadata,
    Column("alias", _text(63), primary_key=True),  # of one account among all
    Column("account", _ACCOUNT, nullable=False),
    _mac(),
)

grants = Table(
    "grants",
    metadata,
    Column("account", _ACCOUNT, primary_key=True),  # of the key, as is the Region
    Column("region", _REGION, primary_key=True),
    Column("grant_id", _text(64), primary_key=True),
    Column("key_id", _KEY_ID, nullable=False),
    Column("name", _text(256), nullable=False),
    Column("grantee", _text(256), nullable=False),  # an ARN, or the name of a service
    Column("grantee_id", _text(256), nullable=False),  # a unique id, or as before
    Column("retiring", _text(256), nullable=False),  # likewise, or ""
    Column("retiring_id", _text(256), nullable=False),
    Column("operations", _text(), nullable=False),  # with a space between them
    Column("context_equals", _text()),  # JSON
    Column("context_subset", _text()),  # JSON
    Column("source_arn", _text(512), nullable=False),
    Column("issuing_account", _ACCOUNT, nullable=False),
    Column("issuer", _text(), nullable=False),
    Column("created", Double, nullable=False),
    Column("parent", _text(64), nullable=False),
    Column("likeness", LargeBinary),  # of `keys.grant`; none without a name
    _mac(),
)
_of_key = grants.c.account, grants.c.region, grants.c.key_id
Index("grants_by_key", *_of_key, grants.c.grant_id)
Index("grants_by_grantee", *_of_key, grants.c.grantee_id, grants.c.grant_id)
Index("grants_by_likeness", *_of_key, grants.c.likeness)
Index("grants_by_retiring", grants.c.region, grants.c.retiring_id, grants.c.grant_id)

# What an organization has belongs to the account that manages it.

organizations = Table(
    "organizations",
    metadata,
    Column("account", _ACCOUNT, primary_key=True),  # that manages it
    Column("id", _text(34), nullable=False),
    Column("partition", _text(16), nullable=False),
    Column("root", _text(34), nullable=False),
    Column("all_features", Boolean, nullable=False),
    Column("types", _text(), nullable=False),  # policy types enabled, with a space between them
    Column("created", Double, nullable=False),
    _mac(),
)

organization_units = Table(
    "organization_units",
    metadata,
    Column("account", _ACCOUNT, primary_key=True),
    Column("id", _UNIT, primary_key=True),
    Column("parent", _UNIT, nullable=False),  # "" for the root
    Column("name", _text(), nullable=False),
    _mac(),
)
Index("organization_units_by_parent", organization_units.c.account, organization_units.c.parent)

organization_members = Table(
    "organization_members",
    metadata,
    Column("id", _ACCOUNT, primary_key=True),  # in one organization among all
    Column("account", _ACCOUNT, nullable=False),
    Column("parent", _UNIT, nullable=False),
    Column("name", _text(), nullable=False),
    Column("email", _text(64), nullable=False),  # or ""
    Column("invited", Boolean, nullable=False),
    Column("joined", Double, nullable=False),
    _mac(),
)
_members = organization_members.c
Index("organization_members_by_parent", _members.account, _members.parent)
Index("organization_members_by_email", _members.email)

organization_policies = Table(
    "organization_policies",
    metadata,
    Column("account", _ACCOUNT, primary_key=True),
    Column("id", _POLICY, primary_key=True),
    Column("type", _text(32), nullable=False),
    Column("name", _text(), nullable=False),
    Column("description", _text(), nullable=False),
    Column("document", _text(), nullable=False),
    _mac(),
)

organization_attachments = Table(
    "organization_attachments",
    metadata,
    Column("account", _ACCOUNT, primary_key=True),
    Column("target", _UNIT, primary_key=True),  # the root, a unit or an account
    Column("policy", _POLICY, primary_key=True),  # AWS's or ours
    _mac(),
)
_attachments = organization_attachments.c
Index("organization_attachments_by_policy", _attachments.account, _attachments.policy)

organization_invitations = Table(
    "organization_invitations",
    metadata,
    Column("id", _text(34), primary_key=True),  # the invited knows nothing else
    Column("account", _ACCOUNT, nullable=False),
    Column("target", _ACCOUNT, nullable=False),
    Column("notes", _text(), nullable=False),
    Column("state", _text(16), nullable=False),
    Column("requested", Double, nullable=False),
    Column("expires", Double, nullable=False),
    Column("ended", Double, nullable=False),  # 0 while it is open
    _mac(),
)
_invitations = organization_invitations.c
Index("organization_invitations_by_account", _invitations.account, _invitations.requested)
Index("organization_invitations_by_target", _invitations.target, _invitations.requested)

organization_creations = Table(
    "organization_creations",
    metadata,
    Column("account", _ACCOUNT, primary_key=True),
    Column("id", _text(36), primary_key=True),
    Column("name", _text(), nullable=False),
    Column("member", _ACCOUNT, nullable=False),  # or ""
    Column("failure", _text(64), nullable=False),  # or ""
    Column("requested", Double, nullable=False),
    _mac(),
)

organization_tags = Table(
    "organization_tags",
    metadata,
    Column("account", _ACCOUNT, primary_key=True),
    Column("owner", _POLICY, primary_key=True),  # the id of the root, a unit, an account, a policy
    Column("tag_key", _text(128), primary_key=True),
    Column("tag_value", _text(), nullable=False),
    _mac(),
)

epoch = Table(
    "epoch",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # 1: there is one row
    Column("number", BigInteger, nullable=False),  # of the last change that was committed
    Column("sealed", LargeBinary, nullable=False),  # the whole, of `keys.witness`; nothing at first
)

compatibility = Table(
    "compatibility",
    metadata,
    # Revisions whose releases may use the database as it is: this one, and perhaps earlier ones.
    Column("revision", _text(32), primary_key=True),
)

leaves = Table(
    "leaves",
    metadata,
    Column("name", LargeBinary, primary_key=True),  # of `keys.witness`
    Column("thing", _text(), nullable=False),  # for people; its fields with a slash between them
    Column("sealed", LargeBinary, nullable=False),
    sqlite_with_rowid=False,  # so that those of a branch stand together
)

branches = Table(
    "branches",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("changed", BigInteger, nullable=False),  # by which commit
)
Index("branches_by_changed", branches.c.changed)

totals = Table(
    "totals",
    metadata,
    # As the release before summed; nothing is in it any more.
    Column("of_table", _text(64), primary_key=True),
    Column("account", _ACCOUNT, primary_key=True),
    Column("region", _REGION, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)

changes = Table(
    "changes",
    metadata,
    # What every commit touched, so that other processes drop what they hold of it.
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", _text(16), nullable=False),  # of `storage.changes.Kind`
    Column("account", _ACCOUNT, nullable=False),
    Column("region", _REGION, nullable=False),
    Column("name", _text(256), nullable=False),
    _mac(),
)
