"""Before a swap the new version must have caught up with the active one: readers must never go back in time.

Its workers may be late at any moment, so an earlier check says nothing about the moment of the change. Then
the workers of the active version wait until those of the new version have caught up.
"""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import Final

import psycopg2
from psycopg2.extensions import cursor as Cursor

from projections.control import versions
from projections.release import lock_retry as attempts
from projections.release.lock_retry import NotYet, SwapRefused
from projections.runtime.projection import Projection
from projections.runtime.statements import statement

FOLDER: Final = Path(__file__).parents[1] / "control" / "sql"
HOLD_SECONDS: Final = 1.0
"""Seconds for which the workers of the active version wait, at most, in one attempt."""
POLL_SECONDS: Final = 0.02
MAX_ATTEMPTS: Final = 10

_SHARES: Final = """
    SELECT partition, position FROM control.share WHERE projection = %s AND version = %s ORDER BY partition
"""


def wait_level(url: str, projection: Projection) -> None:
    """Waits until the version has come to the position that the active one has at the call. Raises
    `SwapRefused` if it does not within `lock_retry.RETRY_SECONDS` seconds."""
    deadline = time.monotonic() + attempts.RETRY_SECONDS
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as c:
            active = versions.active(c).get(projection.name)
            goal = 0 if active is None else min(_positions(c, projection.name, active).values(), default=0)
            while (at := _least(c, projection)) < goal:
                if time.monotonic() > deadline:
                    raise SwapRefused(_behind(projection, at, goal))
                time.sleep(0.1)


def hold_level(c: Cursor, projection: Projection) -> None:
    """Locks the shares of the active version and of this one until the end of the transaction. Each share of
    this one is then at the active one's position, or further. Raises `NotYet` if that is not possible.

    The transaction must see commits of others meanwhile (READ COMMITTED).
    """
    name, active = projection.name, versions.active(c).get(projection.name)
    shown = {} if active is None else _hold(c, name, active)
    deadline = time.monotonic() + HOLD_SECONDS
    while late := _late(_positions(c, name, projection.version), shown):
        if time.monotonic() > deadline:
            raise NotYet(_behind(projection, *late))
        time.sleep(POLL_SECONDS)
    # Positions only grow, so it stays level. Locked, it can't park an event either before the swap.
    _hold(c, name, projection.version)


def refuse_parked_alone(c: Cursor, projection: Projection) -> None:
    """Raises `SwapRefused` if the version has parked events that the active one has applied: readers would
    lose them. A verification finds such events too, but later ones may have come since."""
    found = parked_alone(c, projection)
    if found:
        at, category, _ = found[0]
        raise SwapRefused(
            f"{projection.title} has parked events that the active version has applied, "
            f"{_counted(len(found))}, the first at position {at:,} ({category}): their changes would vanish. "
            f"See `rapport projection failures {projection.name} --version {projection.version}`."
        )


def parked_alone(c: Cursor, projection: Projection) -> list[tuple[int, str, str]]:
    """Returns the first events that this version has parked and the active one has applied: position,
    category, party."""
    c.execute(
        statement(FOLDER / "parked_alone.sql"),
        {"projection": projection.name, "version": projection.version, "most": MAX_ATTEMPTS},
    )
    return c.fetchall()


def _counted(number: int) -> str:
    return f"{number} or more" if number == MAX_ATTEMPTS else f"{number} of them"


def _late(these: dict[int, int], shown: dict[int, int]) -> tuple[int, int] | None:
    """Returns the position of the first late share, and the active version's; None if none is late."""
    for partition, goal in shown.items():
        at = these.get(partition, 0)
        if at < goal:
            return at, goal
    return None


def _hold(c: Cursor, name: str, version: int) -> dict[int, int]:
    """Locks the shares until the end of the transaction, and returns their positions."""
    try:
        c.execute(_SHARES + " FOR NO KEY UPDATE", (name, version))
    except psycopg2.errors.LockNotAvailable as error:
        raise NotYet(
            f"The workers of {name} version {version} were writing all the time, so nothing was changed. Try "
            "again, or look for sessions in pg_stat_activity that hold the table control.share."
        ) from error
    return dict(c.fetchall())


def _positions(c: Cursor, name: str, version: int) -> dict[int, int]:
    c.execute(_SHARES, (name, version))
    return dict(c.fetchall())


def _least(c: Cursor, projection: Projection) -> int:
    return min(_positions(c, projection.name, projection.version).values(), default=0)


def _behind(projection: Projection, at: int, goal: int) -> str:
    return (
        f"{projection.title} is at position {at:,}, and the active version at {goal:,}: readers would go "
        f"back in time. Its workers bring the rest: `rapport projection run {projection.name} --version "
        f"{projection.version}`."
    )
