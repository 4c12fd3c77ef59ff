"""Questions to `identity`: whose a party is, and which parties are one customer, now or at a cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from psycopg2.extensions import connection as Connection

from domain.kernel.as_of import NOW, AsOf
from projections.runtime.statements import statement, with_uuids

FOLDER: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Cluster:
    """All that is one customer, now or at a cut.

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

    def customer_of(self, party: UUID, cut: AsOf = NOW) -> UUID | None:
        """The surviving customer that the party belongs to; None for an unknown party or one without."""
        if not cut.whole:
            return self._customer_as_of(party, cut)
        return self.customers_of([party]).get(party)

    def customers_of(self, parties: Sequence[UUID]) -> Mapping[UUID, UUID | None]:
        """The same of many parties, now; unknown ones are left out."""
        with self._connection.cursor() as c:
            c.execute(statement(FOLDER / "customers.sql"), {"parties": list(parties)})
            return dict(c.fetchall())

    def members(self, customer: UUID, cut: AsOf = NOW) -> list[UUID]:
        """All parties that are this customer: itself first, then those merged into it or linked to it."""
        return [row[0] for row in self._rows("members", cut, {"customer": customer})]

    def cluster(self, party: UUID, cut: AsOf = NOW) -> Cluster:
        """The whole customer that a party belongs to; a party without a customer stands for itself.

        At a cut what was merged, linked or unmerged later does not count, even where it is so now.
        """
        customer = self.customer_of(party, cut) or party
        members = self.members(customer, cut)
        moved = self._rows("moved", cut, {"members": members})
        return Cluster(
            customer_id=customer,
            parties=tuple(members),
            incoming=tuple(id for id, came in moved if came),
            away=tuple(id for id, came in moved if not came),
        )

    def _customer_as_of(self, party: UUID, cut: AsOf) -> UUID | None:
        """What `customers_of` would have said at the cut: the links are followed to their end, one look-up
        for each; a customer whose links go round in a loop stands for itself."""
        kind, target = self._link_as_of(party, cut) or (None, None)
        itself = party if kind == "customer" else None
        if target is None:
            return itself
        passed: set[UUID] = set()
        while target not in passed:
            passed.add(target)
            _, further = self._link_as_of(target, cut) or (None, None)
            if further is None:
                return target
            target = further
        return itself

    def _link_as_of(self, party: UUID, cut: AsOf) -> tuple[str, UUID | None] | None:
        rows = self._rows("link", cut, {"party": party})
        return (rows[0][0], rows[0][1]) if rows else None

    def _rows(self, name: str, cut: AsOf, asked: dict[str, Any]) -> list[tuple[Any, ...]]:
        """What the statement answers; that of `<name>_as_of` for a cut."""
        file = f"{name}.sql" if cut.whole else f"{name}_as_of.sql"
        times = {"as_of": cut.as_of, "known_at": cut.known_at}
        with self._connection.cursor() as c:
            c.execute(statement(FOLDER / file), asked | times)
            return c.fetchall()
