"""Reports of a pipeline, and an opportunity's history. Sums are in the reporting currency."""

from __future__ import annotations

from datetime import date
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, Field

from api.http.shapes import Instant, MoneyOut, Number
from api.reads.listing import NEXT
from api.reads.meta import Meta


class OutcomeRow(BaseModel):
    """Closed opportunities of one outcome and reason."""

    outcome: str = Field(examples=["lost"])
    lost_reason: str | None
    competitor: str | None
    count: int
    amount: Number


class OutcomeReport(BaseModel):
    """Won and lost opportunities of the period from `since` (included) to `until` (excluded); null: no
    bound."""

    since: Instant | None
    until: Instant | None
    won: int
    lost: int
    win_rate: float | None = Field(description="won / (won + lost); null when nothing was closed.")
    rows: list[OutcomeRow]
    meta: Meta


class ForecastRow(BaseModel):
    """Open opportunities of a month and a forecast category."""

    month: date | None = Field(description="Its first day; null for opportunities without an expected close.")
    forecast_category: str
    count: int
    amount: Number
    weighted: Number = Field(description="Sum of amount x rate x probability.")


class ForecastReport(BaseModel):
    """Open opportunities by the month in which they are expected to close, and category."""

    rows: list[ForecastRow]
    meta: Meta


class ChangedRow(BaseModel):
    """An opportunity then and now; null before for one that did not exist then."""

    id: UUID
    version: int
    recorded: Instant = Field(description="When its last change was recorded.")
    stage_before: str | None
    stage: str
    outcome_before: str | None
    outcome: str
    amount_before: Number | None
    amount: Number | None


class ChangePage(BaseModel):
    """A page of changed opportunities, in the order of their last changes."""

    changes: list[ChangedRow]
    next_page_token: str | None = Field(description=NEXT)
    meta: Meta


class VersionRow(BaseModel):
    """An opportunity as it was after one of its events."""

    version: int
    time: Instant = Field(description="When it happened.")
    recorded: Instant
    position: int
    stage: str
    outcome: str
    probability: int
    amount: MoneyOut | None
    owner_id: UUID | None
    forecast_category: str
    expected_close: date | None
    lost_reason: str | None
    competitor: str | None

    @classmethod
    def of(cls, row: dict[str, Any]) -> Self:
        """Makes it from a row of the query."""
        return cls.model_validate(row | {"amount": MoneyOut.of(row)})


class VersionPage(BaseModel):
    """A page of an opportunity's versions, oldest first."""

    versions: list[VersionRow]
    next_page_token: str | None = Field(description=NEXT)
    meta: Meta
