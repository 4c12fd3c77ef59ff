"""Questions to `customer_360`: one customer's overview and timeline, and finding customers.

Rows are dictionaries: ids are `UUID`, amounts `Decimal`, times UTC-aware datetimes. A customer that was
merged, and a lead that was converted, are answered for by the customer they belong to now. At a cut they are
answered for by the one they belonged to then, and values of records are spelled as in events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal, Protocol, get_args
from uuid import UUID

from domain.kernel.as_of import AsOf
from projections.runtime.replay import Rows

Section = Literal["profile", "contacts", "consents", "opportunities", "cases", "totals", "timeline"]
SECTIONS: Final[tuple[Section, ...]] = get_args(Section)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """Entries, newest first; `after` is what the next call takes (None at the end): the last entry's
    `occurred` (RFC 3339) and position."""

    rows: list[Row]
    after: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Listed:
    """The first rows of a section and how many there are."""

    items: list[Row]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What a customer's interactions come to. Values are in the reporting currency.

    `last_contact` gives the newest time per channel. `csat` is the share of answers 4 and 5 in percent, `nps`
    the share of 9 and 10 less that of 0 to 6; None without answers (`csat_answers`, `nps_answers`).
    """

    interactions: int
    purchases: int
    purchase_value: Decimal
    first_purchase_at: datetime | None
    last_purchase_at: datetime | None
    returns: int
    return_value: Decimal
    last_contact_at: datetime | None
    last_contact: Mapping[str, datetime]
    csat_answers: int
    csat: float | None
    nps_answers: int
    nps: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """One customer. `customer_id` is the one that stands for all of `parties`, now or at the cut; `sections`
    holds what was asked for: profile a row, totals `Totals`, timeline a `TimelinePage`, all else `Listed`."""

    customer_id: UUID
    parties: tuple[UUID, ...]
    sections: Mapping[Section, Row | Listed | Totals | TimelinePage]


@dataclass(frozen=True, slots=True)
class Found:
    """Hits: `id`, `kind` (customer, contact, lead), `name`, `personal` (it is a person's), `by_reference`,
    `party`, `customer_id` (whose it is now, None for a lead that is nobody's). `after` is what the next call
    takes, None at the end."""

    rows: list[dict[str, Any]]
    after: tuple[str, str, str] | None


@dataclass(frozen=True, slots=True)
class PastSections:
    """Where to look back to; `rows` folds the events of records up to there, private values opened with the
    keys of now."""

    cut: AsOf
    rows: Callable[[Sequence[UUID]], Rows]


class Customers(Protocol):
    """The questions to `customer_360`. Each version answers them from its own tables (`v<n>/queries.py`)."""

    def get(self, customer_id: UUID) -> Row | None:
        """The row of exactly this customer, merged or not; None where it is not known."""

    def overview(
        self,
        customer_id: UUID,
        sections: Sequence[Section] = SECTIONS,
        *,
        first: int = 5,
        past: PastSections | None = None,
    ) -> Overview | None:
        """The sections asked for, each with its `first` items; None for a customer that is not known. With
        `past` as all was then, who belongs together included."""

    def timeline(
        self,
        customer_id: UUID,
        *,
        kind: str | None = None,
        channel: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        as_of: datetime | None = None,
        known_at: datetime | None = None,
        limit: int = 50,
        after: tuple[str, str] | None = None,
    ) -> TimelinePage:
        """One page of everything that happened with the customer, newest first.

        Cut by business time to `from_` (included) and `to` (not), and to what had happened `as_of` a time and
        was `known_at` a time (both included): then of all that was this customer at that cut. Empty for a
        party that is not known; raises `ValueError` for an `after` that is none.
        """

    def by_reference(self, source: str, external_id: str) -> Row | None:
        """The customer that `source` knows as `external_id`: its own row, merged or not."""

    def search(self, text: str, *, limit: int = 50, after: tuple[str, str, str] | None = None) -> Found:
        """Customers, contacts and leads by the beginnings of the words of their names, customers also by an
        external id that is exactly `text`: those first, then by name."""
