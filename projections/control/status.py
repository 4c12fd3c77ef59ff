"""How the read models stand: one table, the same for command line, API and page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor

from projections.statements import statement

FOLDER: Final = Path(__file__).parent
STALE_SECONDS: Final = 15.0
"""Age of the last heartbeat above which no worker is at work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One projection version.

    `state`: never_started, no_worker, catching_up, live, or what its shares say (waiting_for_broker,
    seal_mismatch, paused); `reason` says why and what to do. `position` is the least of its shares, `head`
    the store's (None while the store is away, and then lag is not known). `lag_events` counts positions,
    `lag_seconds` is the age of the oldest event not applied. `rate` is events a second. `heartbeat_age` is in
    seconds, None without workers. `received` counts events taken in, `held` those put aside.
    """

    projection: str
    version: int
    active: bool
    state: str
    reason: str | None
    position: int
    head: int | None
    lag_events: int | None
    lag_seconds: float | None
    rate: float
    rows: int
    workers: int
    heartbeat_age: float | None
    held: int
    received: int


def projection_status(
    connection: Connection,
    head: int | None,
    *,
    recorded_behind: Callable[[int], datetime | None] | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[Status]:
    """All projection versions, by name. `head` is the store's highest position, None where it is away.

    `recorded_behind` gives the time at which the first event behind a position was recorded. A mark that
    does not move shows, because lag is measured against the store.
    """
    with connection.cursor(cursor_factory=RealDictCursor) as c:
        c.execute(statement(FOLDER / "sql" / "status.sql"))
        found = c.fetchall()
    statuses = []
    for row in found:
        lag = None if head is None else max(0, head - row["position"])
        seconds = None
        if lag == 0:
            seconds = 0.0
        elif lag and recorded_behind is not None:
            first = recorded_behind(row["position"])
            seconds = None if first is None else max(0.0, (now() - first).total_seconds())
        state, reason = _state(row, lag)
        statuses.append(
            Status(
                projection=row["projection"],
                version=row["version"],
                active=row["active"],
                state=state,
                reason=reason,
                position=row["position"],
                head=head,
                lag_events=lag,
                lag_seconds=seconds,
                rate=row["rate"],
                rows=row["rows"],
                workers=row["workers"],
                heartbeat_age=row["heartbeat_age"],
                held=row["held"],
                received=row["received"],
            )
        )
    return statuses


def _state(row: dict[str, object], lag: int | None) -> tuple[str, str | None]:
    name = row["projection"]
    if row["never_claimed"] and not row["heartbeat_age"]:
        return "never_started", f"No worker has ever run. Start one: `rapport projection run {name}`."
    state, reason = row["state"], row["reason"]
    if state == "paused":
        return "paused", str(reason) if reason else "An operator paused it."
    age = row["heartbeat_age"]
    if not isinstance(age, float) or age > STALE_SECONDS:
        heard = f"for {age:.0f} seconds" if isinstance(age, float) else "since the last one ended"
        return "no_worker", f"No worker was heard of {heard}. Start one: `rapport projection run {name}`."
    if state != "running":
        return str(state), str(reason) if reason else None
    if row["unowned"]:
        return "catching_up", f"{row['unowned']} of {row['shares']} shares wait for a worker to claim them."
    return ("catching_up", None) if lag else ("live", None)


def positions(connection: Connection, projection: str) -> int:
    """The position that the active version of a projection has reached: the least of its shares.

    0 for a projection that is not there.
    """
    with connection.cursor() as c:
        c.execute(
            "SELECT coalesce(min(s.position), 0) FROM control.share s "
            "JOIN control.active a USING (projection, version) WHERE s.projection = %s",
            (projection,),
        )
        row = c.fetchone()
    return int(row[0]) if row else 0
