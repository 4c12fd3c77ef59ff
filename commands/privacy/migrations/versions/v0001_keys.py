"""The key store: keys of persons and of retention months, with their tombstones."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None

SQL = Path(__file__).parents[1] / "sql" / "v0001"
OBJECTS = ("person_key", "retention_key", "tombstone")


def upgrade() -> None:
    """Makes the objects, in this order."""
    for name in OBJECTS:
        op.get_bind().exec_driver_sql((SQL / f"{name}.sql").read_text())
