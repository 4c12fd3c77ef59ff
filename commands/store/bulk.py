"""Many events in one transaction through COPY, and where they came to stand."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from eventsourcing.persistence import StoredEvent
from psycopg2.extensions import connection
from psycopg2.extras import execute_values

from commands.store.claims import INSERT as INSERT_CLAIMS
from commands.store.claims import Claim
from commands.store.contact_index import AGAIN, ContactPoint
from commands.store.contact_index import INSERT as INSERT_CONTACT_POINTS
from commands.store.faults import deadlocks_retried

LIMIT: Final = 10_000
"""Most events of one transaction."""

_COPY: Final = "COPY store.event (aggregate_id, version, type, party, event) FROM STDIN (FORMAT binary)"
_LAST: Final = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM store.event_position_seq"
# COPY returns no positions. What this transaction wrote carries its number in xmin and stands behind the
# sequence's value of before; positions ascend in the order of the rows, since one statement drew them.
_POSITIONS: Final = """
    SELECT array_agg(position ORDER BY position) FROM store.event
     WHERE position > %s AND xmin = pg_current_xact_id()::xid
"""
_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_IDS: Final = struct.Struct(">hi16siii")
_REST: Final = struct.Struct(">i16si")


@deadlocks_retried
def append(
    open_connection: connection,
    stored: Sequence[StoredEvent],
    claims: Sequence[Claim],
    contact_points: Sequence[ContactPoint] = (),
) -> list[int]:
    """Appends all or nothing in one transaction; positions in the order of `stored`.

    Rows go in sorted by aggregate and claims by external id, so that two at once meet in the same order;
    a deadlock that is left (with single appends) is retried. Raises the driver's errors.
    """
    if len(stored) > LIMIT:
        raise ValueError(f"{len(stored)} events in one transaction; at most {LIMIT:,} are allowed")
    if not stored:
        return []
    order = sorted(
        range(len(stored)), key=lambda i: (_uuid(stored[i].originator_id).bytes, stored[i].originator_version)
    )
    with open_connection, open_connection.cursor() as cursor:
        if claims:
            rows = sorted((claim.row() for claim in claims), key=lambda row: row[:2])
            execute_values(cursor, INSERT_CLAIMS + "%s", rows, page_size=1000)
        if contact_points:
            points = sorted(set(contact_points))
            execute_values(cursor, INSERT_CONTACT_POINTS + "%s" + AGAIN, points, page_size=1000)
        cursor.execute(_LAST)
        before = cursor.fetchall()[0][0]
        cursor.copy_expert(_COPY, io.BytesIO(_encoded([stored[i] for i in order])))
        cursor.execute(_POSITIONS, (before,))
        found: list[int] = cursor.fetchall()[0][0]
    if len(found) != len(stored):
        raise RuntimeError(f"{len(stored)} events were appended, but {len(found)} positions were found")
    positions = [0] * len(stored)
    for index, position in zip(order, found, strict=True):
        positions[index] = position
    return positions


def party_of(event: StoredEvent) -> UUID:
    """The partition key: an event that names none (the library's own) is its aggregate's."""
    party = getattr(event, "party", None)
    return party if party is not None else _uuid(event.originator_id)


def _uuid(id: UUID | str) -> UUID:
    return id if isinstance(id, UUID) else UUID(id)


def _encoded(events: Sequence[StoredEvent]) -> bytes:
    """The rows in PostgreSQL's binary COPY format: no escapes, half the bytes of text."""
    parts = [_HEADER]
    for event in events:
        type = event.topic.encode()
        parts += (
            _IDS.pack(5, 16, _uuid(event.originator_id).bytes, 4, event.originator_version, len(type)),
            type,
            _REST.pack(16, party_of(event).bytes, len(event.state)),
            event.state,
        )
    parts.append(_TRAILER)
    return b"".join(parts)
