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
    """Whose opportunities a board is about, and of which days: those on which they closed, else are expected
    to (`closing_since` included, `closing_until` not)."""

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
    """Open opportunities expected to close in a month (its first day; None: no day is named), of one
    category. Amounts in the reporting currency."""

    month: date | None
    forecast_category: str
    count: int
    amount: Decimal
    weighted: Decimal


Board = list[BoardStage]


class Opportunities(Protocol):
    """The questions to `pipeline`. Each version answers them from its own tables (`v<n>/queries.py`)."""

    def get(self, id: UUID) -> dict[str, Any] | None:
        """The opportunity as it is now."""

    def list(
        self,
        filters: Sequence[Filter] = (),
        order: Sequence[Order] = (),
        page_size: int = 50,
        after: tuple[str, ...] | None = None,
    ) -> Page:
        """One page of opportunities (see `Listing.page`)."""

    def board(
        self,
        pipeline: str,
        as_of: datetime | None = None,
        known_at: datetime | None = None,
        owner_id: UUID | None = None,
        only: BoardFilter = EVERYTHING,
        stale_days: int | None = None,
    ) -> Board:
        """Each stage that holds an opportunity: now, or as of a business time, or as known at a time.

        With `as_of` the ages are those of that time. `stale` counts open ones that have been in their stage
        for more than `stale_days`. Stages without any are not listed: which stages exist is configuration.
        """

    def outcomes(
        self,
        pipeline: str,
        since: datetime | None = None,
        until: datetime | None = None,
        owner_id: UUID | None = None,
    ) -> Sequence[Outcome]:
        """Won and lost by reason, of those closed from `since` (included) to `until` (not)."""

    def forecast(self, pipeline: str, owner_id: UUID | None = None) -> Sequence[Forecast]:
        """Open opportunities by month and category, earliest first."""

    def history(self, id: UUID, *, limit: int = 50, after: int = 0) -> Sequence[dict[str, Any]]:
        """The opportunity's versions behind `after`, oldest first."""

    def changes(
        self, pipeline: str, since: datetime, *, limit: int = 50, after: tuple[datetime, UUID] | None = None
    ) -> Sequence[dict[str, Any]]:
        """What was recorded later than `since`: each opportunity as it was known then and as it is, in order
        of the last change; `after` is the last one's `recorded` and id of the page before."""
