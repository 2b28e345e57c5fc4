"""What came of requests to delete service-linked roles."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "iam_role_deletions",
        sa.Column("account", sa.String(12), primary_key=True),
        sa.Column("task", sa.String(36), primary_key=True),
        sa.Column("service", sa.String(128), nullable=False),
        sa.Column("role", sa.String(64), nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("usage", sa.Text, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
    )
