"""A customer as `customer_360` has it: the sections of its overview, its timeline, search results."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from api.http.shapes import Instant, Number, ReferenceOut
from api.reads.as_of import AsOfAnswer
from api.reads.listing import NEXT
from api.reads.meta import Meta


class Profile(BaseModel):
    """What the customer is. A person's name is null once it is erased."""

    id: UUID
    version: int = Field(description="Also the ETag of the customer.")
    kind: str
    name: str | None
    erased: bool
    state: str
    survivor_id: UUID | None
    parent_id: UUID | None
    owner_id: UUID | None
    tags: list[str]
    attributes: dict[str, str]
    preferences: dict[str, str]
    references: list[ReferenceOut] = Field(validation_alias="external_references")
    registered_at: Instant
    updated_at: Instant
    merged: list[UUID] = Field(description="Customers merged into this one.")


class Point(BaseModel):
    """A contact point in use; its value is null once it is erased."""

    id: UUID = Field(validation_alias="point_id")
    kind: str
    value: str | None = None
    verified_at: Instant | None = None
    method: str | None = None


class ContactItem(BaseModel):
    """A person at the customer."""

    id: UUID
    version: int
    name: str | None
    erased: bool
    role: str | None
    points: list[Point]
    registered_at: Instant
    updated_at: Instant


class ConsentItem(BaseModel):
    """The latest consent for a contact point and a purpose; those in force come first."""

    contact_id: UUID
    point_id: UUID
    purpose: str
    legal_basis: str | None
    source: str
    double_opt_in: bool
    given_at: Instant | None
    until: Instant | None = Field(validation_alias="valid_until")
    withdrawn_at: Instant | None
    active: bool = Field(validation_alias="is_active")


class OpportunityItem(BaseModel):
    """An open opportunity."""

    id: UUID
    version: int
    pipeline: str
    stage: str
    amount: Number | None
    currency: str | None
    amount_reporting: Number | None = Field(description="In the reporting currency.")
    owner_id: UUID | None
    expected_close: date | None
    opened_at: Instant
    updated_at: Instant


class CaseItem(BaseModel):
    """An open case; the most urgent come first."""

    id: UUID
    version: int
    kind: str
    state: str
    priority: int
    queue: str | None
    owner_id: UUID | None
    category: str | None
    product: str | None
    opened_at: Instant
    updated_at: Instant


class TotalsOut(BaseModel):
    """Totals of the customer's interactions; values are in the reporting currency. `csat` and `nps` are
    percent, null without survey answers."""

    interactions: int
    purchases: int
    purchase_value: Number
    first_purchase_at: Instant | None
    last_purchase_at: Instant | None
    returns: int
    return_value: Number
    last_contact_at: Instant | None
    last_contact: dict[str, Instant] = Field(description="The newest per channel.")
    csat_answers: int
    csat: float | None
    nps_answers: int
    nps: float | None


class Actor(BaseModel):
    """Who did it: a principal and its kind."""

    id: UUID
    kind: str


class Entry(BaseModel):
    """One entry of a timeline, an event. The interaction or case itself has bodies and subjects."""

    event_id: str
    position: int
    subject_id: UUID = Field(description="The record that the event is of.")
    party: UUID = Field(description="The party under which it was recorded; another one after a merge.")
    type: str = Field(examples=["crm.interaction.recorded"])
    kind: str
    occurred: Instant
    recorded: Instant
    title: str
    actor: Actor
    channel: str | None
    changes: Any = Field(description="Fields with their values before and after.")
    cause: str | None = Field(description="The id of the event that caused it.")
    has_text: bool = Field(description="It has free text, which is read with the record itself.")


class Contacts(BaseModel):
    """The first contacts, and how many there are."""

    items: list[ContactItem]
    count: int


class Consents(BaseModel):
    """The first consents, and how many there are."""

    items: list[ConsentItem]
    count: int


class OpenOpportunities(BaseModel):
    """The newest open opportunities, and how many there are."""

    items: list[OpportunityItem]
    count: int


class OpenCases(BaseModel):
    """The most urgent open cases, and how many there are."""

    items: list[CaseItem]
    count: int


class TimelineHead(BaseModel):
    """The newest entries; the token leads to the next ones at `/timeline`."""

    items: list[Entry]
    next_page_token: str | None = Field(description=NEXT)


class CustomerOverview(AsOfAnswer):
    """A customer, now or as of a time, with the requested sections."""

    customer_id: UUID = Field(description="The customer that stands for all parties, now or then.")
    parties: list[UUID] = Field(
        description="All parties that are, or then were, this customer: merged customers, converted leads."
    )
    profile: Profile | None = None
    contacts: Contacts | None = None
    consents: Consents | None = None
    opportunities: OpenOpportunities | None = None
    cases: OpenCases | None = None
    totals: TotalsOut | None = None
    timeline: TimelineHead | None = None
    meta: Meta


class Timeline(AsOfAnswer):
    """A page of a timeline, newest first."""

    entries: list[Entry]
    next_page_token: str | None = Field(description=NEXT)
    meta: Meta


class Hit(BaseModel):
    """A result: a customer, a contact or a lead."""

    id: UUID
    kind: str
    name: str | None
    by_reference: bool = Field(description="The text is exactly its external id.")
    customer_id: UUID | None = Field(description="Its customer now; null for a lead without one.")


class Hits(BaseModel):
    """A page of results: those found by reference first, then by name."""

    hits: list[Hit]
    next_page_token: str | None = Field(description=NEXT)
    meta: Meta
