"""Read models on PostgreSQL without Kafka: events applied as a worker does, and the rows read back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import cycle
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from commands.store.event_reader import StoredRow
from domain.events.catalogue import CATALOGUE
from projections.runtime.apply import Applier
from projections.runtime.decode import Decoder, Received
from projections.runtime.projection import Projection, Row
from projections.runtime.replay import Rows
from projections.runtime.tables import TableStore
from tests.support.histories import CIPHER


def apply_rows(
    connection: Connection,
    projection: Projection,
    rows: Sequence[StoredRow],
    sizes: Iterable[int] = (1000,),
    applier: Applier | None = None,
) -> int:
    """Applies the events of the projection's families in batches of these sizes, each in a transaction.

    Returns how many are parked. Shares are left where they are.
    """
    applier = applier or Applier(projection, Decoder(CATALOGUE, CIPHER))
    with connection, connection.cursor() as c:
        applier.prepare(c)
        applier.forget(c)
    wanted = [row for row in rows if row.type.split(".")[1] in projection.families]
    at, parked = 0, 0
    for size in cycle(sizes):
        if at >= len(wanted):
            break
        batch = [Received(row.position, str(row.party), row.event) for row in wanted[at : at + size]]
        with connection, connection.cursor() as c:
            parked += applier.apply(c, batch)
        at += size
    return parked


def clear(connection: Connection, projection: Projection) -> None:
    """Empties the projection's tables and what is parked."""
    with connection, connection.cursor() as c:
        for name in names(projection):
            c.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(projection.schema, name)))
        c.execute("DELETE FROM control.held")


def table_rows(connection: Connection, projection: Projection) -> Rows:
    """Every row of every table, spelled as in events, keyed as `projections.runtime.replay` does."""
    found: Rows = {}
    with connection, connection.cursor() as c:
        for table in projection.tables:
            found[table.name] = {str(row[table.key]): row for row in _all(c, projection, table.name, table)}
            if table.history:
                found[table.history] = {
                    f"{row[table.key]}/{row['version']}": row
                    for row in _all(c, projection, table.history, table)
                }
    return found


def names(projection: Projection) -> list[str]:
    """The names of the projection's tables."""
    found = [table.name for table in projection.tables]
    return found + [table.history for table in projection.tables if table.history]


def _all(c: Any, projection: Projection, name: str, table: Any) -> list[Row]:
    c.execute(
        sql.SQL("SELECT {} FROM {}").format(
            TableStore.spelled_columns(table), sql.Identifier(projection.schema, name)
        )
    )
    return [dict(zip(table.columns, values, strict=True)) for values in c.fetchall()]


def normal(rows: Rows) -> Rows:
    """Rows with decimals that are equal when their values are, whatever their spelling."""
    return {
        name: {
            key: {c: Decimal(v) if c in ("amount", "rate") and v is not None else v for c, v in row.items()}
            for key, row in table.items()
        }
        for name, table in rows.items()
    }
