"""The queries of `pipeline` version 1; `../questions.py` describes each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor

from projections.pipeline import questions
from projections.pipeline.questions import EVERYTHING, Board, BoardFilter, BoardStage, Forecast, Outcome
from projections.runtime.listing import Filter, Listing, Order, Page
from projections.runtime.statements import statement, with_uuids

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


class Opportunities(questions.Opportunities):
    """The queries of `pipeline` version 1 over a connection that may read its schema.

    They start a transaction if none runs; the owner of the connection ends it.
    """

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

    def board(
        self,
        pipeline: str,
        as_of: datetime | None = None,
        known_at: datetime | None = None,
        owner_id: UUID | None = None,
        only: BoardFilter = EVERYTHING,
        stale_days: int | None = None,
    ) -> Board:
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
        asked = {"pipeline": pipeline, "since": since, "until": until, "owner_id": owner_id}
        return [Outcome(*row) for row in self._rows("outcomes", asked)]

    def forecast(self, pipeline: str, owner_id: UUID | None = None) -> Sequence[Forecast]:
        return [
            Forecast(*row) for row in self._rows("forecast", {"pipeline": pipeline, "owner_id": owner_id})
        ]

    def history(self, id: UUID, *, limit: int = 50, after: int = 0) -> Sequence[dict[str, Any]]:
        return self._mappings("history", {"id": id, "limit": limit, "after": after})

    def changes(
        self, pipeline: str, since: datetime, *, limit: int = 50, after: tuple[datetime, UUID] | None = None
    ) -> Sequence[dict[str, Any]]:
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
