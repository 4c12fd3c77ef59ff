"""Customer: a person or an organisation. Its own id is its party; a person's name is private."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, assert_never
from uuid import UUID

from domain.customers.customer.events import (
    Absorbed,
    CustomerEvent,
    CustomerKind,
    Erased,
    MergedInto,
    OwnerAssigned,
    ProfileChanged,
    ReferenceAdded,
    Registered,
    Released,
    Unmerged,
)
from domain.events.event import Event
from domain.events.private import Unreadable
from domain.kernel.aggregate import Aggregate
from domain.kernel.errors import NotFound, Undecodable
from domain.kernel.values import (
    Reference,
    after,
    apply_entries,
    apply_tags,
)

CustomerState = Literal["active", "merged", "erased"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer(Aggregate):
    """A customer as of its last event. `absorbed` are the customers merged into it now."""

    kind: CustomerKind
    state: CustomerState
    name: str | Unreadable | None = field(repr=False)
    parent_id: UUID | None
    owner_id: UUID | None
    attributes: Mapping[str, str]
    original: Mapping[str, str]
    references: tuple[Reference, ...]
    tags: frozenset[str]
    preferences: Mapping[str, str]
    survivor_id: UUID | None
    absorbed: frozenset[UUID]


def evolve(state: Customer | None, event: Event) -> Customer:
    """Returns the customer after `event`. Raises `NotFound` if the stream is not a customer's."""
    payload: CustomerEvent = event.payload
    if state is None:
        return _created(event)
    state = replace(state, version=event.originator_version, time=event.time, recorded=event.recorded)
    match payload:
        case ProfileChanged():
            return _changed(state, payload)
        case OwnerAssigned():
            return replace(state, owner_id=payload.owner_id)
        case ReferenceAdded():
            return replace(state, references=(*state.references, payload.reference))
        case MergedInto():
            return replace(state, state="merged", survivor_id=payload.survivor_id)
        case Unmerged():
            return replace(state, state="active", survivor_id=None)
        case Absorbed():
            return replace(state, absorbed=state.absorbed | {payload.merged_id})
        case Released():
            return replace(state, absorbed=state.absorbed - {payload.merged_id})
        case Erased():
            return replace(state, state="erased", name=Unreadable("erased"))
        case Registered():
            raise Undecodable(f"The customer {state.id} was registered twice. Verify the store.")
        case _:
            assert_never(payload)


def _created(event: Event) -> Customer:
    payload = event.payload
    if not isinstance(payload, Registered):
        raise NotFound("customer", event.originator_id)
    return Customer(
        id=event.originator_id,
        version=event.originator_version,
        party=event.party,
        time=event.time,
        recorded=event.recorded,
        kind=payload.kind,
        state="active",
        name=payload.organisation_name if payload.kind == "organisation" else payload.name,
        parent_id=payload.parent_id,
        owner_id=payload.owner_id,
        attributes=dict(payload.attributes),
        original=dict(payload.original),
        references=payload.references,
        tags=frozenset(payload.tags),
        preferences=dict(payload.preferences),
        survivor_id=None,
        absorbed=frozenset(),
    )


def _changed(state: Customer, payload: ProfileChanged) -> Customer:
    parent = after(payload.changes, "parent_id", str(state.parent_id) if state.parent_id else None)
    name = state.name if payload.name is None else payload.name
    if isinstance(name, str):
        name = after(payload.changes, "organisation_name", name)
    return replace(
        state,
        name=name,
        parent_id=UUID(parent) if parent else None,
        attributes=apply_entries("attributes", state.attributes, payload.changes),
        tags=apply_tags(state.tags, payload.changes),
        preferences=apply_entries("preferences", state.preferences, payload.changes),
    )
