"""The store's high-water mark: no event at or below that position can appear any more.

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

import threading
import time
from typing import Final

from psycopg2.extensions import cursor

APPEND_LOCK: Final = (1380012112, 1)
"""The two numbers of the advisory lock; they also stand in `append_lock.sql`."""

_FIRST_PAUSE_SECONDS: Final = 0.001
_LONGEST_PAUSE_SECONDS: Final = 0.05

_LAST: Final = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM store.event_position_seq"
# Granted ones alone: who still waits for the lock has drawn no position yet.
_HOLDERS: Final = """
    SELECT virtualtransaction FROM pg_catalog.pg_locks
     WHERE locktype = 'advisory' AND granted AND classid = %s AND objid = %s AND objsubid = 2
       AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
"""
_HIGHEST: Final = "SELECT coalesce(max(position), 0) FROM store.event WHERE position <= %s"


class HighWaterMarkTimeout(TimeoutError):
    """Appends that were under way did not end in time."""

    def __init__(self, upto: int, holders: int, seconds: float) -> None:
        super().__init__(
            f"{holders} transaction(s) that append events have been open for more than {seconds:.1f} "
            f"seconds, so the high-water mark is not known up to position {upto}. An idle one is ended "
            "after 30 seconds; otherwise look for the advisory lock in pg_locks."
        )


def last_drawn(reader: cursor) -> int:
    """The last position that was drawn, committed or not; 0 before the first."""
    reader.execute(_LAST)
    return int(reader.fetchall()[0][0])


def high_water_mark(
    reader: cursor, last: int, timeout: float | None = None, given_up: threading.Event | None = None
) -> int:
    """Returns the highest event up to `last` (from `last_drawn`), once none below it can appear any more; 0
    if no event exists.

    An event's position and not `last` itself: positions that were drawn by aborted transactions alone may be
    drawn again after a crash, since nothing made the sequence's value durable.
    `reader` is in autocommit mode: each look needs a snapshot of its own. Raises `NotSettled` after `timeout`
    seconds, or when somebody sets `given_up`.
    """
    return HighWaterMarkWait(reader, last).finish(reader, timeout, given_up)


class HighWaterMarkWait:
    """The wait for the transactions that held the lock at one look.

    Can be gone on with after `NotSettled`, over the same connection: who looked anew each time would never
    come to an end beside writers that each hold on for longer than the time-out, one after the other.
    """

    def __init__(self, reader: cursor, last: int) -> None:
        self._last = last
        self._waited = _holders(reader)

    @property
    def last(self) -> int:
        """The position that it waits for."""
        return self._last

    def finish(
        self, reader: cursor, timeout: float | None = None, given_up: threading.Event | None = None
    ) -> int:
        """See `high_water_mark`."""
        started = time.monotonic()
        pause = _FIRST_PAUSE_SECONDS
        stopped = given_up or threading.Event()
        while self._waited:
            waiting = time.monotonic() - started
            if stopped.is_set() or (timeout is not None and waiting > timeout):
                raise HighWaterMarkTimeout(self._last, len(self._waited), waiting)
            stopped.wait(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
            self._waited &= _holders(reader)
        reader.execute(_HIGHEST, (self._last,))
        return int(reader.fetchall()[0][0])


def _holders(reader: cursor) -> set[str]:
    reader.execute(_HOLDERS, APPEND_LOCK)
    return {row[0] for row in reader.fetchall()}
