"""A cursor that notes which tables are locked whenever rows are about to be sent by COPY."""

from __future__ import annotations

from typing import Any

from psycopg2.extensions import cursor as Cursor


def watching(schema: str) -> type[Watching]:
    """A cursor class for one test; `schema` is that of the read model's tables."""
    return type("WatchingOne", (Watching,), {"locked": [], "copies": 0, "schema": schema})


class Watching(Cursor):
    """Notes at each COPY which tables of the read model its transaction has written to already."""

    locked: list[str]
    copies: int
    schema: str

    def copy_expert(self, *arguments: Any, **more: Any) -> None:
        """Looks, then copies."""
        self.execute(
            "SELECT relation::regclass::text FROM pg_locks WHERE pid = pg_backend_pid() AND granted"
            " AND mode = 'RowExclusiveLock' AND relation::regclass::text LIKE %s",
            (f"{self.schema}.%",),
        )
        kind = type(self)
        kind.locked += [name for (name,) in self.fetchall()]
        kind.copies += 1
        super().copy_expert(*arguments, **more)
