"""Imported material, which member of a multi-Region key is primary, when keys were last used."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("account", sa.String(12), primary_key=True),
        sa.Column("region", sa.String(64), primary_key=True),
        sa.Column("key_id", sa.String(36), primary_key=True),
        sa.Column("material_id", sa.LargeBinary, primary_key=True),
        sa.Column("pending", sa.Boolean, nullable=False),
        sa.Column("valid_to", sa.Double),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
    )
    op.create_index("imports_by_valid_to", "imports", ["valid_to"])
    op.create_table(
        "primaries",
        sa.Column("account", sa.String(12), primary_key=True),
        sa.Column("key_id", sa.String(36), primary_key=True),
        sa.Column("primary_region", sa.String(64), nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "last_usage",
        sa.Column("account", sa.String(12), primary_key=True),
        sa.Column("region", sa.String(64), primary_key=True),
        sa.Column("key_id", sa.String(36), primary_key=True),
        sa.Column("operation", sa.String(64), nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("request_id", sa.String(36), nullable=False),
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
    )
