"""The store's incarnation: the server and timeline it lives on, and whether it may be written to there.

After a failover or a restore the newest events may be missing that the topics already have, and what is
appended then would take their positions. So a store on a server or timeline it does not know, and one that a
relay found to be behind its topics, takes no command until `rapport store recover` has compared both.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from typing import Final

import psycopg2
from psycopg2.extensions import cursor

from commands.store.pool import Pool, connect
from domain.kernel.errors import DomainError

UNKNOWN_STATE: Final = "55R01"
"""What the database answers to an append while it does not know the server (see `append_lock.sql`)."""

BEHIND: Final = "recovery_needed"
"""The state of `store.relay` while the store is behind its topics, or its incarnation unknown."""

REMEMBERED_SECONDS: Final = 1.0

_KNOWN: Final = "SELECT store.incarnation_known()"
_STANDING: Final = (
    "SELECT store.incarnation_known(), (SELECT state = %s FROM store.relay), (SELECT reason FROM store.relay)"
)


RECOVER: Final = "rapport store recover"
"""The command that every sentence about it names."""

UNKNOWN: Final = (
    "The event store is on a server or timeline that it does not know: it was restored, moved or failed "
    "over, and its newest events may be missing while the topics have them. Nothing is recorded or "
    "published until both were compared: run `rapport store recover`."
)
OLDER: Final = (
    "The event store is behind the topics: it was restored from an older state. Nothing is recorded or "
    "published until it has its events back: run `rapport store recover`."
)


class RecoveryNeeded(DomainError):
    """The store may lack events that the topics have: nothing is recorded until it was recovered."""

    code = "recovery-needed"

    def __init__(self, sentence: str = UNKNOWN) -> None:
        super().__init__(sentence)


def check(url: str) -> None:
    """Raises `RecoveryNeeded` unless the store at `url` knows where it lives."""
    with closing(connect(url)) as opened, opened.cursor() as asking:
        check_with(asking)


def check_with(asking: cursor) -> None:
    """As `check`, on an open connection."""
    asking.execute(_KNOWN)
    if not asking.fetchall()[0][0]:
        raise RecoveryNeeded


def found_behind(url: str) -> str | None:
    """What the last relay said of a store behind its topics; None where it said no such thing."""
    with closing(connect(url)) as opened, opened.cursor() as asking:
        asking.execute("SELECT coalesce(reason, %s) FROM store.relay WHERE state = %s", (OLDER, BEHIND))
        row = asking.fetchone()
    return None if row is None else str(row[0])


class Incarnation:
    """Whether commands may be recorded, asked of the store at most once a second.

    The database itself refuses to append on a server it does not know, so what is remembered can't do harm.
    """

    def __init__(self, pool: Pool, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._clock = clock
        self._remembered: tuple[float, str | None] = (float("-inf"), None)

    def found(self) -> str | None:
        """Why nothing may be recorded, as a sentence; None when all is well. Raises the driver's errors."""
        until, remembered = self._remembered
        if self._clock() < until:
            return remembered
        with self._pool.connection() as opened, opened.cursor() as asking:
            asking.execute(_STANDING, (BEHIND,))
            known, behind, reason = asking.fetchall()[0]
        found = UNKNOWN if not known else (reason or OLDER) if behind else None
        self._remembered = (self._clock() + REMEMBERED_SECONDS, found)
        return found

    def require(self) -> None:
        """Raises `RecoveryNeeded` while nothing may be recorded."""
        found = self.found()
        if found is not None:
            raise RecoveryNeeded(found)


def refused_by(error: BaseException | None) -> bool:
    """Whether the database refused an append because it does not know its server."""
    return isinstance(error, psycopg2.Error) and error.pgcode == UNKNOWN_STATE
