"""What operators do to a read model's shares: pause and resume. The worker notices by the raised epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from psycopg2.extensions import cursor as Cursor

from projections.control.shares import WORKED_ON
from projections.statements import statement

FOLDER: Final = Path(__file__).parent


def pause(c: Cursor, projection: str, version: int, reason: str, by: str) -> int:
    """Stands the shares that are worked on still until `resume`; answers how many.

    Nothing of a batch under way is written any more. `reason` and `by` (who) are shown by the status. Shares
    in any other state (paused already, being filled or verified) are left alone.
    """
    c.execute(
        statement(FOLDER / "sql" / "pause.sql"),
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
    c.execute(statement(FOLDER / "sql" / "resume.sql"), {"projection": projection, "version": version})
    return c.rowcount
