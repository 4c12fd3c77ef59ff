"""Questions to `pipeline`: one opportunity, the list (keyset), the board. One statement each.

Rows are dictionaries with the columns of `read.opportunity`: ids are `UUID`, amounts `Decimal`, times
UTC-aware datetimes, `expected_close` a date.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor

from projections.runtime.listing import Filter, Listing, Order, Page
from projections.runtime.statements import statement, with_uuids

__all__ = ["FILTERS", "ORDERS", "Board", "BoardStage", "Filter", "Opportunities", "Order", "Page"]

FOLDER: Final = Path(__file__).parent

FILTERS: Final[Mapping[str, tuple[str, str]]] = {
    "pipeline": ("pipeline", "text"),
    "stage": ("stage", "text"),
    "outcome": ("outcome", "text"),
    "forecast_category": ("forecast_category", "text"),
    "lost_reason": ("lost_reason", "text"),
    "currency": ("currency", "text"),
    "owner_id": ("owner_id", "uuid"),
    "customer_id": ("customer_id", "uuid"),
    "product_id": ("product_id", "uuid"),
    "party": ("party", "uuid"),
    "amount": ("amount", "numeric"),
    "probability": ("probability", "int"),
    "expected_close": ("expected_close", "date"),
    "opened_at": ("opened_at", "timestamptz"),
    "closed_at": ("closed_at", "timestamptz"),
    "stage_entered_at": ("stage_entered_at", "timestamptz"),
    "updated_at": ("recorded", "timestamptz"),
}
"""Filter name to (column, SQL type of the value)."""

ORDERS: Final[Mapping[str, tuple[str, str]]] = {
    "updated_at": ("recorded", "timestamptz"),
    "amount": ("coalesce(amount, -1)", "numeric"),
    "opened_at": ("opened_at", "timestamptz"),
    "closed_at": ("coalesce(closed_at, 'infinity')", "timestamptz"),
    "expected_close": ("coalesce(expected_close, 'infinity')", "date"),
    "stage": ("stage", "text"),
    "id": ("id", "uuid"),
}
"""Order name to (expression that is never null, its SQL type). The expressions are those of the indexes."""

COLUMNS: Final = sql.SQL(
    "id, version, party, pipeline, stage, outcome, probability, probability_overridden, amount, "
    "currency, rate, amount * rate AS amount_reporting, "
    "amount * rate * probability / 100 AS amount_weighted, customer_id, owner_id, product_id, "
    "forecast_category, "
    "expected_close, opened_at, stage_entered_at, closed_at, "
    "lost_reason, competitor, imported, team, products, time, recorded, recorded AS updated_at, position"
)


LISTING: Final = Listing(
    table=("pipeline_v1", "opportunity"), columns=COLUMNS, filters=FILTERS, orders=ORDERS
)


@dataclass(frozen=True, slots=True)
class BoardStage:
    """One stage of a board. `amount` and `weighted` are in the reporting currency, opportunities without an
    amount count as 0; `mean_age_seconds` is the time since they entered the stage, None for closed stages."""

    stage: str
    outcome: str
    count: int
    amount: Decimal
    weighted: Decimal
    mean_age_seconds: float | None
    stale: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardFilter:
    """Whose opportunities a board is about, and of which days: those on which they closed, else are expected
    to (`closing_since` included, `closing_until` not)."""

    owner_id: UUID | None = None
    team_member_id: UUID | None = None
    closing_since: date | None = None
    closing_until: date | None = None


EVERYTHING: Final = BoardFilter()


@dataclass(frozen=True, slots=True)
class Outcome:
    """Closed opportunities of one outcome, reason and competitor; `amount` in the reporting currency."""

    outcome: str
    lost_reason: str | None
    competitor: str | None
    count: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Forecast:
    """Open opportunities expected to close in a month (its first day; None: no day is named), of one
    category. Amounts in the reporting currency."""

    month: date | None
    forecast_category: str
    count: int
    amount: Decimal
    weighted: Decimal


Board = list[BoardStage]


class Opportunities:
    """The queries of `pipeline` version 1 over a connection that may read its schema.

    They start a transaction where none runs; who lends the connection ends it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = with_uuids(connection)

    def get(self, id: UUID) -> dict[str, Any] | None:
        """The opportunity as it is now."""
        return LISTING.get(self._connection, id)

    def list(
        self,
        filters: Sequence[Filter] = (),
        order: Sequence[Order] = (),
        page_size: int = 50,
        after: tuple[str, ...] | None = None,
    ) -> Page:
        """One page of opportunities (see `Listing.page`)."""
        return LISTING.page(self._connection, filters, order, page_size, after)

    def board(
        self,
        pipeline: str,
        as_of: datetime | None = None,
        known_at: datetime | None = None,
        owner_id: UUID | None = None,
        only: BoardFilter = EVERYTHING,
        stale_days: int | None = None,
    ) -> Board:
        """Each stage that holds an opportunity: now, or as of a business time, or as known at a time.

        With `as_of` the ages are those of that time. `stale` counts open ones that have been in their stage
        for more than `stale_days`. Stages without any are not listed: which stages exist is configuration.
        """
        then = as_of is not None or known_at is not None
        rows = self._rows(
            "board_as_of" if then else "board_now",
            {"pipeline": pipeline, "as_of": as_of, "known_at": known_at, "stale_days": stale_days}
            | asdict(only)
            | ({} if owner_id is None else {"owner_id": owner_id}),
        )
        return [BoardStage(*row) for row in rows]

    def outcomes(
        self,
        pipeline: str,
        since: datetime | None = None,
        until: datetime | None = None,
        owner_id: UUID | None = None,
    ) -> Sequence[Outcome]:
        """Won and lost by reason, of those closed from `since` (included) to `until` (not)."""
        asked = {"pipeline": pipeline, "since": since, "until": until, "owner_id": owner_id}
        return [Outcome(*row) for row in self._rows("outcomes", asked)]

    def forecast(self, pipeline: str, owner_id: UUID | None = None) -> Sequence[Forecast]:
        """Open opportunities by month and category, earliest first."""
        return [
            Forecast(*row) for row in self._rows("forecast", {"pipeline": pipeline, "owner_id": owner_id})
        ]

    def history(self, id: UUID, *, limit: int = 50, after: int = 0) -> Sequence[dict[str, Any]]:
        """The opportunity's versions behind `after`, oldest first."""
        return self._mappings("history", {"id": id, "limit": limit, "after": after})

    def changes(
        self, pipeline: str, since: datetime, *, limit: int = 50, after: tuple[datetime, UUID] | None = None
    ) -> Sequence[dict[str, Any]]:
        """What was recorded later than `since`: each opportunity as it was known then and as it is, in order
        of the last change; `after` is the last one's `recorded` and id of the page before."""
        at, id = after or (None, None)
        return self._mappings(
            "changes",
            {"pipeline": pipeline, "since": since, "limit": limit, "after_time": at, "after_id": id},
        )

    def _rows(self, name: str, parameters: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        with self._connection.cursor() as c:
            c.execute(statement(FOLDER / f"{name}.sql"), parameters)
            return c.fetchall()

    def _mappings(self, name: str, parameters: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
        with self._connection.cursor(cursor_factory=RealDictCursor) as c:
            c.execute(statement(FOLDER / f"{name}.sql"), parameters)
            return [dict(row) for row in c.fetchall()]
