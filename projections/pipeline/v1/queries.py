"""Questions to `pipeline`: one opportunity, the list (keyset), the board. One statement each.

Rows are dictionaries with the columns of `read.opportunity`: ids are `UUID`, amounts `Decimal`, times
UTC-aware datetimes, `expected_close` a date.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal
from uuid import UUID

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor

from projections.statements import statement, with_uuids

FOLDER: Final = Path(__file__).parent

Op = Literal["eq", "in", "gt", "gte", "lt", "lte"]

OPERATORS: Final[Mapping[Op, str]] = {
    "eq": "=",
    "in": "= ANY",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
}

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


@dataclass(frozen=True, slots=True)
class Filter:
    """`field` is a name of `FILTERS`; `value` a value of its type, a list of them for `in`."""

    field: str
    op: Op
    value: Any


@dataclass(frozen=True, slots=True)
class Order:
    """`field` is a name of `ORDERS`."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """`after` is what the next call takes:
    the last row's order values as text and its id (None at the end)."""

    rows: list[dict[str, Any]]
    after: tuple[str, ...] | None


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


Board = list[BoardStage]


class Opportunities:
    """The queries of `pipeline` version 1 over a connection that may read its schema.

    They start a transaction where none runs; who lends the connection ends it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = with_uuids(connection)

    def get(self, id: UUID) -> dict[str, Any] | None:
        """The opportunity as it is now."""
        with self._connection.cursor(cursor_factory=RealDictCursor) as c:
            c.execute(sql.SQL("SELECT {} FROM pipeline_v1.opportunity WHERE id = %s").format(COLUMNS), (id,))
            row = c.fetchone()
        return dict(row) if row else None

    def list(
        self,
        filters: Sequence[Filter] = (),
        order: Sequence[Order] = (),
        page_size: int = 50,
        after: tuple[str, ...] | None = None,
    ) -> Page:
        """One page, in `order` and then by id (in the direction of the last order). All filters must hold.

        Raises `KeyError` for a filter, operator or order that is not declared above, `ValueError` for an
        `after` that does not fit the order.
        """
        keys = [
            (sql.SQL(ORDERS[o.field][0]), ORDERS[o.field][1], o.descending) for o in order if o.field != "id"
        ]
        last = order[-1].descending if order else False
        keys.append((sql.SQL("id"), "uuid", last))
        where: list[sql.Composable] = []
        values: list[Any] = []
        for f in filters:
            column, kind = FILTERS[f.field]
            template = "{} {} (%s::{}[])" if f.op == "in" else "{} {} %s::{}"
            where.append(
                sql.SQL(template).format(sql.Identifier(column), sql.SQL(OPERATORS[f.op]), sql.SQL(kind))
            )
            values.append([str(v) for v in f.value] if f.op == "in" else f.value)
        if after is not None:
            if len(after) != len(keys):
                raise ValueError(f"the place to go on from has {len(after)} values, the order {len(keys)}")
            clause, more = _behind(keys, after)
            where.append(clause)
            values.extend(more)
        select = sql.SQL(
            "SELECT {columns}, ARRAY[{keys}] AS place FROM pipeline_v1.opportunity {where} "
            "ORDER BY {order} LIMIT %s"
        ).format(
            columns=COLUMNS,
            keys=sql.SQL(", ").join(sql.SQL("({})::text").format(e) for e, _, _ in keys),
            where=sql.SQL("WHERE ") + sql.SQL(" AND ").join(where) if where else sql.SQL(""),
            order=sql.SQL(", ").join(e + sql.SQL(" DESC" if down else "") for e, _, down in keys),
        )
        with self._connection.cursor(cursor_factory=RealDictCursor) as c:
            # One more than asked tells whether there is a next page.
            c.execute(select, (*values, page_size + 1))
            rows = [dict(row) for row in c.fetchall()]
        places = [tuple(row.pop("place")) for row in rows]
        more_follow = len(rows) > page_size
        return Page(rows[:page_size], places[page_size - 1] if more_follow else None)

    def board(
        self,
        pipeline: str,
        as_of: datetime | None = None,
        known_at: datetime | None = None,
        owner_id: UUID | None = None,
    ) -> Board:
        """Each stage that holds an opportunity: now, or as of a business time, or as known at a time.

        With `as_of` the ages are those of that time. Stages without any are not listed: which stages exist is
        configuration.
        """
        then = as_of is not None or known_at is not None
        file = "board_then.sql" if then else "board_now.sql"
        with self._connection.cursor() as c:
            c.execute(
                statement(FOLDER / file),
                {"pipeline": pipeline, "as_of": as_of, "known_at": known_at, "owner_id": owner_id},
            )
            return [BoardStage(*row) for row in c.fetchall()]


def _behind(
    keys: Sequence[tuple[sql.Composable, str, bool]], after: Sequence[str]
) -> tuple[sql.Composable, list[str]]:
    """The condition that a row stands behind `after` in the order of `keys`, and its values."""
    if len({down for _, _, down in keys}) == 1:
        # One direction: a row comparison, which an index answers in one descent.
        clause = sql.SQL("({}) {} ({})").format(
            sql.SQL(", ").join(e for e, _, _ in keys),
            sql.SQL("<" if keys[0][2] else ">"),
            sql.SQL(", ").join(sql.SQL("%s::{}").format(sql.SQL(kind)) for _, kind, _ in keys),
        )
        return clause, list(after)
    options: list[sql.Composable] = []
    values: list[str] = []
    for i, (expression, kind, down) in enumerate(keys):
        same = [sql.SQL("{} = %s::{}").format(e, sql.SQL(k)) for e, k, _ in keys[:i]]
        step = sql.SQL("{} {} %s::{}").format(expression, sql.SQL("<" if down else ">"), sql.SQL(kind))
        options.append(sql.SQL("({})").format(sql.SQL(" AND ").join([*same, step])))
        values.extend(after[: i + 1])
    return sql.SQL("({})").format(sql.SQL(" OR ").join(options)), values
