"""Organizations: their units, members, policies, invitations and tags."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    account, unit, policy = sa.String(12), sa.String(68), sa.String(130)
    op.create_table(
        "organizations",
        sa.Column("account", account, primary_key=True),
        sa.Column("id", sa.String(34), nullable=False),
        sa.Column("partition", sa.String(16), nullable=False),
        sa.Column("root", sa.String(34), nullable=False),
        sa.Column("all_features", sa.Boolean, nullable=False),
        sa.Column("types", sa.Text, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        _mac(),
    )
    op.create_table(
        "organization_units",
        sa.Column("account", account, primary_key=True),
        sa.Column("id", unit, primary_key=True),
        sa.Column("parent", unit, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        _mac(),
    )
    op.create_index("organization_units_by_parent", "organization_units", ["account", "parent"])
    op.create_table(
        "organization_members",
        sa.Column("id", account, primary_key=True),
        sa.Column("account", account, nullable=False),
        sa.Column("parent", unit, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("email", sa.String(64), nullable=False),
        sa.Column("invited", sa.Boolean, nullable=False),
        sa.Column("joined", sa.Double, nullable=False),
        _mac(),
    )
    op.create_index("organization_members_by_parent", "organization_members", ["account", "parent"])
    op.create_index("organization_members_by_email", "organization_members", ["email"])
    op.create_table(
        "organization_policies",
        sa.Column("account", account, primary_key=True),
        sa.Column("id", policy, primary_key=True),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        _mac(),
    )
    op.create_table(
        "organization_attachments",
        sa.Column("account", account, primary_key=True),
        sa.Column("target", unit, primary_key=True),
        sa.Column("policy", policy, primary_key=True),
        _mac(),
    )
    op.create_index(
        "organization_attachments_by_policy", "organization_attachments", ["account", "policy"]
    )
    op.create_table(
        "organization_invitations",
        sa.Column("id", sa.String(34), primary_key=True),
        sa.Column("account", account, nullable=False),
        sa.Column("target", account, nullable=False),
        sa.Column("notes", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("requested", sa.Double, nullable=False),
        sa.Column("expires", sa.Double, nullable=False),
        sa.Column("ended", sa.Double, nullable=False),
        _mac(),
    )
    for side in ("account", "target"):
        op.create_index(
            f"organization_invitations_by_{side}", "organization_invitations", [side, "requested"]
        )
    op.create_table(
        "organization_creations",
        sa.Column("account", account, primary_key=True),
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("member", account, nullable=False),
        sa.Column("failure", sa.String(64), nullable=False),
        sa.Column("requested", sa.Double, nullable=False),
        _mac(),
    )
    op.create_table(
        "organization_tags",
        sa.Column("account", account, primary_key=True),
        sa.Column("owner", policy, primary_key=True),
        sa.Column("tag_key", sa.String(128), primary_key=True),
        sa.Column("tag_value", sa.Text, nullable=False),
        _mac(),
    )


def _mac() -> "sa.Column[Any]":
    return sa.Column("mac", sa.LargeBinary, nullable=False)
