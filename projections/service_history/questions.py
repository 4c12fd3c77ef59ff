"""Questions to `service_history`: one case, the list (keyset), backlog, reopening, times, SLA, complaints.

Rows are dictionaries with the columns of `read.case`: ids are `UUID`, times UTC-aware datetimes, `held` a
timedelta. A rate or mean over no cases is None, never 0; each figure has its number of cases beside it.
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
    """Open cases of a queue (None without a queue) and a priority; the mean age in seconds."""

    queue: str | None
    priority: int
    cases: int
    oldest_opened_at: datetime
    mean_age_seconds: float


@dataclass(frozen=True, slots=True)
class Reopening:
    """Cases that were first `resolved` in the period, how many were `reopened`, and how often
    (`reopenings`)."""

    resolved: int
    reopened: int
    reopenings: int
    rate: float | None


@dataclass(frozen=True, slots=True)
class Times:
    """Times of cases opened in the period, by priority: seconds to the first response, to the first
    resolution, and to the final resolution without the time spent waiting on the customer. The counts are the
    numbers of cases. Times are by the clock: business time comes with the calendars of service levels."""

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
    """SLA results of imported logs, for cases closed in the period."""

    met: int
    missed: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Complaints:
    """Complaints opened in the period, by product and cause (each may be None)."""

    product: str | None
    cause: str | None
    cases: int
    open: int


class Cases(Protocol):
    """The questions to `service_history`. Each version queries its own tables (`v<n>/queries.py`).

    Periods are from `since` (inclusive) to `until` (exclusive); None is an open end.
    """

    def get(self, id: UUID) -> dict[str, Any] | None:
        """Returns the case as it is now."""

    def list(
        self,
        filters: Sequence[Filter] = (),
        order: Sequence[Order] = (),
        page_size: int = 50,
        after: tuple[str, ...] | None = None,
    ) -> Page:
        """Returns one page of cases (see `Listing.page`). For a customer, filter `customer_id` by all its
        members."""

    def backlog(self) -> Sequence[Backlog]:
        """Returns the open cases, by queue and priority."""

    def reopening(self, since: datetime | None = None, until: datetime | None = None) -> Reopening:
        """Returns how many of the cases that were first resolved in the period were reopened."""

    def times(self, since: datetime | None = None, until: datetime | None = None) -> Sequence[Times]:
        """Returns times to first response and resolution, by priority."""

    def verdicts(self, since: datetime | None = None, until: datetime | None = None) -> Verdicts:
        """Returns how often imported logs met or missed their SLA."""

    def complaints(
        self, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[Complaints]:
        """Returns complaints by product and cause, most first."""
