"""Changes public views in one transaction, and tries again while readers or workers block it.

While a change waits for a view, new readers of the view wait behind it. So no attempt waits long, and the
pauses between attempts are longer than the waits: with one reader in a long transaction, the others wait for
a quarter of the time at most. The waits grow, to outlast readers that come again and again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import closing
from typing import Final, TypeVar

import psycopg2
from psycopg2.extensions import cursor as Cursor

from domain.kernel.user_errors import FailureFound
from projections.release import views
from projections.release.schema import LOCK

FIRST_WAIT_SECONDS: Final = 0.3
LONGEST_WAIT_SECONDS: Final = 0.6
"""Seconds for which an attempt waits for the views: twice as many each time. Well below PostgreSQL's
`deadlock_timeout` (1 s), after which it would end a reader that has one view and waits for another."""
PAUSES: Final = 3
"""The pause between two attempts is so many times as long as the wait before it."""
TURN: Final = "30s"
"""Seconds to wait for another act on the read models; it has no lock meanwhile."""
RETRY_SECONDS: Final = 60.0
"""Seconds for which it tries a change."""

# Not the reader's name: only a superuser sees other sessions' activity, but everybody sees their numbers.
_HOLDERS: Final = """
    SELECT DISTINCT l.pid FROM pg_locks l JOIN pg_class r ON r.oid = l.relation
      JOIN pg_namespace n ON n.oid = r.relnamespace
     WHERE l.granted AND l.pid <> pg_backend_pid() AND n.nspname = 'read' AND r.relname = ANY (%s)
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
     ORDER BY 1
"""

Result = TypeVar("Result")


class SwapRefused(FailureFound):
    """The change is not possible now. The text says why, and what to do."""


class NotYet(Exception):
    """The change is not possible at this moment, but may be soon. The text says why, and what to do."""


def attempt(
    url: str,
    do: Callable[[Cursor], Result],
    shown: Collection[str] = (),
    *,
    wait_seconds: float | None = None,
) -> Result:
    """Runs `do` in a transaction, and tries again for `wait_seconds`; with 0, once.

    `shown` are the views that it changes. Raises `SwapRefused` if no attempt succeeds.
    """
    seconds = RETRY_SECONDS if wait_seconds is None else wait_seconds
    deadline = time.monotonic() + seconds
    wait = FIRST_WAIT_SECONDS
    while True:
        try:
            with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as c:
                _take_turn(c)
                c.execute("SELECT set_config('lock_timeout', %s, true)", (f"{wait * 1000:.0f}ms",))
                return do(c)
        except NotYet as error:
            why = str(error)
        except psycopg2.Error as error:
            if not views.refused(error):
                raise
            why = _held_up(url, shown, seconds)
        if time.monotonic() + PAUSES * wait > deadline:
            raise SwapRefused(why)
        time.sleep(PAUSES * wait)
        wait = min(2 * wait, LONGEST_WAIT_SECONDS)


def _take_turn(c: Cursor) -> None:
    c.execute("SELECT set_config('lock_timeout', %s, true)", (TURN,))
    c.execute("SET LOCAL client_min_messages = warning")
    try:
        c.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
    except psycopg2.errors.LockNotAvailable as error:
        raise SwapRefused(
            "Another act on the read models (a migration, the beginning of a rebuild, a swap) is under way. "
            "Try again when it has ended."
        ) from error


def _held_up(url: str, shown: Collection[str], seconds: float) -> str:
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as c:
        c.execute(_HOLDERS, (list(shown),))
        found = [str(pid) for (pid,) in c.fetchall()]
    known = f" (now session {', '.join(found)})" if found else ""
    how_long = f"held the views for {seconds:.0f} seconds" if seconds else "hold the views"
    return (
        f"Readers {how_long} in long transactions{known}, so nothing was changed. Find them in "
        "pg_stat_activity, or try again later."
    )
