"""Questions to `identity`: whose a party is, and which parties are one customer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from psycopg2.extensions import connection as Connection

from projections.statements import statement, with_uuids

FOLDER: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Cluster:
    """All that is one customer now.

    `parties` are its members, itself first; `incoming` are records of other parties that were given to it,
    `away` records of its parties that were given to others.
    """

    customer_id: UUID
    parties: tuple[UUID, ...]
    incoming: tuple[UUID, ...]
    away: tuple[UUID, ...]

    def parameters(self) -> dict[str, Any]:
        """The same for a statement: `members`, `incoming`, `away`."""
        return {"members": list(self.parties), "incoming": list(self.incoming), "away": list(self.away)}


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

    def cluster(self, party: UUID) -> Cluster:
        """The whole customer that a party belongs to; a party without a customer stands for itself."""
        customer = self.customer_of(party) or party
        members = self.members(customer)
        with self._connection.cursor() as c:
            c.execute(statement(FOLDER / "moved.sql"), {"members": members})
            moved = c.fetchall()
        return Cluster(
            customer_id=customer,
            parties=tuple(members),
            incoming=tuple(id for id, came in moved if came),
            away=tuple(id for id, came in moved if not came),
        )
