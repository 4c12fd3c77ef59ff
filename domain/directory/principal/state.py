"""Principal: an agent, a team or a service account. Its own id is its party; its name is private."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, assert_never
from uuid import UUID

from domain.directory.principal.events import (
    Deactivated,
    PrincipalEvent,
    PrincipalKind,
    ProfileChanged,
    Reactivated,
    Registered,
)
from domain.events.event import Event
from domain.events.private import Unreadable
from domain.kernel.aggregate import Aggregate
from domain.kernel.errors import NotFound, Undecodable
from domain.kernel.values import Reference, after

PrincipalState = Literal["active", "deactivated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal(Aggregate):
    """A principal as of its last event."""

    kind: PrincipalKind
    state: PrincipalState
    name: str | Unreadable | None = field(repr=False)
    manager_id: UUID | None
    region: str | None
    references: tuple[Reference, ...]


def evolve(state: Principal | None, event: Event) -> Principal:
    """Returns the principal after `event`. Raises `NotFound` if the stream is not a principal's."""
    payload: PrincipalEvent = event.payload
    if state is None:
        if not isinstance(payload, Registered):
            raise NotFound("principal", event.originator_id)
        return Principal(
            id=event.originator_id,
            version=event.originator_version,
            party=event.party,
            time=event.time,
            recorded=event.recorded,
            kind=payload.kind,
            state="active",
            name=payload.name,
            manager_id=payload.manager_id,
            region=payload.region,
            references=payload.references,
        )
    state = replace(state, version=event.originator_version, time=event.time, recorded=event.recorded)
    match payload:
        case ProfileChanged():
            manager = after(
                payload.changes, "manager_id", str(state.manager_id) if state.manager_id else None
            )
            return replace(
                state,
                name=state.name if payload.name is None else payload.name,
                manager_id=UUID(manager) if manager else None,
                region=after(payload.changes, "region", state.region),
            )
        case Deactivated():
            return replace(state, state="deactivated")
        case Reactivated():
            return replace(state, state="active")
        case Registered():
            raise Undecodable(f"The principal {state.id} was registered twice. Verify the store.")
        case _:
            assert_never(payload)
