"""Erasures, legal holds and applied retentions are found without reading the whole store."""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"

SQL = Path(__file__).parents[1] / "sql" / "v0003"
OBJECTS = ("privacy_events",)


def upgrade() -> None:
    """Makes the objects, in this order."""
    for name in OBJECTS:
        op.get_bind().exec_driver_sql((SQL / f"{name}.sql").read_text())
