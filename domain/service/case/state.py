"""Case: what happened to it (events), what it is (state). What may happen: `decide.py`.

Its party is its customer's id if the opening named one, else its own; it never changes.
`logged_at` is an imported log's own stamp, where `time` has to differ because it never goes back.
`skipped` are states that imported history skipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never
from uuid import UUID

from domain.events.event import Event
from domain.events.private import Unreadable
from domain.kernel.aggregate import Aggregate
from domain.kernel.errors import NotFound, Undecodable
from domain.kernel.values import Reference, after, apply_entries
from domain.service.case.events import (
    Assigned,
    CaseClosed,
    CaseEvent,
    CaseKind,
    CaseState,
    CustomerLinked,
    DetailsChanged,
    Duplicated,
    Escalated,
    Opened,
    PriorityChanged,
    Rejected,
    Reopened,
    Resolved,
    Responded,
    StateChanged,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """One resolution of a case: when (business time), out of which state, how."""

    time: datetime
    from_state: CaseState
    code: str | None
    cause: str | None
    note: str | Unreadable | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case(Aggregate):
    """A case as of its last event. `opened` is its first event's time. `resolutions` are all, oldest first,
    with those that were reopened later."""

    opened: datetime
    kind: CaseKind
    state: CaseState
    priority: int
    escalation: int
    channel: str | None
    customer_id: UUID | None
    queue: str | None
    owner_id: UUID | None
    category: str | None
    product: str | None
    cause: str | None
    subject: str | Unreadable | None = field(repr=False)
    description: str | Unreadable | None = field(repr=False)
    references: tuple[Reference, ...]
    imported: bool
    attributes: Mapping[str, str]
    responded: datetime | None
    resolutions: tuple[Resolution, ...]
    closed: datetime | None
    reported_sla: bool | None
    reopened: int
    rejected_for: str | None
    duplicate_of: UUID | None


def evolve(state: Case | None, event: Event) -> Case:
    """Returns the case after `event`. Raises `NotFound` if the stream is not a case's."""
    payload: CaseEvent = event.payload
    if state is None:
        return _created(event)
    state = replace(state, version=event.originator_version, time=event.time, recorded=event.recorded)
    match payload:
        case Assigned():
            moved = state.state if payload.to_state is None else payload.to_state
            return replace(state, queue=payload.queue, owner_id=payload.owner_id, state=moved)
        case StateChanged():
            return replace(state, state=payload.to_state)
        case PriorityChanged():
            return replace(state, priority=payload.new)
        case Escalated():
            return replace(state, escalation=payload.new)
        case DetailsChanged():
            return _detailed(state, payload)
        case Responded():
            return replace(state, responded=state.time)
        case Resolved():
            return _resolved(state, payload)
        case CaseClosed():
            verdict = state.reported_sla if payload.reported_sla is None else payload.reported_sla
            return replace(state, state="closed", closed=state.time, reported_sla=verdict)
        case Reopened():
            return replace(state, state=payload.to_state, closed=None, reopened=state.reopened + 1)
        case Rejected():
            return replace(state, state="rejected", rejected_for=payload.reason)
        case Duplicated():
            return replace(state, state="duplicate", duplicate_of=payload.of)
        case CustomerLinked():
            return replace(state, customer_id=payload.customer_id)
        case Opened():
            raise Undecodable(f"The case {state.id} was opened twice. Verify the store.")
        case _:
            assert_never(payload)


def _created(event: Event) -> Case:
    payload = event.payload
    if not isinstance(payload, Opened):
        raise NotFound("case", event.originator_id)
    return Case(
        id=event.originator_id,
        version=event.originator_version,
        party=event.party,
        time=event.time,
        recorded=event.recorded,
        opened=event.time,
        kind=payload.kind,
        state=payload.state,
        priority=payload.priority,
        escalation=0,
        channel=payload.channel,
        customer_id=payload.customer_id,
        queue=payload.queue,
        owner_id=payload.owner_id,
        category=payload.category,
        product=payload.product,
        cause=payload.cause,
        subject=payload.subject,
        description=payload.description,
        references=payload.references,
        imported=payload.imported,
        attributes=dict(payload.attributes),
        responded=None,
        resolutions=(),
        closed=None,
        reported_sla=None,
        reopened=0,
        rejected_for=None,
        duplicate_of=None,
    )


def _detailed(state: Case, payload: DetailsChanged) -> Case:
    return replace(
        state,
        kind=_kind(after(payload.changes, "kind", state.kind)),
        channel=after(payload.changes, "channel", state.channel),
        category=after(payload.changes, "category", state.category),
        product=after(payload.changes, "product", state.product),
        cause=after(payload.changes, "cause", state.cause),
        attributes=apply_entries("attributes", state.attributes, payload.changes),
    )


def _kind(value: str | None) -> CaseKind:
    match value:
        case "question" | "complaint" | "incident" | "request":
            return value
        case _:
            raise Undecodable("A change names an unknown kind of case. Verify the store.")


def _resolved(state: Case, payload: Resolved) -> Case:
    resolution = Resolution(
        time=state.time,
        from_state=payload.from_state,
        code=payload.code,
        cause=payload.cause,
        note=payload.note,
    )
    return replace(
        state,
        state="resolved",
        cause=state.cause if payload.cause is None else payload.cause,
        resolutions=(*state.resolutions, resolution),
    )
