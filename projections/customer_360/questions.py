"""Questions to `customer_360`: one customer's overview and timeline, and the search for customers.

Rows are dictionaries: ids are `UUID`, amounts `Decimal`, times UTC-aware datetimes. For a merged customer or
a converted lead they return the customer to which it belongs now. As of a time they return the one to which
it belonged then, and values of records are spelled as in events.
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
    """Entries, newest first. `after` is for the next call (None at the end): the last entry's `occurred` (RFC
    3339) and position."""

    rows: list[Row]
    after: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Listed:
    """The first rows of a section and how many there are."""

    items: list[Row]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The totals of a customer's interactions. Values are in the reporting currency.

    `last_contact` has the newest time per channel. `csat` is the share of scores 4 and 5 in percent, `nps`
    the share of 9 and 10 less that of 0 to 6. Both are None without scores (`csat_answers`, `nps_answers`).
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
    """One customer. `customer_id` is the surviving one of all `parties`, now or as of a time. `sections` has
    the requested ones: profile is a row, totals `Totals`, timeline a `TimelinePage`, all others `Listed`."""

    customer_id: UUID
    parties: tuple[UUID, ...]
    sections: Mapping[Section, Row | Listed | Totals | TimelinePage]


@dataclass(frozen=True, slots=True)
class Found:
    """Hits: `id`, `kind` (customer, contact, lead), `name`, `personal` (it is a person's), `by_reference`,
    `party`, `customer_id` (its customer now, None for a lead without one). `after` is for the next call, None
    at the end."""

    rows: list[dict[str, Any]]
    after: tuple[str, str, str] | None


@dataclass(frozen=True, slots=True)
class PastSections:
    """The time to look back to; `rows` folds the events of records up to it, and opens private values with
    the present keys."""

    as_of: AsOf
    rows: Callable[[Sequence[UUID]], Rows]


class Customers(Protocol):
    """The questions to `customer_360`. Each version queries its own tables (`v<n>/queries.py`)."""

    def get(self, customer_id: UUID) -> Row | None:
        """Returns the row of exactly this customer, merged or not; None if it is unknown."""

    def overview(
        self,
        customer_id: UUID,
        sections: Sequence[Section] = SECTIONS,
        *,
        first: int = 5,
        past: PastSections | None = None,
    ) -> Overview | None:
        """Returns the requested sections, each with its `first` items; None for an unknown customer. With
        `past` all is as of that time, also which parties belong together."""

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
        """Returns one page of all that happened with the customer, newest first.

        It has events from business time `from_` (included) to `to` (not), which had happened `as_of` a time
        and were `known_at` a time (both included), of all parties that were this customer then. It is empty
        for an unknown party. Raises `ValueError` for a malformed `after`.
        """

    def by_reference(self, source: str, external_id: str) -> Row | None:
        """Returns the customer that `source` knows as `external_id`: its own row, merged or not."""

    def search(self, text: str, *, limit: int = 50, after: tuple[str, str, str] | None = None) -> Found:
        """Finds customers, contacts and leads by the beginnings of the words of their names, and customers by
        an external id that is exactly `text`. Returns the latter first, then by name."""
