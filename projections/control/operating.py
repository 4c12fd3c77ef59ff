"""Acts of operators on a read model's shares: pause, resume, take. The worker notices the raised epoch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from projections.control.shares import PAUSED, WORKED_ON
from projections.runtime.projection import Projection
from projections.runtime.statements import statement

FOLDER: Final = Path(__file__).parent


def pause(c: Cursor, projection: str, version: int, reason: str, by: str) -> int:
    """Stops the running shares until `resume`. Returns how many.

    A batch under way is not written any more. The status shows `reason` and `by` (who). It leaves shares in
    any other state (paused already, being filled or verified).
    """
    c.execute(
        _sql("pause"),
        {
            "projection": projection,
            "version": version,
            "worked_on": list(WORKED_ON),
            "reason": f"{by} paused it: {reason.rstrip('.')}. "
            f"Go on with `rapport projection resume {projection} --version {version}`.",
        },
    )
    return c.rowcount


def resume(c: Cursor, projection: str, version: int) -> int:
    """Releases paused shares, so that any worker may claim them. Returns how many."""
    c.execute(_sql("resume"), {"projection": projection, "version": version})
    return c.rowcount


class TakenShares:
    """Shares that an operator's act takes from the workers for a while; `lease` is in seconds."""

    def __init__(self, projection: Projection, by: UUID, lease: float) -> None:
        self._epochs: dict[int, int] = {}
        self._whose: dict[str, Any] = {
            "projection": projection.name,
            "version": projection.version,
            "worker": str(by),
            "lease": f"{lease} seconds",
        }

    def take(self, c: Cursor, partitions: Sequence[int]) -> bool:
        """Takes these shares, after the commits under way. Returns False, and takes none, unless all are
        running or paused. Commit soon: workers wait for the rows."""
        states = [*WORKED_ON, PAUSED]
        c.execute(_sql("retry_take"), self._whose | {"partitions": list(partitions), "states": states})
        found = dict(c.fetchall())
        if len(found) < len(partitions):
            c.connection.rollback()
            return False
        self._epochs = found
        return True

    def keep(self, c: Cursor) -> bool:
        """Renews the lease and locks the shares until the end of the transaction, which has the act's writes.
        Returns False if one was taken over: then the act must write nothing."""
        c.execute(_sql("retry_keep"), self._owned())
        return bool(c.rowcount == len(self._epochs))

    def give_back(self, c: Cursor) -> None:
        """Lets the workers claim them again."""
        c.execute(_sql("retry_give_back"), self._owned())

    def _owned(self) -> dict[str, Any]:
        owned = [{"partition": partition, "epoch": epoch} for partition, epoch in self._epochs.items()]
        return self._whose | {"owned": Json(owned)}


def _sql(name: str) -> str:
    return statement(FOLDER / "sql" / f"{name}.sql")
