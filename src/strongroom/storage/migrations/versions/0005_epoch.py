"""Changes are numbered by a row of their own, as every database can do it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "epoch",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, nullable=False),
    )
    op.execute(
        "INSERT INTO epoch SELECT 1, coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'changes'"
    )
    # Nobody needs what it held: servers have begun anew when this runs.
    op.drop_table("changes")
    op.create_table(
        "changes",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("account", sa.String(12), nullable=False),
        sa.Column("region", sa.String(64), nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
    )
