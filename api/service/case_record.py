"""A case as the event store has it."""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, Field

from api.http.shapes import Instant, ReferenceOut
from api.reads.private import clear, closed
from api.reads.records import Record
from domain.service.case.state import Case


class Resolution(BaseModel):
    """One resolution of a case."""

    time: Instant
    from_state: str
    code: str | None
    cause: str | None
    note: str | None


class CaseRecord(Record):
    """A case as of its last event."""

    private = ("subject", "description")
    hidden = (*Record.hidden, "opened", "responded")

    kind: str = Field(description="question, complaint, incident or request.")
    state: str = Field(examples=["in_progress"])
    priority: int = Field(description="1 (most urgent) to 4.")
    escalation: int = Field(description="0 means not escalated.")
    channel: str | None
    customer_id: UUID | None
    queue: str | None
    owner_id: UUID | None
    category: str | None
    product: str | None
    cause: str | None
    subject: str | None
    description: str | None
    references: list[ReferenceOut]
    imported: bool
    attributes: dict[str, str]
    opened_at: Instant
    responded_at: Instant | None = Field(description="The first response.")
    resolutions: list[Resolution] = Field(description="Oldest first, with those before a reopening.")
    closed_at: Instant | None
    reported_sla: bool | None = Field(description="An imported log's own verdict: true if the SLA was met.")
    reopened: int = Field(description="How often.")
    rejected_for: str | None = Field(description="The reason, if it was rejected for one.")
    duplicate_of: UUID | None

    @classmethod
    def members(cls, state: Case) -> dict[str, object]:
        """Returns times by their names here, and the notes of resolutions in clear, or named as closed by
        index."""
        notes = {f"resolutions.{at}.note": found.note for at, found in enumerate(state.resolutions)}
        return {
            "opened_at": state.opened,
            "responded_at": state.responded,
            "closed_at": state.closed,
            "resolutions": [
                {
                    "time": found.time,
                    "from_state": found.from_state,
                    "code": found.code,
                    "cause": found.cause,
                    "note": clear(found.note),
                }
                for found in state.resolutions
            ],
            "closed": closed({"subject": state.subject, "description": state.description} | notes),
        }
