"""Finding customers: by what another system calls them, by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor

from projections.runtime.search_words import beginnings
from projections.runtime.statements import statement

SQL: Final = Path(__file__).parent / "sql"


@dataclass(frozen=True, slots=True)
class Found:
    """Hits: `id`, `kind` (customer, contact, lead), `name`, `personal` (it is a person's), `by_reference`,
    `party`; `Customers.search` adds `customer_id` (whose it is now, None for a lead that is nobody's).
    `after` is what the next call takes, None at the end."""

    rows: list[dict[str, Any]]
    after: tuple[str, str, str] | None


def by_reference(connection: Connection, source: str, external_id: str) -> UUID | None:
    """The id of the customer that `source` knows as `external_id`."""
    with connection.cursor() as c:
        c.execute(statement(SQL / "by_reference.sql"), {"source": source, "external_id": external_id})
        row = c.fetchone()
    return row[0] if row else None


def search(
    connection: Connection, text: str, *, limit: int = 50, after: tuple[str, str, str] | None = None
) -> Found:
    """One page of hits for `text`, in the order of `Customers.search`."""
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
