"""Questions to `identity`: whose a party is, and which parties are one customer."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from uuid import UUID

from psycopg2.extensions import connection as Connection

from projections.statements import statement, with_uuids

FOLDER: Final = Path(__file__).parent


class Identity:
    """The queries of `identity` version 1 over a connection that may read its schema."""

    def __init__(self, connection: Connection) -> None:
        self._connection = with_uuids(connection)

    def customer_of(self, party: UUID) -> UUID | None:
        """The surviving customer that the party belongs to; None for an unknown party or one without."""
        with self._connection.cursor() as c:
            c.execute("SELECT customer_id FROM read.identity WHERE party = %s", (party,))
            row = c.fetchone()
        return row[0] if row else None

    def members(self, customer: UUID) -> list[UUID]:
        """All parties that are this customer now: itself first, then those merged into it or linked to it."""
        with self._connection.cursor() as c:
            c.execute(statement(FOLDER / "members.sql"), {"customer": customer})
            return [row[0] for row in c.fetchall()]
