"""The eventsourcing library's recorders on psycopg2: append without a table lock, read in order.

Positions are unique and ascend within an append; between appends there are gaps, and a lower position can
become visible after a higher one. Whoever follows the store uses `commands.store.event_reader`, never
`select_notifications` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    Notification,
    StoredEvent,
    Subscription,
)
from psycopg2 import Binary
from psycopg2.extensions import connection
from psycopg2.extensions import cursor as Cursor

from commands.store import bulk, claims, contact_index, idempotency
from commands.store.bulk import party_of
from commands.store.claims import Claim
from commands.store.contact_index import ContactPoint
from commands.store.driver_errors import deadlocks_retried, translated
from commands.store.event_reader import StoredRow
from commands.store.idempotency import IdempotencyRow
from commands.store.mapper import StoredCrmEvent
from commands.store.pool import Pool
from commands.store.subscription import SettledSubscription

__all__ = ["Guard", "PostgresAggregateRecorder", "PostgresApplicationRecorder", "StoredCrmEvent"]

Guard = Callable[[Cursor], None]
"""Called first in the transaction that appends; an error prevents the append. It is called again if
PostgreSQL ended the transaction to free others."""

_INSERT: Final = "INSERT INTO store.event (aggregate_id, version, type, party, event) VALUES "
_ROW: Final = "(%s, %s, %s, %s, %s)"
_SELECT: Final = "SELECT aggregate_id, version, type, event FROM store.event WHERE aggregate_id = %s"
_STREAMS: Final = """
    SELECT aggregate_id, version, type, event FROM store.event
     WHERE aggregate_id = ANY (%s::uuid[]) ORDER BY aggregate_id, version
"""
_HISTORY: Final = """
    SELECT position, aggregate_id, version, type, party, event FROM store.event
     WHERE aggregate_id = ANY (%s::uuid[]) ORDER BY aggregate_id, version
"""
_DIGESTS: Final = """
    SELECT aggregate_id, convert_from(event, 'UTF8')::json #>> '{data,source_digest}'
      FROM store.event WHERE aggregate_id = ANY (%s::uuid[]) AND version = 1
"""
_VERSIONS: Final = """
    SELECT aggregate_id, max(version) FROM store.event WHERE aggregate_id = ANY (%s::uuid[]) GROUP BY 1
"""
_NOTIFICATIONS: Final = "SELECT aggregate_id, version, type, event, position FROM store.event WHERE true"


class _Recorder(AggregateRecorder):
    """The shared part of both recorders. The library wants different results of `insert_events`."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The events of one aggregate with versions above `gt` up to `lte`, in order."""
        statement, values = _SELECT, list[Any]((originator_id,))
        for condition, value in ((" AND version > %s", gt), (" AND version <= %s", lte)):
            if value is not None:
                statement += condition
                values.append(value)
        statement += " ORDER BY version DESC" if desc else " ORDER BY version"
        if limit is not None:
            statement += " LIMIT %s"
            values.append(limit)
        with translated(), self.pool.connection() as opened, opened.cursor() as cursor:
            cursor.execute(statement, values)
            return [
                StoredEvent(originator_id=id, originator_version=version, topic=type, state=bytes(event))
                for id, version, type, event in cursor.fetchall()
            ]

    def _insert(
        self,
        stored: Sequence[StoredEvent],
        taken: Sequence[Claim],
        answered: IdempotencyRow | None,
        points: Sequence[ContactPoint],
        guard: Guard | None = None,
    ) -> list[int]:
        if not stored and not taken and answered is None and not points:
            return []
        with translated(), self.pool.connection() as opened:
            if guard is not None:
                return _append_guarded(opened, stored, taken, answered, points, guard)
            return _append(opened, stored, taken, answered, points)


