"""Histories in responses: events by cause, states, differences, steps."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from api.http.shapes import Instant
from api.reads.listing import NEXT
from api.reads.meta import Meta

_CLOSED = (
    'JSON; a private value that was not opened is `{"closed": why, "of": event id}`, where `why` is '
    "`not_opened`, `erased` or `absent`."
)


class Who(BaseModel):
    """Who did it."""

    id: UUID
    kind: Literal["user", "service_account", "system"]
    name: str | None = Field(
        default=None, description="Only with `open`; null if it can't be read or does not exist."
    )


class HistoryEvent(BaseModel):
    """One event: position, type, who, when, why, and its cause."""

    id: str = Field(examples=["6f2c1f0e-3d7b-4f0a-9a53-0c8f3d1f7a11:4"])
    position: int
    type: str = Field(examples=["crm.opportunity.lost"])
    kind: str = Field(description="Its record's type.", examples=["opportunity"])
    record: UUID
    version: int
    time: Instant = Field(description="When it happened in the business.")
    recorded: Instant
    actor: Who
    reasons: dict[str, str] = Field(description="Why, in codes.", examples=[{"reason": "price"}])
    cause: str | None = Field(description="Id of the event that caused it.")
    correlation: UUID = Field(description="The same for all events of one request.")


class FieldChange(BaseModel):
    """One field before and after; each entry of a mapping is a field, such as `attributes.region`."""

    field: str = Field(examples=["stage"])
    before: Any = Field(description=_CLOSED)
    after: Any = Field(description=_CLOSED)


class HistoryStep(HistoryEvent):
    """One event with the fields that it changed."""

    changes: list[FieldChange] = Field(default=[], description="Left out in a compact timeline.")


class HistoryGroup(BaseModel):
    """All events of one correlation, in order."""

    correlation: UUID
    cause: str | None = Field(description="The event outside the group that caused it.")
    time: datetime = Field(description="That of its first event.")
    recorded: datetime
    actor: Who
    events: list[HistoryStep]


class HistoryTimeline(BaseModel):
    """A page of a history, oldest first."""

    parties: list[UUID] = Field(description="All that is this customer now; empty for other records.")
    groups: list[HistoryGroup]
    continues: bool = Field(description="The last group goes on in the next page.")
    next_page_token: str | None = Field(description=NEXT)
    meta: Meta


class HistoryState(BaseModel):
    """A record at a moment: its last event by then, and its fields."""

    kind: str = Field(examples=["opportunity"])
    id: UUID
    version: int
    event: str = Field(description="Id of the last event by then.")
    position: int
    time: Instant
    recorded: Instant
    state: dict[str, Any] = Field(description=_CLOSED)


class FieldDifference(FieldChange):
    """One field at two moments, and the `events` that changed it. If `before` equals `after`, it was changed
    and changed back."""

    events: list[HistoryEvent]


class HistoryDiff(BaseModel):
    """The differences between two moments."""

    fields: list[FieldDifference]


class HistorySteps(BaseModel):
    """A page of a record's events, oldest first."""

    steps: list[HistoryStep]
    next_page_token: str | None = Field(description=NEXT)
