"""Many events in one transaction through COPY, and their positions.

If the connection is lost during the commit, its outcome is unknown. Then another connection finds it out
before anything is written again, so nothing is written twice.
"""

from __future__ import annotations

import io
import struct
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

import psycopg2
from eventsourcing.persistence import StoredEvent
from psycopg2.extensions import connection
from psycopg2.extras import execute_values

from commands.store.claims import INSERT as INSERT_CLAIMS
from commands.store.claims import Claim
from commands.store.contact_index import AGAIN, ContactPoint
from commands.store.contact_index import INSERT as INSERT_CONTACT_POINTS
from commands.store.driver_errors import deadlocks_retried
from commands.store.idempotency import IdempotencyRow, insert_many
from commands.store.pool import Pool, PoolBusy

MAX_BULK_EVENTS: Final = 10_000
"""Most events of one transaction."""
MAX_TRIES: Final = 3
"""How often a bulk is written whose connection is lost before anything came of it."""
OUTCOME_SECONDS: Final = 30.0
"""Seconds in which it is found out what became of a transaction whose connection was lost."""

_COPY: Final = "COPY store.event (aggregate_id, version, type, party, event) FROM STDIN (FORMAT binary)"
_LAST: Final = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM store.event_position_seq"
_DRAWN: Final = """
    SELECT pg_current_xact_id()::text, CASE WHEN is_called THEN last_value ELSE 0 END
      FROM store.event_position_seq
"""
# COPY returns no positions. They ascend in the order of the rows: one statement drew them. Where the sequence
# went on by as many as there are rows, nobody else drew any. Else what this transaction wrote carries its
# number in xmin, and stands behind the sequence's value of before.
_POSITIONS: Final = """
    SELECT ARRAY(SELECT position FROM store.event
                  WHERE position > %s AND xmin = pg_current_xact_id()::xid ORDER BY position)
"""
_STATUS: Final = "SELECT pg_xact_status(%s::xid8)"
_IS_THERE: Final = "SELECT 1 FROM store.event WHERE aggregate_id = %s AND version = %s AND event = %s"
_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_IDS: Final = struct.Struct(">hi16siii")
_REST: Final = struct.Struct(">i16si")


class _Lost(Exception):
    """The connection is lost. `xid` and `positions` are those of a transaction that may have committed, `xid`
    None where it cannot have."""

    def __init__(self, error: psycopg2.Error, xid: str | None, positions: list[int]) -> None:
        super().__init__(str(error))
        self.error, self.xid, self.positions = error, xid, positions


@deadlocks_retried
def append(
    pool: Pool,
    stored: Sequence[StoredEvent],
    claims: Sequence[Claim] = (),
    contact_points: Sequence[ContactPoint] = (),
    answered: Sequence[IdempotencyRow] = (),
) -> list[int]:
    """Appends all or nothing in one transaction; positions in the order of `stored`.

    Rows go in sorted by aggregate, claims by external id and keys by their hash, so that two at once meet in
    the same order; a deadlock that is left (with single appends) is retried. A lost connection is survived
    where the database can be reached again within `OUTCOME_SECONDS`. Raises the driver's errors.
    """
    if len(stored) > MAX_BULK_EVENTS:
        raise ValueError(f"{len(stored)} events in one transaction; at most {MAX_BULK_EVENTS:,} are allowed")
    if not stored and not answered:
        return []
    order = sorted(
        range(len(stored)), key=lambda i: (_uuid(stored[i].originator_id).int, stored[i].originator_version)
    )
    ordered = [stored[i] for i in order]
    found = _surely_written(pool, ordered, claims, contact_points, answered)
    if len(found) != len(stored):
        raise RuntimeError(f"{len(stored)} events were appended, but {len(found)} positions were found")
    positions = [0] * len(stored)
    for index, position in zip(order, found, strict=True):
        positions[index] = position
    return positions


def _surely_written(
    pool: Pool,
    ordered: Sequence[StoredEvent],
    claims: Sequence[Claim],
    contact_points: Sequence[ContactPoint],
    answered: Sequence[IdempotencyRow],
) -> list[int]:
    """Writes, and where the connection was lost finds out whether that was done, until it surely is."""
    for left in reversed(range(MAX_TRIES)):
        try:
            with pool.connection() as opened:
                return _write(opened, ordered, claims, contact_points, answered)
        except _Lost as lost:
            if lost.xid is not None and _committed(pool, lost, ordered):
                return lost.positions
            if not left:
                raise lost.error from lost
    raise AssertionError("the last try returns or raises")


