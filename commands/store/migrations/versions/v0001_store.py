"""The event store: events, claims, idempotency, seals, settings, API keys."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None

SQL = Path(__file__).parents[1] / "sql" / "v0001"
OBJECTS = (
    "event", "append_lock", "claim", "idempotency", "contact_index", "seal", "setting", "incarnation",
    "relay", "api_key",
)  # fmt: skip


def upgrade() -> None:
    """Makes the objects, in this order."""
    for name in OBJECTS:
        op.get_bind().exec_driver_sql((SQL / f"{name}.sql").read_text())
