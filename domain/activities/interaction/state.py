"""Interaction: one thing that was said, done or bought. One stream each, corrected, never edited.

Its id is derived from source and external id, so an interaction imported twice is one. Its party is its
customer's id if one was named, else its own; it never changes. What may happen: `decide.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never
from uuid import UUID

from domain.activities.interaction.events import (
    Attachment,
    Corrected,
    CustomerLinked,
    Direction,
    InteractionEvent,
    InteractionKind,
    Item,
    Linked,
    Recorded,
    Survey,
)
from domain.events.event import Event
from domain.events.private import Unreadable
from domain.kernel.aggregate import Aggregate
from domain.kernel.errors import NotFound, Undecodable
from domain.kernel.money import Money
from domain.kernel.values import Reference, after


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction(Aggregate):
    """An interaction as of its last event, every correction made. `occurred` is its first event's time."""

    occurred: datetime
    kind: InteractionKind
    direction: Direction
    channel: str
    customer_id: UUID | None
    contact_id: UUID | None
    participants: tuple[UUID, ...]
    duration_seconds: int | None
    amount: Money | None
    items: tuple[Item, ...]
    opportunity_id: UUID | None
    case_id: UUID | None
    survey: Survey | None
    attachments: tuple[Attachment, ...]
    file_names: str | Unreadable | None = field(repr=False)
    subject: str | Unreadable | None = field(repr=False)
    body: str | Unreadable | None = field(repr=False)
    reference: Reference
    source_digest: str
    imported: bool
    corrections: int


def evolve(state: Interaction | None, event: Event) -> Interaction:
    """Returns the interaction after `event`. Raises `NotFound` if the stream is not an interaction's."""
    payload: InteractionEvent = event.payload
    if state is None:
        return _created(event)
    state = replace(state, version=event.originator_version, time=event.time, recorded=event.recorded)
    match payload:
        case Corrected():
            return _corrected(state, payload)
        case CustomerLinked():
            return replace(state, customer_id=payload.customer_id)
        case Linked():
            return replace(
                state,
                opportunity_id=payload.opportunity_id or state.opportunity_id,
                case_id=payload.case_id or state.case_id,
            )
        case Recorded():
            raise Undecodable(f"The interaction {state.id} was recorded twice. Verify the store.")
        case _:
            assert_never(payload)


def _created(event: Event) -> Interaction:
    payload = event.payload
    if not isinstance(payload, Recorded):
        raise NotFound("interaction", event.originator_id)
    return Interaction(
        id=event.originator_id,
        version=event.originator_version,
        party=event.party,
        time=event.time,
        recorded=event.recorded,
        occurred=event.time,
        kind=payload.kind,
        direction=payload.direction,
        channel=payload.channel,
        customer_id=payload.customer_id,
        contact_id=payload.contact_id,
        participants=payload.participants,
        duration_seconds=payload.duration_seconds,
        amount=payload.amount,
        items=payload.items,
        opportunity_id=payload.opportunity_id,
        case_id=payload.case_id,
        survey=payload.survey,
        attachments=payload.attachments,
        file_names=payload.file_names,
        subject=payload.subject,
        body=payload.body,
        reference=payload.reference,
        source_digest=payload.source_digest,
        imported=payload.imported,
        corrections=0,
    )


def _corrected(state: Interaction, payload: Corrected) -> Interaction:
    def corrected(name: str, old: object | None) -> str | None:
        return after(payload.changes, name, None if old is None else str(old))

    contact = corrected("contact_id", state.contact_id)
    duration = corrected("duration_seconds", state.duration_seconds)
    survey = state.survey
    if survey is not None:
        survey = replace(survey, score=int(corrected("score", survey.score) or survey.score))
    return replace(
        state,
        direction=_direction(corrected("direction", state.direction)),
        channel=corrected("channel", state.channel) or state.channel,
        contact_id=UUID(contact) if contact else None,
        duration_seconds=None if duration is None else int(duration),
        survey=survey,
        amount=state.amount if payload.amount is None else payload.amount,
        items=state.items if payload.items is None else payload.items,
        subject=state.subject if payload.subject is None else payload.subject,
        body=state.body if payload.body is None else payload.body,
        corrections=state.corrections + 1,
    )


def _direction(value: str | None) -> Direction:
    match value:
        case "inbound" | "outbound" | "none":
            return value
        case _:
            raise Undecodable("A correction names an unknown direction. Verify the store.")
