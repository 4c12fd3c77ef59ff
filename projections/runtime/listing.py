"""Lists by pages: declared filters and orders, keyset, one statement a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor

Op = Literal["eq", "in", "gt", "gte", "lt", "lte"]

OPERATORS: Final[Mapping[Op, str]] = {
    "eq": "=",
    "in": "= ANY",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
}


@dataclass(frozen=True, slots=True)
class Filter:
    """`field` is a name that the list declares; `value` a value of its type, a list of them for `in`."""

    field: str
    op: Op
    value: Any


@dataclass(frozen=True, slots=True)
class Order:
    """`field` is a name that the list declares."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """`after` is what the next call takes:
    the last row's order values as text and its id (None at the end)."""

    rows: list[dict[str, Any]]
    after: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The declaration of a list.

    `table` is schema and name, `columns` what a row shows. `filters` gives by name a column and its SQL type,
    `orders` by name an expression that is never null (as in the index that serves it) and its SQL type.
    """

    table: tuple[str, str]
    columns: sql.SQL
    filters: Mapping[str, tuple[str, str]]
    orders: Mapping[str, tuple[str, str]]

    def get(self, connection: Connection, id: object) -> dict[str, Any] | None:
        """Returns the row with that id, or None."""
        select = sql.SQL("SELECT {} FROM {} WHERE id = %s").format(self.columns, sql.Identifier(*self.table))
        with connection.cursor(cursor_factory=RealDictCursor) as c:
            c.execute(select, (id,))
            row = c.fetchone()
        return dict(row) if row else None

    def page(
        self,
        connection: Connection,
        filters: Sequence[Filter],
        order: Sequence[Order],
        page_size: int,
        after: tuple[str, ...] | None,
    ) -> Page:
        """Returns one page, in `order` and then by id (in the direction of the last order). All filters must
        match.

        Raises `KeyError` for a filter, operator or order that is not declared, `ValueError` for an `after`
        that does not fit the order.
        """
        keys = [
            (sql.SQL(self.orders[o.field][0]), self.orders[o.field][1], o.descending)
            for o in order
            if o.field != "id"
        ]
        last = order[-1].descending if order else False
        keys.append((sql.SQL("id"), "uuid", last))
        where: list[sql.Composable] = []
        values: list[Any] = []
        for f in filters:
            column, kind = self.filters[f.field]
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
            "SELECT {columns}, ARRAY[{keys}] AS place FROM {table} {where} ORDER BY {order} LIMIT %s"
        ).format(
            columns=self.columns,
            table=sql.Identifier(*self.table),
            keys=sql.SQL(", ").join(sql.SQL("({})::text").format(e) for e, _, _ in keys),
            where=sql.SQL("WHERE ") + sql.SQL(" AND ").join(where) if where else sql.SQL(""),
            order=sql.SQL(", ").join(e + sql.SQL(" DESC" if down else "") for e, _, down in keys),
        )
        with connection.cursor(cursor_factory=RealDictCursor) as c:
            # One row more than the page shows whether there is a next page.
            c.execute(select, (*values, page_size + 1))
            rows = [dict(row) for row in c.fetchall()]
        places = [tuple(row.pop("place")) for row in rows]
        more_follow = len(rows) > page_size
        return Page(rows[:page_size], places[page_size - 1] if more_follow else None)


def _behind(
    keys: Sequence[tuple[sql.Composable, str, bool]], after: Sequence[str]
) -> tuple[sql.Composable, list[str]]:
    """Returns the condition that a row is behind `after` in the order of `keys`, and its values."""
    if len({down for _, _, down in keys}) == 1:
        # One direction: a row comparison, for which an index needs one descent.
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
