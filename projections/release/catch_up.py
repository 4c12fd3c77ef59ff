"""A version that is to be shown must have come as far as the one that is: what is read never goes back.

Its workers may be late at any moment, so having been level once says nothing about the moment of the change:
there the workers of the version that is shown wait for as long as those of the other need to come level.
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
"""Seconds for which the workers of the version that is shown wait, at most, in one attempt."""
POLL_SECONDS: Final = 0.02
MAX_ATTEMPTS: Final = 10

_SHARES: Final = """
    SELECT partition, position FROM control.share WHERE projection = %s AND version = %s ORDER BY partition
"""


def wait_level(url: str, projection: Projection) -> None:
    """Returns when the version has come to where the active one stood at the call. Raises `SwapRefused` where
    it does not within `lock_retry.RETRY_SECONDS` seconds."""
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
    """Holds the shares of both versions, the active one and this, till the end of the transaction, with each
    share of this one where the active one's is, or behind it. Raises `NotYet` where that can't be had.

    The transaction must see what others commit meanwhile (READ COMMITTED).
    """
    name, active = projection.name, versions.active(c).get(projection.name)
    shown = {} if active is None else _hold(c, name, active)
    deadline = time.monotonic() + HOLD_SECONDS
    while late := _late(_positions(c, name, projection.version), shown):
        if time.monotonic() > deadline:
            raise NotYet(_behind(projection, *late))
        time.sleep(POLL_SECONDS)
    # Positions only grow, so it stays level; locked, it can't park an event either until it is shown.
    _hold(c, name, projection.version)


def refuse_parked_alone(c: Cursor, projection: Projection) -> None:
    """Raises `SwapRefused` where the version holds events that the active one has applied: they would vanish
    from what is read. A verification finds those of its time; later ones may have come since."""
    found = parked_alone(c, projection)
    if found:
        at, category, _ = found[0]
        raise SwapRefused(
            f"{projection.title} holds events that the active version has applied, {_counted(len(found))}, "
            f"the first at position {at:,} ({category}): what they changed would vanish. See `rapport "
            f"projection failures {projection.name} --version {projection.version}`."
        )


def parked_alone(c: Cursor, projection: Projection) -> list[tuple[int, str, str]]:
    """The first events that this version holds and the active one has applied: position, category, party."""
    c.execute(
        statement(FOLDER / "parked_alone.sql"),
        {"projection": projection.name, "version": projection.version, "most": MAX_ATTEMPTS},
    )
    return c.fetchall()


def _counted(number: int) -> str:
    return f"{number} or more" if number == MAX_ATTEMPTS else f"{number} of them"


def _late(these: dict[int, int], shown: dict[int, int]) -> tuple[int, int] | None:
    """Where the first late share stands, and the shown version's; None where none is late."""
    for partition, goal in shown.items():
        at = these.get(partition, 0)
        if at < goal:
            return at, goal
    return None


def _hold(c: Cursor, name: str, version: int) -> dict[int, int]:
    """Where the shares stand, which nobody moves till the end of the transaction."""
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
        f"{projection.title} stands at {at:,}, and the active version at {goal:,}: what is read would go "
        f"back in time. Its workers bring the rest: `rapport projection run {projection.name} --version "
        f"{projection.version}`."
    )
