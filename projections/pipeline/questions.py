"""Questions to `pipeline`: one opportunity, the list (keyset), the board, reports.

Rows are dictionaries with the columns of `read.opportunity`: ids are `UUID`, amounts `Decimal`, times
UTC-aware datetimes, `expected_close` a date.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Protocol
from uuid import UUID

from projections.runtime.listing import Filter, Order, Page


@dataclass(frozen=True, slots=True)
class BoardStage:
    """One stage of a board. `amount` and `weighted` are in the reporting currency, opportunities without an
    amount count as 0; `mean_age_seconds` is the time since they entered the stage, None for closed stages."""

    stage: str
    outcome: str
    count: int
    amount: Decimal
    weighted: Decimal
    mean_age_seconds: float | None
    stale: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardFilter:
    """The owner, team and days of a board's opportunities: the days on which they closed, or are expected to
    close (`closing_since` included, `closing_until` not)."""

    owner_id: UUID | None = None
    team_member_id: UUID | None = None
    closing_since: date | None = None
    closing_until: date | None = None


EVERYTHING: Final = BoardFilter()


@dataclass(frozen=True, slots=True)
class Outcome:
    """Closed opportunities of one outcome, reason and competitor; `amount` in the reporting currency."""

    outcome: str
    lost_reason: str | None
    competitor: str | None
    count: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Forecast:
    """Open opportunities of one category that are expected to close in a month (its first day; None without a
    day). Amounts are in the reporting currency."""

    month: date | None
    forecast_category: str
    count: int
    amount: Decimal
    weighted: Decimal


Board = list[BoardStage]


class Opportunities(Protocol):
    """The questions to `pipeline`. Each version queries its own tables (`v<n>/queries.py`)."""

    def get(self, id: UUID) -> dict[str, Any] | None:
        """Returns the opportunity as it is now."""

    def list(
        self,
        filters: Sequence[Filter] = (),
        order: Sequence[Order] = (),
        page_size: int = 50,
        after: tuple[str, ...] | None = None,
    ) -> Page:
        """Returns one page of opportunities (see `Listing.page`)."""

    def board(
        self,
        pipeline: str,
        as_of: datetime | None = None,
        known_at: datetime | None = None,
        owner_id: UUID | None = None,
        only: BoardFilter = EVERYTHING,
        stale_days: int | None = None,
    ) -> Board:
        """Returns each stage with an opportunity: now, or as of a business time, or as known at a time.

        With `as_of` the ages are those of that time. `stale` counts open opportunities that have been in
        their stage for more than `stale_days`. It leaves out empty stages: the configuration lists all
        stages.
        """

    def outcomes(
        self,
        pipeline: str,
        since: datetime | None = None,
        until: datetime | None = None,
        owner_id: UUID | None = None,
    ) -> Sequence[Outcome]:
        """Returns won and lost opportunities by reason, closed from `since` (included) to `until` (not)."""

    def forecast(self, pipeline: str, owner_id: UUID | None = None) -> Sequence[Forecast]:
        """Returns open opportunities by month and category, earliest first."""

    def history(self, id: UUID, *, limit: int = 50, after: int = 0) -> Sequence[dict[str, Any]]:
        """Returns the opportunity's versions behind `after`, oldest first."""

    def changes(
        self, pipeline: str, since: datetime, *, limit: int = 50, after: tuple[datetime, UUID] | None = None
    ) -> Sequence[dict[str, Any]]:
        """Returns the opportunities that changed after `since`, each as it was known then and as it is now,
        in order of the last change. `after` is `recorded` and id of the last one on the page before."""
