"""The same tables; of their rows last usages are summed otherwise, when they are next opened."""

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    pass
