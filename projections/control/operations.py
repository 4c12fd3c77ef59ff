"""What operators do to read models: noted with the act, recorded as an event when the store is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID, uuid4

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

Act = Literal[
    "rebuild_started", "verified", "verification_failed", "swapped", "rolled_back", "dropped", "aborted",
    "paused", "resumed", "retried",
]  # fmt: skip

_COLUMNS: Final = "id, at, principal, act, projection, version, reason, details"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One act: who (`principal`), what, to which version, why, when."""

    id: UUID
    at: datetime
    principal: str
    act: Act
    projection: str
    version: int
    reason: str | None
    details: Mapping[str, Any]


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


def unrecorded(c: Cursor, limit: int = 100) -> list[Operation]:
    """The oldest acts that are no events yet; nobody else records them until the transaction ends."""
    c.execute(
        f"SELECT {_COLUMNS} FROM control.operation WHERE NOT recorded "  # noqa: S608 - the names above
        "ORDER BY at, id LIMIT %s FOR UPDATE",
        (limit,),
    )
    names = [name.strip() for name in _COLUMNS.split(",")]
    return [
        Operation(**(dict(zip(names, row, strict=True)) | {"id": UUID(str(row[0]))})) for row in c.fetchall()
    ]


def recorded(c: Cursor, ids: Sequence[UUID]) -> None:
    """These acts are events now."""
    c.execute(
        "UPDATE control.operation SET recorded = true WHERE id = ANY (%s::uuid[])", ([str(i) for i in ids],)
    )
