"""An interaction as the event store has it."""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, Field

from api.http.shapes import Instant, MoneyOut, Number, ReferenceOut
from api.reads.records import Record
from domain.activities.interaction.state import Interaction


class ItemOut(BaseModel):
    """An item bought or returned; `price` is for one."""

    product_id: UUID | None
    sku: str | None
    quantity: Number
    price: MoneyOut | None


class SurveyOut(BaseModel):
    """An answer: `csat` 1 to 5, `nps` 0 to 10."""

    question: str
    score: int


class AttachmentOut(BaseModel):
    """A file stored elsewhere."""

    reference: str
    sha256: str
    media_type: str
    size: int
    file_name: str | None


class InteractionRecord(Record):
    """An interaction with all corrections. Subject, body and file names are in clear."""

    private = ("subject", "body", "file_names")
    hidden = (*Record.hidden, "occurred", "source_digest")

    kind: str
    direction: str
    channel: str
    occurred_at: Instant
    customer_id: UUID | None
    contact_id: UUID | None
    participants: list[UUID]
    duration_seconds: int | None
    amount: MoneyOut | None
    items: list[ItemOut]
    opportunity_id: UUID | None
    case_id: UUID | None
    survey: SurveyOut | None
    attachments: list[AttachmentOut]
    file_names: str | None = Field(exclude=True)
    subject: str | None
    body: str | None
    reference: ReferenceOut
    imported: bool
    corrections: int = Field(description="How often it was corrected.")

    @classmethod
    def members(cls, state: Interaction) -> dict[str, object]:
        """The attachments with their names."""
        known = state.file_names.split("\n") if isinstance(state.file_names, str) else []
        names: list[str | None] = [*known] or [None] * len(state.attachments)
        return {
            "occurred_at": state.occurred,
            "attachments": [
                {
                    "reference": found.reference,
                    "sha256": found.sha256,
                    "media_type": found.media_type,
                    "size": found.size,
                    "file_name": name,
                }
                for found, name in zip(state.attachments, names, strict=True)
            ],
        }
