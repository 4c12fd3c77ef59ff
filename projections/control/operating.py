"""What operators do to a read model's shares: pause, resume, take. The worker notices by the raised epoch."""

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
    """Stands the shares that are worked on still until `resume`; answers how many.

    Nothing of a batch under way is written any more. `reason` and `by` (who) are shown by the status. Shares
    in any other state (paused already, being filled or verified) are left alone.
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
    """Gives paused shares to whichever workers claim them next; answers how many."""
    c.execute(_sql("resume"), {"projection": projection, "version": version})
    return c.rowcount


class TakenShares:
    """Shares that an operator's act has taken from the workers for a while; `lease` in seconds."""

    def __init__(self, projection: Projection, by: UUID, lease: float) -> None:
        self._epochs: dict[int, int] = {}
        self._whose: dict[str, Any] = {
            "projection": projection.name,
            "version": projection.version,
            "worker": str(by),
            "lease": f"{lease} seconds",
        }

    def take(self, c: Cursor, partitions: Sequence[int]) -> bool:
        """Takes these shares, waiting for the commits under way; False, and none taken, unless all are ones
        that are worked on or paused. Commit soon: workers wait for the rows."""
        states = [*WORKED_ON, PAUSED]
        c.execute(_sql("retry_take"), self._whose | {"partitions": list(partitions), "states": states})
        found = dict(c.fetchall())
        if len(found) < len(partitions):
            c.connection.rollback()
            return False
        self._epochs = found
        return True

    def keep(self, c: Cursor) -> bool:
        """Renews the lease and locks the shares till the end of the transaction, in which what it writes is
        written. False where one was taken over: then nothing may be written."""
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
