"""Which releases may use the database as it is, so that two can for a while."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "compatibility",
        sa.Column(
            "revision",
            sa.String(32).with_variant(sa.String(32, collation="C"), "postgresql"),
            primary_key=True,
        ),
    )
