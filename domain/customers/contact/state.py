"""Contact: a person at a customer, with contact points and consents. Its party is the customer's id.

What may happen: `decide.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never
from uuid import UUID

from domain.customers.contact.events import (
    ConsentGiven,
    ConsentWithdrawn,
    ContactEvent,
    Erased,
    LegalBasis,
    PointAdded,
    PointKind,
    PointRemoved,
    PointVerified,
    ProfileChanged,
    Registered,
)
from domain.events.event import Event
from domain.events.private import Unreadable
from domain.kernel.aggregate import Aggregate
from domain.kernel.errors import NotFound, Undecodable
from domain.kernel.values import Reference, after


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A contact point; `verified` is when and how it was verified, if it was."""

    id: UUID
    kind: PointKind
    value: str | Unreadable | None = field(repr=False)
    verified: tuple[datetime, str] | None = None
    removed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """The latest consent for a point and purpose; withdrawn when `withdrawn` has a time."""

    legal_basis: LegalBasis
    source: str
    double_opt_in: bool
    given: datetime
    until: datetime | None
    withdrawn: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact(Aggregate):
    """A contact as of its last event. `consents` are by point and purpose; removed points are kept.

    `erased`: the person was erased, and personal values here stay closed for ever.
    """

    customer_id: UUID
    name: str | Unreadable | None = field(repr=False)
    role: str | None
    references: tuple[Reference, ...]
    points: Mapping[UUID, Point]
    consents: Mapping[tuple[UUID, str], Consent]
    erased: bool = False


def evolve(state: Contact | None, event: Event) -> Contact:
    """Returns the contact after `event`. Raises `NotFound` if the stream is not a contact's."""
    payload: ContactEvent = event.payload
    if state is None:
        return _created(event)
    state = replace(state, version=event.originator_version, time=event.time, recorded=event.recorded)
    match payload:
        case ProfileChanged():
            name = state.name if payload.name is None else payload.name
            return replace(state, name=name, role=after(payload.changes, "role", state.role))
        case PointAdded():
            return _point(state, Point(id=payload.point_id, kind=payload.kind, value=payload.value))
        case PointVerified():
            verified = (state.time, payload.method)
            return _point(state, replace(state.points[payload.point_id], verified=verified))
        case PointRemoved():
            return _point(state, replace(state.points[payload.point_id], removed=True))
        case ConsentGiven():
            given = Consent(
                legal_basis=payload.legal_basis,
                source=payload.source,
                double_opt_in=payload.double_opt_in,
                given=state.time,
                until=payload.until,
            )
            return _consent(state, payload, given)
        case ConsentWithdrawn():
            held = state.consents[payload.point_id, payload.purpose]
            return _consent(state, payload, replace(held, withdrawn=state.time))
        case Erased():
            return _erased(state)
        case Registered():
            raise Undecodable(f"The contact {state.id} was registered twice. Verify the store.")
        case _:
            assert_never(payload)


def _created(event: Event) -> Contact:
    payload = event.payload
    if not isinstance(payload, Registered):
        raise NotFound("contact", event.originator_id)
    return Contact(
        id=event.originator_id,
        version=event.originator_version,
        party=event.party,
        time=event.time,
        recorded=event.recorded,
        customer_id=payload.customer_id,
        name=payload.name,
        role=payload.role,
        references=payload.references,
        points={},
        consents={},
    )


def _erased(state: Contact) -> Contact:
    closed = Unreadable("erased")
    points = {id: replace(point, value=closed) for id, point in state.points.items()}
    return replace(state, name=closed, points=points, erased=True)


def _point(state: Contact, point: Point) -> Contact:
    return replace(state, points={**state.points, point.id: point})


def _consent(state: Contact, payload: ConsentGiven | ConsentWithdrawn, consent: Consent) -> Contact:
    return replace(state, consents={**state.consents, (payload.point_id, payload.purpose): consent})
