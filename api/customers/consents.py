"""What a contact allowed at a time, and the event that says so: for auditors."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from api.http.auth import requires
from api.http.query import declared_only
from api.http.shapes import Instant, Moment
from api.http.validation import Word
from api.services import Services
from commands.customers.consent_history import as_json, consent_at
from domain.customers.contact.consent_history import Verdict, Why, span
from domain.customers.contact.events import PointKind

router = APIRouter(
    prefix="/v1", tags=["contacts"], dependencies=[requires("audit:read"), Depends(declared_only)]
)


class SaidBy(BaseModel):
    """The event that says so. Members that its type lacks are null."""

    id: str = Field(examples=["6f2c1f0e-3d7b-4f0a-9a53-0c8f3d1f7a11:4"])
    type: str = Field(examples=["crm.contact.consent_given"])
    position: int
    time: Instant = Field(description="When it happened in the business.")
    recorded: Instant
    by: UUID = Field(description="The principal who recorded it.")
    legal_basis: str | None
    source: str | None
    double_opt_in: bool | None
    until: Instant | None = Field(description="When the consent ends by itself.")


class ConsentPeriod(BaseModel):
    """A part of the queried time, from `from` (included) to `to` (excluded)."""

    model_config = {"serialize_by_alias": True}

    from_: Instant = Field(alias="from")
    to: Instant
    allowed: bool
    why: Why
    event: SaidBy | None = Field(description="Null if no consent was ever given.")


class PointConsent(BaseModel):
    """One contact point."""

    point_id: UUID
    channel: PointKind
    verdict: Verdict
    periods: list[ConsentPeriod]


class ConsentAnswer(BaseModel):
    """Whether the contact could be written to for the purpose. `verdict` is that of its best contact point:
    allowed (all the queried time), partly, or refused."""

    model_config = {"serialize_by_alias": True}

    contact_id: UUID
    purpose: str
    from_: Instant = Field(alias="from")
    to: Instant
    known_at: Instant | None
    verdict: Verdict
    points: list[PointConsent]


@router.get(
    "/contacts/{id:uuid}/consents:at",
    summary="Get what a contact allowed at a time",
    response_model=ConsentAnswer,
)
def get_consent_at(
    request: Request,
    id: UUID,
    purpose: Annotated[Word, Query(description="The purpose, as it was recorded.", examples=["newsletter"])],
    on: Annotated[
        Word,
        Query(description="A day, by UTC, or a moment with its zone.", examples=["2026-03-01"]),
    ],
    channel: Annotated[
        Literal["email", "phone", "postal", "social"] | None,
        Query(description="Only contact points of this kind."),
    ] = None,
    contact_point: Annotated[UUID | None, Query(description="Only this contact point.")] = None,
    known_at: Annotated[
        Moment | None, Query(description="What had been recorded by this time, included.")
    ] = None,
) -> Any:
    """By business time, from the contact's events. The response holds no private values."""
    services: Services = request.app.state.services
    found = consent_at(
        services.crm,
        id,
        purpose=purpose,
        span=span(on),
        point_id=contact_point,
        channel=channel,
        known_at=known_at,
    )
    return as_json(found)
