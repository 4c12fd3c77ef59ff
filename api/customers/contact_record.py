"""A contact as the event store has it."""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, Field

from api.http.shapes import Instant, ReferenceOut
from api.reads.private import clear, closed
from api.reads.records import Record
from domain.customers.contact.state import Contact


class ContactPoint(BaseModel):
    """An address at which the person can be reached."""

    id: UUID
    kind: str
    value: str | None
    verified_at: Instant | None
    verified_by: str | None = Field(description="The method of the verification.")
    removed: bool


class Consent(BaseModel):
    """The latest consent for a contact point and a purpose."""

    point_id: UUID
    purpose: str
    legal_basis: str
    source: str
    double_opt_in: bool
    given_at: Instant
    until: Instant | None
    withdrawn_at: Instant | None


class ContactRecord(Record):
    """A contact as of its last event."""

    private = ("name",)
    hidden = (
        *Record.hidden,
        "erased",
    )

    customer_id: UUID
    name: str | None
    role: str | None
    references: list[ReferenceOut]
    points: list[ContactPoint] = Field(description="With those that were removed.")
    consents: list[Consent]

    @classmethod
    def members(cls, state: Contact) -> dict[str, object]:
        """Returns points and consents as lists; names a point's closed value by the point's id."""
        values = {f"points.{point.id}": point.value for point in state.points.values()}
        return {
            "points": [
                {
                    "id": point.id,
                    "kind": point.kind,
                    "value": clear(point.value),
                    "verified_at": point.verified[0] if point.verified else None,
                    "verified_by": point.verified[1] if point.verified else None,
                    "removed": point.removed,
                }
                for point in state.points.values()
            ],
            "consents": [
                {
                    "point_id": point_id,
                    "purpose": purpose,
                    "legal_basis": consent.legal_basis,
                    "source": consent.source,
                    "double_opt_in": consent.double_opt_in,
                    "given_at": consent.given,
                    "until": consent.until,
                    "withdrawn_at": consent.withdrawn,
                }
                for (point_id, purpose), consent in state.consents.items()
            ],
            "closed": closed({"name": state.name} | values),
        }
