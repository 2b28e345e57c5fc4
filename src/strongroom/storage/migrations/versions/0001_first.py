"""Accounts, access keys, IAM, symmetric keys with their materials, aliases, tags and grants."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    account, region, key_id = sa.String(12), sa.String(64), sa.String(36)
    op.create_table(
        "domains",
        sa.Column("account", account, primary_key=True),
        sa.Column("region", region, primary_key=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "accounts",
        sa.Column("account", account, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "access_keys",
        sa.Column("key_id", sa.String(128), primary_key=True),
        sa.Column("account", account, nullable=False),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
    )
    op.create_index("access_keys_by_user", "access_keys", ["account", "user_id"])
    op.create_table(
        "keys",
        sa.Column("account", account, primary_key=True),
        sa.Column("region", region, primary_key=True),
        sa.Column("key_id", key_id, primary_key=True),
        sa.Column("manager", sa.String(16), nullable=False),
        sa.Column("spec", sa.String(32), nullable=False),
        sa.Column("usage", sa.String(32), nullable=False),
        sa.Column("origin", sa.String(32), nullable=False),
        sa.Column("multi_region", sa.Boolean, nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("principals", sa.Text, nullable=False),
        sa.Column("deletion_date", sa.Double),
        sa.Column("deletion_window_days", sa.Integer),
        sa.Column("rotation_period_days", sa.Integer),
        sa.Column("next_rotation", sa.Double),
        sa.Column("on_demand_rotations", sa.Integer, nullable=False),
        sa.Column("current_material", sa.LargeBinary, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
    )
    op.create_index("keys_by_id", "keys", ["key_id", "region"])
    op.create_index("keys_by_deletion_date", "keys", ["deletion_date"])
    op.create_index("keys_by_next_rotation", "keys", ["next_rotation"])
    op.create_table(
        "materials",
        sa.Column("account", account, primary_key=True),
        sa.Column("region", region, primary_key=True),
        sa.Column("key_id", key_id, primary_key=True),
        sa.Column("generation", sa.Integer, primary_key=True),
        sa.Column("material_id", sa.LargeBinary, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("rotation_type", sa.String(16)),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "aliases",
        sa.Column("account", account, primary_key=True),
        sa.Column("region", region, primary_key=True),
        sa.Column("name", sa.String(256), primary_key=True),
        sa.Column("target", key_id, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("updated", sa.Double, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
    )
    op.create_index("aliases_by_target", "aliases", ["account", "region", "target"])
    op.create_table(
        "tags",
        sa.Column("account", account, primary_key=True),
        sa.Column("region", region, primary_key=True),
        sa.Column("key_id", key_id, primary_key=True),
        sa.Column("tag_key", sa.String(128), primary_key=True),
        sa.Column("tag_value", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
    )
    _iam()
    op.create_table(
        "grants",
        sa.Column("account", account, primary_key=True),
        sa.Column("region", region, primary_key=True),
        sa.Column("grant_id", sa.String(64), primary_key=True),
        sa.Column("key_id", key_id, nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("grantee", sa.String(256), nullable=False),
        sa.Column("grantee_id", sa.String(256), nullable=False),
        sa.Column("retiring", sa.String(256), nullable=False),
        sa.Column("retiring_id", sa.String(256), nullable=False),
        sa.Column("operations", sa.Text, nullable=False),
        sa.Column("context_equals", sa.Text),
        sa.Column("context_subset", sa.Text),
        sa.Column("source_arn", sa.String(512), nullable=False),
        sa.Column("issuing_account", account, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("parent", sa.String(64), nullable=False),
        sa.Column("likeness", sa.LargeBinary),
        sa.Column("mac", sa.LargeBinary, nullable=False),
    )
    of_key = ["account", "region", "key_id"]
    op.create_index("grants_by_key", "grants", [*of_key, "grant_id"])
    op.create_index("grants_by_grantee", "grants", [*of_key, "grantee_id", "grant_id"])
    op.create_index("grants_by_likeness", "grants", [*of_key, "likeness"])
    op.create_index("grants_by_retiring", "grants", ["region", "retiring_id", "grant_id"])
    op.create_table(
        "changes",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("account", account, nullable=False),
        sa.Column("region", region, nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
        sqlite_autoincrement=True,
    )


def _iam() -> None:
    account, unique_id = sa.String(12), sa.String(32)
    _named("iam_users", sa.Column("boundary", sa.Text, nullable=False))
    _named("iam_groups")
    _named(
        "iam_roles",
        sa.Column("boundary", sa.Text, nullable=False),
        sa.Column("trust", sa.Text, nullable=False),
        sa.Column("principals", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("max_session_seconds", sa.Integer, nullable=False),
    )
    _named(
        "iam_policies",
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("updated", sa.Double, nullable=False),
        sa.Column("default_version", sa.Integer, nullable=False),
        sa.Column("last_version", sa.Integer, nullable=False),
    )
    op.create_table(
        "iam_policy_versions",
        sa.Column("account", account, primary_key=True),
        sa.Column("policy_id", unique_id, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "iam_members",
        sa.Column("account", account, primary_key=True),
        sa.Column("group_id", unique_id, primary_key=True),
        sa.Column("user_id", unique_id, primary_key=True),
        sa.Column("mac", sa.LargeBinary, nullable=False),
    )
    op.create_index("iam_members_by_user", "iam_members", ["account", "user_id"])
    op.create_table(
        "iam_attachments",
        sa.Column("account", account, primary_key=True),
        sa.Column("owner", unique_id, primary_key=True),
        sa.Column("policy", sa.String(640), primary_key=True),
        sa.Column("mac", sa.LargeBinary, nullable=False),
    )
    op.create_index("iam_attachments_by_policy", "iam_attachments", ["account", "policy"])
    op.create_table(
        "iam_inline_policies",
        sa.Column("account", account, primary_key=True),
        sa.Column("owner", unique_id, primary_key=True),
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "iam_tags",
        sa.Column("account", account, primary_key=True),
        sa.Column("owner", sa.String(320), primary_key=True),
        sa.Column("tag_key", sa.String(128), primary_key=True),
        sa.Column("tag_value", sa.Text, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "iam_providers",
        sa.Column("account", account, primary_key=True),
        sa.Column("url", sa.String(256), primary_key=True),
        sa.Column("partition", sa.String(16), nullable=False),
        sa.Column("client_ids", sa.Text, nullable=False),
        sa.Column("thumbprints", sa.Text, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "iam_account_aliases",
        sa.Column("alias", sa.String(63), primary_key=True),
        sa.Column("account", account, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
    )


def _named(name: str, *further: "sa.Column[Any]") -> None:
    op.create_table(
        name,
        sa.Column("account", sa.String(12), primary_key=True),
        sa.Column("folded", sa.String(128), primary_key=True),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("partition", sa.String(16), nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        *further,
        sa.Column("mac", sa.LargeBinary, nullable=False),
    )
    op.create_index(f"{name}_by_id", name, ["account", "id"])
