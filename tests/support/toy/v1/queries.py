"""Questions to `toy`."""

from __future__ import annotations

from uuid import UUID

from psycopg2.extensions import connection as Connection

from projections.runtime.statements import with_uuids


class Toys:
    """The queries of `toy` version 1."""

    def __init__(self, connection: Connection) -> None:
        self._connection = with_uuids(connection)

    def events(self, id: UUID) -> int:
        """How many events the customer has."""
        with self._connection.cursor() as c:
            c.execute("SELECT events FROM toy_v1.customer WHERE id = %s", (id,))
            row = c.fetchone()
        return int(row[0]) if row else 0
