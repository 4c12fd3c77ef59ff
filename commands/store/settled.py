"""Up to where the store is settled: nothing at or below that position can appear any more.

Positions are drawn before their transaction commits, so a lower one can become visible after a higher one.
Every statement that appends holds a shared advisory lock from before its first position until its transaction
has ended (`migrations/sql/v0001/append_lock.sql`). So a reader

1. reads the sequence's last value L,
2. lists the virtual transactions that hold that lock in this database,
3. waits until each of them has ended.

Then everything up to L has committed or never will. Virtual transactions, never process ids: a pooled session
keeps its process while its transactions come and go. Transactions elsewhere hold nobody up.
"""

from __future__ import annotations

import time
from typing import Final

from psycopg2.extensions import cursor

APPEND_LOCK: Final = (1380012112, 1)
"""The two numbers of the advisory lock; they also stand in `append_lock.sql`."""

_FIRST_PAUSE: Final = 0.001
_LONGEST_PAUSE: Final = 0.05

_LAST: Final = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM store.event_position_seq"
# Granted ones alone: who still waits for the lock has drawn no position yet.
_HOLDERS: Final = """
    SELECT virtualtransaction FROM pg_catalog.pg_locks
     WHERE locktype = 'advisory' AND granted AND classid = %s AND objid = %s AND objsubid = 2
       AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
"""
_HIGHEST: Final = "SELECT coalesce(max(position), 0) FROM store.event WHERE position <= %s"


class NotSettled(TimeoutError):
    """Appends that were under way did not end in time."""

    def __init__(self, upto: int, holders: int, seconds: float) -> None:
        super().__init__(
            f"{holders} transaction(s) that append events have been open for more than {seconds:g} seconds, "
            f"so what stands up to position {upto} is not settled. An idle one is ended after 30 seconds; "
            "otherwise look for the advisory lock in pg_locks."
        )


def last_drawn(reader: cursor) -> int:
    """The last position that was drawn, committed or not; 0 before the first."""
    reader.execute(_LAST)
    return int(reader.fetchall()[0][0])


def settle(reader: cursor, last: int, timeout: float | None = None) -> int:
    """The highest event up to `last` (from `last_drawn`), once all of them are settled; 0 if there is none.

    An event's position and not `last` itself: positions that were drawn by aborted transactions alone may be
    drawn again after a crash, since nothing made the sequence's value durable.
    `reader` is in autocommit mode: each look needs a snapshot of its own. Raises `NotSettled`.
    """
    started = time.monotonic()
    pause = _FIRST_PAUSE
    waited = _holders(reader)
    while waited:
        if timeout is not None and time.monotonic() - started > timeout:
            raise NotSettled(last, len(waited), timeout)
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
        waited &= _holders(reader)
    reader.execute(_HIGHEST, (last,))
    return int(reader.fetchall()[0][0])


def _holders(reader: cursor) -> set[str]:
    reader.execute(_HOLDERS, APPEND_LOCK)
    return {row[0] for row in reader.fetchall()}
