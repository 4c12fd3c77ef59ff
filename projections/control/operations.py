"""Acts of operators on read models: noted with the act, recorded as an event when the store is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from uuid import uuid4

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

Act = Literal[
    "rebuild_started", "verified", "verification_failed", "swapped", "rolled_back", "dropped", "aborted",
    "paused", "resumed", "retried",
]  # fmt: skip


def note(
    c: Cursor,
    act: Act,
    projection: str,
    version: int,
    *,
    by: str,
    reason: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Notes an act, in the transaction that does it."""
    c.execute(
        "INSERT INTO control.operation (id, at, principal, act, projection, version, reason, details) "
        "VALUES (%s, clock_timestamp(), %s, %s, %s, %s, %s, %s)",
        (str(uuid4()), by, act, projection, version, reason, Json(dict(details or {}))),
    )