def _write(
    opened: connection,
    ordered: Sequence[StoredEvent],
    claims: Sequence[Claim],
    contact_points: Sequence[ContactPoint],
    answered: Sequence[IdempotencyRow],
) -> list[int]:
    xid: str | None = None
    positions: list[int] = []
    try:
        with opened, opened.cursor() as cursor:
            insert_many(cursor, answered)
            if claims:
                rows = sorted((claim.row() for claim in claims), key=lambda row: row[:2])
                execute_values(cursor, INSERT_CLAIMS + "%s", rows, page_size=1000)
            if contact_points:
                points = sorted(set(contact_points))
                execute_values(cursor, INSERT_CONTACT_POINTS + "%s" + AGAIN, points, page_size=1000)
            cursor.execute(_LAST)
            before = cursor.fetchall()[0][0]
            if ordered:
                cursor.copy_expert(_COPY, io.BytesIO(encoded(ordered)))
            xid, positions = _drawn(cursor, before, len(ordered))
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        if not opened.closed:
            raise
        raise _Lost(error, xid, positions) from error
    return positions


def _drawn(cursor: Any, before: int, count: int) -> tuple[str, list[int]]:
    """This transaction's number, and the positions of the `count` rows it has just written."""
    cursor.execute(_DRAWN)
    xid, last = cursor.fetchall()[0]
    if last - before == count:
        return xid, list(range(before + 1, last + 1))
    cursor.execute(_POSITIONS, (before,))
    return xid, cursor.fetchall()[0][0]


def _committed(pool: Pool, lost: _Lost, ordered: Sequence[StoredEvent]) -> bool:
    """Whether the transaction took effect, once it has ended. Raises what broke it where that cannot be said
    within `OUTCOME_SECONDS`: a second run then finds what is there."""
    deadline = time.monotonic() + OUTCOME_SECONDS
    while time.monotonic() < deadline:
        # Still away: try again.
        with (
            suppress(psycopg2.OperationalError, psycopg2.InterfaceError, PoolBusy),
            pool.connection() as opened,
        ):
            if _ended(opened, lost.xid):
                return bool(ordered) and _is_there(opened, ordered[0])
        time.sleep(0.2)
    raise lost.error from lost


def _ended(opened: connection, xid: str | None) -> bool:
    with opened.cursor() as cursor:
        try:
            cursor.execute(_STATUS, (xid,))
        except psycopg2.errors.InvalidParameterValue:
            return True  # a server that crashed has never heard of it
        return bool(cursor.fetchall()[0][0] != "in progress")


def _is_there(opened: connection, event: StoredEvent) -> bool:
    """By the event's bytes: after a crash the transaction's number may be another one's."""
    with opened.cursor() as cursor:
        key = (_uuid(event.originator_id), event.originator_version)
        cursor.execute(_IS_THERE, (*key, psycopg2.Binary(event.state)))
        return bool(cursor.fetchall())


def party_of(event: StoredEvent) -> UUID:
    """The partition key: an event that names none (the library's own) is its aggregate's."""
    party = getattr(event, "party", None)
    return party if party is not None else _uuid(event.originator_id)


def _uuid(id: UUID | str) -> UUID:
    return id if isinstance(id, UUID) else UUID(id)


def encoded(events: Sequence[StoredEvent]) -> bytes:
    """The rows in PostgreSQL's binary COPY format: no escapes, half the bytes of text."""
    parts = [_HEADER]
    types: dict[str, bytes] = {}
    for event in events:
        type = types.get(event.topic) or types.setdefault(event.topic, event.topic.encode())
        aggregate, party = _uuid(event.originator_id).int, party_of(event).int
        parts += (
            _IDS.pack(5, 16, aggregate.to_bytes(16, "big"), 4, event.originator_version, len(type)),
            type,
            _REST.pack(16, party.to_bytes(16, "big"), len(event.state)),
            event.state,
        )
    parts.append(_TRAILER)
    return b"".join(parts)
