"""The status of the read models: one table, the same for command line, API and page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor

from projections.control.rebuilds import FAILED, SWAPPED
from projections.control.shares import PAUSED, RETRYING, RUNNING, WORKED_ON
from projections.runtime.statements import statement

FOLDER: Final = Path(__file__).parent
STALE_SECONDS: Final = 15.0
"""Seconds since the last heartbeat after which no worker counts as alive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One projection version.

    `state` is never_started, no_worker, catching_up, live, or the state of its shares (waiting_for_broker,
    waiting_for_keys, seal_mismatch, retrying, paused), or for a candidate that of its rebuild. `reason` says
    why and what to do. `position` is the least of its shares, `head` the store's (None while the store is
    away; lag is unknown then). `lag_events` counts positions, `lag_seconds` is the age of the oldest event
    not applied. `lag_trend` is by how many events a second the lag grows (below 0: it shrinks), compared with
    about a minute ago; None if no worker worked then. `time_left` is seconds until it has caught up at this
    pace, None if it never would. `rate` is events a second. `rows` is PostgreSQL's estimate. `heartbeat_age`
    is in seconds, None without workers. `received` counts events read, `parked` the parked ones.
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
    lag_trend: float | None
    time_left: float | None
    rate: float
    rows: int
    workers: int
    heartbeat_age: float | None
    parked: int
    received: int


def projection_status(
    connection: Connection,
    head: int | None,
    *,
    recorded_behind: Callable[[int], datetime | None] | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[Status]:
    """Returns all projection versions, by name. `head` is the store's highest position, None while it is
    away.

    `recorded_behind` returns the time at which the first event behind a position was recorded. The lag is
    measured against the store, so it also grows while the high-water mark does not move.
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
        trend = None
        if (
            lag is not None
            and head is not None
            and row["mark_at"] is not None
            and recorded_behind is not None
        ):
            before = max(0, head_at(row["mark_at"], head, recorded_behind) - row["mark_position"])
            trend = (lag - before) / row["mark_age"]
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
                lag_trend=trend,
                time_left=time_left(lag, trend, row["rate"]),
                rate=row["rate"],
                rows=row["rows"],
                workers=row["workers"],
                heartbeat_age=row["heartbeat_age"],
                parked=row["parked"],
                received=row["received"],
            )
        )
    return statuses


def head_at(when: datetime, head: int, recorded_behind: Callable[[int], datetime | None]) -> int:
    """Returns the store's last position at the time `when`, from the times at which its events were recorded.

    It goes back from `head` in steps that double, then bisects the last step: few queries if few events were
    recorded since.
    """

    def ended_by(position: int) -> bool:
        """Whether the store's last position then was at most this one."""
        recorded = recorded_behind(position)
        return recorded is None or recorded > when

    late, step = head, 1
    while late > 0 and ended_by(max(0, head - step)):
        late, step = max(0, head - step), step * 2
    early = max(0, head - step)
    while late - early > 1:
        middle = (early + late) // 2
        early, late = (early, middle) if ended_by(middle) else (middle, late)
    return late


def time_left(lag: int | None, trend: float | None, rate: float) -> float | None:
    """Returns the seconds until it has caught up `lag` events; None if unknown, or never at this pace."""
    if not lag:
        return None if lag is None else 0.0
    if trend is not None and trend < 0:
        return lag / -trend
    # Without an earlier status, or with a lag of at most a second, the rate alone is used.
    if rate and (trend is None or lag <= rate):
        return lag / rate
    return None


def _state(row: dict[str, object], lag: int | None) -> tuple[str, str | None]:
    name = row["projection"]
    state, reason = str(row["state"]), str(row["reason"]) if row["reason"] else None
    # A version that was active before, and is kept up to date beside the active one, is in use too.
    rebuild = None if row["rebuild"] == SWAPPED else row["rebuild"]
    if state not in WORKED_ON:
        if rebuild:
            return str(rebuild), reason or (str(row["rebuild_reason"]) if row["rebuild_reason"] else None)
        return state, reason or ("An operator paused it." if state == PAUSED else None)
    if rebuild == FAILED:  # its rows are wrong, whatever its position
        return FAILED, str(row["rebuild_reason"]) if row["rebuild_reason"] else None
    if row["never_claimed"] and not row["heartbeat_age"]:
        return "never_started", f"No worker has ever run. Start one: `rapport projection run {name}`."
    if state == RETRYING:
        return state, reason
    age = row["heartbeat_age"]
    if not isinstance(age, float) or age > STALE_SECONDS:
        heard = f"for {age:.0f} seconds" if isinstance(age, float) else "since the last one ended"
        return "no_worker", f"No worker was heard of {heard}. Start one: `rapport projection run {name}`."
    if state != RUNNING:
        return state, reason
    if row["unowned"]:
        return "catching_up", f"{row['unowned']} of {row['shares']} shares wait for a worker to claim them."
    if lag:
        return "catching_up", None
    if not rebuild:
        return "live", None
    return str(rebuild), str(row["rebuild_reason"]) if row["rebuild_reason"] else None


def positions(connection: Connection, projection: str) -> int:
    """Returns the position of the active version of a projection: the least of its shares.

    Returns 0 for a projection that does not exist.
    """
    with connection.cursor() as c:
        c.execute(
            "SELECT coalesce(min(s.position), 0) FROM control.share s "
            "JOIN control.active a USING (projection, version) WHERE s.projection = %s",
            (projection,),
        )
        row = c.fetchone()
    return int(row[0]) if row else 0
