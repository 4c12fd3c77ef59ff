"""The queries of `identity` version 1; `../questions.py` describes each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from psycopg2.extensions import connection as Connection

from domain.kernel.as_of import NOW, AsOf
from projections.identity import questions
from projections.identity.questions import Cluster
from projections.runtime.statements import statement, with_uuids

FOLDER: Final = Path(__file__).parent


class Identity(questions.Identity):
    """The queries of `identity` version 1 over a connection that may read its schema."""

    def __init__(self, connection: Connection) -> None:
        self._connection = with_uuids(connection)

    def customer_of(self, party: UUID, as_of: AsOf = NOW) -> UUID | None:
        if not as_of.whole:
            return self._customer_as_of(party, as_of)
        return self.customers_of([party]).get(party)

    def customers_of(self, parties: Sequence[UUID]) -> Mapping[UUID, UUID | None]:
        with self._connection.cursor() as c:
            c.execute(statement(FOLDER / "customers.sql"), {"parties": list(parties)})
            return dict(c.fetchall())

    def members(self, customer: UUID, as_of: AsOf = NOW) -> list[UUID]:
        return [row[0] for row in self._rows("members", as_of, {"customer": customer})]

    def cluster(self, party: UUID, as_of: AsOf = NOW) -> Cluster:
        customer = self.customer_of(party, as_of) or party
        members = self.members(customer, as_of)
        moved = self._rows("moved", as_of, {"members": members})
        return Cluster(
            customer_id=customer,
            parties=tuple(members),
            incoming=tuple(id for id, came in moved if came),
            away=tuple(id for id, came in moved if not came),
        )

    def _customer_as_of(self, party: UUID, as_of: AsOf) -> UUID | None:
        """Returns what `customers_of` would have returned then. It follows the links to their end, with one
        look-up for each. A customer whose links make a loop is its own customer."""
        kind, target = self._link_as_of(party, as_of) or (None, None)
        itself = party if kind == "customer" else None
        if target is None:
            return itself
        passed: set[UUID] = set()
        while target not in passed:
            passed.add(target)
            _, further = self._link_as_of(target, as_of) or (None, None)
            if further is None:
                return target
            target = further
        return itself

    def _link_as_of(self, party: UUID, as_of: AsOf) -> tuple[str, UUID | None] | None:
        rows = self._rows("link", as_of, {"party": party})
        return (rows[0][0], rows[0][1]) if rows else None

    def _rows(self, name: str, as_of: AsOf, asked: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Returns the statement's rows; with a time, those of `<name>_as_of`."""
        file = f"{name}.sql" if as_of.whole else f"{name}_as_of.sql"
        times = {"as_of": as_of.as_of, "known_at": as_of.known_at}
        with self._connection.cursor() as c:
            c.execute(statement(FOLDER / file), asked | times)
            return c.fetchall()
