"""The queries of `service_history` version 1; `../questions.py` describes each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from projections.runtime.listing import Filter, Listing, Order, Page
from projections.runtime.statements import statement, with_uuids
from projections.service_history import questions
from projections.service_history.questions import Backlog, Complaints, Reopening, Times, Verdicts

FOLDER: Final = Path(__file__).parent

FILTERS: Final[Mapping[str, tuple[str, str]]] = {
    "kind": ("kind", "text"),
    "state": ("state", "text"),
    "open": ("open", "boolean"),
    "priority": ("priority", "int"),
    "escalation": ("escalation", "int"),
    "channel": ("channel", "text"),
    "queue": ("queue", "text"),
    "category": ("category", "text"),
    "product": ("product", "text"),
    "cause": ("cause", "text"),
    "customer_id": ("customer_id", "uuid"),
    "owner_id": ("owner_id", "uuid"),
    "reported_sla": ("reported_sla", "boolean"),
    "reopened": ("reopened", "int"),
    "opened_at": ("opened_at", "timestamptz"),
    "resolved_at": ("resolved_at", "timestamptz"),
    "closed_at": ("closed_at", "timestamptz"),
    "updated_at": ("recorded", "timestamptz"),
}
"""Filter name to (column, SQL type of the value)."""

ORDERS: Final[Mapping[str, tuple[str, str]]] = {
    "updated_at": ("recorded", "timestamptz"),
    "opened_at": ("opened_at", "timestamptz"),
    "priority": ("priority", "int"),
    "closed_at": ("coalesce(closed_at, 'infinity')", "timestamptz"),
    "id": ("id", "uuid"),
}
"""Order name to (expression that is never null, its SQL type)."""

COLUMNS: Final = sql.SQL(
    "id, version, party, kind, state, open, priority, escalation, channel, customer_id, queue, owner_id, "
    "category, product, cause, opened_at, state_entered_at, responded_at, first_resolved_at, resolved_at, "
    "closed_at, held_since, make_interval(secs => held_us / 1e6) AS held, reopened, resolution_code, "
    "close_code, reported_sla, duplicate_of, imported, changes, time, recorded, recorded AS updated_at, "
    "position"
)

LISTING: Final = Listing(
    table=("service_history_v1", "case"), columns=COLUMNS, filters=FILTERS, orders=ORDERS
)


class Cases(questions.Cases):
    """The queries of `service_history` version 1 over a connection that may read its schema."""

    def __init__(self, connection: Connection) -> None:
        self._connection = with_uuids(connection)

    def get(self, id: UUID) -> dict[str, Any] | None:
        return LISTING.get(self._connection, id)

    def list(
        self,
        filters: Sequence[Filter] = (),
        order: Sequence[Order] = (),
        page_size: int = 50,
        after: tuple[str, ...] | None = None,
    ) -> Page:
        return LISTING.page(self._connection, filters, order, page_size, after)

    def backlog(self) -> Sequence[Backlog]:
        return [Backlog(*row) for row in self._rows("backlog.sql", {})]

    def reopening(self, since: datetime | None = None, until: datetime | None = None) -> Reopening:
        return Reopening(*self._rows("reopening.sql", {"since": since, "until": until})[0])

    def times(self, since: datetime | None = None, until: datetime | None = None) -> Sequence[Times]:
        return [Times(*row) for row in self._rows("times.sql", {"since": since, "until": until})]

    def verdicts(self, since: datetime | None = None, until: datetime | None = None) -> Verdicts:
        return Verdicts(*self._rows("verdicts.sql", {"since": since, "until": until})[0])

    def complaints(
        self, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[Complaints]:
        return [Complaints(*row) for row in self._rows("complaints.sql", {"since": since, "until": until})]

    def _rows(self, file: str, values: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        with self._connection.cursor() as c:
            c.execute(statement(FOLDER / file), values)
            return c.fetchall()
