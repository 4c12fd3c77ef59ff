"""Removing what expired: idempotency rows whose day is over, by the API's processes.

The API writes those rows and its role may delete them, which the relay's may not; and where nobody serves
commands there is nothing to remove. Several processes at it at once do no harm: one removes what the others
then do not find.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

import psycopg2

from commands.operations.periodic import repeating
from commands.store.pool import PoolBusy

LOG: Final = logging.getLogger("rapport.store.purging")
INTERVAL_SECONDS: Final = 3600.0
"""Seconds from one round to the next."""
RETRY_SECONDS: Final = 60.0
"""Seconds until a round is tried again that the database broke off."""
BATCH_ROWS: Final = 10_000
"""Most rows of one transaction, so that none is long."""

Purge = Callable[[int], int]
"""Removes at most so many rows, and says how many."""


def purge_all(purge: Purge, stop: threading.Event) -> int:
    """One round: batch by batch until nothing is left, or `stop` is set; how many rows it removed.

    Raises the driver's errors and `PoolBusy`."""
    removed = 0
    while not stop.is_set():
        last = purge(BATCH_ROWS)
        removed += last
        if last < BATCH_ROWS:
            break
    return removed


def purging(
    purge: Purge, *, every: float = INTERVAL_SECONDS, after_failure: float = RETRY_SECONDS
) -> AbstractContextManager[None]:
    """While the block runs, a thread purges: at once, and then `every` so many seconds. A database that is
    away is logged and tried again."""

    def turn(stop: threading.Event) -> float:
        try:
            removed = purge_all(purge, stop)
        except (psycopg2.Error, PoolBusy) as error:
            LOG.warning("expired idempotency rows stay for now: %s", type(error).__name__)
            return after_failure
        LOG.info("removed %d expired idempotency rows", removed)
        return every

    return repeating("purging", turn)
