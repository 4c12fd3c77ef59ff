"""Rebuilds of candidates: their begin, progress and end. Each has one row, which is kept for ever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg2.extensions import cursor as Cursor

FILLING, CATCHING_UP, READY = "filling", "catching_up", "ready"
VERIFYING, VERIFIED, FAILED = "verifying", "verified", "failed"
SWAPPED, PAUSED, ABORTED, DROPPED = "swapped", "paused", "aborted", "dropped"

OVER: Final = (SWAPPED, FAILED)
"""States of a rebuild that a new one replaces: its rows are wrong, or its version was active and rolled
back."""

_COLUMNS: Final = (
    "id", "projection", "version", "state", "paused", "reason", "source", "filled_to", "seal_sequence",
    "seal_hash", "offsets", "ddl", "events", "verification", "by_whom", "why", "started_at", "filled_at",
    "caught_up_at", "verified_at", "swapped_at", "ended_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild:
    """One row of `control.rebuild`; its migration describes the columns."""

    id: UUID
    projection: str
    version: int
    state: str
    paused: str | None
    reason: str | None
    source: str
    filled_to: int
    seal_sequence: int
    seal_hash: bytes
    offsets: Mapping[str, Mapping[str, int]]
    ddl: list[Mapping[str, str]]
    events: int
    verification: Mapping[str, Any] | None
    by_whom: str
    why: str | None
    started_at: datetime
    filled_at: datetime | None
    caught_up_at: datetime | None
    verified_at: datetime | None
    swapped_at: datetime | None
    ended_at: datetime | None


def open_one(c: Cursor, projection: str, version: int, *, lock: bool = False) -> Rebuild | None:
    """Returns the rebuild of this version that has not ended, or None; `lock` locks its row."""
    c.execute(
        f"SELECT {', '.join(_COLUMNS)} FROM control.rebuild "  # noqa: S608 - the names above
        "WHERE projection = %s AND version = %s AND ended_at IS NULL" + (" FOR UPDATE" if lock else ""),
        (projection, version),
    )
    row = c.fetchone()
    if row is None:
        return None
    values = dict(zip(_COLUMNS, row, strict=True))
    values["id"] = UUID(str(values["id"]))
    values["seal_hash"] = bytes(values["seal_hash"])
    return Rebuild(**values)


def abort_past(c: Cursor, position: int) -> list[str]:
    """Aborts every candidate with a share past `position`. Returns their names, as "pipeline v2".

    For a store that was restored to an older state: a candidate past its end shows events that the store does
    not have. A candidate whose fill goes past it counts too. In the caller's transaction.
    """
    c.execute(
        "SELECT r.projection, r.version FROM control.rebuild r "
        "WHERE r.ended_at IS NULL AND r.state <> 'swapped' AND (r.filled_to > %(position)s OR EXISTS ("
        "  SELECT FROM control.share s WHERE s.projection = r.projection AND s.version = r.version "
        "  AND s.position > %(position)s)) "
        "AND NOT EXISTS (SELECT FROM control.active a "
        "                WHERE a.projection = r.projection AND a.version = r.version) "
        "ORDER BY r.projection, r.version FOR UPDATE OF r",
        {"position": position},
    )
    found: list[tuple[str, int]] = c.fetchall()
    for projection, version in found:
        abort(
            c, projection, version,
            f"It was past position {position}, the last of the restored store. Rebuild it.",
        )  # fmt: skip
    return [f"{projection} v{version}" for projection, version in found]


def abort(c: Cursor, projection: str, version: int, reason: str) -> None:
    """Ends the rebuild of a candidate, whose shares no worker claims then. Its rows stay until it is
    rebuilt."""
    c.execute(
        "UPDATE control.rebuild SET state = 'aborted', reason = %s, ended_at = clock_timestamp() "
        "WHERE projection = %s AND version = %s AND ended_at IS NULL",
        (reason, projection, version),
    )
    set_shares(c, projection, version, "aborted", reason)


def set_shares(c: Cursor, projection: str, version: int, state: str, reason: str | None) -> None:
    """Sets the state of all shares of a version, and takes them from their workers."""
    c.execute(
        "UPDATE control.share SET state = %s, reason = %s, epoch = epoch + 1, worker = NULL, "
        "lease_until = '-infinity' WHERE projection = %s AND version = %s",
        (state, reason, projection, version),
    )


def change(c: Cursor, id: UUID, state: str, reason: str | None = None) -> None:
    """Moves a rebuild to a state, and records when it came to that state first."""
    stamps = {CATCHING_UP: "filled_at", READY: "caught_up_at", VERIFIED: "verified_at", SWAPPED: "swapped_at"}
    ended = state in (ABORTED, DROPPED)
    stamp = "ended_at" if ended else stamps.get(state)
    also = f", {stamp} = clock_timestamp()" if stamp else ""
    c.execute(
        f"UPDATE control.rebuild SET state = %s, paused = NULL, reason = %s{also} "  # noqa: S608
        "WHERE id = %s",
        (state, reason, str(id)),
    )
