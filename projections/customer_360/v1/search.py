"""Finds customers: by another system's id, or by name."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from uuid import UUID

from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor

from projections.customer_360.questions import Found
from projections.runtime.search_words import beginnings
from projections.runtime.statements import statement

SQL: Final = Path(__file__).parent / "sql"


def by_reference(connection: Connection, source: str, external_id: str) -> UUID | None:
    """Returns the id of the customer that `source` knows as `external_id`."""
    with connection.cursor() as c:
        c.execute(statement(SQL / "by_reference.sql"), {"source": source, "external_id": external_id})
        row = c.fetchone()
    return row[0] if row else None


def search(
    connection: Connection, text: str, *, limit: int = 50, after: tuple[str, str, str] | None = None
) -> Found:
    """Returns one page of hits for `text`, in the order of `Customers.search`, without `customer_id`."""
    rank, place, id = after or (None, None, None)
    with connection.cursor(cursor_factory=RealDictCursor) as c:
        c.execute(
            statement(SQL / "search.sql"),
            {
                "asked": beginnings(text),
                "text": text.strip(),
                "after_rank": rank,
                "after_place": place,
                "after_id": id,
                "limit": limit + 1,
            },
        )
        rows = [dict(row) for row in c.fetchall()]
    places = [(str(row.pop("rank")), row.pop("place"), str(row["id"])) for row in rows]
    return Found(rows[:limit], places[limit - 1] if len(rows) > limit else None)
