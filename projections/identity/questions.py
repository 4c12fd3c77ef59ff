"""Questions to `identity`: the customer of a party, and the parties of a customer, now or as of a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from domain.kernel.as_of import NOW, AsOf


@dataclass(frozen=True, slots=True)
class Cluster:
    """One customer with all its parties, now or as of a time.

    `parties` are its members, itself first. `incoming` are records of other parties that went to it, `away`
    are records of its parties that went to other customers.
    """

    customer_id: UUID
    parties: tuple[UUID, ...]
    incoming: tuple[UUID, ...]
    away: tuple[UUID, ...]

    def parameters(self) -> dict[str, Any]:
        """Returns the parameters of a statement: `members`, `incoming`, `away`."""
        return {"members": list(self.parties), "incoming": list(self.incoming), "away": list(self.away)}


class Identity(Protocol):
    """The questions to `identity`. Each version queries its own tables (`v<n>/queries.py`)."""

    def customer_of(self, party: UUID, as_of: AsOf = NOW) -> UUID | None:
        """Returns the surviving customer of the party; None if it has none, or is unknown."""

    def customers_of(self, parties: Sequence[UUID]) -> Mapping[UUID, UUID | None]:
        """Returns the customers of many parties, now, without unknown parties."""

    def members(self, customer: UUID, as_of: AsOf = NOW) -> list[UUID]:
        """Returns all parties of this customer: itself first, then those merged into it or linked to it."""

    def cluster(self, party: UUID, as_of: AsOf = NOW) -> Cluster:
        """Returns the whole customer of a party; a party without a customer is one of its own.

        As of a time, later merges, links and unmerges do not count.
        """
