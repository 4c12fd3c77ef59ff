"""Questions to `service_history`: one case, the list (keyset), backlog, reopening, times, SLA, complaints.

Rows are dictionaries with the columns of `read.case`: ids are `UUID`, times UTC-aware datetimes, `held` a
timedelta. A rate or mean over nothing is None, never 0; each figure comes with how many cases it is about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from projections.runtime.listing import Filter, Listing, Order, Page
from projections.runtime.statements import statement, with_uuids

__all__ = ["FILTERS", "ORDERS", "Cases", "Filter", "Order", "Page"]

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


@dataclass(frozen=True, slots=True)
class Backlog:
    """Open cases of a queue (None: of no queue) and a priority; the mean age in seconds."""

    queue: str | None
    priority: int
    cases: int
    oldest_opened_at: datetime
    mean_age_seconds: float


@dataclass(frozen=True, slots=True)
class Reopening:
    """Of `resolved` cases (first resolved in the period), so many were reopened, `reopenings` times."""

    resolved: int
    reopened: int
    reopenings: int
    rate: float | None


@dataclass(frozen=True, slots=True)
class Times:
    """Of cases opened in the period, by priority: seconds to the first response, to the first resolution, and
    to the resolution that holds less the time spent waiting on the customer. The counts say over how many.
    By the clock: business time comes with the calendars of service levels."""

    priority: int
    cases: int
    responded: int
    response_mean: float | None
    response_median: float | None
    first_resolved: int
    first_resolution_mean: float | None
    first_resolution_median: float | None
    resolved: int
    resolution_mean: float | None
    resolution_median: float | None


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What imported logs say of their SLA, of cases closed in the period."""

    met: int
    missed: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Complaints:
    """Complaints opened in the period, by product and cause (None: not named)."""

    product: str | None
    cause: str | None
    cases: int
    open: int


class Cases:
    """The queries of `service_history` version 1 over a connection that may read its schema.

    Periods are from `since` (inclusive) to `until` (exclusive); None is without an end.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = with_uuids(connection)

    def get(self, id: UUID) -> dict[str, Any] | None:
        """The case as it is now."""
        return LISTING.get(self._connection, id)

    def list(
        self,
        filters: Sequence[Filter] = (),
        order: Sequence[Order] = (),
        page_size: int = 50,
        after: tuple[str, ...] | None = None,
    ) -> Page:
        """One page of cases (see `Listing.page`). A customer's: filter `customer_id` by all its members."""
        return LISTING.page(self._connection, filters, order, page_size, after)

    def backlog(self) -> Sequence[Backlog]:
        """What is open now, by queue and priority."""
        return [Backlog(*row) for row in self._rows("backlog.sql", {})]

    def reopening(self, since: datetime | None = None, until: datetime | None = None) -> Reopening:
        """How many of the cases that were first resolved in the period came back."""
        return Reopening(*self._rows("reopening.sql", {"since": since, "until": until})[0])

    def times(self, since: datetime | None = None, until: datetime | None = None) -> Sequence[Times]:
        """First response and resolution, by priority."""
        return [Times(*row) for row in self._rows("times.sql", {"since": since, "until": until})]

    def verdicts(self, since: datetime | None = None, until: datetime | None = None) -> Verdicts:
        """SLA met and missed by the logs that were imported."""
        return Verdicts(*self._rows("verdicts.sql", {"since": since, "until": until})[0])

    def complaints(
        self, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[Complaints]:
        """Complaints by product and cause, most first."""
        return [Complaints(*row) for row in self._rows("complaints.sql", {"since": since, "until": until})]

    def _rows(self, file: str, values: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        with self._connection.cursor() as c:
            c.execute(statement(FOLDER / file), values)
            return c.fetchall()
