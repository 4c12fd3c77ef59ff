"""Questions to `identity`: whose a party is, and which parties are one customer, now or at a cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from domain.kernel.as_of import NOW, AsOf


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


class Identity(Protocol):
    """The questions to `identity`. Each version answers them from its own tables (`v<n>/queries.py`)."""

    def customer_of(self, party: UUID, cut: AsOf = NOW) -> UUID | None:
        """The surviving customer that the party belongs to; None for an unknown party or one without."""

    def customers_of(self, parties: Sequence[UUID]) -> Mapping[UUID, UUID | None]:
        """The same of many parties, now; unknown ones are left out."""

    def members(self, customer: UUID, cut: AsOf = NOW) -> list[UUID]:
        """All parties that are this customer: itself first, then those merged into it or linked to it."""

    def cluster(self, party: UUID, cut: AsOf = NOW) -> Cluster:
        """The whole customer that a party belongs to; a party without a customer stands for itself.

        At a cut what was merged, linked or unmerged later does not count, even where it is so now.
        """
