"""What is fixed for a store for ever, as recorded at its first migration."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from commands.store.pool import connect


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """The store's id and how many partitions each family topic has."""

    store_id: UUID
    partitions: int


def store_settings(url: str) -> StoreSettings:
    """Reads them. Raises the driver's errors; see `commands.store.schema.check_version` first."""
    opened = connect(url)
    try:
        with opened.cursor() as cursor:
            cursor.execute("SELECT name, value FROM store.setting WHERE name IN ('partitions', 'store_id')")
            found = dict(cursor.fetchall())
    finally:
        opened.close()
    return StoreSettings(store_id=UUID(found["store_id"]), partitions=int(found["partitions"]))
