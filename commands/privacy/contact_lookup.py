"""Whose an address may be: looked up in the blind index, which holds no addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from commands.store.application import Crm
from commands.store.contact_index import ContactIndex
from commands.store.identifiers import Identifiers
from domain.customers.contact import state as contact
from domain.customers.contact.decide import is_point
from domain.customers.contact.events import PointKind
from domain.customers.contact.state import Contact
from domain.kernel.aggregate import replay

MAX_CONTACTS: Final = 100
"""Contacts that an answer names; more share no address of a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A contact of that customer that has the address; not `current`: it had it once."""

    contact_id: UUID
    customer_id: UUID
    current: bool


def candidates(crm: Crm, identifiers: Identifiers, kind: PointKind, value: str) -> list[Candidate]:
    """The contacts that have, or had, this contact point in any spelling: families share one. Nobody who was
    erased is among them. Raises `Invalid`."""
    wanted = identifiers.contact_point(kind, value)
    ids = ContactIndex(crm.pool).find(wanted, limit=MAX_CONTACTS)
    found = []
    for events in crm.streams(ids).values():
        state = replay(contact.evolve, None, events)
        if state is not None and not state.erased:
            current = _has(state, identifiers, wanted)
            found.append(Candidate(contact_id=state.id, customer_id=state.customer_id, current=current))
    return sorted(found, key=lambda each: (not each.current, each.contact_id))


def _has(state: Contact, identifiers: Identifiers, wanted: bytes) -> bool:
    return any(
        isinstance(point.value, str)
        and is_point(point.kind, point.value)
        and identifiers.contact_point(point.kind, point.value) == wanted
        for point in state.points.values()
        if not point.removed
    )
