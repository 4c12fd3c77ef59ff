"""Cases as `service_history` has them, and its reports. A mean or rate over nothing is null, never 0."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, Field

from api.http.shapes import Instant
from api.reads.listing import NEXT
from api.reads.meta import Meta


class CaseRow(BaseModel):
    """A case with its clocks. The case itself has subject and description."""

    id: UUID
    version: int = Field(description="Also the ETag: send it as If-Match with the next change.")
    kind: str
    state: str
    open: bool
    priority: int = Field(description="1 (most urgent) to 4.")
    escalation: int
    channel: str | None
    customer_id: UUID | None = Field(description="As it was linked; filters follow merges.")
    queue: str | None
    owner_id: UUID | None
    category: str | None
    product: str | None
    cause: str | None
    opened_at: Instant
    state_entered_at: Instant
    responded_at: Instant | None
    first_resolved_at: Instant | None
    resolved_at: Instant | None = Field(description="The lasting resolution; null after a reopening.")
    closed_at: Instant | None
    held_since: Instant | None = Field(description="Since when it waits on the customer.")
    held_seconds: float = Field(description="Time spent waiting on the customer, without that since then.")
    reopened: int = Field(description="How often.")
    resolution_code: str | None
    close_code: str | None
    reported_sla: bool | None = Field(description="An imported log's own verdict: true if the SLA was met.")
    duplicate_of: UUID | None
    imported: bool
    updated_at: Instant

    @classmethod
    def of(cls, row: dict[str, Any]) -> Self:
        """Makes it from a row of the read model."""
        held: timedelta = row["held"]
        return cls.model_validate(row | {"held_seconds": held.total_seconds()})


class CasePage(BaseModel):
    """A page of cases."""

    cases: list[CaseRow]
    next_page_token: str | None = Field(description=NEXT)
    meta: Meta


class BacklogRow(BaseModel):
    """Open cases of a queue (null: without one) and a priority."""

    queue: str | None
    priority: int
    cases: int
    oldest_opened_at: Instant
    mean_age_seconds: float


class BacklogReport(BaseModel):
    """Open cases by queue and priority; `cases` is the sum."""

    cases: int
    rows: list[BacklogRow]
    meta: Meta


class Period(BaseModel):
    """The period of a report from `since` (included) to `until` (excluded); null: no bound."""

    since: Instant | None
    until: Instant | None


class ReopenReport(Period):
    """How many of the cases first resolved in the period were reopened."""

    resolved: int
    reopened: int
    reopenings: int = Field(description="Times that they were reopened, all together.")
    rate: float | None = Field(description="reopened / resolved; null when nothing was resolved.")
    meta: Meta


class TimesRow(BaseModel):
    """Seconds, by priority; `responded`, `first_resolved` and `resolved` say over how many cases."""

    priority: int
    cases: int
    responded: int
    response_mean: float | None
    response_median: float | None
    first_resolved: int
    first_resolution_mean: float | None
    first_resolution_median: float | None
    resolved: int
    resolution_mean: float | None = Field(description="Less the time spent waiting on the customer.")
    resolution_median: float | None


class TimesReport(Period):
    """First response and resolution of the cases opened in the period."""

    rows: list[TimesRow]
    meta: Meta


class ComplaintRow(BaseModel):
    """Complaints of a product and a cause (null: not named)."""

    product: str | None
    cause: str | None
    cases: int
    open: int


class ComplaintReport(Period):
    """Complaints opened in the period, most first; `cases` is the sum."""

    cases: int
    rows: list[ComplaintRow]
    meta: Meta


class SlaReport(Period):
    """What imported logs say of their SLA, of the cases closed in the period."""

    met: int
    missed: int
    unknown: int
    meta: Meta
