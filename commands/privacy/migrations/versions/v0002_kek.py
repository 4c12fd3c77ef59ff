"""The key store says which key-encryption key wraps new keys, so that it can be rotated while all runs."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"

SQL = Path(__file__).parents[1] / "sql" / "v0002"
OBJECTS = ("kek", "current_kek")


def upgrade() -> None:
    """Makes the objects, in this order."""
    for name in OBJECTS:
        op.get_bind().exec_driver_sql((SQL / f"{name}.sql").read_text())
