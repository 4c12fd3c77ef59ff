"""Lead: somebody who may become a customer. Its own id is its party, after its conversion too.

What may happen: `decide.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, assert_never
from uuid import UUID

from domain.events.event import Event
from domain.events.private import Unreadable
from domain.kernel.aggregate import Aggregate
from domain.kernel.errors import NotFound, Undecodable
from domain.kernel.values import Reference
from domain.sales.lead.events import (
    Converted,
    Created,
    CustomerLinked,
    Disqualified,
    Erased,
    LeadEvent,
    OwnerAssigned,
    Reopened,
    Scored,
    StatusChanged,
)

LeadState = Literal["new", "working", "nurturing", "qualified", "converted", "disqualified", "erased"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead(Aggregate):
    """A lead as of its last event; the last three have values once it is converted."""

    state: LeadState
    name: str | Unreadable | None = field(repr=False)
    company: str | None
    email: str | Unreadable | None = field(repr=False)
    phone: str | Unreadable | None = field(repr=False)
    owner_id: UUID | None
    campaign: str | None
    references: tuple[Reference, ...]
    imported: bool
    original: Mapping[str, str]
    score: int | None
    disqualified_for: str | None
    customer_id: UUID | None
    contact_id: UUID | None
    opportunity_id: UUID | None


def evolve(state: Lead | None, event: Event) -> Lead:
    """Returns the lead after `event`. Raises `NotFound` if the stream is not a lead's."""
    payload: LeadEvent = event.payload
    if state is None:
        return _created(event)
    state = replace(state, version=event.originator_version, time=event.time, recorded=event.recorded)
    match payload:
        case StatusChanged():
            return replace(state, state=payload.to_state)
        case Disqualified():
            return replace(state, state="disqualified", disqualified_for=payload.reason)
        case Reopened():
            return replace(state, state=payload.to_state, disqualified_for=None)
        case Scored():
            return replace(state, score=payload.score)
        case OwnerAssigned():
            return replace(state, owner_id=payload.owner_id)
        case CustomerLinked():
            return replace(state, customer_id=payload.customer_id)
        case Converted():
            return replace(
                state,
                state="converted",
                customer_id=payload.customer_id,
                contact_id=payload.contact_id,
                opportunity_id=payload.opportunity_id,
            )
        case Erased():
            closed = Unreadable("erased")
            return replace(state, state="erased", name=closed, email=closed, phone=closed)
        case Created():
            raise Undecodable(f"The lead {state.id} was created twice. Verify the store.")
        case _:
            assert_never(payload)


def _created(event: Event) -> Lead:
    payload = event.payload
    if not isinstance(payload, Created):
        raise NotFound("lead", event.originator_id)
    return Lead(
        id=event.originator_id,
        version=event.originator_version,
        party=event.party,
        time=event.time,
        recorded=event.recorded,
        state="new",
        name=payload.name,
        company=payload.company,
        email=payload.email,
        phone=payload.phone,
        owner_id=payload.owner_id,
        campaign=payload.campaign,
        references=payload.references,
        imported=payload.imported,
        original=dict(payload.original),
        score=None,
        disqualified_for=None,
        customer_id=None,
        contact_id=None,
        opportunity_id=None,
    )