class PostgresAggregateRecorder(_Recorder):
    """Records and selects the events of aggregates."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> None:
        """Appends all or nothing. Raises `IntegrityError` when a version is taken."""
        self._insert(
            stored_events,
            kwargs.get("claims", ()),
            kwargs.get("idempotency"),
            kwargs.get("contact_points", ()),
        )


class PostgresApplicationRecorder(_Recorder, ApplicationRecorder):
    """Records events and returns their positions."""

    def insert_events(
        self,
        stored_events: Sequence[StoredEvent],
        *,
        claims: Sequence[Claim] = (),
        idempotency: IdempotencyRow | None = None,
        contact_points: Sequence[ContactPoint] = (),
        guard: Guard | None = None,
        **kwargs: Any,  # noqa: ARG002  # the library passes its own, as `tracking`
    ) -> Sequence[int]:
        """Appends events, claims, contact points and the idempotency row, all or nothing, in one round trip;
        the positions. With a `guard` it takes a few more, and raises what that raises.

        Raises `IntegrityError` when a version, a claim or a key is taken, `OperationalError` after 2 s of
        waiting for another request with the same key.
        """
        return self._insert(stored_events, claims, idempotency, contact_points, guard)

    def insert_bulk(
        self,
        stored: Sequence[StoredEvent],
        claims: Sequence[Claim] = (),
        contact_points: Sequence[ContactPoint] = (),
        idempotency: Sequence[IdempotencyRow] = (),
    ) -> list[int]:
        """Appends at most 10,000 events with their claims, contact points and idempotency rows through COPY,
        all or nothing.

        Returns the positions in the order of `stored`. Raises `IntegrityError` when a version, a claim or a
        key is taken, `OperationalError` after 2 s of waiting for another request with one of the keys."""
        with translated():
            return bulk.append(self.pool, stored, claims, contact_points, idempotency)

    def select_streams(self, ids: Sequence[UUID]) -> list[StoredEvent]:
        """All events of those aggregates, those of one in the order of their versions."""
        with translated(), self.pool.connection() as opened, opened.cursor() as cursor:
            cursor.execute(_STREAMS, (list(ids),))
            return [
                StoredEvent(originator_id=id, originator_version=version, topic=type, state=bytes(event))
                for id, version, type, event in cursor.fetchall()
            ]

    def select_histories(self, ids: Sequence[UUID]) -> list[StoredRow]:
        """The events of those aggregates with their positions, one aggregate after the other, each in
        order."""
        with translated(), self.pool.connection() as opened, opened.cursor() as cursor:
            cursor.execute(_HISTORY, (list(ids),))
            return [StoredRow._make((*columns, bytes(event))) for *columns, event in cursor.fetchall()]

    def select_digests(self, ids: Sequence[UUID]) -> dict[UUID, str]:
        """The `source_digest` of the first events of those aggregates, by id, where there is one."""
        with translated(), self.pool.connection() as opened, opened.cursor() as cursor:
            cursor.execute(_DIGESTS, (list(ids),))
            return dict(cursor.fetchall())

    def select_versions(self, ids: Sequence[UUID]) -> dict[UUID, int]:
        """The highest version of each of those aggregates, by id, where there is one."""
        with translated(), self.pool.connection() as opened, opened.cursor() as cursor:
            cursor.execute(_VERSIONS, (list(ids),))
            return dict(cursor.fetchall())

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """What is visible now, by position. Not for following: see the module's text."""
        statement, values = _NOTIFICATIONS, list[Any]()
        after = " AND position >= %s" if inclusive_of_start else " AND position > %s"
        topic_list = list(topics) if topics else None
        for condition, value in (
            (after, start),
            (" AND position <= %s", stop),
            (" AND type = ANY (%s)", topic_list),
        ):
            if value is not None:
                statement += condition
                values.append(value)
        with translated(), self.pool.connection() as opened, opened.cursor() as cursor:
            cursor.execute(statement + " ORDER BY position LIMIT %s", [*values, limit])
            return [
                Notification(
                    originator_id=id, originator_version=version, topic=type, state=bytes(event), id=position
                )
                for id, version, type, event, position in cursor.fetchall()
            ]

    def max_notification_id(self) -> int | None:
        """Returns the highest visible position; None for an empty store."""
        with translated(), self.pool.connection() as opened, opened.cursor() as cursor:
            cursor.execute("SELECT max(position) FROM store.event")
            highest: int | None = cursor.fetchall()[0][0]
            return highest

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> Subscription[ApplicationRecorder]:
        """Follows the store behind `gt` without missing an event, by polling."""
        return SettledSubscription(self, self.pool, gt, topics)


@deadlocks_retried
def _append(
    opened: connection,
    stored: Sequence[StoredEvent],
    taken: Sequence[Claim],
    answered: IdempotencyRow | None,
    points: Sequence[ContactPoint],
) -> list[int]:
    """One statement string in autocommit: PostgreSQL makes it one transaction, in one round trip."""
    with opened.cursor() as cursor:
        return _positions(cursor, stored, taken, answered, points)


@deadlocks_retried
def _append_guarded(
    opened: connection,
    stored: Sequence[StoredEvent],
    taken: Sequence[Claim],
    answered: IdempotencyRow | None,
    points: Sequence[ContactPoint],
    guard: Guard,
) -> list[int]:
    """The same behind the guard, in its transaction."""
    with opened, opened.cursor() as cursor:
        guard(cursor)
        return _positions(cursor, stored, taken, answered, points)


def _positions(
    cursor: Cursor,
    stored: Sequence[StoredEvent],
    taken: Sequence[Claim],
    answered: IdempotencyRow | None,
    points: Sequence[ContactPoint],
) -> list[int]:
    """Appends; where the events went.

    The key comes first: a second request with the same key waits there, before it meets version or claim.
    """
    statement, values = "", list[Any]()
    if answered is not None:
        statement += idempotency.INSERT
        values += answered.parameters()
    if taken:
        statement += claims.INSERT + ", ".join([claims.ROW] * len(taken)) + ";"
        for claim in sorted(taken, key=lambda claim: (claim.source, claim.external_id)):
            values += claim.row()
    if points:
        entries = sorted(set(points))
        rows = ", ".join([contact_index.ROW] * len(entries))
        statement += contact_index.INSERT + rows + contact_index.AGAIN + ";"
        for hmac, person in entries:
            values += (Binary(hmac), person)
    if stored:
        statement += _INSERT + ", ".join([_ROW] * len(stored)) + " RETURNING position"
        for event in stored:
            values += (
                event.originator_id,
                event.originator_version,
                event.topic,
                party_of(event),
                Binary(event.state),
            )
    cursor.execute(statement, values)
    return [row[0] for row in cursor.fetchall()] if stored else []
