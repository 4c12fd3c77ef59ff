"""Incarnations are numbered, and a server that the store does not know appends nothing."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"

SQL = Path(__file__).parents[1] / "sql" / "v0002"
OBJECTS = ("incarnation", "append_lock")


def upgrade() -> None:
    """Changes the objects, in this order."""
    for name in OBJECTS:
        op.get_bind().exec_driver_sql((SQL / f"{name}.sql").read_text())
