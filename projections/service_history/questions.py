"""Questions to `service_history`: one case, the list (keyset), backlog, reopening, times, SLA, complaints.

Rows are dictionaries with the columns of `read.case`: ids are `UUID`, times UTC-aware datetimes, `held` a
timedelta. A rate or mean over nothing is None, never 0; each figure comes with how many cases it is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from projections.runtime.listing import Filter, Order, Page


@dataclass(frozen=True, slots=True)
class Backlog:
    """Open cases of a queue (None: of no queue) and a priority; the mean age in seconds."""

    queue: str | None
    priority: int
    cases: int
    oldest_opened_at: datetime
    mean_age_seconds: float


@dataclass(frozen=True, slots=True)
class Reopening:
    """Of `resolved` cases (first resolved in the period), so many were reopened, `reopenings` times."""

    resolved: int
    reopened: int
    reopenings: int
    rate: float | None


@dataclass(frozen=True, slots=True)
class Times:
    """Of cases opened in the period, by priority: seconds to the first response, to the first resolution, and
    to the resolution that holds less the time spent waiting on the customer. The counts say over how many.
    By the clock: business time comes with the calendars of service levels."""

    priority: int
    cases: int
    responded: int
    response_mean: float | None
    response_median: float | None
    first_resolved: int
    first_resolution_mean: float | None
    first_resolution_median: float | None
    resolved: int
    resolution_mean: float | None
    resolution_median: float | None


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What imported logs say of their SLA, of cases closed in the period."""

    met: int
    missed: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Complaints:
    """Complaints opened in the period, by product and cause (None: not named)."""

    product: str | None
    cause: str | None
    cases: int
    open: int


class Cases(Protocol):
    """The questions to `service_history`. Each version answers them from its own tables (`v<n>/queries.py`).

    Periods are from `since` (inclusive) to `until` (exclusive); None is without an end.
    """

    def get(self, id: UUID) -> dict[str, Any] | None:
        """The case as it is now."""

    def list(
        self,
        filters: Sequence[Filter] = (),
        order: Sequence[Order] = (),
        page_size: int = 50,
        after: tuple[str, ...] | None = None,
    ) -> Page:
        """One page of cases (see `Listing.page`). A customer's: filter `customer_id` by all its members."""

    def backlog(self) -> Sequence[Backlog]:
        """What is open now, by queue and priority."""

    def reopening(self, since: datetime | None = None, until: datetime | None = None) -> Reopening:
        """How many of the cases that were first resolved in the period came back."""

    def times(self, since: datetime | None = None, until: datetime | None = None) -> Sequence[Times]:
        """First response and resolution, by priority."""

    def verdicts(self, since: datetime | None = None, until: datetime | None = None) -> Verdicts:
        """SLA met and missed by the logs that were imported."""

    def complaints(
        self, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[Complaints]:
        """Complaints by product and cause, most first."""
