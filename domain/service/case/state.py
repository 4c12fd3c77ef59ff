"""Case: what happened to it (events), what it is (state). What may happen: `case_moves.py`.

Its party is its customer's id when that was named at its opening, else its own; it never changes.
`logged_at` is an imported log's own stamp, where `time` had to be another, since time never goes back.
`skipped` are states that imported history leapt over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, assert_never
from uuid import UUID

from domain.events.event import Event
from domain.events.private import Unreadable, free_text
from domain.kernel.aggregate import Aggregate
from domain.kernel.errors import NotFound, Undecodable
from domain.kernel.values import FieldChange, Reference, after, apply_entries

CaseKind = Literal["question", "complaint", "incident", "request"]
CaseState = Literal[
    "new", "assigned", "in_progress", "waiting_on_customer", "waiting_on_third_party", "resolved", "closed",
    "rejected", "duplicate",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """`crm.case.opened`; `priority` is 1 (most urgent) to 4."""

    kind: CaseKind
    state: CaseState
    priority: int
    channel: str | None = None
    customer_id: UUID | None = None
    queue: str | None = None
    owner_id: UUID | None = None
    category: str | None = None
    product: str | None = None
    cause: str | None = None
    subject: str | Unreadable | None = free_text("case")
    description: str | Unreadable | None = free_text("case")
    references: tuple[Reference, ...] = ()
    imported: bool
    skipped: tuple[CaseState, ...] = ()
    logged_at: datetime | None = None
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """`crm.case.assigned`: queue and owner from now on; the states stand where it moved by it."""

    queue: str | None = None
    owner_id: UUID | None = None
    previous_queue: str | None = None
    previous_owner_id: UUID | None = None
    from_state: CaseState | None = None
    to_state: CaseState | None = None
    logged_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged:
    """`crm.case.state_changed`, from one open state to another."""

    from_state: CaseState
    to_state: CaseState
    skipped: tuple[CaseState, ...] = ()
    logged_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityChanged:
    """`crm.case.priority_changed`"""

    old: int
    new: int
    logged_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalated:
    """`crm.case.escalated`: to another level, up or down; 0 is none."""

    old: int
    new: int
    logged_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailsChanged:
    """`crm.case.details_changed`: kind, channel, category, product, cause, `attributes.<name>`."""

    changes: tuple[FieldChange, ...]
    logged_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Responded:
    """`crm.case.responded`: the first response."""

    interaction_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """`crm.case.resolved`"""

    from_state: CaseState
    code: str | None = None
    cause: str | None = None
    note: str | Unreadable | None = free_text("case")
    logged_at: datetime | None = None
    skipped: tuple[CaseState, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseClosed:
    """`crm.case.closed`; `reported_sla` is an imported log's own verdict: true is met."""

    from_state: CaseState
    code: str | None = None
    reported_sla: bool | None = None
    logged_at: datetime | None = None
    skipped: tuple[CaseState, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened:
    """`crm.case.reopened`; earlier resolutions stay in the history."""

    from_state: CaseState
    to_state: CaseState
    logged_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """`crm.case.rejected`, version 2: it is not ours to solve; version 1 had no `note`."""

    from_state: CaseState
    reason: str | None = None
    note: str | Unreadable | None = free_text("case")


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicated:
    """`crm.case.duplicated`: it is the same as the case `of`."""

    from_state: CaseState
    of: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerLinked:
    """`crm.case.customer_linked`; the party stays what it was."""

    customer_id: UUID
    previous_customer_id: UUID | None = None


CaseEvent = (
    Opened
    | Assigned
    | StateChanged
    | PriorityChanged
    | Escalated
    | DetailsChanged
    | Responded
    | Resolved
    | CaseClosed
    | Reopened
    | Rejected
    | Duplicated
    | CustomerLinked
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
    those that were reopened included."""

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
    """The case after `event`. Raises `NotFound` where the stream is not a case's."""
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
            raise Undecodable("A change names no kind of case that there is. Verify the store.")


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
