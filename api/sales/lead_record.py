"""A lead as the event store has it."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from api.http.shapes import ReferenceOut
from api.reads.records import Record


class LeadRecord(Record):
    """A lead as of its last event."""

    private = ("name", "email", "phone")

    state: str = Field(description="new, working, nurturing, qualified, converted, disqualified or erased.")
    name: str | None
    company: str | None
    email: str | None
    phone: str | None
    owner_id: UUID | None
    campaign: str | None
    references: list[ReferenceOut]
    score: int | None
    disqualified_for: str | None
    customer_id: UUID | None = Field(description="Its customer: linked to it, or created by its conversion.")
    contact_id: UUID | None
    opportunity_id: UUID | None = Field(description="The opportunity that its conversion opened.")
